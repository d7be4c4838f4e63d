"""`--mode=report` with several runs: one HTML file about all of them."""

import math
import os
import pathlib
from collections.abc import Sequence

from efficient_hrl.modes import compare
from efficient_hrl.report.build import PAGE, pages_of, report_runs
from efficient_hrl.storage.run_name import printable
from efficient_hrl.terminal.console import announce


def run(
    roots: Sequence[pathlib.Path],
    out_dir: str | os.PathLike | None = None,
    statistic: str = "iqm",
    group_by: str = "gin_file",
    until: int | None = None,
    named: str | os.PathLike | None = None,
) -> int:
    """Draws the runs' comparison and writes a page about all; returns the exit status.

    The page is `report.html` in `out_dir` or, without one, in the folder that holds plots/, see
    `compare.output_folder`.
    """
    comparisons = compare.load(roots, group_by, until)
    pictures = compare.output_folder(roots, out_dir, named)
    holder = pictures if out_dir is not None else pictures.parent
    page = holder / PAGE
    runs = [run for comparison in comparisons for group in comparison.groups for run in group.runs]
    pages = pages_of(runs, page, math.inf if until is None else until)  # first: mistakes come out here
    compare.draw(comparisons, pictures, statistic)
    report_runs(_title(holder, comparisons), pages, comparisons, statistic, pictures, page)
    announce(f"wrote {page}")
    return 0


def _title(holder, comparisons):
    """The folder's name or, where that is a working folder's, the tasks."""
    name = printable(holder.resolve().name)
    return name if name not in ("", "runs", "plots") else ", ".join(c.name for c in comparisons)
