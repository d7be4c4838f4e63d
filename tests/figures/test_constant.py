"""What is a constant, and that its picture is left out while its numbers are written."""

import csv

import numpy as np
import pytest

from efficient_hrl.figures.constant import is_constant
from efficient_hrl.figures.files import figures_kept, leave_out
from efficient_hrl.figures.run_figures import draw_curves, draw_exploration, draw_representation
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
    (tmp_path / "sensitivity.png").touch()  # of an earlier time, as the next two
    (tmp_path / "sensitivity_shifted.png").touch()
    (tmp_path / "representation_grid.png").touch()
    lines = []
    written = {path.name for path in draw_representation(subject, tmp_path, lines.append)}
    pictures = {name.replace(".csv", ".png") for name in TABLES - {"representation_numbers.csv"}}
    assert written == TABLES | (pictures - missing)
    assert {path.name for path in tmp_path.iterdir()} == written
    assert len(lines) == len(said) and all(a.startswith(b) for a, b in zip(lines, said)), lines


METRICS_ROW = {
    "env_steps": 1_000,
    "high_episode_return": -5.0,
    "representation_bound": -0.5,
    "representation_kl": 2.0,
    "relabel_stored": 0.2,
    "relabel_reached": 0.3,
    "relabel_sampled": 0.5,
}
DRAWN = {"representation_bound.png", "representation_bound.csv", "relabelling.png", "relabelling.csv"}


def drawn_from(rows, root):
    """What of `DRAWN` is there after drawing a run with these rows of metrics.csv."""
    with open(root / "metrics.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, METRICS_ROW)
        writer.writeheader()
        writer.writerows(rows)
    list(draw_curves(root, lambda line: None))
    list(draw_exploration(root, None, None, 10, lambda line: None))
    return DRAWN & {path.name for path in (root / "plots").iterdir()}


def test_what_has_become_constant_is_not_left_from_an_earlier_time(tmp_path):
    (tmp_path / "plots").mkdir()
    same = METRICS_ROW | {"env_steps": 2_000}
    assert drawn_from([METRICS_ROW], tmp_path) == DRAWN
    assert drawn_from([METRICS_ROW, same], tmp_path) == set()
    other = same | {"representation_kl": 1.0, "relabel_stored": 0.1, "relabel_sampled": 0.6}
    assert drawn_from([METRICS_ROW, other], tmp_path) == DRAWN
    assert drawn_from([], tmp_path) == DRAWN  # nothing is known of them


def test_figures_for_a_notebook_leave_files_alone(tmp_path):
    kept = tmp_path / "sensitivity.png"
    kept.touch()
    with figures_kept():
        leave_out(kept)
    assert kept.exists()
    leave_out(kept)
    assert not kept.exists()
