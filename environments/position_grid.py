"""A fine grid of positions over the free cells of a maze, and path lengths along it.

What "near" means in a corridor: two places on both sides of a wall are near as the
crow flies, and far for a robot.
"""

import heapq
from typing import NamedTuple

import numpy as np

from environments.layouts import CHASM, WALL, Layout

POSITIONS_PER_CELL = 12  # along each edge

# Half of the eight neighbours: the others are the same pairs from the other end.
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))


class PositionGrid(NamedTuple):
    """Positions and which of them are neighbours.

    Attributes:
      xy: metres, float64 [n, 2], row by row.
      edges: pairs of neighbours, int64 [m, 2], each pair once; straight and diagonal.
      lengths: of the edges, metres, [m].
    """

    xy: np.ndarray
    edges: np.ndarray
    lengths: np.ndarray


def position_grid(layout: Layout, cell_size: float, per_cell: int = POSITIONS_PER_CELL) -> PositionGrid:
    """The positions of a regular grid that lie neither in a wall nor over a chasm.

    Movable blocks can be pushed away, so that where they begin is free.  No edge cuts
    the corner of a wall: a diagonal one needs both positions beside it.

    Args:
      layout: the maze.
      cell_size: side of a cell, metres.
      per_cell: positions along an edge of a cell; they are cell_size / per_cell apart.
    """
    tokens = np.repeat(np.repeat(np.array(layout.cells), per_cell, axis=0), per_cell, axis=1)
    free = (tokens != WALL) & (tokens != CHASM)
    number = np.where(free, np.cumsum(free).reshape(free.shape) - 1, -1)
    rows, columns = np.nonzero(free)
    corner = layout.centre((0, 0), cell_size) - cell_size / 2
    spacing = cell_size / per_cell
    xy = corner + spacing * (np.stack([columns, rows], axis=-1) + 0.5)
    edges, lengths = [], []
    padded = np.pad(number, 1, constant_values=-1)
    at = lambda down, right: padded[rows + 1 + down, columns + 1 + right]
    for down, right in _STEPS:
        other = at(down, right)
        joined = (other >= 0) & (at(down, 0) >= 0) & (at(0, right) >= 0)
        edges.append(np.stack([number[rows, columns], other], axis=-1)[joined])
        lengths.append(np.full(joined.sum(), spacing * np.hypot(down, right)))
    return PositionGrid(xy, np.concatenate(edges), np.concatenate(lengths))


def path_lengths(grid: PositionGrid, sources: np.ndarray) -> np.ndarray:
    """Lengths of the shortest paths along the grid, metres, [k, n]; inf where there is none.

    Dijkstra's algorithm.  With eight neighbours a path is at most 8.3 % longer than the
    shortest one in the plane.

    Args:
      grid: n positions.
      sources: numbers of the positions in which paths begin, int [k].
    """
    neighbours = [[] for _ in grid.xy]
    for (left, right), length in zip(grid.edges.tolist(), grid.lengths.tolist()):
        neighbours[left].append((right, length))
        neighbours[right].append((left, length))
    found = np.full([len(sources), len(grid.xy)], np.inf)
    for row, source in zip(found, np.asarray(sources).tolist()):
        known = [np.inf] * len(grid.xy)
        known[source] = 0.0
        queue = [(0.0, source)]
        while queue:
            distance, position = heapq.heappop(queue)
            if distance > known[position]:
                continue
            for other, length in neighbours[position]:
                if distance + length < known[other]:
                    known[other] = distance + length
                    heapq.heappush(queue, (distance + length, other))
        row[:] = known
    return found


def nearest_positions(grid: PositionGrid, xy: np.ndarray) -> np.ndarray:
    """Numbers of the grid's positions nearest to `xy` [k, 2], int64 [k]."""
    squares = np.square(np.asarray(xy)[:, None, :] - grid.xy).sum(axis=-1)
    return np.argmin(squares, axis=1)
