"""Maze layouts: small grids of cells, and where those cells lie in the world.

A layout is a picture.  Each token is one square cell:

    1   wall            0   floor            r   floor, the robot starts here
    C   chasm           S   start cell that also holds a small spinning block
    XY, YZ, ...  floor with a movable block; the letters are its free axes

Rows grow along +y and columns along +x.  The start cell is the world's origin,
so a position in a maze reads as "how far from the start".
"""

import dataclasses
import functools
import itertools

import numpy as np

WALL = "1"
FLOOR = "0"
CHASM = "C"
START = "r"
START_WITH_BLOCK = "S"
MOVABLE = tuple("".join(axes) for n in (1, 2, 3) for axes in itertools.combinations("XYZ", n))


@dataclasses.dataclass(frozen=True)
class Block:
    """A box that can be moved.

    Attributes:
      cell: (row, column) in which it begins.
      axes: its free axes, letters of "XYZ" in this order.
      spins: whether it is small and turns freely as well.
    """

    cell: tuple[int, int]
    axes: str
    spins: bool

    @property
    def falls(self) -> bool:
        """Whether it moves along z."""
        return "Z" in self.axes


@dataclasses.dataclass(frozen=True)
class Layout:
    """A maze as a rectangular grid of tokens.

    Attributes:
      name: the maze's part of an environment name, e.g. "Maze".
      cells: rows of tokens; every row has the same length.
      observes_blocks: whether observations hold the positions of the blocks.
    """

    name: str
    cells: tuple[tuple[str, ...], ...]
    observes_blocks: bool = False

    def __post_init__(self):
        allowed = (WALL, FLOOR, CHASM, START, START_WITH_BLOCK, *MOVABLE)
        for token in itertools.chain.from_iterable(self.cells):
            if token not in allowed:
                raise ValueError(f"layout {self.name}: cell {token!r}; allowed: {', '.join(allowed)}")
        if len({len(row) for row in self.cells}) != 1:
            raise ValueError(f"layout {self.name}: rows of unequal length; allowed: a rectangle of cells")
        if not self.start_cells:
            raise ValueError(f"layout {self.name}: no start cell; allowed: one or more of r, S")

    @property
    def start_cells(self) -> tuple[tuple[int, int], ...]:
        """(row, column) of every cell in which an episode may begin, in reading order."""
        return self.cells_of(START, START_WITH_BLOCK)

    @functools.cached_property
    def reachable_cells(self) -> frozenset[tuple[int, int]]:
        """(row, column) of every cell to which a way leads from the first start cell.

        Ways go from cell to neighbouring cell; walls alone are in the way: blocks can be pushed and
        chasms be crossed.
        """
        found, queue = {self.start_cells[0]}, [self.start_cells[0]]
        while queue:
            row, column = queue.pop()
            for cell in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                in_grid = 0 <= cell[0] < len(self.cells) and 0 <= cell[1] < len(self.cells[0])
                if in_grid and cell not in found and self.cells[cell[0]][cell[1]] != WALL:
                    found.add(cell)
                    queue.append(cell)
        return frozenset(found)

    @property
    def is_elevated(self) -> bool:
        """Whether everything stands on platforms, because there is a chasm to fall into."""
        return bool(self.cells_of(CHASM))

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The movable blocks in reading order."""
        blocks = []
        for cell in self.cells_of(START_WITH_BLOCK, *MOVABLE):
            token = self.cells[cell[0]][cell[1]]
            spins = token == START_WITH_BLOCK
            blocks.append(Block(cell, "XY" if spins else token, spins))
        return tuple(blocks)

    def cells_of(self, *tokens: str) -> tuple[tuple[int, int], ...]:
        """(row, column) of every cell that holds one of `tokens`, in reading order."""
        return tuple((i, j) for i, row in enumerate(self.cells) for j, t in enumerate(row) if t in tokens)

    def centre(self, cell: tuple[int, int], cell_size: float) -> np.ndarray:
        """World (x, y) of a cell's centre; the first start cell is the origin."""
        row, column = cell
        start_row, start_column = self.start_cells[0]
        return cell_size * np.array([column - start_column, row - start_row], np.float64)

    def centres_of(self, token: str, cell_size: float) -> np.ndarray:
        """World (x, y) of every cell that holds `token`, [n, 2], in reading order."""
        centres = [self.centre(cell, cell_size) for cell in self.cells_of(token)]
        return np.array(centres, np.float64).reshape(-1, 2)

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
        return self._is(WALL, xy, cell_size, outside=False)

    def is_inside(self, xy: np.ndarray, cell_size: float) -> np.ndarray:
        """Whether positions `xy` [..., 2] lie inside the grid and not in a wall cell, bool [...]."""
        return ~self._is(WALL, xy, cell_size, outside=True)

    def _is(self, token, xy, cell_size, outside):
        marked = np.pad(np.array(self.cells) == token, 1, constant_values=outside)
        rows, columns = self.cell_at(xy, cell_size)
        rows = np.clip(rows + 1, 0, marked.shape[0] - 1)
        columns = np.clip(columns + 1, 0, marked.shape[1] - 1)
        return marked[rows, columns]


