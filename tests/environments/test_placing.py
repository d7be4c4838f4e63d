"""Robot and blocks put elsewhere are observed as a simulation in that state is."""

import numpy as np
import pytest

from environments.create_maze_env import create_maze_env
from environments.placing import Simulation, at_rest, moved_block, moved_robot, observe

NAMES = [("AntMaze", True), ("EgoAntFall", True), ("AntBlockMaze", False), ("PointPush", True)]


def mazes():
    return pytest.mark.parametrize("name, view", NAMES)


def simulation_of(env):
    data = env.data
    return Simulation(data.qpos.copy(), data.qvel.copy(), data.xpos.copy(), np.array(env.steps))


@mazes()
def test_a_robot_at_rest_is_observed_as_in_a_simulation(name, view):
    env = create_maze_env(name, top_down_view=view)
    xy = np.array([[0.0, 0.0], [3.5, -1.25], [7.0, 2.0]])
    seen = observe(env.maze, at_rest(env.maze, xy))
    assert seen.dtype == np.float32 and seen.shape == (3, env.maze.observation_size)
    for place, observation in zip(xy, seen):
        qpos = env.maze.model.qpos0.copy()
        qpos[:2] = place
        expected = env.set_state(qpos, np.zeros(env.maze.model.nv))
        np.testing.assert_allclose(observation, expected, atol=1e-6)


@mazes()
def test_a_moved_robot_is_observed_as_in_a_simulation(name, view):
    env = create_maze_env(name, top_down_view=view)
    env.reset(seed=1)
    before = simulation_of(env)
    kept = [part.copy() for part in before]
    shift = np.array([0.5, -0.25, 0.125 if env.maze.robot.has_height else 0.0])
    seen = observe(env.maze, moved_robot(env.maze, before, shift))
    qpos = before.qpos.copy()
    qpos[:3] += shift
    np.testing.assert_allclose(seen, env.set_state(qpos, before.qvel), atol=1e-6)
    for part, was in zip(before, kept):
        np.testing.assert_array_equal(part, was)


@pytest.mark.parametrize("name, view", [("AntBlockMaze", False), ("AntPush", True), ("EgoAntFall", False)])
def test_a_moved_block_is_observed_as_in_a_simulation(name, view):
    env = create_maze_env(name, top_down_view=view)
    env.reset(seed=1)
    before = simulation_of(env)
    (block,), (block_id,) = env.maze.layout.blocks, env.maze.block_ids
    qpos, shift = before.qpos.copy(), np.zeros(3)
    first = env.maze.model.jnt_qposadr[env.maze.model.body_jntadr[block_id]]
    for number, axis in enumerate(block.axes):
        qpos[first + number] -= 0.375
        shift["XYZ".index(axis)] = -0.375
    seen = observe(env.maze, moved_block(before, block_id, shift))
    expected = env.set_state(qpos, before.qvel)
    np.testing.assert_allclose(seen, expected, atol=1e-6)
    assert not np.array_equal(seen, observe(env.maze, before))


def test_a_robot_without_height_stays_on_the_floor():
    env = create_maze_env("PointMaze")
    env.reset(seed=1)
    before = simulation_of(env)
    moved = moved_robot(env.maze, before, np.array([1.0, 0.0, 5.0]))
    np.testing.assert_allclose(moved.qpos, before.qpos + [1, 0, 0])
    np.testing.assert_allclose(moved.xpos[env.maze.torso_id], before.xpos[env.maze.torso_id] + [1, 0, 0])
