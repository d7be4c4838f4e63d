"""The gather arena: model, objects, rewards, ends, and the environment as gymnasium sees it."""

import copy
import itertools
import pickle
import re
import warnings

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium.utils import env_checker

from environments.create_gather_env import GATHER_ENVIRONMENTS, create_gather_env, make_gather_env
from environments.create_maze_env import make_maze_env
from environments.gather import Arena
from environments.robots import Ant, Point
from tests.environments.test_gather_sensors import slowly
from tests.environments.test_gymnasium import REMARKS, assert_same, rollout
from tests.environments.towards import towards_the_nearest

NAMES = tuple(GATHER_ENVIRONMENTS)
FAR = np.array((9.0, 9.0, 0.5))


def reset(name, seed=0, **options):
    env = make_gather_env(name, **options)
    observation, _ = env.reset(seed=seed)
    return env, observation


def objects_of(env):
    return env.data.xpos[env.maze.object_ids]


def scene(apples, bombs):
    """The objects named, x and y; all others far away."""
    objects = np.tile(FAR, (16, 1))
    for first, places in ((0, apples), (8, bombs)):
        for number, place in enumerate(places):
            objects[first + number, :2] = place
    return objects


# The model.


@pytest.mark.parametrize("robot", [Ant, Point])
@pytest.mark.parametrize("activity_range", [6, 10, 7.5])
def test_four_walls_stand_around_a_square(robot, activity_range):
    model = Arena(robot(), activity_range).model
    walls = [model.geom(f"wall_{number}") for number in (1, 2, 3, 4)]
    distance = activity_range + 1
    centres = {tuple(wall.pos) for wall in walls}
    assert centres == {(0, -distance, 0), (0, distance, 0), (-distance, 0, 0), (distance, 0, 0)}
    for wall in walls:
        x, y, _ = wall.pos
        assert model.geom_type[wall.id] == mujoco.mjtGeom.mjGEOM_BOX
        expected = (0.5, distance + 0.5, 1) if x else (distance + 0.5, 0.5, 1)
        np.testing.assert_allclose(wall.size, expected)
        assert model.geom_contype[wall.id] == model.geom_conaffinity[wall.id] == 1


@pytest.mark.parametrize("name", NAMES)
def test_the_robot_is_that_of_the_mazes_and_objects_touch_nothing(name):
    arena = make_gather_env(name).maze
    maze = make_maze_env(name.replace("Gather", "Maze")).maze
    assert (arena.model.nq, arena.model.nv) == (maze.model.nq, maze.model.nv)
    np.testing.assert_array_equal(arena.action_high, maze.action_high)
    np.testing.assert_array_equal(arena.model.body("torso").mass, maze.model.body("torso").mass)
    of_objects = arena.model.body_geomadr[arena.object_ids]
    assert len(of_objects) == 16
    assert not arena.model.geom_contype[of_objects].any()
    assert not arena.model.geom_conaffinity[of_objects].any()
    colours = arena.model.geom_rgba[of_objects]
    assert (colours[:8, 1] > 2 * colours[:8, 0]).all() and (colours[8:, 0] > 2 * colours[8:, 1]).all()


def test_objects_change_nothing_of_the_motion():
    plain, crowded = (reset("AntGather", seed=4)[0] for _ in range(2))
    plain.place_objects(np.tile([0, 0, -3], (16, 1)))
    crowded.place_objects(np.tile([0.2, 0.1, 0.5], (16, 1)))
    for action in np.random.default_rng(0).uniform(-30, 30, (20, 8)).astype(np.float32):
        plain.step(action)
        crowded.step(action)
    np.testing.assert_array_equal(plain.data.qpos, crowded.data.qpos)
    np.testing.assert_array_equal(plain.data.qvel, crowded.data.qvel)


@pytest.mark.parametrize("heading", np.linspace(0, 2 * np.pi, 7)[:-1])
def test_the_point_stays_inside(heading):
    env, _ = reset("PointGather", activity_range=6)
    qpos = np.array([0.0, 0.0, heading])
    env.set_state(qpos, np.zeros(3))
    for _ in range(120):
        env.step(np.array([1.0, 0.0], np.float32))
    assert 5.5 < np.abs(env.data.qpos[:2]).max() <= 6.5


