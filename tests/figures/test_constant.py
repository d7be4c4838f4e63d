"""What is a constant, and that its picture is left out while its numbers are written."""

import numpy as np
import pytest

from efficient_hrl.figures.constant import is_constant
from efficient_hrl.figures.run_figures import draw_representation
from efficient_hrl.figures.subject import Subject
from environments.create_maze_env import create_maze_env
from tests.figures.test_every_representation import trajectories

TABLES = {
    "representation_trajectories.csv",
    "representation_grid.csv",
    "representation_numbers.csv",
    "sensitivity.csv",
    "sensitivity_shifted.csv",
}
GRID = "no picture of f over the maze: it is the same at all "
ALWAYS = "no picture of sensitivity to position: f always changes as much per metre: "
SHIFTED = "no picture of shifted positions: f is the same in all directions for ant x, y, block x, y"


@pytest.mark.parametrize(
    "values, within, expected",
    [
        ([[1.0, 2.0], [1.0, 2.0]], 0.0, True),
        ([[1.0, 2.0], [1.0, 2.5]], 0.0, False),
        ([[1.0, 2.0], [1.0, 2.5]], 0.5, True),
        ([[1.0], [0.0], [1.0]], 0.5, False),
        ([[1.0, 2.0]], 9.0, False),  # of one row it is not known
        ([0.0, 0.0, 0.0], 0.0, True),
    ],
)
def test_what_is_a_constant(values, within, expected):
    assert is_constant(np.array(values), within) is expected


@pytest.mark.parametrize(
    "f, missing, said",
    [
        (
            lambda states: np.float32([3.0, -1.0]) + 0 * states[..., :2],
            {"representation_grid.png", "sensitivity.png", "sensitivity_shifted.png"},
            [GRID, ALWAYS + "ant x, y 0, block x, y 0", SHIFTED],
        ),
        (
            lambda states: 2 * states[..., :2],
            {"sensitivity.png"},
            [ALWAYS + "ant x, y 2.83, block x, y 0"],
        ),
        (lambda states: states[..., 3:5], {"representation_grid.png", "sensitivity.png"}, [GRID, ALWAYS]),
        (lambda states: states[..., :2] ** 2, set(), []),
    ],
)
def test_pictures_of_constants_are_left_out_and_said(f, missing, said, tmp_path):
    maze = create_maze_env("AntBlockMaze").maze
    subject = Subject("run", 1_000, f, maze, trajectories(maze, True), True)
    lines = []
    written = {path.name for path in draw_representation(subject, tmp_path, lines.append)}
    pictures = {name.replace(".csv", ".png") for name in TABLES - {"representation_numbers.csv"}}
    assert written == TABLES | (pictures - missing)
    assert {path.name for path in tmp_path.iterdir()} == written
    assert len(lines) == len(said) and all(a.startswith(b) for a, b in zip(lines, said)), lines
