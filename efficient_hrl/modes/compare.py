"""`--mode=plot` with several runs: learning curves by method, seeds summed up."""

import contextlib
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from efficient_hrl.comparison.run_groups import Comparison, compare
from efficient_hrl.comparison.run_summary import read_run
from efficient_hrl.errors import RunError, UsageError
from efficient_hrl.storage.run_folder import check_output_folder
from efficient_hrl.terminal.console import announce


def run(
    roots: Sequence[pathlib.Path],
    out_dir: str | os.PathLike | None = None,
    statistic: str = "iqm",
    group_by: str = "gin_file",
    until: int | None = None,
    named: str | os.PathLike | None = None,
) -> int:
    """Draws runs into a folder for each task, see `output_folder`; returns the exit status."""
    comparisons = load(roots, group_by, until)
    draw(comparisons, output_folder(roots, out_dir, named), statistic)
    return 0


def draw(comparisons: Sequence[Comparison], folder: pathlib.Path, statistic: str) -> None:
    """Draws every task's comparison into a sub-folder of its name.

    Raises:
      RunError: a picture cannot be written.
    """
    from efficient_hrl.figures.comparison import draw_comparison  # only now: mistakes are told at once

    try:
        for comparison in comparisons:
            of_task = folder / comparison.name
            of_task.mkdir(parents=True, exist_ok=True)
            for path in draw_comparison(comparison, of_task, statistic, announce):
                announce(f"wrote {path}")
    except OSError as error:
        raise RunError(f"{folder}: {error}") from None


def load(
    roots: Sequence[pathlib.Path], group_by: str = "gin_file", until: int | None = None
) -> list[Comparison]:
    """Reads and sorts runs; says what is left out.

    Raises:
      UsageError: a run is damaged, or they cannot be compared.
    """
    summaries = [read_run(root, np.inf if until is None else until) for root in roots]
    comparisons, notes = compare(summaries, group_by, until)
    for note in notes:
        announce(note)
    return comparisons


def output_folder(
    roots: Sequence[pathlib.Path], out_dir: str | os.PathLike | None, named: str | os.PathLike | None = None
) -> pathlib.Path:
    """Where pictures go; nothing is made yet.

    Args:
      roots: the runs.
      out_dir: the folder that the user asks for; None is plots/ in `named`.
      named: the one folder that the user has named, whatever it holds; None, where several were named,
        is the nearest folder that holds all runs.

    Raises:
      UsageError: it cannot be written to, or no folder but / holds all runs.
    """
    if out_dir is None and named is not None:
        return check_output_folder(pathlib.Path(named).expanduser() / "plots")
    if out_dir is None:
        holder = pathlib.Path(os.path.commonpath([os.path.dirname(os.path.abspath(root)) for root in roots]))
        if holder == pathlib.Path(holder.anchor):
            raise UsageError(
                f"--root_dir={roots[-1]}: no folder but {holder} holds all runs; give --out_dir=PATH as well"
            )
        out_dir = holder / "plots"
        with contextlib.suppress(ValueError):  # it is elsewhere
            out_dir = out_dir.relative_to(pathlib.Path.cwd())
    return check_output_folder(os.path.expanduser(out_dir), "--out_dir")
