"""Curves of several runs in one picture, to see whether a change of the program changed learning.

    python -m benchmarks.curves --run=before=runs/a --run=after=runs/b --out=benchmarks/results

Draws task returns while collecting and success rates of evaluations from the runs' CSV
files into curves.png (or `--name`).
"""

import pathlib
import sys

import numpy as np
from absl import flags

from benchmarks import report, setting
from efficient_hrl.metrics import read_rows
from efficient_hrl.run_folder import UsageError

_SMOOTHING_STEPS = 20_000  # environment steps


def main(argv: list[str]) -> int:
    """Draws; returns the exit status, 2 for what the user can mend."""
    values = flags.FlagValues()
    flags.DEFINE_multi_string("run", [], "LABEL=FOLDER; repeatable.", flag_values=values)
    flags.DEFINE_string("out", "benchmarks/results", "Folder for the picture.", flag_values=values)
    flags.DEFINE_string("name", "curves", "Name of the picture.", flag_values=values)
    try:
        setting.parse(values, argv)
        runs = dict(_run(text) for text in values.run)
        if not runs:
            raise UsageError("--run is not given; allowed: LABEL=FOLDER, as often as there are runs")
    except (flags.Error, UsageError) as error:
        print(f"benchmarks.curves: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    draw(runs, pathlib.Path(values.out, f"{values.name}.png"))
    return 0


def _run(text):
    label, _, folder = text.partition("=")
    folder = pathlib.Path(folder)
    rows = read_rows(folder / "metrics.csv"), read_rows(folder / "eval.csv")
    if not label or not all(rows):
        raise UsageError(
            f"--run={text}: no run with metrics.csv and eval.csv; allowed: LABEL=FOLDER of a run"
        )
    return label, rows


def draw(runs: dict, path: pathlib.Path) -> None:
    """Draws runs, label -> rows of metrics.csv and of eval.csv."""
    targets = sorted({row["target"] for _, evaluations in runs.values() for row in evaluations})
    figure, axes = report.new_grid(1, 1 + len(targets), width=4.0, height=3.2)
    for i, (label, (metrics, evaluations)) in enumerate(runs.items()):
        style = {"label": label, "linewidth": 3.0 - 2.0 * i / len(runs), "alpha": 0.8}
        returns = np.array([(float(row["env_steps"]), float(row["high_episode_return"])) for row in metrics])
        smooth = [(t, np.nanmean(returns[_near(returns[:, 0], t), 1])) for t in returns[:, 0]]
        axes[0, 0].plot(*zip(*smooth), **style)
        for axis, target in zip(axes[0, 1:], targets):
            of = [row for row in evaluations if row["target"] == target]
            steps = [float(row["env_steps"]) for row in of]
            axis.plot(steps, [float(row["success_rate"]) for row in of], "o-", **style)
            axis.set_ylim(-0.05, 1.05)
            axis.set_title(f"success, {target}", fontsize=10)
    axes[0, 0].set_title(f"task return, mean of {_SMOOTHING_STEPS:,} steps", fontsize=10)
    for axis in axes[0]:
        axis.set_xlabel("environment steps")
    axes[0, 0].legend(fontsize=8)
    report.save_figure(figure, path)


def _near(steps, now):
    return (steps <= now) & (steps > now - _SMOOTHING_STEPS)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
