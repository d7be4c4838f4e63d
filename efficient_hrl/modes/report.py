"""`--mode=report`: one HTML file about a run or about several."""

import contextlib
import os
import pathlib
from collections.abc import Sequence

from efficient_hrl.console import announce
from efficient_hrl.modes import compare
from efficient_hrl.report.build import report_run, report_runs
from efficient_hrl.run_folder import RunError, RunFolder
from efficient_hrl.run_summary import read_run

PAGE = "report.html"


def run(folder: RunFolder, seed: int, gin_files: list[str], gin_bindings: list[str]) -> int:
    """Draws a run's plots anew and writes `report.html` into its folder; returns the exit status."""
    from efficient_hrl.modes import plot  # only now: reports of several runs do without TensorFlow

    plot.run(folder, seed, gin_files, gin_bindings)
    page = folder.path(PAGE)
    with _run_errors(page):
        report_run(read_run(folder.root), page)
    if not any(folder.path("videos").glob("*.mp4")):
        announce(f"no videos in it; make them first: python run.py --mode=video --root_dir={folder.root}")
    announce(f"wrote {page}")
    return 0


def run_several(
    roots: Sequence[pathlib.Path],
    out_dir: str | os.PathLike | None = None,
    statistic: str = "iqm",
    group_by: str = "gin_file",
    until: int | None = None,
) -> int:
    """Draws the runs' comparison and writes a page about all; returns the exit status.

    The page is `report.html` in `out_dir` or, without one, in the nearest folder that holds all runs.
    """
    comparisons = compare.load(roots, group_by, until)
    pictures = compare.output_folder(roots, out_dir)
    compare.draw(comparisons, pictures, statistic)
    holder = pictures if out_dir is not None else pictures.parent
    page = holder / PAGE
    runs = [run for comparison in comparisons for group in comparison.groups for run in group.runs]
    with _run_errors(page):
        report_runs(_title(holder, comparisons), runs, comparisons, statistic, pictures, page)
    announce(f"wrote {page}")
    return 0


@contextlib.contextmanager
def _run_errors(path):
    try:
        yield
    except OSError as error:
        raise RunError(f"{path}: {error}") from None


def _title(holder, comparisons):
    """The folder's name or, where that is a working folder's, the tasks."""
    name = holder.resolve().name
    return name if name not in ("", "runs", "plots") else ", ".join(c.name for c in comparisons)
