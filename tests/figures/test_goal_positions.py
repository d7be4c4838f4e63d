"""Places of goals, against putting the robot everywhere by hand."""

import numpy as np
import pytest

from efficient_hrl.figures.goal_positions import GoalPositions
from environments.create_maze_env import create_maze_env
from environments.layouts import CHASM
from environments.maze_env import MazeEnv
from environments.placing import Simulation
from environments.position_grid import position_grid


def walked(maze, steps=4, seed=0):
    """An environment and what a few steps at random have made of it, [steps, ...]."""
    env = MazeEnv(maze)
    env.reset(seed=seed)
    env.action_space.seed(seed)
    seen = []
    for _ in range(steps):
        env.step(env.action_space.sample())
        seen.append((env.data.qpos.copy(), env.data.qvel.copy(), env.data.xpos.copy(), env.steps))
    return env, Simulation(*map(np.stack, zip(*seen)))


@pytest.mark.parametrize(
    "name, f",
    [
        ("PointMaze", lambda states: states[..., :2]),
        ("AntMaze", lambda states: states[..., :15]),
        ("AntFall", lambda states: states[..., :3] + 7.0),
        ("EgoAntPush", lambda states: states),
        ("AntBlock", lambda states: states[..., :2]),
    ],
)
def test_goals_in_x_y_are_as_far_away_as_they_say(name, f):
    maze = create_maze_env(name).maze
    _, simulation = walked(maze)
    positions = GoalPositions(maze, f)
    assert positions.is_exact
    size = f(np.zeros([1, maze.observation_size])).shape[-1]
    goals = np.random.default_rng(1).uniform(-10, 10, [4, size])
    np.testing.assert_allclose(
        positions(simulation, goals), simulation.qpos[:, :2] + goals[:, :2], atol=1e-12
    )


def bent(states):
    """Depends on place, posture and speed, and is one-to-one in x, y."""
    x, y, heading = (states[..., i].astype(np.float64) for i in range(3))
    return np.stack([x + 0.02 * y**2 + np.sin(heading), 2 * y + states[..., 4], 0.1 * x * y], axis=-1)


def by_hand(maze, env, simulation, f, goals, per_cell):
    """For each state the place of a grid at which a simulation put there looks most as asked for."""
    xy = position_grid(maze.layout, maze.robot.cell_size, per_cell).xy
    places = []
    for i, goal in enumerate(goals):
        qpos, qvel = simulation.qpos[i], simulation.qvel[i]
        wanted = f(env.set_state(qpos, qvel, simulation.steps[i])[None])[0, : len(goal)] + goal
        misses = []
        for place in xy:
            moved = np.concatenate([place, qpos[2:]])
            embedding = f(env.set_state(moved, qvel, simulation.steps[i])[None])[0, : len(goal)]
            misses.append(np.linalg.norm(embedding - wanted))
        places.append(xy[np.argmin(misses)])
    return np.array(places)


@pytest.mark.parametrize("name", ["PointMaze", "PointFall", "AntPush", "AntMazeImage"])
@pytest.mark.parametrize("goal_size", [1, 2])
def test_goals_elsewhere_are_where_f_is_nearest_to_them(name, goal_size):
    maze = create_maze_env(name.removesuffix("Image"), top_down_view=name.endswith("Image")).maze
    env, simulation = walked(maze)
    if name.endswith("Image"):
        f = lambda states: (
            states[..., -30:-1].astype(np.float64) @ np.random.default_rng(5).normal(size=[29, 3])
        )
    else:
        f = bent
    positions = GoalPositions(maze, f)
    assert not positions.is_exact
    goals = np.random.default_rng(2).uniform(-4, 4, [4, goal_size])
    found = positions(simulation, goals)
    np.testing.assert_array_equal(found, by_hand(maze, env, simulation, f, goals, per_cell=8))
    assert not maze.layout.is_wall(found, maze.robot.cell_size).any()
    rows, columns = maze.layout.cell_at(found, maze.robot.cell_size)
    assert CHASM not in np.array(maze.layout.cells)[rows, columns]


def test_scaled_positions_are_found_within_half_a_step_of_the_grid():
    maze = create_maze_env("PointMaze").maze
    _, simulation = walked(maze)
    positions = GoalPositions(maze, lambda states: -3.0 * states[..., :2])
    assert not positions.is_exact
    moves = np.array([[1.0, 0.5], [7.0, -1.0], [3.3, 0.9], [8.0, 8.0]])
    found = positions(simulation, -3.0 * moves)
    spacing = maze.robot.cell_size / 8
    assert np.abs(found - simulation.qpos[:, :2] - moves).max() <= spacing / 2 + 1e-6


def test_a_representation_of_one_dimension_is_no_place():
    maze = create_maze_env("PointMaze").maze
    assert not GoalPositions(maze, lambda states: states[..., :1]).is_exact
