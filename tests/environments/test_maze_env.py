import numpy as np
import pytest

from environments.create_maze_env import create_maze_env
from environments.tasks import EPISODE_STEPS

NAMES = ("AntMaze", "PointMaze")


@pytest.mark.parametrize("name", NAMES)
def test_reset_perturbs_the_robot_only_a_little(name):
    env = create_maze_env(name)
    robot = env.maze.robot
    offsets, velocities = [], []
    for seed in range(300):
        env.reset(seed=seed)
        offsets.append(env.data.qpos - env.maze.model.qpos0)
        velocities.append(env.data.qvel.copy())
    offsets, velocities = np.array(offsets), np.array(velocities)
    assert offsets.shape[1] == robot.nq and velocities.shape[1] == robot.nv
    assert np.all(np.abs(offsets) <= 0.1)
    np.testing.assert_allclose(offsets.std(axis=0), 0.2 / np.sqrt(12), rtol=0.15)
    np.testing.assert_allclose(velocities.std(axis=0), 0.1, rtol=0.2)


def test_reset_is_decided_by_the_seed():
    first, second = create_maze_env("AntMaze"), create_maze_env("AntMaze")
    np.testing.assert_array_equal(first.reset(seed=3)[0], second.reset(seed=3)[0])
    assert not np.array_equal(first.reset()[0], first.reset()[0])


@pytest.mark.parametrize("name", NAMES)
def test_episode_is_truncated_after_500_steps_and_never_terminates(name):
    env = create_maze_env(name)
    env.reset(seed=0)
    for step in range(1, EPISODE_STEPS + 1):
        observation, _, terminated, truncated, _ = env.step(env.action_space.high)
        assert not terminated
        assert truncated == (step == 500)
        assert observation[-1] == np.float32(0.001 * step)
    assert env.observation_space.contains(observation)


@pytest.mark.parametrize("name", NAMES)
def test_step_leaves_the_callers_action_alone_and_clips_a_copy(name):
    env = create_maze_env(name)
    env.reset(seed=0)
    action = 1000 * np.ones(env.action_space.shape, np.float32)
    far = env.step(action)[0]
    np.testing.assert_array_equal(action, 1000)
    env.reset(seed=0)
    np.testing.assert_array_equal(env.step(env.action_space.high)[0], far)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (5, 8)])
def test_wrong_action_shape_is_named(shape):
    env = create_maze_env("AntMaze")
    env.reset(seed=0)
    with pytest.raises(ValueError, match="action has shape .*; this robot takes .8,."):
        env.step(np.zeros(shape))


def test_point_drives_along_its_heading():
    env = create_maze_env("PointMaze")
    env.set_state(np.array([0.0, 0.0, 0.3]), np.zeros(3))
    env.step(np.array([0.5, 0.2], np.float32))
    heading = 0.3 + np.float32(0.2)
    expected = [0.1 * np.cos(heading), 0.1 * np.sin(heading), heading]
    np.testing.assert_allclose(env.data.qpos, expected, atol=1e-6)


def test_point_never_ends_a_step_inside_a_wall():
    env = create_maze_env("PointMaze")
    rng = np.random.default_rng(0)
    env.reset(seed=0)
    touched = 0
    for _ in range(2000):
        before = env.data.qpos[:2].copy()
        env.step(np.array([1.0, rng.uniform(-0.25, 0.25)], np.float32))
        after = env.data.qpos[:2]
        assert not env.maze.layout.is_wall(after, env.maze.robot.cell_size)
        touched += np.linalg.norm(after - before) < 0.1
    assert touched > 10  # it did meet walls


@pytest.mark.parametrize("name", NAMES)
def test_a_robot_changes_neither_action_nor_positions(name):
    maze = create_maze_env(name).maze
    qpos, action = np.ones(maze.model.nq), 0.5 * maze.action_high
    for array in (qpos, action):
        array.flags.writeable = False
    maze.robot.begin_step(qpos, action)
    maze.robot.reward(0.0, 1.0, action, maze.dt)
