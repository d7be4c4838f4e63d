"""A report as HTML."""

import pathlib
from collections.abc import Sequence

import jinja2

from efficient_hrl.report.group_tables import TaskTable
from efficient_hrl.report.run_page import RunPage, Shown

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
_NOTES = (
    "Published numbers are of other code, other machines and up to 10 million environment steps.",
    "HIRO: Nachum, Gu, Lee, Levine, arXiv 1805.08296. NORL: the same authors, arXiv 1810.01257.",
)


def page_of_run(run: RunPage, made: str) -> str:
    """A page about one run; `made` says when and with what."""
    contents = [("results", "Results")]
    contents += [("videos", "Videos")] * bool(run.videos)
    contents += [(section.anchor, section.title) for section in run.sections]
    contents.append(("circumstances", "What was run"))
    return _render(title=run.name, subtitle=run.summary, contents=contents, runs=[run], made=made)


def page_of_runs(
    title: str,
    tables: Sequence[TaskTable],
    comparison: Sequence[tuple[str, Sequence[Shown]]],
    runs: Sequence[RunPage],
    made: str,
) -> str:
    """A page about several runs.

    Args:
      title: of the page.
      tables: success rates, one table for each task.
      comparison: each task's name and the pictures that compare its runs.
      runs: each one.
      made: when and with what.
    """
    contents = [("results", "Results"), *[("comparison", "Comparison")] * bool(comparison), ("runs", "Runs")]
    subtitle = f"{len(runs)} runs"
    return _render(
        title=title,
        subtitle=subtitle,
        contents=contents,
        tables=tables,
        comparison=comparison,
        runs=runs,
        made=made,
    )


def _render(made, **values):
    filled = {"tables": [], "comparison": []} | values
    criteria = dict.fromkeys(run.criterion for run in filled["runs"])
    return _TEMPLATES.get_template("report.html.j2").render(notes=[*criteria, *_NOTES, made], **filled)
