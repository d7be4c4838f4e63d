"""Environments as gymnasium and its users see them."""

import copy
import importlib
import pickle
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils import env_checker

import environments
from environments.create_maze_env import ENVIRONMENTS, environment_id
from environments.layouts import LAYOUTS
from environments.robots import ROBOTS
from environments.tasks import SUCCESS_DISTANCE

IDS = [
    environment_id(name, view, goals)
    for name in ENVIRONMENTS
    for view in (False, True)
    for goals in (False, True)
]
MAZES = [robot + layout for robot in ROBOTS for layout in LAYOUTS]
GOAL_IDS = [f"{maze}Goal-v0" for maze in MAZES]
# The checker's remarks that do not apply: positions and speeds have no bounds, torques are in N m.
REMARKS = (
    r".*A Box observation space (minimum|maximum) value is (-)?infinity",
    r".*For Box action spaces, we recommend using a symmetric and normalized space",
)


def flat(observation):
    """All numbers of an observation."""
    if isinstance(observation, dict):
        return np.concatenate([observation[key] for key in sorted(observation)])
    return observation


def rollout(env, steps, seed):
    """Observations, rewards and infos of random actions; goes on over the ends of episodes."""
    rng = np.random.default_rng(seed)
    low, high = env.action_space.low, env.action_space.high
    results = []
    for _ in range(steps):
        observation, reward, terminated, truncated, info = env.step(rng.uniform(low, high).astype(np.float32))
        results.append((flat(observation), reward, terminated, truncated, sorted(info.items())))
        if truncated:
            observation, info = env.reset()
            results.append((flat(observation), 0.0, False, False, sorted(info.items())))
    return results


def assert_same(first, second):
    assert len(first) == len(second)
    for left, right in zip(first, second):
        np.testing.assert_array_equal(left[0], right[0])
        assert left[1:] == right[1:]


def test_ids_are_registered_under_the_names_of_their_variants():
    assert len(IDS) == 112 and set(IDS) <= set(gymnasium.registry)
    assert {
        "AntMaze-v0",
        "AntMazeImage-v0",
        "AntMazeGoal-v0",
        "AntMazeLarge-v0",
        "EgoPointBlockMazeImageGoal-v0",
    } <= set(IDS)


def test_importing_again_is_silent_and_changes_nothing():
    before = dict(gymnasium.registry)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        importlib.reload(environments)
    assert gymnasium.registry == before


def test_an_id_can_name_the_package():
    assert gymnasium.make("environments:PointMaze-v0").unwrapped.maze.name == "PointMaze"


