"""Maze layouts: small grids of cells, and where those cells lie in the world.

A layout is a picture.  Each token is one square cell:

    1   wall            0   floor            r   floor, the robot starts here

Rows grow along +y and columns along +x.  The start cell is the world's origin,
so a position in a maze reads as "how far from the start".
"""

import dataclasses

import numpy as np

WALL = "1"
FLOOR = "0"
START = "r"


@dataclasses.dataclass(frozen=True)
class Layout:
    """A maze as a rectangular grid of tokens.

    Attributes:
      name: the maze's part of an environment name, e.g. "Maze".
      cells: rows of tokens; every row has the same length.
    """

    name: str
    cells: tuple[tuple[str, ...], ...]

    @property
    def start_cells(self) -> tuple[tuple[int, int], ...]:
        """(row, column) of every cell in which an episode may begin, in reading order."""
        return tuple(
            (i, j) for i, row in enumerate(self.cells) for j, token in enumerate(row) if token == START
        )

    def cells_of(self, token: str) -> tuple[tuple[int, int], ...]:
        """(row, column) of every cell that holds `token`, in reading order."""
        return tuple((i, j) for i, row in enumerate(self.cells) for j, t in enumerate(row) if t == token)

    def centre(self, cell: tuple[int, int], cell_size: float) -> np.ndarray:
        """World (x, y) of a cell's centre; the first start cell is the origin."""
        row, column = cell
        start_row, start_column = self.start_cells[0]
        return cell_size * np.array([column - start_column, row - start_row], np.float64)

    def cell_at(self, xy: np.ndarray, cell_size: float) -> tuple[np.ndarray, np.ndarray]:
        """Row and column indices of the cells that contain positions `xy` [..., 2].

        Positions outside the grid get indices outside it.
        """
        start_row, start_column = self.start_cells[0]
        index = np.floor(np.asarray(xy) / cell_size + 0.5).astype(np.int64)
        return index[..., 1] + start_row, index[..., 0] + start_column

    def is_wall(self, xy: np.ndarray, cell_size: float) -> np.ndarray:
        """Whether positions `xy` [..., 2] lie inside a wall cell, bool [...].

        Outside the grid there is no wall.
        """
        walls = np.pad(np.array(self.cells) == WALL, 1)
        rows, columns = self.cell_at(xy, cell_size)
        rows = np.clip(rows + 1, 0, walls.shape[0] - 1)
        columns = np.clip(columns + 1, 0, walls.shape[1] - 1)
        return walls[rows, columns]


def _layout(name: str, picture: str) -> Layout:
    return Layout(name, tuple(tuple(line.split()) for line in picture.strip().splitlines()))


MAZE = _layout(
    "Maze",
    """
    1 1 1 1 1
    1 r 0 0 1
    1 1 1 0 1
    1 0 0 0 1
    1 1 1 1 1
    """,
)

LAYOUTS = {layout.name: layout for layout in (MAZE,)}
