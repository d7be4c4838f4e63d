"""Several methods on one task, each with its seeds, as pictures and tables."""

import pathlib
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import matplotlib
import numpy as np

from efficient_hrl.comparison.aggregate import (
    RETURNS,
    SeedEstimate,
    aggregate,
    aggregate_returns,
    statistic_in_words,
)
from efficient_hrl.comparison.published import Published
from efficient_hrl.comparison.run_groups import Comparison, Group
from efficient_hrl.comparison.run_summary import RETURN, SUCCESS
from efficient_hrl.figures.files import save_figure, save_table
from efficient_hrl.figures.labels import no_formula
from efficient_hrl.figures.line_styles import line_styles
from efficient_hrl.figures.published_marks import draw_marks

matplotlib.use("Agg")
from matplotlib import pyplot, ticker  # noqa: E402  (the backend must be chosen first)

_COLUMNS = {
    SUCCESS: "success rate",
    RETURN: "task return of a noise-free episode",
    "high_last_reward": "task reward of the last step",
    "high_episode_return": "task return of an episode",
}
# What counts -> the columns of eval.csv that are drawn, and into which pictures.
_PICTURES = {
    SUCCESS: ((SUCCESS, "comparison_success"), ("high_last_reward", "comparison_reward")),
    RETURN: ((RETURN, "comparison_evaluated_return"),),
}
_LABEL_WIDTH = 34  # letters


class _Row(NamedTuple):
    """What is drawn of a group, and its colour, marker and kind of line, the same in all pictures."""

    group: Group
    estimate: SeedEstimate
    style: dict[str, object]


def draw_comparison(
    comparison: Comparison, folder: pathlib.Path, kind: str, announce: Callable[[str], None]
) -> Iterator[pathlib.Path]:
    """Draws a comparison into an existing folder; yields what was written.

    Args:
      comparison: groups of one task.
      folder: where to.
      kind: the statistic, see `aggregate`.
      announce: is told what cannot be drawn, and why.
    """
    evaluated = {}
    for column, name in _PICTURES[comparison.score]:
        evaluated[column] = [
            _Row(group, aggregate(group, column, kind, comparison.targets), style)
            for group, style in _styled(comparison)
        ]
        yield from _save_curves(comparison, evaluated[column], column, kind, folder / name)
    returns = _returned(comparison, kind, announce)
    if returns:
        path = folder / "comparison_return"
        yield from _save_curves(comparison, returns, "high_episode_return", kind, path)
    last = common_last_step(comparison)
    if last is None:
        announce(f"{comparison.name}: no picture of final scores: the groups share no evaluation step")
        return
    yield from _save_final(comparison, evaluated, last, kind, folder / "comparison_final")


def common_last_step(comparison: Comparison) -> int | None:
    """The last environment step at which all runs were evaluated, or None."""
    common = None
    for group in comparison.groups:
        steps = set(group.scores("success_rate", comparison.targets)[0].tolist())
        common = steps if common is None else common & steps
    return int(max(common)) if common else None


def published_marks(comparison: Comparison, group: Group) -> dict[str, Published]:
    """Target -> what a paper says about the group's method there; without targets of which none does."""
    found = {target: group.published(target) for target in comparison.targets}
    return {target: mark for target, mark in found.items() if mark is not None}


def _styled(comparison):
    """Pairs of a group and its style; groups keep theirs where others are left out."""
    yield from zip(comparison.groups, line_styles(len(comparison.groups)))


def _returned(comparison, kind, announce):
    """Rows of the groups that have returns; says which have none."""
    rows = []
    for group, style in _styled(comparison):
        estimate = aggregate_returns(group, kind)
        if estimate is not None:
            rows.append(_Row(group, estimate, style))
            continue
        logged = all(len(run.metrics["env_steps"]) for run in group.runs)
        reason = "its runs were logged at no common step" if logged else "metrics.csv has no rows yet"
        announce(f"{comparison.name}: no curve of returns of {group.label}: {reason}")
    return rows


