"""Tables of a report about several runs: a row for each group of seeds."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from efficient_hrl.comparison.aggregate import aggregate, statistic_in_words
from efficient_hrl.comparison.run_groups import Comparison, Group
from efficient_hrl.comparison.run_summary import SUCCESS
from efficient_hrl.figures.comparison import common_last_step


class Cell(NamedTuple):
    """A success rate, 0 to 1, or a return, and what is said below it."""

    value: float
    note: str
    is_rate: bool


class GroupRow(NamedTuple):
    """A group of seeds.

    Attributes:
      label: its name.
      seeds: how many runs.
      steps: environment steps of its last common evaluation, in words.
      cells: one for each target, and one for all where there are several; None where there is none.
    """

    label: str
    seeds: int
    steps: str
    cells: list[Cell | None]


class TaskTable(NamedTuple):
    """Groups with the same task.

    Attributes:
      name: of the task.
      targets: column heads.
      has_all: whether a last column sums up all targets.
      groups: rows.
      notes: lines below the table.
    """

    name: str
    targets: list[str]
    has_all: bool
    groups: list[GroupRow]
    notes: list[str]


def task_tables(comparisons: Sequence[Comparison], kind: str = "iqm") -> list[TaskTable]:
    """A table for every task; `kind` is the statistic, see `aggregate`."""
    return [_table(comparison, kind) for comparison in comparisons]


def _table(comparison, kind):
    last = common_last_step(comparison)
    rows = [_row(comparison, group, kind, last) for group in comparison.groups]
    rows += _published_rows(comparison)
    statistic, interval = statistic_in_words(kind)
    when = (
        "at the last evaluation that all seeds of a row have; rows are at different steps"
        if last is None
        else "at the last evaluation that all runs have"
    )
    what = "Success rate" if comparison.score == SUCCESS else "Task return of a noise-free episode"
    notes = [f"{what} {when}: {statistic} over seeds, with {interval}. With one seed there is no interval."]
    heads = [_head(comparison, target) for target in comparison.targets]
    return TaskTable(comparison.name, heads, len(heads) > 1, rows, notes + sorted(_sources(comparison)))


def _head(comparison, target):
    position = comparison.positions.get(target)
    return target if position is None else f"{target} ({', '.join(f'{x:g}' for x in position)})"


def _row(comparison, group: Group, kind, last):
    estimate = aggregate(group, comparison.score, kind, comparison.targets)
    at = -1 if last is None else int(np.flatnonzero(estimate.steps == last)[0])
    cells = []
    for point, low, high in zip(estimate.point[:, at], estimate.low[:, at], estimate.high[:, at]):
        note = "1 seed, no interval" if math.isnan(low) else f"{low:.2f} to {high:.2f}"
        cells.append(Cell(float(point), note, comparison.score == SUCCESS))
    return GroupRow(group.label, estimate.seeds, f"{int(estimate.steps[at]):,}", cells)


def _published_rows(comparison):
    """A row for every published method that the task's groups are or may be put beside."""
    rows = {}
    for group in comparison.groups:
        for method in (None, "hiro"):
            found = [group.published(target, method) for target in comparison.targets]
            known = [number for number in found if number is not None]
            if known:
                is_rate = comparison.score == SUCCESS
                cells = [
                    None if number is None else Cell(number.value, _error(number), is_rate)
                    for number in found
                ]
                cells += [None] * (len(cells) > 1)
                rows[known[0].row] = GroupRow(f"published: {known[0].row}", 10, "up to 10,000,000", cells)
    return list(rows.values())


def _sources(comparison):
    """What the published numbers are, each said once."""
    return {
        found.source
        for group in comparison.groups
        for target in comparison.targets
        for method in (None, "hiro")
        if (found := group.published(target, method)) is not None
    }


def _error(found):
    return "" if found.standard_error is None else f"± {found.standard_error:.2f}"
