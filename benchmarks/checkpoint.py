"""Seconds and bytes of checkpoints of a run whose buffers are full.

    python -m benchmarks.checkpoint --gin_file=gin/norl_ant_maze.gin

Fills the buffers with random rows, and measures the first checkpoint, which writes
everything; those after it, for which a checkpoint period's rows are new; and restoring.
Files are flushed to the disk, as a run does it.
"""

import functools
import pathlib
import sys
import tempfile
import time

import numpy as np

from benchmarks import setting
from benchmarks.report import write_table
from efficient_hrl.storage.run_folder import RunFolder

_CHUNK = 10_000  # rows that are made at a time
_LATER = 3  # checkpoints after the first


def main(argv: list[str]) -> int:
    """Measures; returns the exit status, 2 for what the user can mend."""
    return setting.run_benchmark("checkpoint", argv, lambda values: None, measure)


def measure(values) -> None:
    """Measures and writes the table."""
    # Only now, because importing TensorFlow takes seconds.
    from efficient_hrl.storage.checkpoints import ScalarState

    trainer = setting.trainer_in_steady_state(values)
    rng = np.random.default_rng(0)
    period = trainer.spec.periods.checkpoint
    buffers = ((trainer.low_replay, 1), (trainer.high_replay, trainer.spec.schedule.period))
    for buffer, _ in buffers:
        _add(buffer, int(buffer.capacity), rng)
    rows = []
    with tempfile.TemporaryDirectory(dir=pathlib.Path.cwd()) as root:
        folder = RunFolder(root)
        checkpoints = trainer.checkpoints(folder, ScalarState(wall_s=0.0, evaluated_steps=0))
        for number in range(1 + _LATER):
            saved = checkpoints.save((number + 1) * period)
            kind = "of the same run, later" if number else "first"
            rows.append(_row(f"save, {kind}", saved.seconds, saved.written, saved.total))
            for buffer, steps_per_row in buffers:
                _add(buffer, period // steps_per_row, rng)
        on_disk = sum(path.stat().st_size for path in pathlib.Path(root).rglob("*") if path.is_file())
        began = time.perf_counter()
        checkpoints.restore(print)
        rows.append(_row("restore", time.perf_counter() - began, 0, saved.total))
    rows.append(_row("on disk, two checkpoints", 0.0, 0, on_disk))
    for row in rows:
        print(", ".join(f"{name} {value}" for name, value in row.items()))
    write_table(rows, pathlib.Path(values.out) / f"{setting.file_name('checkpoint', values)}.csv")


def _row(what, seconds, written, total):
    in_mib = lambda size: round(size / 2**20, 1)
    return {
        "what": what,
        "seconds": round(seconds, 2),
        "written_mib": in_mib(written),
        "total_mib": in_mib(total),
    }


def _add(buffer, count, rng):
    """Adds random rows."""
    import tensorflow as tf

    random = functools.partial(_random, rng)
    for first in range(0, count, _CHUNK):
        size = min(_CHUNK, count - first)
        items = tf.nest.map_structure(lambda spec, n=size: random(spec, n), buffer.data_spec)
        buffer.add(items, tf.fill([size], True))


def _random(rng, spec, count):
    values = rng.standard_normal([count, *spec.shape])
    return values.astype(spec.dtype.as_numpy_dtype)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
