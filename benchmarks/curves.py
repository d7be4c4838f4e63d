"""Curves of several runs in one picture: of methods, each with some seeds, or before and after a change.

    python -m benchmarks.curves --run=norl=runs/a --run=norl=runs/b --run=xy=runs/c --out=results --name=mazes

Runs of one label are seeds of one method.  Draws task returns while collecting, and success rates
and last task rewards of evaluations, from the runs' CSV files, as the median over seeds with the
range from the lowest to the highest, into curves.png (or `--name`); and the numbers of every
evaluation into a CSV file beside it.
"""

import pathlib
import sys

import numpy as np
from absl import flags

from benchmarks import report, setting
from efficient_hrl.rows import read_rows
from efficient_hrl.run_folder import UsageError

_SMOOTHING_STEPS = 20_000  # environment steps


def main(argv: list[str]) -> int:
    """Draws; returns the exit status, 2 for what the user can mend."""
    values = flags.FlagValues()
    flags.DEFINE_multi_string("run", [], "LABEL=FOLDER; repeatable.", flag_values=values)
    flags.DEFINE_string("out", "benchmarks/results", "Folder for the picture.", flag_values=values)
    flags.DEFINE_string("name", "curves", "Name of the picture.", flag_values=values)
    flags.DEFINE_integer(
        "until", None, "Leaves out what is later, environment steps.", lower_bound=1, flag_values=values
    )
    try:
        setting.parse(values, argv)
        methods = {}
        for text in values.run:
            label, run = _run(text, values.until or np.inf)
            methods.setdefault(label, []).append(run)
        if not methods:
            raise UsageError("--run is not given; allowed: LABEL=FOLDER, as often as there are runs")
    except (flags.Error, UsageError) as error:
        print(f"benchmarks.curves: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    out = pathlib.Path(values.out)
    report.write_table(table(methods), out / f"{values.name}.csv")
    draw(methods, out / f"{values.name}.png")
    return 0


def _run(text, until):
    label, _, folder = text.partition("=")
    folder = pathlib.Path(folder)
    metrics, evaluations = (
        [row for row in read_rows(folder / name) if float(row["env_steps"]) <= until]
        for name in ("metrics.csv", "eval.csv")
    )
    if not label or not metrics or not evaluations:
        raise UsageError(
            f"--run={text}: no run with metrics.csv and eval.csv; allowed: LABEL=FOLDER of a run"
        )
    return label, (metrics, evaluations)


def over_seeds(curves: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Median, lowest and highest of some curves at the steps that all of them have.

    Args:
      curves: pairs of increasing steps [n] and values [n]; n may differ.

    Returns:
      Steps [m] and median, lowest, highest [3, m].
    """
    steps = curves[0][0]
    for other, _ in curves[1:]:
        steps = np.intersect1d(steps, other)
    values = np.stack([own[np.isin(at, steps)] for at, own in curves])
    return steps, np.stack([np.median(values, axis=0), values.min(axis=0), values.max(axis=0)])


def table(methods: dict) -> list[dict]:
    """A row for every method, target and evaluation that all of the method's seeds have."""
    rows = []
    for label, runs in methods.items():
        for target in _targets(methods):
            columns = ("success_rate", "high_last_reward")
            found = [over_seeds([_evaluated(run, target, column) for run in runs]) for column in columns]
            for i, steps in enumerate(found[0][0]):
                row = {"method": label, "seeds": len(runs), "target": target, "env_steps": int(steps)}
                for column, (_, values) in zip(columns, found):
                    for name, value in zip(("median", "lowest", "highest"), values[:, i]):
                        row[f"{column}_{name}"] = round(float(value), 4)
                rows.append(row)
    return rows


def draw(methods: dict, path: pathlib.Path) -> None:
    """Draws methods, label -> runs, each rows of metrics.csv and of eval.csv."""
    targets = _targets(methods)
    figure, axes = report.new_grid(2, 1 + len(targets), width=4.0, height=3.0)
    for i, (label, runs) in enumerate(methods.items()):
        colour = f"C{i}"
        name = label if len(runs) == 1 else f"{label} ({len(runs)} seeds)"
        _draw_band(axes[0, 0], over_seeds([_returns(metrics) for metrics, _ in runs]), colour, name)
        for column, target in enumerate(targets, start=1):
            for axis, what in zip(axes[:, column], ("success_rate", "high_last_reward")):
                band = over_seeds([_evaluated(run, target, what) for run in runs])
                _draw_band(axis, band, colour, name, marker="o", markersize=3)
    axes[0, 0].set_title(f"task return, mean of {_SMOOTHING_STEPS:,} steps", fontsize=10)
    for column, target in enumerate(targets, start=1):
        axes[0, column].set_title(f"success, {target}", fontsize=10)
        axes[0, column].set_ylim(-0.05, 1.05)
        axes[1, column].set_title(f"task reward of the last step, {target}", fontsize=10)
    for axis in [*axes[0], *axes[1, 1:]]:
        axis.set_xlabel("thousand environment steps")
        axis.set_xlim(left=0)
    axes[1, 0].set_axis_off()
    axes[1, 0].legend(*axes[0, 0].get_legend_handles_labels(), fontsize=9, loc="center")
    report.save_figure(figure, path)


def _draw_band(axis, band, colour, label, **style):
    steps, (median, lowest, highest) = band
    steps = steps / 1000
    axis.plot(steps, median, color=colour, label=label, linewidth=1.5, **style)
    axis.fill_between(steps, lowest, highest, color=colour, alpha=0.15, linewidth=0)


def _targets(methods):
    runs = [run for of in methods.values() for run in of]
    return sorted({row["target"] for _, evaluations in runs for row in evaluations})


def _evaluated(run, target, column):
    rows = [row for row in run[1] if row["target"] == target]
    return tuple(np.array([float(row[name]) for row in rows]) for name in ("env_steps", column))


def _returns(metrics):
    """Steps, and the mean of the returns logged in the 20,000 steps before each."""
    steps, returns = (
        np.array([float(row[name] or "nan") for row in metrics])
        for name in ("env_steps", "high_episode_return")
    )
    near = lambda now: returns[(steps <= now) & (steps > now - _SMOOTHING_STEPS)]
    return steps, np.array([_mean(near(now)) for now in steps])


def _mean(values):
    known = values[np.isfinite(values)]
    return known.mean() if len(known) else np.nan


if __name__ == "__main__":
    sys.exit(main(sys.argv))
