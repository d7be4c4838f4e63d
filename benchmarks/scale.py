"""What collectors in processes of their own bring, and what sweeps do.

    python -m benchmarks.scale

Starts real runs: with 0, 1, 2 and 4 collectors, for three kinds of work; and as many runs as
this machine has room for, alone, in a sweep of its own and on Ray.  Writes scale_collectors.csv,
scale_sweeps.csv and scale.png into `--out`.  About 25 minutes on two cores; with `--part` and
`--setting` only some of it.
"""

import datetime
import os
import pathlib
import sys
from collections.abc import Sequence

from absl import flags

from benchmarks import report, setting
from benchmarks.collector_runs import measured_run
from benchmarks.sweep_times import ALONE, WAYS, seconds_of
from efficient_hrl.errors import UsageError
from efficient_hrl.storage.rows import read_rows

COUNTS = (0, 1, 2, 4)
# Kind of work -> bindings.
SETTINGS = {
    "an update per step": (),
    "an update per four steps": (
        "train_uvf.num_collect_per_update=4",
        "train_uvf.num_collect_per_meta_update=40",
    ),
    "steps of 20 ms, an update each": (
        "train_uvf.environment=@create_gymnasium_env()",
        "evaluate.environment=@create_gymnasium_env()",
        "create_gymnasium_env.env_id='benchmarks.slow_environment:SlowAntMaze-v0'",
        "create_gymnasium_env.append_time=False",  # its own observations end with the time
    ),
}
_COLLECTORS, _SWEEPS = "scale_collectors.csv", "scale_sweeps.csv"


def main(argv: list[str]) -> int:
    """Measures; returns the exit status, 2 for what the user can mend."""
    values = flags.FlagValues()
    define_string, define_enum = flags.DEFINE_string, flags.DEFINE_multi_enum
    define_string("gin_file", "gin/norl_ant_maze.gin", "Path of a gin file.", flag_values=values)
    define_enum("part", [], ["collectors", "sweeps"], "Which parts; both by default.", flag_values=values)
    define_enum("setting", [], list(SETTINGS), "Which kinds of work; all by default.", flag_values=values)
    flags.DEFINE_integer("seconds", 60, "To watch each run for.", 1, flag_values=values)
    flags.DEFINE_integer("episodes", 10, "Of each run of a sweep.", 2, flag_values=values)
    define_string("out", "benchmarks/results", "Folder for the results.", flag_values=values)
    try:
        setting.parse(values, argv)
        if not pathlib.Path(values.gin_file).is_file():
            raise UsageError(f"--gin_file={values.gin_file}: no such file")
        parts = values.part or ["collectors", "sweeps"]
        if "collectors" in parts:
            _measure_collectors(values)
        if "sweeps" in parts:
            _measure_sweeps(values)
    except (flags.Error, UsageError) as error:
        print(f"benchmarks.scale: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    out = pathlib.Path(values.out)
    draw(read_rows(out / _COLLECTORS), read_rows(out / _SWEEPS), out / "scale.png")
    return 0


def _measure_collectors(values):
    """Writes a row for every kind of work and number of collectors."""
    for name in values.setting or SETTINGS:
        for count in COUNTS:
            found = measured_run(values.gin_file, SETTINGS[name], count, values.seconds)
            row = {"setting": name, "collectors": count} | found._asdict()
            _keep(row, pathlib.Path(values.out, _COLLECTORS), ("setting", "collectors"))


def _measure_sweeps(values):
    """Writes a row for every way to make runs; that of a run alone on one CPU comes first."""
    cpus, alone = len(os.sched_getaffinity(0)), None
    for way, of_way in WAYS.items():
        runs = of_way.runs(cpus)
        seconds = seconds_of(of_way, values.gin_file, values.episodes, runs)
        per_hour = 3600 * runs / seconds
        alone = per_hour if way == ALONE else alone
        row = {
            "way": way,
            "runs": runs,
            "episodes": values.episodes,
            "seconds": round(seconds, 1),
            "runs_per_hour": round(per_hour, 1),
            "efficiency": round(per_hour / (alone * cpus), 3),
        }
        _keep(row, pathlib.Path(values.out, _SWEEPS), ("way",))


def _keep(row, table, key):
    """Writes a row into a table at once, in place of an earlier call's: a failure later loses nothing."""
    # Only now, because importing TensorFlow takes seconds.
    from benchmarks import machine

    row = {name: str(value) for name, value in row.items()}
    row |= {"machine": machine.description(), "date": str(datetime.date.today())}
    print(", ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    of = lambda found: tuple(found[name] for name in key)
    rows = {of(found): found for found in read_rows(table)}
    rows[of(row)] = row
    report.write_table(list(rows.values()), table)


def draw(collectors: Sequence[dict[str, str]], sweeps: Sequence[dict[str, str]], path: pathlib.Path) -> None:
    """Draws what collectors bring, a panel for each measure, and how many runs an hour makes.

    Args:
      collectors, sweeps: rows of the two tables.
      path: of the picture.
    """
    figure, axes = report.new_grid(2, 3, 4.2, 3.2)
    panels = {
        "steps_per_s": "environment steps/s",
        "updates_per_s": "low-level updates/s",
        "waiting_share": "learner waits, share of time",
        "mean_age": "mean age, blocks",
        "loopback_mb_per_s": "traffic, MB/s",
    }
    for axis, (name, label) in zip(axes.flat, panels.items()):
        for setting_name in dict.fromkeys(row["setting"] for row in collectors):
            rows = [row for row in collectors if row["setting"] == setting_name and row[name] != "nan"]
            counts = [int(row["collectors"]) for row in rows]
            axis.plot(counts, [float(row[name]) for row in rows], "o-", label=setting_name)
        axis.set_xticks(COUNTS)
        axis.set_ylim(bottom=0)
        axis.set(xlabel="collectors (0: in the learner's process)", ylabel=label)
    if collectors:
        axes[0, 0].legend(fontsize=7)
    bars = axes[1, 2]
    drawn = bars.barh([row["way"] for row in sweeps], [float(row["runs_per_hour"]) for row in sweeps])
    bars.bar_label(drawn, [f"{float(row['efficiency']):.0%}" for row in sweeps], padding=3, fontsize=8)
    bars.margins(x=0.2)
    bars.invert_yaxis()
    bars.set_xlabel("runs per hour\n(of independent runs, one for each CPU)")
    of = next(iter([*collectors, *sweeps]), None)
    figure.suptitle(f"{of['machine']}, {of['date']}" if of else "", fontsize=10)
    report.save_figure(figure, path)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
