"""Finite differences of f against its exact Jacobian."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.figures.sensitivity import movables, position_jacobian, sensitivity
from efficient_hrl.figures.subject import as_numpy
from efficient_hrl.representations.representation import StatePreprocessNetwork
from environments.batched import BatchedMazeEnvironment
from environments.create_maze_env import create_maze_env
from environments.placing import observe

STEPS = 6


@functools.cache
def simulated(name, view=False):
    """A maze and what a few random steps in four simulations lead to."""
    maze = create_maze_env(name, top_down_view=view).maze
    env = BatchedMazeEnvironment(maze, 4, seed=0)
    states = env.reset().observation
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        actions = rng.uniform(maze.action_low, maze.action_high, [4, len(maze.action_low)])
        states = env.step(actions.astype(np.float32)).observation
    return maze, env.simulation, states


def learned(size, images=False):
    tf.keras.utils.set_random_seed(3)
    net = StatePreprocessNetwork(tf.TensorSpec([size], tf.float32), 2, (50, 50), images=images)
    net.create_variables()
    for variable in net.trainable_variables:
        variable.assign(tf.random.stateless_normal(variable.shape, [1, 2], stddev=0.3))
    return lambda states: net(states)[0]


def test_a_simulation_is_what_was_observed():
    for name, view in (("AntBlockMaze", False), ("EgoAntFall", True)):
        maze, simulation, states = simulated(name, view)
        np.testing.assert_array_equal(observe(maze, simulation), states)


def test_finite_differences_are_the_exact_jacobian_where_f_sees_positions():
    maze, simulation, states = simulated("AntBlockMaze")
    f = learned(maze.observation_size)
    with tf.GradientTape() as tape:
        inputs = tf.constant(states)
        tape.watch(inputs)
        embeddings = f(inputs)
    exact = tape.batch_jacobian(embeddings, inputs).numpy()
    ant, block = movables(maze)
    assert (ant.label, block.label) == ("ant x, y", "block x, y")
    for thing, entries in ((ant, [0, 1]), (block, [3, 4])):
        found = position_jacobian(as_numpy(f), maze, simulation, thing, step=1e-3)
        np.testing.assert_allclose(found, exact[..., entries], rtol=0.02, atol=0.02)
        norms = np.sqrt((exact[..., entries] ** 2).sum(axis=(1, 2)))
        np.testing.assert_allclose(sensitivity(found), norms, rtol=0.02)


def test_positions_count_through_the_view_where_f_sees_no_coordinates():
    maze, simulation, _ = simulated("AntPush", view=True)
    ant, block = movables(maze)
    f = as_numpy(learned(maze.observation_size, images=True))
    for thing in (ant, block):
        assert np.all(sensitivity(position_jacobian(f, maze, simulation, thing)) > 0.01)
    maze, simulation, _ = simulated("AntMaze")
    f = as_numpy(learned(maze.observation_size, images=True))
    (ant,) = movables(maze)
    assert not sensitivity(position_jacobian(f, maze, simulation, ant)).any()


def test_what_f_does_not_see_does_not_count():
    maze, simulation, _ = simulated("AntPush")
    ant, block = movables(maze)
    xy = lambda states: states[..., :2]
    np.testing.assert_allclose(
        position_jacobian(xy, maze, simulation, ant), np.tile(np.eye(2), [4, 1, 1]), atol=1e-4
    )
    np.testing.assert_allclose(sensitivity(position_jacobian(xy, maze, simulation, ant)), 2**0.5, atol=1e-4)
    assert not position_jacobian(xy, maze, simulation, block).any()


@pytest.mark.parametrize("name, axes", [("AntFall", (1, 2)), ("AntPush", (0, 1))])
def test_a_block_moves_along_its_free_axes(name, axes):
    _, block = movables(create_maze_env(name).maze)
    assert block.axes == axes
