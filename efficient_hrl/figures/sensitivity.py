"""How much a representation changes when the robot or a block is somewhere else.

NORL (arXiv 1810.01257), Figure 4: on AntBlockMaze the learned representation is more
sensitive to the block's position than to the ant's.  Here positions are moved in the
simulation and observed anew, so that it works for whatever f looks at: coordinates,
range sensors or a top-down view.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from environments.maze import Maze
from environments.placing import Simulation, moved_block, moved_robot, observe

STEP = 0.01  # metres, of the finite differences


class Movable(NamedTuple):
    """Something with a position.

    Attributes:
      name: "ant", "point", "block", or "block 1", ...
      axes: the coordinates that it can change, of 0, 1, 2 for x, y, z.
      moved: from a simulation and a shift [..., 3] in metres to a simulation.
    """

    name: str
    axes: tuple[int, ...]
    moved: Callable[[Simulation, np.ndarray], Simulation]

    @property
    def label(self) -> str:
        """Name and coordinates, e.g. "block x, y"."""
        return f"{self.name} {', '.join('xyz'[axis] for axis in self.axes)}"


def movables(maze: Maze) -> list[Movable]:
    """The robot (x, y) and every movable block (its free axes)."""
    robot = Movable(maze.robot.name.lower(), (0, 1), lambda *at: moved_robot(maze, *at))
    found = [robot]
    for number, (block, block_id) in enumerate(zip(maze.layout.blocks, maze.block_ids), start=1):
        name = "block" if len(maze.block_ids) == 1 else f"block {number}"
        move = lambda simulation, shift, block_id=block_id: moved_block(simulation, block_id, shift)
        found.append(Movable(name, tuple("XYZ".index(axis) for axis in block.axes), move))
    return found


def position_jacobian(
    f: Callable[[np.ndarray], np.ndarray],
    maze: Maze,
    simulation: Simulation,
    movable: Movable,
    step: float = STEP,
) -> np.ndarray:
    """df / d(position) by central differences, [..., G, axes], embedding units per metre.

    Args:
      f: from observations [..., S] to embeddings [..., G].
      maze: the definition.
      simulation: where everything is, [...].
      movable: what is moved.
      step: h of (f(position + h) - f(position - h)) / 2 h, metres.
    """
    columns = []
    for axis in movable.axes:
        shift = step * np.eye(3)[axis]
        after, before = (
            f(observe(maze, movable.moved(simulation, sign * shift))).astype(np.float64) for sign in (1, -1)
        )
        columns.append((after - before) / (2 * step))
    return np.stack(columns, axis=-1)


def sensitivity(jacobian: np.ndarray) -> np.ndarray:
    """Frobenius norm of Jacobians, [..., G, axes] -> [...], embedding units per metre."""
    return np.linalg.norm(jacobian, axis=(-2, -1))
