"""Mazes of a user's own: rows of characters, checked, and targets in them.

Every mistake is a ValueError of one line that names the binding, the place and what is allowed.
"""

import math
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from environments.layouts import FLOOR, START, WALL, Layout
from environments.robots import Robot

NAME = "OwnMaze"
_TOKENS = {WALL: WALL, FLOOR: FLOOR, ".": FLOOR, START: START}
_CHARACTERS = "1 (wall), 0 or . (floor), r (start)"
_EXAMPLE = "a list of rows, e.g. ['11111', '1r..1', '11111'], or the path of a text file"
_MOST_BYTES = 100_000
_FARTHEST = 100.0  # metres: as far as the point drives
_LARGEST_CELL = 40.0  # metres


def rows_of(layout: Any) -> list[str]:
    """The rows of a layout as it is bound, not checked yet.

    Args:
      layout: a list of texts, or the path of a text file with a row in each line.

    Raises:
      ValueError: neither of both, or a file that cannot be read.
    """
    if isinstance(layout, str):
        return _lines_of(layout)
    if not isinstance(layout, (list, tuple)) or not all(isinstance(row, str) for row in layout):
        raise ValueError(f"create_maze_env.layout = {layout!r:.100}; allowed: {_EXAMPLE}")
    return list(layout)


def _lines_of(path):
    try:
        file = pathlib.Path(os.path.expanduser(path))
        if not file.is_file():  # a device may have no end
            raise ValueError("no such file")
        if file.stat().st_size > _MOST_BYTES:
            raise ValueError(f"more than {_MOST_BYTES:,} bytes")
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeError:
        raise ValueError(
            f"create_maze_env.layout = {path!r}: not text in UTF-8; allowed: {_EXAMPLE}"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"create_maze_env.layout = {path!r:.200}: {reason}; allowed: {_EXAMPLE}") from None
    return ["".join(line.split()) for line in lines if line.strip()]


def own_layout(layout: Any) -> Layout:
    """A checked layout of walls, floor and one start; blanks within rows do not count.

    Args:
      layout: see `rows_of`.

    Raises:
      ValueError: unknown characters, rows of unequal length, not one start, or an open edge.
    """
    rows = ["".join(row.split()) for row in rows_of(layout)]
    if not rows:
        raise ValueError(f"create_maze_env.layout has no rows; allowed: {_EXAMPLE}")
    for number, row in enumerate(rows, start=1):
        for column, character in enumerate(row, start=1):
            if character not in _TOKENS:
                raise ValueError(
                    f"create_maze_env.layout: row {number}, column {column} is {character!r}; allowed:"
                    f" {_CHARACTERS}"
                )
        if len(row) != len(rows[0]):
            raise ValueError(
                f"create_maze_env.layout: row {number} has {len(row)} cells and row 1 has {len(rows[0])};"
                " allowed: rows of one length"
            )
    starts = sum(row.count(START) for row in rows)
    if starts != 1:
        raise ValueError(f"create_maze_env.layout has {starts} start cells (r); allowed: exactly one")
    _check_closed(rows)
    return Layout(NAME, tuple(tuple(_TOKENS[character] for character in row) for row in rows))


def _check_closed(rows):
    for number, row in enumerate(rows, start=1):
        is_edge = number in (1, len(rows))
        for column, character in enumerate(row, start=1):
            if (is_edge or column in (1, len(row))) and character != WALL:
                raise ValueError(
                    f"create_maze_env.layout: row {number}, column {column} at the edge is {character!r};"
                    f" allowed: walls ({WALL}) all around"
                )


def check_cell_size(cell_size: Any, robot: type[Robot]) -> None:
    """Raises a ValueError for a size in which the robot does not fit, or that is none."""
    least = robot.least_cell_size
    is_number = isinstance(cell_size, (int, float)) and not isinstance(cell_size, bool)
    if not is_number or not least <= cell_size <= _LARGEST_CELL:
        raise ValueError(
            f"create_maze_env.cell_size = {cell_size!r}; allowed: {least:g} to {_LARGEST_CELL:g} (metres)"
        )


def check_extent(layout: Layout, cell_size: float) -> None:
    """Raises a ValueError for a maze with a corner that is too far from its start."""
    row, column = layout.start_cells[0]
    cells = max(row, column, len(layout.cells) - 1 - row, len(layout.cells[0]) - 1 - column) + 0.5
    if cells * cell_size > _FARTHEST:
        raise ValueError(
            f"create_maze_env.layout reaches {cells * cell_size:g} m from its start with cells of"
            f" {cell_size:g} m; allowed: up to {_FARTHEST:g} m"
        )


def checked_places(name: str, places: Any, layout: Layout, cell_size: float) -> np.ndarray:
    """Targets as float32 [n, 2].

    Args:
      name: of the parameter, for messages.
      places: a list of (x, y), metres from the start.
      layout, cell_size: of the maze.

    Raises:
      ValueError: not such a list, or a place in a wall or that cannot be reached.
    """
    if not isinstance(places, (list, tuple)) or not places or not all(map(_is_place, places)):
        raise ValueError(
            f"create_maze_env.{name} = {places!r:.200}; allowed: a list of places, e.g. [[8, 0], [8, 8]],"
            " metres from the start"
        )
    for number, place in enumerate(places):
        fault = fault_of(place, layout, cell_size)
        if fault:
            raise ValueError(
                f"create_maze_env.{name}[{number}] = {list(place)} {fault}; allowed: places in free cells"
                " that can be reached from the start"
            )
    return np.array(places, np.float32)


def fault_of(place: Sequence[float], layout: Layout, cell_size: float) -> str:
    """What is wrong with a place (x, y), metres, as a target: "is in a wall"; "" is nothing."""
    row, column = (int(index) for index in layout.cell_at(np.array(place[:2], np.float64), cell_size))
    if not (0 <= row < len(layout.cells) and 0 <= column < len(layout.cells[0])):
        return "is outside the maze"
    if layout.cells[row][column] == WALL:
        return "is in a wall"
    return "" if (row, column) in layout.reachable_cells else "cannot be reached from the start"


def _is_place(place):
    is_number = lambda x: isinstance(x, (int, float)) and not isinstance(x, bool) and abs(x) < math.inf
    return isinstance(place, (list, tuple)) and len(place) == 2 and all(map(is_number, place))
