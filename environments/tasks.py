"""What is to be reached in each maze: targets to train on, targets to evaluate at.

Positions are in units of a cell, so that every robot has the same tasks; for
the ant (cells of 8 m) they are the targets of HIRO and NORL.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from environments.layouts import BLOCK, BLOCK_MAZE, FALL, MAZE, MAZE_LARGE, MAZE_MEDIUM, PUSH, Layout
from environments.robots import Robot

SUCCESS_DISTANCE = 5.0  # metres, HIRO's and NORL's
EPISODE_STEPS = 500
D4RL_EPISODE_STEPS = 1000


class Places(NamedTuple):
    """Where training targets are drawn: uniformly in a square around one of the centres.

    Attributes:
      centres: metres, float32 [n, 2].
      half_width: of the squares, metres.
    """

    centres: np.ndarray
    half_width: float


@dataclasses.dataclass(frozen=True)
class Task:
    """Targets in one maze for one robot.

    Attributes:
      indices: entries of an observation that are to reach the target.
      low, high: range of training targets, metres, float32 [d].
      evaluation_targets: float32 [n, d].
      places: where in that range they are drawn; None is all of it.
      episode_steps: environment steps of an episode.
    """

    indices: tuple[int, ...]
    low: np.ndarray
    high: np.ndarray
    evaluation_targets: np.ndarray
    places: Places | None = None
    episode_steps: int = EPISODE_STEPS

    def achieved(self, observation: np.ndarray) -> np.ndarray:
        """What has been reached, float32 [..., d], from observations [..., S]."""
        return observation[..., self.indices]

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draws training targets, in walls too where there are no `places`; float64 [count, d]."""
        if self.places is None:
            return rng.uniform(self.low, self.high, (count, len(self.low)))
        centres, half_width = self.places
        around = rng.uniform(-half_width, half_width, (count, centres.shape[1]))
        return centres[rng.integers(len(centres), size=count)] + around


# Range (minimum, maximum) and evaluation targets in cells; x, y and, in Fall, z.
_TARGETS = {
    MAZE: (((-0.5, -0.5), (2.5, 2.5)), ((2, 0), (2, 2), (0, 2))),
    PUSH: (((-2, -0.5), (2, 2.5)), ((0, 2.375),)),
    FALL: (((-0.5, -0.5, 0), (1.5, 3.5, 0.625)), ((0, 3.375, 0.5625),)),
    BLOCK: (((-0.5, -0.5), (2.5, 2.5)), ((2, 0), (2, 2), (0, 2))),
    BLOCK_MAZE: (((-0.5, -0.5), (1.5, 2.5)), ((1, 0), (1, 2), (0, 2))),
}
# In cells, the last one D4RL's; the others are goals of its maps with several goals, nearer to the start.
_D4RL_TARGETS = {
    MAZE_MEDIUM: ((0, 4), (5, 1), (5, 5)),
    MAZE_LARGE: ((4, 2), (5, 6), (8, 6)),
}


def task_for(layout: Layout, robot: Robot) -> Task:
    """The task of a layout for a robot.

    In Block tasks a block is to be brought to the target.  A layout that is not
    known here has targets all over its grid and none to evaluate at.
    """
    if layout in _D4RL_TARGETS:
        targets = robot.cell_size * np.array(_D4RL_TARGETS[layout], np.float32)
        return own_task(layout, robot, None, targets, D4RL_EPISODE_STEPS)
    limits, targets = _TARGETS.get(layout) or (_extent(layout), ())
    # The robot's own x, y, z come first, a block's after them; a robot that cannot
    # leave the ground has no z.
    dims = len(limits[0]) if robot.has_height else 2
    first = 3 if layout.observes_blocks else 0
    scale = lambda values: (
        robot.cell_size * np.array(values, np.float32).reshape(-1, len(limits[0]))[:, :dims]
    )
    low, high = scale(limits)
    return Task(tuple(range(first, first + dims)), low, high, scale(targets))


def own_task(
    layout: Layout,
    robot: Robot,
    training_targets: Sequence[Sequence[float]] | None = None,
    evaluation_targets: Sequence[Sequence[float]] = (),
    episode_steps: int = EPISODE_STEPS,
) -> Task:
    """The task of reaching places, x and y of the robot, in a layout of walls alone.

    Args:
      layout: the maze.
      robot: whose cells it has.
      training_targets: metres [n, 2], one of which is drawn; None is anywhere in the cells that can
        be reached from the start.
      evaluation_targets: metres [n, 2].
      episode_steps: environment steps of an episode.
    """
    side = robot.cell_size
    of_cells = np.array([layout.centre(cell, side) for cell in sorted(layout.reachable_cells)], np.float32)
    places = Places(of_cells, side / 2)
    if training_targets is not None:
        places = Places(np.array(training_targets, np.float32).reshape(-1, 2), 0.0)
    low, high = of_cells.min(axis=0) - side / 2, of_cells.max(axis=0) + side / 2
    evaluation_targets = np.array(evaluation_targets, np.float32).reshape(-1, 2)
    return Task((0, 1), low, high, evaluation_targets, places, episode_steps)


def _extent(layout):
    rows, columns = len(layout.cells), len(layout.cells[0])
    row, column = layout.start_cells[0]
    return (-column - 0.5, -row - 0.5), (columns - column - 0.5, rows - row - 0.5)