# Objects.


@pytest.mark.parametrize("activity_range", [5, 6, 7, 7.5, 10])
def test_objects_are_at_distinct_places_of_the_grid_off_the_start(activity_range):
    arena = Arena(Point(), activity_range)
    allowed = {
        (2.0 * i, 2.0 * j)
        for i, j in itertools.product(range(-40, 40), repeat=2)
        if -activity_range / 2 <= min(i, j) and max(i, j) < activity_range / 2 and np.hypot(2 * i, 2 * j) >= 2
    }
    assert {tuple(site) for site in arena.sites} == allowed and (0.0, 0.0) not in allowed
    rng, seen = np.random.default_rng(0), [set(), set()]
    for _ in range(300):
        objects = arena.draw_objects(rng)
        places = [tuple(place) for place in objects[:, :2]]
        assert len(set(places)) == 16 and (objects[:, 2] > 0).all()
        assert np.hypot(*objects[:, :2].T).min() >= 2
        seen[0] |= set(places[:8])
        seen[1] |= set(places[8:])
    assert seen == [allowed, allowed]


@pytest.mark.parametrize("name", NAMES)
def test_every_episode_draws_its_objects_from_the_environments_own_stream(name):
    first, second = (reset(name, seed=3)[0] for _ in range(2))
    np.testing.assert_array_equal(objects_of(first), objects_of(second))
    np.random.seed(0)  # nobody's stream
    again = [objects_of(env).copy() for env in (first, second) if env.reset()]
    np.testing.assert_array_equal(*again)
    assert not np.array_equal(again[0], objects_of(reset(name, seed=3)[0]))
    assert not np.array_equal(again[0], objects_of(reset(name, seed=4)[0]))


# Observations.


@pytest.mark.parametrize("name", NAMES)
def test_an_observation_is_robot_apples_bombs_time(name):
    env, observation = reset(name, seed=1)
    nq, nv = env.maze.robot.nq, env.maze.robot.nv
    assert observation.shape == env.observation_space.shape == (nq + nv + 21,)
    rng = np.random.default_rng(0)
    for steps in range(1, 40):
        action = rng.uniform(env.maze.action_low, env.maze.action_high).astype(np.float32)
        observation, *_ = env.step(action)
        qpos, qvel = env.data.qpos, env.data.qvel
        np.testing.assert_array_equal(observation[: nq + nv], np.float32([*qpos, *qvel]))
        assert observation[-1] == np.float32(0.001 * steps)
        is_there = objects_of(env)[:, 2] > 0
        for kind, sensed in ((slice(8), observation[-21:-11]), (slice(8, 16), observation[-11:-1])):
            heading = float(env.maze.robot.heading(qpos))
            seen = slowly(qpos[:2], heading, objects_of(env)[kind, :2], is_there[kind])
            np.testing.assert_allclose(sensed, seen, atol=1e-6)


@pytest.mark.parametrize(
    "heading, number", [(0.0, 5), (np.pi / 2, 2), (-np.pi / 2, 7), (np.pi / 5 + 0.01, 3)]
)
def test_readings_turn_with_the_robot(heading, number):
    env, _ = reset("PointGather")
    env.set_state(np.array([0.0, 0.0, heading]), np.zeros(3))
    observation = env.place_objects(scene([(3.0, 0.001)], []))
    np.testing.assert_allclose(observation[-21:-11], 0.5 * np.eye(10)[number], atol=1e-6)
    np.testing.assert_array_equal(observation[-11:-1], np.zeros(10))


# Rewards and ends.


@pytest.mark.parametrize("name", NAMES)
def test_what_is_nearer_than_a_metre_is_taken(name):
    env, _ = reset(name)
    x, y = env.data.qpos[:2]
    near, edge = (x + 0.5, y), (x, y + 1.3)
    env.place_objects(scene([near, (x, y - 0.4), edge], [(x - 0.2, y)]))
    observation, reward, terminated, truncated, info = env.step(np.zeros_like(env.action_space.low))
    assert (reward, terminated, truncated) == (1.0, False, False)
    assert info == {"apples": 2, "bombs": 1}
    gone = objects_of(env)[:, 2] < 0
    np.testing.assert_array_equal(np.flatnonzero(gone), [0, 1, 8])
    _, reward, _, _, info = env.step(np.zeros_like(env.action_space.low))
    assert reward == 0.0 and info == {"apples": 2, "bombs": 1}
    assert np.count_nonzero(observation[-21:-11]) >= 1 and not observation[-11:-1].any()


