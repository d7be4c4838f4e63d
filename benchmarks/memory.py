"""Resident memory of a training run, from its first to its last step.

    python -m benchmarks.memory --gin_file=gin/hiro_xy_point_maze.gin \
        --gin_bindings='train_uvf.num_episodes_train=400' --root_dir=runs/memory

Starts (or continues) the run with `run.py`, watches the process from outside, and
writes memory.csv and memory.png into the folder `--out`: what is measured is the whole
run, with its evaluations, checkpoints and plots.
"""

import datetime
import pathlib
import resource
import subprocess
import sys
import time
from collections.abc import Mapping

from absl import flags

from benchmarks import setting
from benchmarks.report import new_figure, save_figure, write_table
from efficient_hrl.errors import UsageError

_PAGE_MIB = resource.getpagesize() / 2**20
_ROOT = pathlib.Path(__file__).parents[1]


def main(argv: list[str]) -> int:
    """Runs and watches; returns the run's exit status, or 2 for what the user can mend."""
    values = flags.FlagValues()
    flags.DEFINE_multi_string("gin_file", [], "Path of a gin file; repeatable.", flag_values=values)
    flags.DEFINE_multi_string("gin_bindings", [], "A binding; repeatable.", flag_values=values)
    flags.DEFINE_string("root_dir", None, "Folder of the run.", flag_values=values, required=True)
    flags.DEFINE_string("out", "benchmarks/results", "Folder for the results.", flag_values=values)
    flags.DEFINE_float("period_s", 5.0, "Seconds between readings.", 0.1, flag_values=values)
    try:
        setting.parse(values, argv)
        if not pathlib.Path("/proc/self/statm").exists():
            raise UsageError("resident memory is read from /proc, which this system does not have")
    except (flags.Error, UsageError) as error:
        print(f"benchmarks.memory: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    command = [sys.executable, str(_ROOT / "run.py"), f"--root_dir={values.root_dir}"]
    command += [f"--gin_file={path}" for path in values.gin_file]
    command += [f"--gin_bindings={binding}" for binding in values.gin_bindings]
    process = subprocess.Popen(command)
    metrics = pathlib.Path(values.root_dir, "metrics.csv")
    readings = []
    try:
        while process.poll() is None:
            resident = _resident_mib(process.pid)
            if resident:
                readings.append((_env_steps(metrics), round(resident, 1)))
            time.sleep(values.period_s)
    except KeyboardInterrupt:  # the run, which got it too, writes a checkpoint
        pass
    finally:
        process.wait()
        if readings:
            name = "+".join(pathlib.Path(path).stem for path in values.gin_file)
            _write(readings, name, pathlib.Path(values.out))
    return process.returncode


def _resident_mib(pid):
    try:
        pages = pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return 0.0
    return int(pages) * _PAGE_MIB


def _env_steps(metrics):
    """The newest step that the run has written, 0 before the first."""
    if not metrics.exists():
        return 0
    last = metrics.read_text().splitlines()[-1].split(",")[0]
    return int(last) if last.isdigit() else 0


def _write(readings, name, out):
    # Only now, because importing TensorFlow takes seconds.
    from benchmarks import machine

    # One row per step that was read: the largest reading there.
    largest = {}
    for steps, resident in readings:
        largest[steps] = max(largest.get(steps, 0.0), resident)
    of = {"machine": machine.description(), "date": str(datetime.date.today())}
    rows = [{"env_steps": steps, "resident_mib": resident} | of for steps, resident in largest.items()]
    write_table(rows, out / "memory.csv")
    draw(largest, f"{name}: {of['machine']}, {of['date']}", out / "memory.png")
    learning = [resident for steps, resident in largest.items() if steps]
    if learning:
        print(f"resident memory: {learning[0]:.0f} MiB at the first reading, {learning[-1]:.0f} at the last")


def draw(resident: Mapping[int, float], title: str, path: pathlib.Path) -> None:
    """Draws resident memory, MiB, by environment steps."""
    figure, axis = new_figure()
    axis.plot(list(resident), list(resident.values()))
    axis.set_title(title, fontsize=10)
    axis.set_xlabel("environment steps")
    axis.set_ylabel("resident memory, MiB")
    axis.set_ylim(bottom=0)
    save_figure(figure, path)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