def _layout(name: str, picture: str, observes_blocks: bool = False) -> Layout:
    cells = tuple(tuple(line.split()) for line in picture.strip().splitlines())
    return Layout(name, cells, observes_blocks)


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
PUSH = _layout(
    "Push",
    """
    1 1 1  1 1
    1 0 r  1 1
    1 0 XY 0 1
    1 1 0  1 1
    1 1 1  1 1
    """,
)
FALL = _layout(
    "Fall",
    """
    1 1 1  1
    1 r 0  1
    1 0 YZ 1
    1 C C  1
    1 0 0  1
    1 1 1  1
    """,
)
BLOCK = _layout(
    "Block",
    """
    1 1 1 1 1
    1 S 0 0 1
    1 0 0 0 1
    1 0 0 0 1
    1 1 1 1 1
    """,
    observes_blocks=True,
)
BLOCK_MAZE = _layout(
    "BlockMaze",
    """
    1 1 1 1
    1 S 0 1
    1 1 0 1
    1 0 0 1
    1 1 1 1
    """,
    observes_blocks=True,
)

LAYOUTS = {layout.name: layout for layout in (MAZE, PUSH, FALL, BLOCK, BLOCK_MAZE)}

# The medium and the large ant maze of D4RL (arXiv 2004.07219), whose cells have 4 metres.
D4RL_CELL_SIZE = 4.0
MAZE_MEDIUM = _layout(
    "MazeMedium",
    """
    1 1 1 1 1 1 1 1
    1 r 0 1 1 0 0 1
    1 0 0 1 0 0 0 1
    1 1 0 0 0 1 1 1
    1 0 0 1 0 0 0 1
    1 0 1 0 0 1 0 1
    1 0 0 0 1 0 0 1
    1 1 1 1 1 1 1 1
    """,
)
MAZE_LARGE = _layout(
    "MazeLarge",
    """
    1 1 1 1 1 1 1 1 1 1 1 1
    1 r 0 0 0 1 0 0 0 0 0 1
    1 0 1 1 0 1 0 1 0 1 0 1
    1 0 0 0 0 0 0 1 0 0 0 1
    1 0 1 1 1 1 0 1 1 1 0 1
    1 0 0 1 0 1 0 0 0 0 0 1
    1 1 0 1 0 1 0 1 0 1 1 1
    1 0 0 1 0 0 0 1 0 0 0 1
    1 1 1 1 1 1 1 1 1 1 1 1
    """,
)
D4RL_LAYOUTS = {layout.name: layout for layout in (MAZE_MEDIUM, MAZE_LARGE)}