@pytest.mark.parametrize("name", IDS)
def test_the_environment_checker_is_content(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for remark in REMARKS:
            warnings.filterwarnings("ignore", remark)
        env = gymnasium.make(name)
        assert env.spec.id == name
        env_checker.check_env(env.unwrapped, skip_render_check=True)
        # And the wrappers that check every step.
        env.reset(seed=0)
        env.step(env.action_space.sample())


@pytest.mark.parametrize("maze", MAZES)
def test_two_environments_with_one_seed_agree_for_500_steps(maze):
    # With everything that an observation can hold.
    first, second = (gymnasium.make(f"Ego{maze}ImageGoal-v0") for _ in range(2))
    for env in (first, second):
        observation, info = env.reset(seed=11)
        assert env.unwrapped.steps == 0
    other = flat(gymnasium.make(f"Ego{maze}ImageGoal-v0").reset(seed=12)[0])
    assert not np.array_equal(other, flat(observation))
    results = rollout(first, 500, 0)
    assert_same(results, rollout(second, 500, 0))
    assert [r[3] for r in results[:500]] == [False] * 499 + [True]
    assert not any(r[2] for r in results)
    assert len(results) == 501  # the next episode began, with the same draws


@pytest.mark.parametrize("name", IDS)
def test_no_episode_begins_in_success(name):
    env = gymnasium.make(name).unwrapped
    targets = []
    for seed in range(5):
        for options in ({"seed": seed}, {}):
            _, info = env.reset(**options)
            assert not info["success"] and not info["is_success"]
            assert info["distance"] >= SUCCESS_DISTANCE
            targets.append(env.target)
    assert len(np.unique(targets, axis=0)) == 10


def test_info_tells_the_distance_to_the_target_and_whether_that_is_success():
    env = gymnasium.make("PointMaze-v0")
    _, info = env.reset(seed=0, options={"target": [8, 0]})
    assert set(info) == {"success", "is_success", "distance"} and type(info["success"]) is bool
    successes = []
    for _ in range(20):
        observation, _, terminated, _, info = env.step(
            np.array([1.0, -0.1 * observation_heading(env)], np.float32)
        )
        distance = np.linalg.norm(observation[:2] - [8, 0])
        assert info["distance"] == pytest.approx(distance, abs=1e-5)
        assert info["success"] == info["is_success"] == (distance < 5)
        assert not terminated
        successes.append(info["success"])
    assert successes[0] is False and successes[-1] is True  # four metres along the corridor


def observation_heading(env):
    return env.unwrapped.data.qpos[2]


@pytest.mark.parametrize("name", ["AntBlock-v0", "PointBlockMaze-v0"])
def test_in_block_tasks_the_block_is_to_reach_the_target(name):
    env = gymnasium.make(name)
    observation, info = env.reset(seed=0)
    distance = np.linalg.norm(observation[3:5] - env.unwrapped.target)
    assert info["distance"] == pytest.approx(distance, abs=1e-5)


def test_in_fall_the_height_counts():
    env = gymnasium.make("AntFall-v0")
    observation, info = env.reset(seed=0, options={"target": [0, 27, 0]})
    assert info["distance"] == pytest.approx(np.linalg.norm(observation[:3] - [0, 27, 0]), abs=1e-5)
    assert env.reset(seed=0, options={"target": [0, 27, 4.5]})[1]["distance"] < info["distance"]


# Goals.


@pytest.mark.parametrize("name", GOAL_IDS)
def test_goal_variants_observe_the_same_maze_and_the_target(name):
    goal, plain = gymnasium.make(name), gymnasium.make(name.replace("Goal", ""))
    (dictionary, goal_info), (observation, info) = goal.reset(seed=2), plain.reset(seed=2)
    task = goal.unwrapped.maze.task
    for step in range(5):
        assert set(dictionary) == {"observation", "achieved_goal", "desired_goal"}
        assert all(value.dtype == np.float32 for value in dictionary.values())
        np.testing.assert_array_equal(dictionary["observation"], observation)
        np.testing.assert_array_equal(dictionary["achieved_goal"], observation[list(task.indices)])
        np.testing.assert_array_equal(dictionary["desired_goal"], plain.unwrapped.target)
        assert goal_info == info
        action = goal.action_space.high * (-1) ** step
        dictionary, reward, _, _, goal_info = goal.step(action)
        observation, _, _, _, info = plain.step(action)
        assert reward == -info["distance"]


@pytest.mark.parametrize("name", GOAL_IDS)
def test_compute_reward_is_vectorised_and_is_what_a_step_gives(name):
    env = gymnasium.make(name)
    env.reset(seed=0)
    steps = [env.step(env.action_space.high) for _ in range(4)]
    achieved, desired = (
        np.stack([step[0][key] for step in steps]) for key in ("achieved_goal", "desired_goal")
    )
    compute = env.unwrapped.compute_reward
    np.testing.assert_array_equal(
        compute(achieved, desired, [step[4] for step in steps]), [s[1] for s in steps]
    )
    for step in steps:
        assert compute(step[0]["achieved_goal"], step[0]["desired_goal"], step[4]) == step[1]
    achieved = np.random.default_rng(0).uniform(-9, 9, achieved.shape)
    pairs = compute(achieved[:, None], achieved[None], {})
    assert pairs.shape == (4, 4)
    np.testing.assert_array_equal(np.diag(pairs), 0)
    np.testing.assert_array_equal(pairs, pairs.T)
    assert np.all(pairs[~np.eye(4, dtype=bool)] < 0)


def test_goal_variants_never_terminate_and_are_truncated_at_500_steps():
    env = gymnasium.make("PointMazeGoal-v0").unwrapped
    observation, _ = env.reset(seed=0)
    for step in range(1, 501):
        observation, _, terminated, truncated, info = env.step(np.zeros(2, np.float32))
        goals = observation["achieved_goal"], observation["desired_goal"], info
        assert terminated is env.compute_terminated(*goals) is False
        assert truncated == env.compute_truncated(*goals) == (step == 500)


def test_what_an_environment_has_given_does_not_change_later():
    env = gymnasium.make("PointMazeGoal-v0")
    observation, _ = env.reset(seed=0)
    kept = copy.deepcopy(observation)
    env.step(np.ones(2, np.float32))
    later, _ = env.reset()
    np.testing.assert_array_equal(flat(observation), flat(kept))
    later["desired_goal"][:] = 99
    assert not np.any(env.unwrapped.target == 99)


# Lengths of episodes.


def length_of(env):
    """Steps until the episode is over, up to 1,200, and what the maze itself says at the end."""
    env.reset(seed=0)
    for step in range(1, 1201):
        if env.step(np.zeros(2, np.float32))[3]:
            return step
    return None


@pytest.mark.parametrize(
    "made, asked, steps",
    [
        ("PointMaze-v0", {}, 500),
        ("PointMaze-v0", {"max_episode_steps": 1000}, 1000),
        ("PointMazeGoal-v0", {"max_episode_steps": 30}, 30),
        ("PointMaze-v0", {"max_episode_steps": -1}, None),
        ("PointMazeLarge-v0", {}, 1000),
        ("PointMazeMedium-v0", {"max_episode_steps": 700}, 700),
    ],
)
def test_episodes_are_as_long_as_gymnasium_says(made, asked, steps):
    env = gymnasium.make(made, **asked)
    assert length_of(env) == steps and env.unwrapped.steps == (steps or 1200)
    assert env.spec.max_episode_steps == steps
    again = gymnasium.make(env.spec)
    assert length_of(again) == (steps if steps else again.spec.max_episode_steps)


def test_every_id_says_how_long_an_episode_is():
    for name in IDS:
        d4rl = "MazeMedium" in name or "MazeLarge" in name
        assert gymnasium.spec(name).max_episode_steps == (1000 if d4rl else 500)


def test_a_copy_of_a_made_environment_keeps_its_length():
    env = pickle.loads(pickle.dumps(gymnasium.make("PointMaze-v0", max_episode_steps=700)))
    assert length_of(env) == 700


def test_a_goals_truncation_follows_the_length_asked_for():
    env = gymnasium.make("PointMazeGoal-v0", max_episode_steps=20)
    observation, info = env.reset(seed=0)
    truncations = []
    for _ in range(20):
        observation, _, _, truncated, info = env.step(np.zeros(2, np.float32))
        goals = observation["achieved_goal"], observation["desired_goal"], info
        truncations.append((truncated, env.unwrapped.compute_truncated(*goals)))
    assert truncations == [(False, False)] * 19 + [(True, True)]


# Bad input.


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["AntMaze-v0", "PointMazeGoal-v0"])
def test_an_action_that_is_not_finite_is_an_error_that_says_so(name, value):
    env = gymnasium.make(name).unwrapped
    env.reset(seed=0)
    before = env.data.qpos.copy(), env.steps
    action = np.zeros(env.action_space.shape)
    action[1] = value
    with pytest.raises(ValueError, match=rf"^action\[1\] is {value}; allowed: finite numbers$"):
        env.step(action)
    np.testing.assert_array_equal(env.data.qpos, before[0])
    assert env.steps == before[1]
    env.step(np.zeros(env.action_space.shape))


