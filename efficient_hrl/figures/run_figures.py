"""Everything that a run can show, and why it cannot show the rest."""

import pathlib
from collections.abc import Callable, Iterator

from efficient_hrl.comparison.run_summary import EVALUATIONS, METRICS
from efficient_hrl.exploration_maps import read_maps
from efficient_hrl.figures.bound import PICTURE as BOUND_PICTURE
from efficient_hrl.figures.bound import draw_bound, why_no_bound
from efficient_hrl.figures.curves import draw_run
from efficient_hrl.figures.embedding import draw_grid, draw_trajectories, grid_embeddings
from efficient_hrl.figures.files import leave_out
from efficient_hrl.figures.goals import draw_goals, why_no_goals
from efficient_hrl.figures.numbers import numbers_of, save_numbers
from efficient_hrl.figures.position_sensitivity import draw_sensitivity, draw_shifted
from efficient_hrl.figures.relabeling import PICTURE as RELABELING_PICTURE
from efficient_hrl.figures.relabeling import draw_relabeling, why_no_relabeling
from efficient_hrl.figures.subject import Subject
from efficient_hrl.figures.visits import draw_visits, why_no_visits
from efficient_hrl.storage.rows import checked_rows
from efficient_hrl.storage.run_name import run_name
from environments.maze import Maze
from environments.position_grid import position_grid


def draw_curves(root: pathlib.Path, announce: Callable[[str], None]) -> Iterator[pathlib.Path]:
    """Draws what a run's CSV files hold into its folder `plots/`; yields what was written.

    Args:
      root: the run's folder.
      announce: is told what cannot be drawn, and why.
    """
    rows = {name: checked_rows(root / name) for name in (METRICS, EVALUATIONS)}
    yield from draw_run(root)
    for name, found in rows.items():
        if not found:
            announce(f"no curve from {name}: it has no rows yet")
    reason = why_no_bound(rows[METRICS])
    if reason is not None:
        announce(f"no figure of the representation's bound: {reason}")
        _leave_out(rows[METRICS], BOUND_PICTURE, root)
        return
    yield from draw_bound(rows[METRICS], run_name(root), root / "plots")


def _leave_out(rows, picture, root):
    """Deletes what rows do not show any more; without rows nothing is known of a picture that is there."""
    if rows:
        path = root / "plots" / picture
        leave_out(path, path.with_suffix(".csv"))


def draw_exploration(
    root: pathlib.Path,
    maze: Maze | None,
    subject: Subject | None,
    num_candidates: int,
    announce: Callable[[str], None],
) -> Iterator[pathlib.Path]:
    """Draws where a run was, what it was asked for and how goals were relabelled; yields what was written.

    Args:
      root: the run's folder; pictures go into its folder `plots/`.
      maze: the task's, or None.
      subject: f as it is now, or None if there are no weights.
      num_candidates: among which relabelling chooses.
      announce: is told what cannot be drawn, and why.
    """
    name, folder, maps = run_name(root), root / "plots", read_maps(root)
    rows = checked_rows(root / METRICS)
    f, f_steps = (None, 0) if subject is None else (subject.f, subject.env_steps)
    for what, reason, draw in (
        ("visits", why_no_visits(maps, maze), lambda: draw_visits(maps, maze, name, folder)),
        ("goals", why_no_goals(maps, maze), lambda: draw_goals(maps, maze, f, f_steps, name, folder)),
        (
            "relabelling",
            why_no_relabeling(rows),
            lambda: draw_relabeling(rows, num_candidates, name, folder),
        ),
    ):
        if reason is None:
            yield from draw()
        else:
            announce(f"no figure of {what}: {reason}")
            if what == "relabelling":
                _leave_out(rows, RELABELING_PICTURE, root)


def draw_representation(
    subject: Subject, folder: pathlib.Path, announce: Callable[[str], None]
) -> Iterator[pathlib.Path]:
    """Draws a representation; yields what was written.

    Args:
      subject: f, maze and trajectories.
      folder: where to.
      announce: is told what cannot be drawn, and why.
    """
    grid = embeddings = None
    if subject.maze is not None:
        grid = position_grid(subject.maze.layout, subject.maze.robot.cell_size)
        embeddings = grid_embeddings(subject, grid)
    numbers = numbers_of(subject, grid, embeddings)
    yield from draw_trajectories(subject, folder, numbers)
    yield save_numbers(numbers, folder)
    if grid is None:
        announce(
            "no grid, no readout of x, y and no sensitivity to position: only in mazes can a robot be put"
            " anywhere"
        )
        return
    yield from draw_grid(subject, grid, embeddings, folder, numbers, announce)
    yield from draw_sensitivity(subject, folder, announce)
    yield from draw_shifted(subject, folder, announce)