@pytest.mark.parametrize("distance, reward", [(0.999, 1.0), (1.001, 0.0)])
def test_taking_ends_at_one_metre(distance, reward):
    arena = Arena(Point())
    xpos = np.zeros((arena.model.nbody, 3))
    xpos[arena.object_ids] = scene([(2.0, 3.0 + distance)], [])
    outcome = arena.outcome(np.array([2.0, 3.0, 0.0]), xpos)
    assert outcome.reward == reward and outcome.taken.sum() == reward and not outcome.terminated


def test_a_drive_is_rewarded_as_counted_one_by_one():
    env, _ = reset("PointGather", seed=2)
    left, total = dict(enumerate(objects_of(env)[:, :2].tolist())), 0.0
    while left:
        _, reward, terminated, _, info = env.step(towards_the_nearest([env])[0])
        taken = [n for n, place in left.items() if np.linalg.norm(place - env.data.qpos[:2]) < 1]
        assert reward == sum(1 if n < 8 else -1 for n in taken)
        for n in taken:
            del left[n]
        total += reward
        assert total == info["apples"] - info["bombs"]
        assert info["apples"] == 8 - sum(n < 8 for n in left) and terminated == (not left)
    assert env.steps < 500 and total == 0.0


@pytest.mark.parametrize("name", NAMES)
def test_an_episode_ends_when_nothing_is_left(name):
    env, _ = reset(name)
    env.place_objects(np.tile([*env.data.qpos[:2], 0.5], (16, 1)))
    observation, reward, terminated, truncated, info = env.step(np.zeros_like(env.action_space.low))
    assert (reward, terminated, truncated) == (0.0, True, False)
    assert info == {"apples": 8, "bombs": 8} and not observation[-21:-1].any()
    _, info = env.reset()
    assert info == {"apples": 0, "bombs": 0} and (objects_of(env)[:, 2] > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_an_episode_is_truncated_after_500_steps(name):
    env, _ = reset(name)
    env.place_objects(np.tile(FAR, (16, 1)))
    ends = [env.step(np.zeros_like(env.action_space.low))[2:4] for _ in range(500)]
    assert ends == [(False, False)] * 499 + [(False, True)]


@pytest.mark.parametrize("height, has_fallen", [(0.29, True), (0.31, False), (0.99, False), (1.01, True)])
@pytest.mark.parametrize("ends_on_fall", [False, True])
def test_a_fall_ends_an_episode_where_that_is_asked_for(height, has_fallen, ends_on_fall):
    arena = Arena(Ant(), ends_on_fall=ends_on_fall)
    assert not Arena(Ant()).ends_on_fall
    qpos = np.tile(arena.model.qpos0, (2, 1))
    qpos[:, 2] = height, 0.6
    xpos = np.zeros((2, arena.model.nbody, 3))
    xpos[:, arena.object_ids] = scene([(0, 0.5)], [])
    outcome = arena.outcome(qpos, xpos)
    ends = has_fallen and ends_on_fall
    np.testing.assert_array_equal(outcome.terminated, [ends, False])
    np.testing.assert_array_equal(outcome.reward, [-10 if ends else 1, 1])  # what is near is not taken then
    np.testing.assert_array_equal(outcome.taken.sum(axis=-1), [0 if ends else 1, 1])


def test_a_fallen_ant_gets_minus_ten():
    env, _ = reset("AntGather", ends_on_fall=True)
    qpos = env.maze.model.qpos0.copy()
    qpos[2] = 2.0
    env.set_state(qpos, np.zeros(env.maze.model.nv))
    _, reward, terminated, truncated, _ = env.step(np.zeros(8, np.float32))
    assert (reward, terminated, truncated) == (-10.0, True, False)


def test_an_unstable_episode_is_truncated_without_a_reward():
    env, observation = reset("AntGather")
    env.data.qvel[0] = 1e6
    seen, reward, terminated, truncated, info = env.step(np.zeros(8, np.float32))
    assert (reward, terminated, truncated, info["unstable"]) == (0.0, False, True, True)
    np.testing.assert_array_equal(np.delete(seen, 15), np.delete(observation, 15))
    assert (info["apples"], info["bombs"]) == (0, 0)


# As gymnasium sees it.


@pytest.mark.parametrize("name", NAMES)
def test_the_environment_checker_is_content(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for remark in REMARKS:
            warnings.filterwarnings("ignore", remark)
        env = gymnasium.make(f"{name}-v0")
        assert env.spec.id == f"{name}-v0"
        env_checker.check_env(env.unwrapped, skip_render_check=True)
        env.reset(seed=0)
        env.step(env.action_space.sample())


def test_ids_take_the_parameters():
    env = gymnasium.make("AntGather-v0", activity_range=6, ends_on_fall=True).unwrapped
    assert (env.maze.name, env.maze.activity_range, env.maze.ends_on_fall) == ("AntGather", 6.0, True)
    assert gymnasium.make("environments:PointGather-v0").unwrapped.maze.activity_range == 10.0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("travel", [lambda env: pickle.loads(pickle.dumps(env)), copy.deepcopy])
def test_a_copy_made_in_mid_episode_goes_on_identically(name, travel):
    env, _ = reset(name, seed=3)
    rollout(env, 30, 0)
    other = travel(env)
    assert_same(rollout(env, 500, 1), rollout(other, 500, 1))
    np.testing.assert_array_equal(objects_of(env), objects_of(other))


def test_a_vector_of_environments():
    crowd = gymnasium.make_vec("PointGather-v0", num_envs=2, vectorization_mode="sync")
    observations, infos = crowd.reset(seed=[7, 8])
    for row, seed in zip(observations, (7, 8)):
        np.testing.assert_array_equal(row, reset("PointGather", seed)[1])
    np.testing.assert_array_equal(infos["apples"], [0, 0])
    crowd.close()


# Bad input.


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"env_name": "AntGathr"}, "env_name = 'AntGathr'; allowed: AntGather, PointGather"),
        ({"env_name": None}, "env_name = None; allowed: AntGather, PointGather"),
        ({"env_name": "AntMaze"}, "env_name = 'AntMaze'; allowed: AntGather, PointGather"),
        ({"activity_range": 4}, "activity_range = 4; allowed: 5 to 38, metres"),
        ({"activity_range": 39}, "activity_range = 39; allowed: 5 to 38, metres"),
        ({"activity_range": float("nan")}, "activity_range = nan; allowed: 5 to 38, metres"),
        ({"activity_range": True}, "activity_range = True; allowed: 5 to 38, metres"),
        ({"activity_range": "10"}, "activity_range = '10'; allowed: 5 to 38, metres"),
        ({"ends_on_fall": 1}, "ends_on_fall = 1; allowed: True, False"),
        ({"env_name": "PointGather", "ends_on_fall": True}, "a point cannot fall, allowed: False"),
    ],
)
def test_wrong_values_are_answered_in_one_line(arguments, words):
    with pytest.raises(ValueError, match=re.escape(words)) as error:
        make_gather_env(**({"env_name": "AntGather"} | arguments))
    assert str(error.value).startswith("create_gather_env.") and "\n" not in str(error.value)
    with pytest.raises(ValueError, match=re.escape(words)):
        create_gather_env(**({"env_name": "AntGather"} | arguments))


def test_options_and_render_modes_are_refused():
    env = make_gather_env("PointGather")
    with pytest.raises(ValueError, match="reset option 'target'; allowed: none"):
        env.reset(options={"target": [0, 1]})
    with pytest.raises(ValueError, match="render_mode = 'human'"):
        make_gather_env("PointGather", render_mode="human")


def test_an_unstable_episode_is_a_fall_where_falls_end_it():
    env, observation = reset("AntGather", ends_on_fall=True)
    env.data.qvel[0] = 1e6
    seen, reward, terminated, truncated, info = env.step(np.zeros(8, np.float32))
    assert (reward, terminated, truncated, info["unstable"]) == (-10.0, True, False, True)
    np.testing.assert_array_equal(np.delete(seen, [15, -1]), np.delete(observation, [15, -1]))
    assert seen[-1] == np.float32(0.001)
