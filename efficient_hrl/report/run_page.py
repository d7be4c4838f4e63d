"""What a report says of one run."""

import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from efficient_hrl.comparison.run_summary import EVALUATIONS, METRICS, RunSummary
from efficient_hrl.errors import UsageError
from efficient_hrl.report.criterion import success_in_words
from efficient_hrl.report.embedded import VIDEO_BYTES, Image, Video, image, videos
from efficient_hrl.report.pictures import Picture, sections_of_run
from efficient_hrl.report.published_words import place_in_words, published_sources, published_words
from efficient_hrl.report.results import TargetResult, target_results
from efficient_hrl.storage.rows import checked_rows
from efficient_hrl.storage.run_folder import OPERATIVE_CONFIG, RunFolder
from efficient_hrl.storage.run_name import run_name


class Shown(NamedTuple):
    """A picture as it is in the page: title, caption, and the image itself."""

    title: str
    caption: str
    image: Image


class ShownSection(NamedTuple):
    """Pictures under one heading; `anchor` is its name for links."""

    anchor: str
    title: str
    pictures: list[Shown]


class RunPage(NamedTuple):
    """One run, ready for the template.

    Attributes:
      name: of the run's folder.
      summary: a line about it.
      env_steps: at the newest evaluation.
      results: newest and best evaluation of every target.
      places: target -> what it is, e.g. "(16, 0)", or "".
      published: target -> the papers' number in words; {} where there is none.
      sources: what those numbers are.
      criterion: what counts as success.
      facts: (name, value) pairs: what was run.
      config: the operative configuration, or "".
      sections: pictures.
      numbers: (name, value) pairs about the representation.
      videos: see `embedded`.
    """

    name: str
    summary: str
    env_steps: int
    results: list[TargetResult]
    places: dict[str, str]
    published: dict[str, str]
    sources: list[str]
    criterion: str
    facts: list[tuple[str, str]]
    config: str
    sections: list[ShownSection]
    numbers: list[tuple[str, str]]
    videos: list[Video]


def shown(picture: Picture) -> Shown:
    """A picture with its image read."""
    return Shown(picture.title, picture.caption, image(picture.path))


def run_page(
    run: RunSummary, page: pathlib.Path, video_room: int = VIDEO_BYTES, until: float = math.inf
) -> tuple[RunPage, int]:
    """Reads what a run's folder holds.

    Args:
      run: a record is not needed, so that committed results can be shown.
      page: path of the page that is made, from which links lead.
      video_room: bytes of video that may be inside the page.
      until: leaves out rows that are later, environment steps.

    Returns:
      The page, and what is left of the room for videos.

    Raises:
      UsageError: files are not as this program writes them.
    """
    root, places = run.root, dict(run.task.targets)
    evaluations, metrics = (
        [row for row in checked_rows(root / name) if float(row["env_steps"]) <= until]
        for name in (EVALUATIONS, METRICS)
    )
    try:
        if evaluations and "episodes" not in evaluations[0]:
            raise UsageError(f"{root / EVALUATIONS}: no column episodes; allowed in a report: one")
        record, results = _record(root), target_results(evaluations)
        words = {result.target: published_words(run, result.target) for result in results}
        found, video_room = videos(root / "videos", page, video_room)
        made = RunPage(
            name=run_name(root),
            summary=_summary(record, results, metrics),
            env_steps=max((result.env_steps for result in results), default=0),
            results=results,
            places={result.target: place_in_words(places.get(result.target)) for result in results},
            published={target: text for target, text in words.items() if text},
            sources=published_sources(run, words),
            criterion=success_in_words(run.bindings),
            facts=facts(record, metrics),
            config=_text(root / OPERATIVE_CONFIG),
            sections=[
                ShownSection(section.anchor, section.title, [shown(picture) for picture in section.pictures])
                for section in sections_of_run(root / "plots")
            ],
            numbers=_numbers(root / "plots" / "representation_numbers.csv"),
            videos=found,
        )
    except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
        raise UsageError(f"{root}: not as this program writes it ({error})") from None
    return made, video_room


def facts(record: Mapping[str, Any], metrics: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    """What was run, on what, for how long, as (name, value) pairs; what is not known is left out."""
    last = metrics[-1] if metrics else {}
    packages = ", ".join(f"{name} {version}" for name, version in record.get("packages", {}).items())
    continued = [
        f"at {note.get('env_steps', 0):,} steps on {note.get('started', '?')}"
        + (f" ({'; '.join(note['changed'])})" if note.get("changed") else "")
        for note in record.get("continued", [])
    ]
    known = (
        ("gin files", ", ".join(record.get("gin_files", []))),
        ("seed", record.get("seed")),
        ("command", record.get("command")),
        ("begun", record.get("started")),
        ("continued", "; ".join(continued)),
        ("environment steps", _number(last.get("env_steps"))),
        ("episodes", _number(last.get("episodes"))),
        ("wall-clock", _duration(last.get("wall_s"))),
        ("steps per second", _median_rate(metrics)),
        ("commit", record.get("commit")),
        ("machine", record.get("machine")),
        ("Python", record.get("python")),
        ("packages", packages),
    )
    return [(name, str(value)) for name, value in known if value not in (None, "")]


def _record(root):
    return RunFolder(root, writes=False).record() if RunFolder.has_record(root) else {}


def _summary(record, results, metrics):
    parts = []
    if "seed" in record:
        parts.append(f"seed {record['seed']}")
    if metrics:
        parts.append(f"{_number(metrics[-1]['env_steps'])} environment steps")
    if results:
        has_success = any(result.has_success for result in results)
        scores = [result.success_rate if has_success else result.task_return for result in results]
        words = " / ".join(f"{score:.2f}" for score in scores)
        parts.append(f"{'success' if has_success else 'return'} {words}")
    return ", ".join(parts) or "nothing measured yet"


def _numbers(path):
    """The row of representation_numbers.csv, with names for people; [] without one."""
    rows = checked_rows(path)
    return (
        [(name.replace("_", " ").replace("r2", "R²"), value) for name, value in rows[0].items() if value]
        if rows
        else []
    )


def _text(path):
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{path}: not as this program writes it ({error})") from None


def _number(text):
    return f"{int(float(text)):,}" if text else None


def _duration(seconds):
    if not seconds:
        return None
    minutes = round(float(seconds) / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes else f"{float(seconds):.0f} s"


def _median_rate(metrics):
    """Of the logged intervals, evaluation and checkpoints left out."""
    rates = sorted(float(row["steps_per_s"]) for row in metrics if row.get("steps_per_s"))
    return f"{rates[len(rates) // 2]:.0f} (median, without evaluation and checkpoints)" if rates else None
