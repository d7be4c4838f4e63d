"""Writes a report."""

import math
import pathlib
import platform
import time
from collections.abc import Sequence
from importlib import metadata

from efficient_hrl.comparison.run_groups import Comparison
from efficient_hrl.comparison.run_summary import RunSummary
from efficient_hrl.errors import RunError
from efficient_hrl.report.embedded import VIDEO_BYTES
from efficient_hrl.report.group_tables import task_tables
from efficient_hrl.report.page import page_of_run, page_of_runs
from efficient_hrl.report.pictures import pictures_of_comparison
from efficient_hrl.report.run_page import RunPage, run_page, shown
from efficient_hrl.storage.durable import write_shared

PAGE = "report.html"


def report_run(run: RunSummary, page: pathlib.Path) -> None:
    """Writes a page about one run."""
    found, _ = run_page(run, page)
    _write(page, page_of_run(found, _made()))


def pages_of(runs: Sequence[RunSummary], page: pathlib.Path, until: float = math.inf) -> list[RunPage]:
    """Reads what each of several runs has to show; the room for videos is given out in their order.

    Args:
      runs: each of them.
      page: path of the page that is made.
      until: leaves out what is later, environment steps.

    Raises:
      UsageError: files are not as this program writes them.
    """
    pages, room = [], VIDEO_BYTES
    for run in runs:
        found, room = run_page(run, page, room, until)
        pages.append(found)
    return pages


def report_runs(
    title: str,
    pages: Sequence[RunPage],
    comparisons: Sequence[Comparison],
    kind: str,
    pictures: pathlib.Path,
    page: pathlib.Path,
) -> None:
    """Writes a page about several runs.

    Args:
      title: of the page.
      pages: of each of them, see `pages_of`.
      comparisons: the runs, sorted.
      kind: the statistic, see `aggregate`.
      pictures: folder of the pictures that compare them.
      page: where to.
    """
    drawn = [
        (comparison.name, [shown(picture) for picture in pictures_of_comparison(pictures / comparison.name)])
        for comparison in comparisons
    ]
    text = page_of_runs(
        title,
        task_tables(comparisons, kind),
        drawn,
        pages,
        _made(),
    )
    _write(page, text)


def _write(page, text):
    try:
        write_shared(page, text.encode())
    except OSError as error:
        raise RunError(f"{page}: {error}") from None


def _made():
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("rliable", "matplotlib"))
    now = time.strftime("%Y-%m-%d")
    python = f"Python {platform.python_version()}"
    return f"Made on {now} by efficient-hrl for TensorFlow 2 with {python}, {versions}."
