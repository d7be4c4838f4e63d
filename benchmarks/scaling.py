"""How steps per second and memory grow with the size of a training run.

    python -m benchmarks.scaling --gin_file=gin/norl_ant_maze.gin

Runs `benchmarks.throughput` in a process of its own for every size of every sweep and
writes scaling.csv and scaling.png into `--out`.  About 15 minutes on two cores; with
`--sweep` only some of them.
"""

import csv
import datetime
import pathlib
import subprocess
import sys
import tempfile

from absl import flags

from benchmarks import report, setting
from efficient_hrl.errors import UsageError

# Little is enough to begin with: what is measured is the steady state.
_ALWAYS = ("train_uvf.initial_episodes=1", "evaluate.num_episodes_eval=1")
_NETWORKS = (
    "ACTOR_HIDDEN_SIZE_1={0}",
    "ACTOR_HIDDEN_SIZE_2={0}",
    "CRITIC_HIDDEN_SIZE_1={0}",
    "CRITIC_HIDDEN_SIZE_2={0}",
)
_FEWER_UPDATES = (
    "train_uvf.num_envs={0}",
    "train_uvf.num_collect_per_update={0}",
    "train_uvf.num_collect_per_meta_update={0}0",
)
_TEXTS = ("sweep", "machine", "date")  # columns that are no numbers
_COLUMNS = 4  # of panels
# Name of a sweep -> sizes, and bindings for a size.
SWEEPS = {
    "environments, updates per step": ((1, 2, 4, 8, 16, 64), ("train_uvf.num_envs={0}",)),
    "environments, updates per round": ((1, 2, 4, 8, 16, 64), _FEWER_UPDATES),
    "batch size": ((25, 50, 100, 200, 400), ("train_uvf.batch_size={0}",)),
    "hidden units": ((75, 150, 300, 600), _NETWORKS),
    "replay size": ((200_000, 500_000, 1_000_000, 2_000_000), ("agent/CircularBuffer.buffer_size={0}",)),
    "goal dimensions": ((2, 4, 8, 15), ("SUBGOAL_DIM={0}",)),
    "view pixels": ((0, 75), ("create_maze_env.top_down_view={1}", "IMAGES={1}")),
}


def main(argv: list[str]) -> int:
    """Measures; returns the exit status, 2 for what the user can mend."""
    values = flags.FlagValues()
    flags.DEFINE_string("gin_file", "gin/norl_ant_maze.gin", "Path of a gin file.", flag_values=values)
    flags.DEFINE_multi_enum("sweep", [], list(SWEEPS), "Which sweeps; all by default.", flag_values=values)
    flags.DEFINE_integer("steps", 1000, "Environment steps to time, for each.", 1, flag_values=values)
    flags.DEFINE_string("out", "benchmarks/results", "Folder for the results.", flag_values=values)
    try:
        setting.parse(values, argv)
        table = pathlib.Path(values.out, "scaling.csv")
        rows = _read(table)
        for sweep in values.sweep or SWEEPS:
            for size in SWEEPS[sweep][0]:
                row = _measured(sweep, size, values)
                print(", ".join(f"{name} {value}" for name, value in row.items()), flush=True)
                # At once: nothing is lost when a later one fails.
                rows[sweep, size] = row
                report.write_table(list(rows.values()), table)
    except (flags.Error, UsageError) as error:
        print(f"benchmarks.scaling: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    draw(list(rows.values()), pathlib.Path(values.gin_file).stem, table.with_suffix(".png"))
    return 0


def _read(table):
    """Rows of an earlier call, by sweep and size; new ones take their places."""
    if not table.exists():
        return {}
    with open(table, newline="") as file:
        found = [
            {name: text if name in _TEXTS else float(text) for name, text in row.items()}
            for row in csv.DictReader(file)
        ]
    return {(row["sweep"], int(row["size"])): row | {"size": int(row["size"])} for row in found}


def _measured(sweep, size, values):
    """A row: what `benchmarks.throughput` finds for one size of one sweep."""
    bindings = [*_ALWAYS, *(binding.format(size, bool(size)) for binding in SWEEPS[sweep][1])]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.throughput", f"--gin_file={values.gin_file}"]
        command += [f"--gin_bindings={binding}" for binding in bindings]
        command += [f"--steps={values.steps}", "--noevaluation", "--full_buffers", f"--out={folder}"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no message"]
            raise UsageError(f"{sweep} {size}: {lines[-1]}")
        (table,) = pathlib.Path(folder).glob("*.csv")
        with open(table, newline="") as file:
            (found,) = csv.DictReader(file)
    return {
        "sweep": sweep,
        "size": size,
        "steps_per_s": float(found["median_steps_per_s"]),
        "resident_mib": float(found["resident_mib"]),
        "machine": found["machine"],
        "date": str(datetime.date.today()),
    }


def draw(rows: list[dict], name: str, path: pathlib.Path) -> None:
    """Draws steps per second and, below them, memory, a pair of panels for each sweep.

    Args:
      rows: of the table.
      name: of the configuration.
      path: of the picture.
    """
    sweeps = list(dict.fromkeys(row["sweep"] for row in rows))
    figure, axes = report.new_grid(2 * -(-len(sweeps) // _COLUMNS), min(len(sweeps), _COLUMNS))
    for i, sweep in enumerate(sweeps):
        row, column = 2 * (i // _COLUMNS), i % _COLUMNS
        _draw_pair(axes[row : row + 2, column], sweep, [found for found in rows if found["sweep"] == sweep])
    for axis in axes.flat:
        if not axis.lines:
            axis.remove()
    days = sorted({found["date"] for found in rows})
    machines = ", ".join(dict.fromkeys(found["machine"] for found in rows))
    figure.suptitle(f"{name}: {machines}, {' to '.join(dict.fromkeys((days[0], days[-1])))}", fontsize=10)
    report.save_figure(figure, path)


def _draw_pair(axes, sweep, rows):
    sizes = [row["size"] for row in rows]
    labels = {"steps_per_s": "environment steps/s", "resident_mib": "memory, MiB"}
    for axis, (name, label) in zip(axes, labels.items()):
        axis.plot(sizes, [row[name] for row in rows], "o-")
        axis.set_ylim(0, 1.1 * max(row[name] for row in rows))
        axis.set(xlabel=sweep, ylabel=label)
        if min(sizes) > 0 and max(sizes) / min(sizes) > 10:
            axis.set_xscale("log", base=2)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
