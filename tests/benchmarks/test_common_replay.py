import numpy as np

from benchmarks.common_replay import Episodes, Route, explore, segments_of, steer_point
from benchmarks.trot import steer_ant
from environments.batched import BatchedMazeEnvironment
from environments.create_maze_env import create_maze_env
from environments.position_grid import nearest_positions, path_lengths, position_grid

MAZE = create_maze_env("PointMaze").maze
SIDE = MAZE.robot.cell_size


def test_segments_are_pieces_of_episodes():
    states = np.arange(2 * 25 * 3, dtype=np.float32).reshape(2, 25, 3)
    actions = np.arange(2 * 24 * 2, dtype=np.float32).reshape(2, 24, 2)
    found = segments_of(Episodes(states, actions, states[..., :2]), 5)
    assert len(found.next_states) == 2 * 4  # the last 4 steps make no whole segment
    for i, (episode, start) in enumerate((e, t) for e in range(2) for t in range(0, 20, 5)):
        np.testing.assert_array_equal(found.low_states[i], states[episode, start : start + 5])
        np.testing.assert_array_equal(found.low_actions[i], actions[episode, start : start + 5])
        np.testing.assert_array_equal(found.next_states[i], states[episode, start + 5])


def test_ways_lead_along_the_corridor_and_never_through_walls():
    route, rng = Route(MAZE.layout, SIDE), np.random.default_rng(0)
    xy, targets = route.draw(60, rng), route.draw(60, rng)
    assert not MAZE.layout.is_wall(xy, SIDE).any()
    grid = position_grid(MAZE.layout, SIDE)
    whole = path_lengths(grid, nearest_positions(grid, xy))
    ways = route.way(xy, targets)
    for i, (start, way, target) in enumerate(zip(xy, ways, targets)):
        along = start + np.linspace(0, 1, 50)[:, None] * way
        assert not MAZE.layout.is_wall(along, SIDE).any()
        # What is left after the first piece and the piece itself are about the whole way:
        # the middle of the next cell is no great detour.
        after = path_lengths(grid, nearest_positions(grid, along[-1:]))[0]
        at = nearest_positions(grid, target[None])[0]
        assert after[at] + np.linalg.norm(way) < whole[i, at] * 1.1 + SIDE


def test_a_point_explores_the_whole_corridor_from_everywhere():
    episodes = explore(MAZE, steer_point, 12, seed=3)
    assert episodes.states.shape == (12, 501, 7) and episodes.actions.shape == (12, 500, 2)
    np.testing.assert_allclose(episodes.states[..., :2], episodes.xy, atol=1e-6)
    cells = {tuple(cell) for cell in np.stack(MAZE.layout.cell_at(episodes.xy.reshape(-1, 2), SIDE), -1)}
    assert cells == {(1, 1), (1, 2), (1, 3), (2, 3), (3, 3), (3, 2), (3, 1)}
    # It goes far in every episode, and episodes begin in different cells.
    assert np.all(np.linalg.norm(np.diff(episodes.xy, axis=1), axis=-1).sum(axis=1) > 15)
    assert len({tuple(cell) for cell in np.stack(MAZE.layout.cell_at(episodes.xy[:, 0], SIDE), -1)}) > 3
    again = explore(MAZE, steer_point, 12, seed=3)
    np.testing.assert_array_equal(again.states, episodes.states)
    low, high = MAZE.action_low, MAZE.action_high
    assert np.all((episodes.actions >= low) & (episodes.actions <= high))


def test_an_ant_walks_in_every_direction():
    """In the middle of an open room, of which it does not see the blocks."""
    maze = create_maze_env("AntBlock").maze
    env = BatchedMazeEnvironment(maze, 12, seed=0)
    env.reset()
    qpos, qvel = env.simulation.qpos, env.simulation.qvel
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    ways = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    first = qpos[:, :2].copy()
    env._qpos[:, :2] += 8.0
    for step in range(60):
        qpos, qvel = env._qpos, env._qvel
        time = np.full([12, 1], 0.001 * step)
        states = np.concatenate([qpos[:, :15], qvel[:, :14], time], axis=1)
        env.step(np.clip(steer_ant(states, ways), maze.action_low, maze.action_high))
    walked = np.sum((env._qpos[:, :2] - first - 8.0) * ways, axis=1)
    assert np.all(walked > 3.0), walked


def test_an_ant_explores_several_cells():
    maze = create_maze_env("AntMaze").maze
    episodes = explore(maze, steer_ant, 6, seed=1)
    assert np.all(np.linalg.norm(np.ptp(episodes.xy, axis=1), axis=1) > 8)
    assert not maze.layout.is_wall(episodes.xy, maze.robot.cell_size).any()
