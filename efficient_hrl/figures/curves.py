"""Pictures of a run, redrawn from its CSV files."""

import pathlib

import matplotlib
import numpy as np

from efficient_hrl.comparison.run_summary import EVALUATIONS, METRICS, RETURN, SUCCESS, read_run
from efficient_hrl.errors import UsageError
from efficient_hrl.figures.files import save_figure
from efficient_hrl.figures.labels import no_formula
from efficient_hrl.figures.line_styles import line_styles
from efficient_hrl.figures.published_marks import draw_marks
from efficient_hrl.storage.rows import checked_rows, column
from efficient_hrl.storage.run_name import run_name

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  (the backend must be chosen first)

SMOOTHING_ROWS = 20


def draw_run(root: pathlib.Path) -> list[pathlib.Path]:
    """Draws learning curve and success or return curve into `plots/`; returns their paths."""
    folder = root / "plots"
    folder.mkdir(exist_ok=True)
    drawn = []
    evaluations = checked_rows(root / EVALUATIONS)
    by_return = bool(evaluations) and bool(np.isnan(column(evaluations, SUCCESS)).all())
    draw, name = (_return_curve, "return_curve.png") if by_return else (_success_curve, "success_curve.png")
    marked = lambda rows: draw(rows, _published(root))
    for path, curve, rows in (
        (folder / "learning_curve.png", _learning_curve, checked_rows(root / METRICS)),
        (folder / name, marked, evaluations),
    ):
        if rows:
            figure = curve(rows)
            figure.suptitle(run_name(root), parse_math=False)
            drawn.append(save_figure(figure, path))
    return drawn


def _learning_curve(rows):
    steps = column(rows, "env_steps")
    panels = (
        ("task reward per episode", ("high_episode_return",)),
        ("low-level reward per episode", ("low_episode_return",)),
        ("critic loss", ("high_critic_loss", "low_critic_loss")),
        ("representation loss", ("representation_loss",)),
    )
    known = [(title, names) for title, names in panels if np.isfinite(column(rows, names[0])).any()]
    panels = known or panels[:1]
    figure, axes = pyplot.subplots(
        len(panels), 1, figsize=(8, 2.3 * len(panels) + 0.6), sharex=True, squeeze=False, layout="constrained"
    )
    for axis, (title, names) in zip(axes[:, 0], panels):
        for name in names:
            values = column(rows, name)
            known = np.isfinite(values)
            line = axis.plot(steps[known], values[known], alpha=0.3, linewidth=0.8)[0]
            axis.plot(steps[known], smooth(values[known]), color=line.get_color(), label=name)
        axis.set_ylabel(title, fontsize=9)
        axis.grid(alpha=0.3)
        if len(names) > 1:
            axis.set_yscale("log")
            axis.legend(fontsize=8)
    axes[-1, 0].set_xlabel(f"environment steps (bold: mean of {SMOOTHING_ROWS} log intervals)")
    return figure


def _success_curve(rows, published):
    figure, (success, reward) = pyplot.subplots(2, 1, figsize=(8, 6), sharex=True, layout="constrained")
    targets = sorted({row["target"] for row in rows})
    for target, style in zip(targets, line_styles(len(targets))):
        own = [row for row in rows if row["target"] == target]
        steps = column(own, "env_steps")
        success.plot(steps, column(own, "success_rate"), **style, label=no_formula(target))
        if target in published:
            draw_marks(success, {published[target]: style["color"]}, height=1.14)
            success.set_title(f"dashed, thin: {published[target].source}", fontsize=8)
        reward.plot(steps, column(own, "high_last_reward"), **style, label=no_formula(target))
    episodes = rows[-1].get("episodes", "?")
    success.set_ylabel(f"success rate, {episodes} episodes")
    success.set_ylim(-0.05, 1.09)
    success.legend(title="target", handlelength=4.5)
    reward.set_ylabel("task reward of the last step")
    reward.set_xlabel("environment steps")
    for axis in (success, reward):
        axis.grid(alpha=0.3)
    return figure


def _return_curve(rows, published):
    """Of a task without a success."""
    figure, axis = pyplot.subplots(figsize=(8, 4), layout="constrained")
    colours = {}
    targets = sorted({row["target"] for row in rows})
    for target, style in zip(targets, line_styles(len(targets))):
        own = [row for row in rows if row["target"] == target]
        axis.plot(column(own, "env_steps"), column(own, RETURN), **style, label=no_formula(target))
        colours[target] = style["color"]
    marks = {published[target]: colour for target, colour in colours.items() if target in published}
    values = [*column(rows, RETURN), *(mark.value for mark in marks), 0.0]
    low, high = np.nanmin(values), np.nanmax(values)
    margin = 0.1 * max(high - low, 1.0)
    axis.set_ylim(low - margin, high + margin)
    draw_marks(axis, marks, high - low + 2 * margin)
    for mark in marks:
        axis.set_title(f"dashed, thin: {mark.source}", fontsize=8)
    axis.set_ylabel(f"task return, mean of {rows[-1].get('episodes', '?')} episodes")
    axis.set_xlabel("environment steps")
    axis.grid(alpha=0.3)
    if len(colours) > 1:
        axis.legend(title="evaluation", handlelength=4.5)
    return figure


def _published(root):
    """Target -> what a paper says about this method there."""
    try:
        run = read_run(root)
    except UsageError:  # a picture without marks is better than none
        return {}
    found = {target: run.published(target) for target in run.evaluations}
    return {target: mark for target, mark in found.items() if mark is not None}


def smooth(values: np.ndarray) -> np.ndarray:
    """Mean of each value and up to `SMOOTHING_ROWS - 1` values before it, [n] -> [n]."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - SMOOTHING_ROWS, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)
