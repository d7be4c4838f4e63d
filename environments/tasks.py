"""What is to be reached in each maze: targets to train on, targets to evaluate at.

Positions are in units of a cell, so that every robot has the same tasks; for
the ant (cells of 8 m) they are the targets of HIRO and NORL.
"""

import dataclasses

import numpy as np

from environments.layouts import BLOCK, BLOCK_MAZE, FALL, MAZE, PUSH, Layout
from environments.robots import Robot

SUCCESS_DISTANCE = 5.0  # metres, HIRO's and NORL's


@dataclasses.dataclass(frozen=True)
class Task:
    """Targets in one maze for one robot.

    Attributes:
      indices: entries of an observation that are to reach the target.
      low, high: range of training targets, metres, float32 [d].
      evaluation_targets: float32 [n, d].
    """

    indices: tuple[int, ...]
    low: np.ndarray
    high: np.ndarray
    evaluation_targets: np.ndarray

    def achieved(self, observation: np.ndarray) -> np.ndarray:
        """What has been reached, float32 [..., d], from observations [..., S]."""
        return observation[..., self.indices]


# Range (minimum, maximum) and evaluation targets in cells; x, y and, in Fall, z.
_TARGETS = {
    MAZE: (((-0.5, -0.5), (2.5, 2.5)), ((2, 0), (2, 2), (0, 2))),
    PUSH: (((-2, -0.5), (2, 2.5)), ((0, 2.375),)),
    FALL: (((-0.5, -0.5, 0), (1.5, 3.5, 0.625)), ((0, 3.375, 0.5625),)),
    BLOCK: (((-0.5, -0.5), (2.5, 2.5)), ((2, 0), (2, 2), (0, 2))),
    BLOCK_MAZE: (((-0.5, -0.5), (1.5, 2.5)), ((1, 0), (1, 2), (0, 2))),
}


def task_for(layout: Layout, robot: Robot) -> Task:
    """The task of a layout for a robot.

    In Block tasks a block is to be brought to the target.  A layout that is not
    known here has targets all over its grid and none to evaluate at.
    """
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


def _extent(layout):
    rows, columns = len(layout.cells), len(layout.cells[0])
    row, column = layout.start_cells[0]
    return (-column - 0.5, -row - 0.5), (columns - column - 0.5, rows - row - 0.5)
