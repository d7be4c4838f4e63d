import numpy as np
import pytest

from environments.batched import BatchedMazeEnvironment
from environments.create_maze_env import create_maze_env, make_maze_env

# Name and view: every kind of robot, block and sensor.
VARIANTS = (
    ("AntMaze", False),
    ("PointMaze", False),
    ("AntBlock", False),
    ("AntFall", True),
    ("EgoAntPush", True),
    ("EgoPointPush", True),
)
SEED = 5


def actions_for(env, count, num_envs):
    rng = np.random.default_rng(0)
    low, high = env.maze.action_low, env.maze.action_high
    return rng.uniform(low, high, (count, num_envs, len(low))).astype(np.float32)


@pytest.mark.parametrize("name, has_view", VARIANTS)
@pytest.mark.parametrize("num_threads", [1, 2])
def test_a_batch_is_bit_identical_to_single_environments(name, has_view, num_threads):
    singles = [make_maze_env(name, has_view) for _ in range(3)]
    batch = BatchedMazeEnvironment(singles[0].maze, 3, SEED, num_threads, episode_steps=30)
    time_step = batch.reset()
    expected = [env.reset(seed=SEED + i)[0] for i, env in enumerate(singles)]
    np.testing.assert_array_equal(time_step.observation, expected)
    for action in actions_for(batch, 30, 3):
        time_step = batch.step(action)
        results = [env.step(a) for env, a in zip(singles, action)]
        np.testing.assert_array_equal(time_step.observation, [r[0] for r in results])
        np.testing.assert_array_equal(time_step.reward, np.float32([r[1] for r in results]))
    # A new episode goes on with the same generators.
    time_step = batch.step(action)
    assert time_step.is_first().all()
    np.testing.assert_array_equal(time_step.observation, [env.reset()[0] for env in singles])


def test_the_end_of_an_episode_is_a_time_out_not_a_termination():
    batch = BatchedMazeEnvironment(create_maze_env("PointMaze").maze, 2, SEED, episode_steps=3)
    batch.reset()
    action = np.zeros((2, 2), np.float32)
    for step in (1, 2, 3):
        time_step = batch.step(action)
        assert time_step.is_last().all() == (step == 3)
        np.testing.assert_array_equal(time_step.discount, [1.0, 1.0])
    assert batch.step(action).is_first().all()


def test_episodes_have_500_steps():
    batch = BatchedMazeEnvironment(create_maze_env("PointMaze").maze, 1, SEED)
    batch.reset()
    steps = 0
    while not batch.step(np.zeros((1, 2), np.float32)).is_last().all():
        steps += 1
    assert steps == 499


@pytest.mark.parametrize("name, has_view", VARIANTS)
@pytest.mark.parametrize("stop_at", [0, 4, 10, 13])
def test_state_saved_anywhere_continues_bit_for_bit(name, has_view, stop_at):
    maze = make_maze_env(name, has_view).maze
    first = BatchedMazeEnvironment(maze, 2, SEED, episode_steps=10)
    first.reset()
    actions = actions_for(first, 30, 2)
    for action in actions[:stop_at]:
        first.step(action)
    second = BatchedMazeEnvironment(maze, 2, SEED + 100, episode_steps=10)
    second.set_state(first.get_state())
    for left, right in zip(first.current_time_step(), second.current_time_step()):
        np.testing.assert_array_equal(left, right)
    for action in actions[stop_at:]:
        for left, right in zip(first.step(action), second.step(action)):
            np.testing.assert_array_equal(left, right)


def test_a_state_of_another_size_is_refused():
    maze = create_maze_env("PointMaze").maze
    state = BatchedMazeEnvironment(maze, 2, SEED).get_state()
    with pytest.raises(ValueError, match="2 simulations.*has 3"):
        BatchedMazeEnvironment(maze, 3, SEED).set_state(state)


def test_reseeding_makes_first_states_independent_of_the_past():
    maze = create_maze_env("AntMaze").maze
    first, second = (BatchedMazeEnvironment(maze, 2, seed) for seed in (1, 2))
    first.reset()
    for env in (first, second):
        env.seed(77)
    np.testing.assert_array_equal(first.reset().observation, second.reset().observation)


@pytest.mark.parametrize("arguments", [{"num_envs": 0}, {"num_envs": 1, "episode_steps": 0}])
def test_counts_below_one_are_refused(arguments):
    with pytest.raises(ValueError, match="= 0; allowed: a whole number from 1"):
        BatchedMazeEnvironment(create_maze_env("PointMaze").maze, seed=0, **arguments)


@pytest.mark.parametrize("goes_on", [False, True])
def test_an_episode_that_is_ended_by_request_leaves_the_others_alone(goes_on):
    """Simulation 1 of three ends after its fifth step; 0 and 2 never notice."""
    maze = make_maze_env("EgoAntPush").maze
    batch, undisturbed = (BatchedMazeEnvironment(maze, 3, SEED, episode_steps=20) for _ in range(2))
    for env in (batch, undisturbed):
        env.reset()
    for step, action in enumerate(actions_for(batch, 20, 3)):
        before = batch.current_time_step()
        time_step, other = batch.step(action), undisturbed.step(action)
        for rows in (0, 2):
            for left, right in zip(time_step, other):
                np.testing.assert_array_equal(left[rows], right[rows])
        if step == 4:
            batch.end_episodes(np.array([False, True, False]), np.array([False, goes_on, False]))
            np.testing.assert_array_equal(batch.current_time_step().step_type, [1, 2, 1])
            np.testing.assert_array_equal(batch.current_time_step().discount, 1.0)
        if step == 5:
            np.testing.assert_array_equal(time_step.step_type, [1, 0, 1])
            # The clock that is seen tells the time since the last first state.
            np.testing.assert_allclose(time_step.observation[1, -1], 0.005 if goes_on else 0.0, rtol=1e-6)
            moved = np.abs(time_step.observation[1, :-1] - before.observation[1, :-1]).max()
            assert moved == 0.0 if goes_on else moved > 0.1
    # Its episode is six steps behind the others', whose time-out it does not share.
    np.testing.assert_array_equal(time_step.step_type, [2, 1, 2])
    clock = 0.019 if goes_on else 0.014
    np.testing.assert_allclose(time_step.observation[:, -1], [0.02, clock, 0.02], rtol=1e-6)


def test_without_a_time_limit_only_requests_end_episodes():
    batch = BatchedMazeEnvironment(create_maze_env("PointMaze").maze, 2, SEED, episode_steps=None)
    batch.reset()
    for _ in range(600):
        assert not batch.step(np.zeros((2, 2), np.float32)).is_last().any()
