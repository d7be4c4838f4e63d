"""One replay from which different representations can be learned: a maze explored evenly.

Robots begin in cells drawn at random and follow the corridor to targets drawn at random,
one after the other.  Both are steered by rule, an ant by the gait of `trot`.
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from environments.batched import BatchedMazeEnvironment
from environments.layouts import FLOOR, START, WALL, Layout
from environments.maze import Maze

ACTION_NOISE = 0.1  # standard deviation in units of half the action range
_ARRIVED = 0.25  # in cell sizes
_EPISODE_STEPS = 500


class UnstableError(Exception):
    """A simulation became unstable, so that there are fewer steps than were asked for."""


class Episodes(NamedTuple):
    """What N robots did in T steps.

    Attributes:
      states: float32 [N, T + 1, S].
      actions: float32 [N, T, A].
      xy: true positions, metres, float64 [N, T + 1, 2].
    """

    states: np.ndarray
    actions: np.ndarray
    xy: np.ndarray


class Segments(NamedTuple):
    """Episodes cut into pieces of c steps.

    Attributes:
      low_states: s_t .. s_{t+c-1}, [n, c, S].
      low_actions: a_t .. a_{t+c-1}, [n, c, A].
      next_states: s_{t+c}, [n, S].
    """

    low_states: np.ndarray
    low_actions: np.ndarray
    next_states: np.ndarray


def segments_of(episodes: Episodes, c: int) -> Segments:
    """All whole segments of all episodes, episode by episode."""
    count, steps = episodes.actions.shape[0], episodes.actions.shape[1] // c * c
    pieces = lambda x: x[:, :steps].reshape(count * steps // c, c, -1)
    next_states = episodes.states[:, c : steps + 1 : c]
    return Segments(
        pieces(episodes.states), pieces(episodes.actions), next_states.reshape(count * steps // c, -1)
    )


def explore(maze: Maze, steer: Callable, num_episodes: int, seed: int) -> Episodes:
    """Explores a maze.

    Args:
      maze: the task's, of walls alone; robots begin in any of its free cells.
      steer: (states [N, S], ways to where the robot is to go, metres, [N, 2]) -> actions [N, A].
      num_episodes: N, of 500 steps.
      seed: of first states, targets and noise.

    Raises:
      UnstableError: an episode broke off.
    """
    everywhere = Maze(_starts_anywhere(maze.layout), maze.robot, maze.num_rays, maze.has_view)
    env = BatchedMazeEnvironment(everywhere, num_episodes, seed, episode_steps=_EPISODE_STEPS)
    rng = np.random.default_rng(seed)
    route = Route(maze.layout, maze.robot.cell_size)
    low, high = maze.action_low, maze.action_high
    observation = env.reset().observation
    position = lambda: env.simulation.qpos[:, :2]
    targets = route.draw(num_episodes, rng)
    states, actions, places = [observation], [], [position()]
    for _ in range(_EPISODE_STEPS):
        arrived = np.linalg.norm(targets - places[-1], axis=1) < _ARRIVED * maze.robot.cell_size
        targets = np.where(arrived[:, None], route.draw(num_episodes, rng), targets)
        action = np.clip(steer(observation, route.way(places[-1], targets)), low, high)
        noise = ACTION_NOISE * 0.5 * (high - low) * rng.normal(size=action.shape)
        actions.append(np.clip(action + noise, low, high).astype(np.float32))
        observation = env.step(actions[-1]).observation
        states.append(observation)
        places.append(position())
    if env.unstable_episodes:
        raise UnstableError(f"{env.unstable_episodes} of {num_episodes} episodes became unstable")
    return Episodes(*(np.stack(parts, axis=1) for parts in (states, actions, places)))


class Route:
    """Ways along the free cells of a layout."""

    def __init__(self, layout: Layout, cell_size: float):
        """Finds the next cell on the way from every cell to every other."""
        self._layout = layout
        self._side = cell_size
        cells = np.array(layout.cells)
        self._free = [tuple(cell) for cell in np.argwhere(cells != WALL)]
        self._next = {cell: self._towards(cell) for cell in self._free}

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Positions in free cells, away from walls, metres, [count, 2]."""
        cells = [self._free[i] for i in rng.integers(len(self._free), size=count)]
        middles = np.array([self._layout.centre(cell, self._side) for cell in cells])
        return middles + rng.uniform(-0.3, 0.3, size=[count, 2]) * self._side

    def way(self, xy: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """From positions to the targets, or to the middle of the next cell on the way there, [n, 2]."""
        ends = targets.copy()
        cells = [np.stack(self._layout.cell_at(x, self._side), axis=1) for x in (xy, targets)]
        for i, (cell, goal) in enumerate(zip(*(map(tuple, each) for each in cells))):
            following = self._next[goal].get(cell, goal)
            if following != goal:
                ends[i] = self._layout.centre(following, self._side)
        return ends - xy

    def _towards(self, goal):
        """cell -> the next one on the shortest way to `goal`, by breadth-first search."""
        following, queue = {goal: goal}, [goal]
        for cell in queue:
            for step in ((0, 1), (1, 0), (0, -1), (-1, 0)):
                other = (cell[0] + step[0], cell[1] + step[1])
                if other in self._free and other not in following:
                    following[other] = cell
                    queue.append(other)
        return following


def steer_point(states: np.ndarray, ways: np.ndarray) -> np.ndarray:
    """Turns a point towards where it is to go, and drives when it looks there, [N, 2]."""
    heading = states[:, 2]
    turn = np.arctan2(ways[:, 1], ways[:, 0]) - heading
    turn = np.arctan2(np.sin(turn), np.cos(turn))
    return np.stack([np.where(np.abs(turn) < 0.5, 1.0, 0.0), np.clip(turn, -0.25, 0.25)], axis=1)


def _starts_anywhere(layout):
    # The first start cell is the origin; in mazes of walls alone it stays the first in reading order.
    cells = tuple(tuple(START if token == FLOOR else token for token in row) for row in layout.cells)
    everywhere = dataclasses.replace(layout, cells=cells)
    assert everywhere.start_cells[0] == layout.start_cells[0]
    return everywhere
