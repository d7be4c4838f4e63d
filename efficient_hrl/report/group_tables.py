"""Tables of a report about several runs: a row for each group of seeds."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from efficient_hrl.aggregate import aggregate, statistic_in_words
from efficient_hrl.published import published_success
from efficient_hrl.run_groups import Comparison, Group


class Cell(NamedTuple):
    """A success rate, 0 to 1, and what is said below it."""

    value: float
    note: str


class GroupRow(NamedTuple):
    """A group of seeds.

    Attributes:
      label: its name.
      seeds: how many runs.
      steps: environment steps of its last common evaluation, in words.
      cells: one for each target, and one for all targets; None where there is none.
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
      groups: rows.
      notes: lines below the table.
    """

    name: str
    targets: list[str]
    groups: list[GroupRow]
    notes: list[str]


def task_tables(comparisons: Sequence[Comparison], kind: str = "iqm") -> list[TaskTable]:
    """A table for every task; `kind` is the statistic, see `aggregate`."""
    return [_table(comparison, kind) for comparison in comparisons]


def published_words(method: str, task: str, target: Sequence[float] | None) -> str:
    """The papers' success rate at a target, in words, "" for none.

    A method that no table has is put beside HIRO's row, under its name.
    """
    own = published_success(method, task, target)
    if own is not None:
        return f"{own.in_words} ({own.row})"
    hiro = published_success("hiro", task, target)
    return "" if hiro is None else f"{hiro.in_words} (HIRO, another method)"


def _table(comparison, kind):
    estimates = [aggregate(group, "success_rate", kind, comparison.targets) for group in comparison.groups]
    rows = [
        _row(group, estimate, comparison.targets) for group, estimate in zip(comparison.groups, estimates)
    ]
    rows += _published_rows(comparison)
    statistic, interval = statistic_in_words(kind)
    notes = [
        f"Success rate at the last evaluation that all seeds of a row have: {statistic} over seeds, with"
        f" {interval}. With one seed there is no interval."
    ]
    sources = {
        found.source
        for group in comparison.groups
        for target in comparison.targets
        for method in (group.method, "hiro")
        if (found := published_success(method, comparison.name, comparison.positions.get(target)))
    }
    heads = [_head(comparison, target) for target in comparison.targets]
    return TaskTable(comparison.name, heads, rows, notes + sorted(sources))


def _head(comparison, target):
    position = comparison.positions.get(target)
    return target if position is None else f"{target} ({', '.join(f'{x:g}' for x in position)})"


def _row(group: Group, estimate, targets):
    cells = []
    for name in [*targets, *estimate.names[len(targets) :]]:
        at = estimate.names.index(name)
        low, high = estimate.low[at, -1], estimate.high[at, -1]
        note = "1 seed, no interval" if math.isnan(low) else f"{low:.2f} to {high:.2f}"
        cells.append(Cell(float(estimate.point[at, -1]), note))
    if len(targets) == 1:
        cells.append(None)
    return GroupRow(group.label, estimate.seeds, f"{int(estimate.steps[-1]):,}", cells)


def _published_rows(comparison):
    """A row for every published method that the task's groups are or may be put beside."""
    rows = []
    for method in dict.fromkeys([*(group.method for group in comparison.groups), "hiro"]):
        cells, row = [], None
        for target in comparison.targets:
            found = published_success(method, comparison.name, comparison.positions.get(target))
            row = row or found
            cells.append(None if found is None else Cell(found.success_rate, _error(found)))
        if row is not None:
            rows.append(GroupRow(f"published: {row.row}", 10, "up to 10,000,000", [*cells, None]))
    return rows


def _error(found):
    return "" if found.standard_error is None else f"± {found.standard_error:.2f}"