def _save_curves(comparison, rows, column, kind, path):
    names = rows[0].estimate.names
    across = 1 if len(names) == 1 else 2 if len(names) <= 4 else 3
    down = -(-len(names) // across)
    width = 8.0 if across == 1 else 5.5 * across
    figure, axes = pyplot.subplots(
        down,
        across,
        figsize=(width, 3.3 * down + 2.0),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    sources = set()
    for number, (axis, name) in enumerate(zip(axes.flat, names)):
        for row in rows:
            _draw_curve(axis, comparison, row, number)
        if column == SUCCESS:
            axis.set_ylim(-0.05, 1.08)
        if column == comparison.score:
            sources |= _draw_marks(axis, comparison, rows, name)
        axis.set_title(_title(comparison, name), fontsize=10)
        axis.set_ylabel(_COLUMNS[column], fontsize=9)
    for axis in axes.flat[len(names) :]:
        axis.set_axis_off()
    for axis in axes.flat[max(0, len(names) - across) : len(names)]:
        axis.set_xlabel("environment steps", fontsize=9)
        axis.tick_params(labelbottom=True)
    for axis in axes.flat[: len(names)]:
        axis.set_xlim(left=0)
        axis.xaxis.set_major_formatter(ticker.EngFormatter(sep=""))
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    _head(figure, comparison.name, rows, kind, "band", sources)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=min(len(labels), int(width / 2.7)),
        fontsize=8,
        handlelength=4.5,
    )
    yield save_figure(figure, path.with_suffix(".png"))
    yield save_table(
        path.with_suffix(".csv"),
        ("group", "seeds", "statistic", "target", "env_steps", column, "low", "high"),
        [
            (group.label, estimate.seeds, kind, name, int(step), *map(float, values))
            for group, estimate, _ in rows
            for i, name in enumerate(estimate.names)
            for step, *values in zip(estimate.steps, estimate.point[i], estimate.low[i], estimate.high[i])
        ],
    )


def _draw_curve(axis, comparison, row, number):
    steps, estimate, style = row.estimate.steps, row.estimate, row.style
    if estimate.seeds > 1:
        axis.fill_between(
            steps, estimate.low[number], estimate.high[number], color=style["color"], alpha=0.15, linewidth=0
        )
        for single in estimate.single[:, number]:
            axis.plot(steps, single, color=style["color"], alpha=0.3, linewidth=0.6)
    axis.plot(
        steps,
        estimate.point[number],
        **style,
        markevery=max(1, len(steps) // 12),
        label=_legend_label(comparison, row),
    )


def _legend_label(comparison, row):
    """A group's name without the task, which is in the title, and how many seeds it has."""
    name = row.group.label.replace(f"_{comparison.task}", "", 1)
    seeds = row.estimate.seeds
    count = "(1 seed, no interval)" if seeds == 1 else f"({seeds} seeds)"
    lines = textwrap.wrap(name, _LABEL_WIDTH, break_on_hyphens=False)
    if len(lines[-1]) + 1 + len(count) > _LABEL_WIDTH:
        lines.append(count)
    else:
        lines[-1] += f" {count}"
    return no_formula("\n".join(lines))


def _title(comparison, name):
    if name == RETURNS:
        return "while collecting, mean of 20,000 environment steps"
    if name not in comparison.positions:
        return no_formula(name)
    return f"{no_formula(name)} at ({', '.join(f'{value:g}' for value in comparison.positions[name])})"


def _draw_marks(axis, comparison, rows, target):
    """Draws published numbers of the groups' methods at a target; returns their sources."""
    marks = {}
    for row in rows:
        mark = published_marks(comparison, row.group).get(target)
        if mark is not None:
            marks.setdefault(mark, row.style["color"])
    low, high = axis.get_ylim()
    draw_marks(axis, marks, high - low)
    return {mark.source for mark in marks}


def _head(figure, title, rows, kind, shape, sources):
    """Title, what line and band are, and where marks are from."""
    statistic, interval = statistic_in_words(kind)
    lines = [f"line: {statistic} over seeds; {shape}: {interval}"]
    if all(row.estimate.seeds == 1 for row in rows):
        lines = ["one seed each, so that there is no interval"]
    elif shape == "band":
        lines[0] += "; thin: single seeds"
    lines += [f"dashed: {source}" for source in sorted(sources)]
    width = int(figure.get_figwidth() * 12.5)
    text = "\n".join(textwrap.fill(line, width) for line in lines)
    figure.suptitle(f"{title}\n{text}", fontsize=9.5)


def _save_final(comparison, evaluated: Mapping[str, list[_Row]], last, kind, path):
    names = next(iter(evaluated.values()))[0].estimate.names
    groups = len(comparison.groups)
    figure, axes = pyplot.subplots(
        len(evaluated),
        len(names),
        figsize=(max(7.5, 2.6 * len(names) + 3.0), len(evaluated) * (0.4 * groups + 1.1) + 0.8),
        sharex="row",
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    table, sources = [], set()
    for (column, rows), line in zip(evaluated.items(), axes):
        for number, (axis, name) in enumerate(zip(line, names)):
            for place, row in enumerate(rows):
                estimate = row.estimate
                at = int(np.flatnonzero(estimate.steps == last)[0])
                values = [float(part[number, at]) for part in estimate[2:5]]
                mark = None
                if column == comparison.score:
                    mark = published_marks(comparison, row.group).get(name)
                _draw_interval(axis, place, values, row.style["color"], mark)
                sources |= {mark.source} if mark else set()
                published = (mark.value, mark.standard_error) if mark else (None, None)
                table.append((row.group.label, estimate.seeds, kind, last, column, name, *values, *published))
            axis.set_xlabel(_COLUMNS[column], fontsize=8)
            axis.set_title(_title(comparison, name), fontsize=9)
            axis.grid(axis="x", alpha=0.3)
            axis.spines[["top", "right", "left"]].set_visible(False)
            axis.tick_params(axis="y", length=0)
            axis.tick_params(labelsize=8)
            axis.xaxis.set_major_locator(ticker.MaxNLocator(5))
            if column == SUCCESS:
                axis.set_xlim(-0.05, 1.05)
    axes[0, 0].set_yticks(range(groups), [_legend_label(comparison, row) for row in rows], fontsize=8)
    axes[0, 0].set_ylim(groups - 0.4, -0.6)
    title = f"{comparison.name} at {last:,} environment steps, the last evaluation that all runs have"
    _head(figure, title, rows, kind, "bar", sources)
    yield save_figure(figure, path.with_suffix(".png"))
    yield save_table(
        path.with_suffix(".csv"),
        ("group", "seeds", "statistic", "env_steps", "score", "target", "value", "low", "high")
        + ("published", "published_standard_error"),
        table,
    )


def _draw_interval(axis, place, values, colour, mark):
    point, low, high = values
    if np.isfinite(low):
        axis.barh(place, high - low, left=low, height=0.6, color=colour, alpha=0.4, linewidth=0)
    axis.plot([point, point], [place - 0.3, place + 0.3], color=colour, linewidth=2.5)
    if mark is not None:
        axis.plot(
            [mark.value] * 2,
            [place - 0.42, place + 0.42],
            color="black",
            linestyle=(0, (3, 2)),
            linewidth=1.0,
        )
