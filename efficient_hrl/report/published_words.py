"""The papers' numbers and the targets they belong to, in words."""

from collections.abc import Iterable, Sequence

from efficient_hrl.comparison.run_summary import RunSummary

_OTHER = "hiro"  # what a method without numbers of its own is put beside


def place_in_words(place: Sequence[float] | None) -> str:
    """A target's position in metres, e.g. "(16, 0)"; "" where it is not known."""
    return "" if place is None else f"({', '.join(f'{x:g}' for x in place)})"


def published_words(run: RunSummary, target: str) -> str:
    """The papers' number of a run's method at a target; or HIRO's, as another method's; or ""."""
    own = run.published(target)
    if own is not None:
        return f"{own.in_words} ({own.row})"
    other = run.published(target, _OTHER)
    return "" if other is None else f"{other.in_words} ({other.row}, another method)"


def published_sources(run: RunSummary, targets: Iterable[str]) -> list[str]:
    """What the numbers at some targets are, each said once."""
    found = [run.published(target, method) for target in targets for method in (None, _OTHER)]
    return sorted({number.source for number in found if number is not None})