@pytest.mark.parametrize("name", ["AntMaze-v0", "AntFallGoal-v0", "PointPush-v0"])
@pytest.mark.parametrize("of", [list, tuple, np.array])
def test_a_target_can_be_chosen(name, of):
    env = gymnasium.make(name)
    for target in env.unwrapped.maze.task.evaluation_targets:
        chosen = of(target.tolist())
        _, info = env.reset(seed=0, options={"target": chosen})
        np.testing.assert_array_equal(env.unwrapped.target, target)
        data = env.unwrapped.data
        start = env.unwrapped.maze.task.achieved(env.unwrapped.set_state(data.qpos, data.qvel))
        assert info["distance"] == pytest.approx(np.linalg.norm(start - target), abs=1e-5)


def test_a_chosen_target_is_a_copy_and_holds_for_one_episode():
    env = gymnasium.make("AntMaze-v0")
    target = np.array([16.0, 0.0], np.float32)
    env.reset(seed=0, options={"target": target})
    target[:] = 0
    np.testing.assert_array_equal(env.unwrapped.target, [16, 0])
    env.reset()
    assert not np.array_equal(env.unwrapped.target, [16, 0])


def test_choosing_a_target_leaves_first_states_as_they_are():
    env = gymnasium.make("AntMaze-v0")
    drawn, _ = env.reset(seed=0)
    chosen, _ = env.reset(seed=0, options={"target": [16, 0]})
    np.testing.assert_array_equal(drawn, chosen)


