"""Writes a report."""

import pathlib
import platform
import time
from collections.abc import Sequence
from importlib import metadata

from efficient_hrl.durable import write_text
from efficient_hrl.report.embedded import VIDEO_BYTES
from efficient_hrl.report.group_tables import published_words, task_tables
from efficient_hrl.report.page import page_of_run, page_of_runs
from efficient_hrl.report.pictures import pictures_of_comparison
from efficient_hrl.report.run_page import RunPage, run_page, shown
from efficient_hrl.run_folder import RunError
from efficient_hrl.run_groups import Comparison
from efficient_hrl.run_summary import RunSummary, split_name

PAGE = "report.html"


def report_run(run: RunSummary, page: pathlib.Path) -> None:
    """Writes a page about one run."""
    _write(page, page_of_run(_page(run, page, VIDEO_BYTES), _made()))


def report_runs(
    title: str,
    runs: Sequence[RunSummary],
    comparisons: Sequence[Comparison],
    kind: str,
    pictures: pathlib.Path,
    page: pathlib.Path,
) -> None:
    """Writes a page about several runs.

    Args:
      title: of the page.
      runs: all of them.
      comparisons: the same, sorted.
      kind: the statistic, see `aggregate`.
      pictures: folder of the pictures that compare them.
      page: where to.
    """
    room = VIDEO_BYTES // len(runs)
    drawn = [
        (comparison.name, [shown(picture) for picture in pictures_of_comparison(pictures / comparison.name)])
        for comparison in comparisons
    ]
    text = page_of_runs(
        title,
        task_tables(comparisons, kind),
        drawn,
        [_page(run, page, room) for run in runs],
        _made(),
    )
    _write(page, text)


def _write(page, text):
    try:
        write_text(page, text)
    except OSError as error:
        raise RunError(f"{page}: {error}") from None


def _page(run: RunSummary, page: pathlib.Path, room: int) -> RunPage:
    targets = dict(run.task.targets)
    method, _ = split_name(run.gin_name)
    published = {name: published_words(method, run.task.name, place) for name, place in targets.items()}
    places = {name: f"({', '.join(f'{x:g}' for x in place)})" for name, place in targets.items()}
    known = {name: words for name, words in published.items() if words}
    return run_page(run.root, page, known, places, room)


def _made():
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("rliable", "matplotlib"))
    now = time.strftime("%Y-%m-%d")
    python = f"Python {platform.python_version()}"
    return f"Made on {now} by efficient-hrl for TensorFlow 2 with {python}, {versions}."
