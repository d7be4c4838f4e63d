"""Where in a maze a goal is: the position at which the robot's embedding would be the goal.

A goal g of a state s asks for the embedding f(s) + g.  Where f is the robot's x, y that is a
place; in a learned space it is the place, among those of a grid, at which f comes nearest.
"""

from collections.abc import Callable

import numpy as np

from environments.maze import Maze
from environments.placing import Simulation, at_rest, moved_robot, observe
from environments.position_grid import position_grid

_PER_CELL = 8  # positions of the grid along the edge of a cell
_SHIFTS = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-0.5, 0.25, 0.0]])  # metres


class GoalPositions:
    """Finds positions for goals.

    Attributes:
      is_exact: whether the first two dimensions of f are the robot's x and y up to a constant,
        so that goals are places by themselves.
    """

    def __init__(self, maze: Maze, f: Callable[[np.ndarray], np.ndarray]):
        """Looks at f once.

        Args:
          maze: the definition.
          f: from states [..., S] to embeddings [..., at least G], numpy.
        """
        self._maze = maze
        self._f = f
        self._xy = position_grid(maze.layout, maze.robot.cell_size, _PER_CELL).xy
        start = at_rest(maze, np.zeros([1, 2]))
        moved = self._embedded(start, _SHIFTS)[0] - f(observe(maze, start))
        self.is_exact = moved.shape[-1] >= 2 and np.allclose(moved[:, :2], _SHIFTS[:, :2], atol=1e-4)

    def __call__(self, simulation: Simulation, goals: np.ndarray) -> np.ndarray:
        """Positions for goals, metres, [n, 2].

        Posture, velocities and blocks stay as they are while the robot is thought elsewhere.

        Args:
          simulation: n states in which the goals are pursued.
          goals: changes of f that are asked for, [n, G].
        """
        here = simulation.qpos[:, :2]
        if self.is_exact:
            return here + goals[:, :2]
        size = goals.shape[-1]
        found = np.empty([len(goals), 2])
        for i, goal in enumerate(goals):
            own = Simulation(*(part[i : i + 1] for part in simulation))
            shifts = np.pad(self._xy - here[i], [(0, 0), (0, 1)])
            wanted = self._f(observe(self._maze, own))[0, :size] + goal
            misses = self._embedded(own, shifts)[0][:, :size] - wanted
            found[i] = self._xy[np.argmin(np.square(misses).sum(axis=-1))]
        return found

    def _embedded(self, simulation, shifts):
        """f with the robot shifted by each of `shifts` [m, 3], [n, m, G]."""
        tiled = Simulation(
            *(np.repeat(np.asarray(part)[:, None], len(shifts), axis=1) for part in simulation)
        )
        return self._f(observe(self._maze, moved_robot(self._maze, tiled, shifts)))