@pytest.mark.parametrize(
    "name, target, words",
    [
        ("AntMaze", [0, 8], "[0.0, 8.0] is outside AntMaze or in a wall"),
        ("AntMaze", [-8, 0], "is outside AntMaze or in a wall"),
        (
            "AntMaze",
            [500, 0],
            "is outside AntMaze or in a wall; targets lie within [-4.0, -4.0] to [20.0, 20.0]",
        ),
        ("EgoPointMaze", [0, 4], "is outside EgoPointMaze or in a wall"),
        ("AntFall", [0, 27, 50], "[0.0, 27.0, 50.0] is outside AntFall"),
        ("AntFall", [0, 27, -1], "is outside AntFall"),
        ("AntFall", [0, 27], "target [0, 27]; allowed: 3 numbers"),
        ("AntMaze", [1, 2, 3], "target [1, 2, 3]; allowed: 2 numbers"),
        ("AntMaze", [np.nan, 0], "allowed: 2 numbers"),
        ("AntMaze", [np.inf, 0], "allowed: 2 numbers"),
        ("AntMaze", "north", "target 'north'; allowed: 2 numbers"),
        ("AntMaze", 5, "target 5; allowed: 2 numbers"),
        ("AntMaze", {"x": 1}, "allowed: 2 numbers"),
        ("AntMaze", np.zeros((50, 2)), "allowed: 2 numbers"),
        ("AntMaze", [[1, 2], [3]], "allowed: 2 numbers"),
    ],
)
def test_a_target_that_is_none_is_refused_in_one_line(name, target, words):
    env = gymnasium.make(f"{name}-v0")
    env.reset(seed=0)
    before = env.unwrapped.target.copy()
    with pytest.raises(ValueError) as error:
        env.reset(options={"target": target})
    assert words in str(error.value)
    assert "\n" not in str(error.value) and len(str(error.value)) < 200
    np.testing.assert_array_equal(env.unwrapped.target, before)


def test_unknown_reset_options_are_refused():
    with pytest.raises(ValueError, match="reset option 'goal'; allowed: 'target'"):
        gymnasium.make("AntMaze-v0").reset(options={"goal": [0, 0]})


def test_a_refused_reset_changes_no_draws():
    first, second = (gymnasium.make("PointMaze-v0") for _ in range(2))
    for env in (first, second):
        env.reset(seed=0)
    with pytest.raises(ValueError):
        first.reset(seed=5, options={"target": [0, 4]})
    np.testing.assert_array_equal(first.reset()[0], second.reset()[0])
    np.testing.assert_array_equal(first.unwrapped.target, second.unwrapped.target)


@pytest.mark.parametrize("name", ["AntMaze-v0", "PointMazeGoal-v0"])
def test_a_callers_action_may_be_read_only_and_stays_as_it_is(name):
    env = gymnasium.make(name)
    env.reset(seed=0)
    action = 0.5 * env.action_space.high
    kept = action.copy()
    action.flags.writeable = False
    env.step(action)
    np.testing.assert_array_equal(action, kept)


# Copies and crowds.


@pytest.mark.parametrize(
    "name", ["AntBlock-v0", "AntPushImageGoal-v0", "EgoPointFall-v0", "PointMazeGoal-v0"]
)
@pytest.mark.parametrize("travel", [lambda env: pickle.loads(pickle.dumps(env)), copy.deepcopy])
def test_a_copy_made_in_mid_episode_goes_on_identically(name, travel):
    env = gymnasium.make(name).unwrapped
    env.reset(seed=3)
    rollout(env, 30, 0)
    other = travel(env)
    # Over the end of the episode, into the next one with its drawn state and target.
    assert_same(rollout(env, 500, 1), rollout(other, 500, 1))
    np.testing.assert_array_equal(env.target, other.target)
    assert other.steps == env.steps == 30


def test_an_environment_that_was_never_reset_can_be_pickled():
    env = pickle.loads(pickle.dumps(gymnasium.make("AntMazeGoal-v0")))
    np.testing.assert_array_equal(
        flat(env.reset(seed=0)[0]), flat(gymnasium.make("AntMazeGoal-v0").reset(seed=0)[0])
    )


@pytest.mark.parametrize(
    "mode, options", [("sync", {}), ("async", {"context": "spawn"})], ids=["sync", "async"]
)
def test_vectors_of_environments_are_the_environments(mode, options):
    name = "PointMazeGoal-v0"
    crowd = gymnasium.make_vec(name, num_envs=2, vectorization_mode=mode, vector_kwargs=options)
    try:
        observations, infos = crowd.reset(seed=[7, 8])
        singles = [gymnasium.make(name) for _ in range(2)]
        expected = [env.reset(seed=seed) for env, seed in zip(singles, (7, 8))]
        np.testing.assert_array_equal(infos["distance"], [info["distance"] for _, info in expected])
        action = np.array([[1.0, 0.1], [0.5, -0.1]], np.float32)
        for _ in range(5):
            observations, rewards, terminated, truncated, infos = crowd.step(action)
            expected = [env.step(a) for env, a in zip(singles, action)]
            for key, value in observations.items():
                np.testing.assert_array_equal(value, [result[0][key] for result in expected])
            np.testing.assert_array_equal(rewards, [result[1] for result in expected])
            assert not terminated.any() and not truncated.any()
            np.testing.assert_array_equal(infos["is_success"], [r[4]["is_success"] for r in expected])
    finally:
        crowd.close()
