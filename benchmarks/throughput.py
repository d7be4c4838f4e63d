"""Environment steps per second of training in steady state.

    python -m benchmarks.throughput --gin_file=gin/norl_ant_maze.gin --steps=5000

Fills the buffers with the initial episodes (or begins with a run's checkpoint,
`--root_dir`), warms up, then times whole blocks of collecting and learning, and one
evaluation.  Prints what this machine can do, the shares, and the floor beside the
measured time; writes a table and a picture into `--out`; the last line is
`steps_per_s=...`.
"""

import datetime
import pathlib
import sys
import time

import numpy as np
from absl import flags

from benchmarks import report, setting

_COPIED_AT_ONCE = 10_000


def main(argv: list[str]) -> int:
    """Measures; returns the exit status, 2 for what the user can mend."""
    return setting.run_benchmark("throughput", argv, _define_flags, _measure)


def _define_flags(values):
    flags.DEFINE_integer("steps", 5000, "Environment steps to time.", 1, flag_values=values)
    flags.DEFINE_bool("evaluation", True, "Whether to time an evaluation too.", flag_values=values)
    flags.DEFINE_bool(
        "full_buffers", False, "Fill both buffers first, with copies of what they hold.", flag_values=values
    )


def _measure(values):
    trainer = setting.trainer_in_steady_state(values)
    from benchmarks import machine
    from benchmarks.floors import floors_of

    if values.full_buffers:
        for buffer in (trainer.low_replay, trainer.high_replay):
            _fill(buffer)
    floors = floors_of(trainer)
    print(f"{datetime.date.today()}: {floors.describe()}")
    # Whole cycles, so that every reading has the stated ratio of updates and steps.
    cycle = setting.blocks_per_cycle(trainer)
    cycles = -(-values.steps // (cycle * trainer.spec.steps_per_block))
    collecting, learning = _block_seconds(trainer, cycles * cycle)
    steps = len(collecting) * trainer.spec.steps_per_block
    total = sum(collecting) + sum(learning)
    print(f"{steps} environment steps in {total:.1f} s, {1e3 * total / steps:.2f} ms each:")
    measured = {"whole loop": total / steps}
    if not trainer.spec.collects_beside_learning:
        measured |= {"collect": sum(collecting) / steps, "learning": sum(learning) / steps}
    for part, seconds in measured.items():
        floor = 1e3 * floors.fastest[part]
        print(f"  {part:<12}{1e3 * seconds:6.2f} ms {seconds * steps / total:5.0%}, floor {floor:.2f} ms")
    of_cycles = np.add(collecting, learning).reshape(cycles, cycle).sum(axis=1)
    median = float(np.median(of_cycles)) / (cycle * trainer.spec.steps_per_block)
    row = {
        "configuration": setting.title_of(values),
        "machine": machine.description(),
        "date": datetime.date.today(),
        "steps": steps,
        "steps_per_s": round(steps / total, 1),
        "median_steps_per_s": round(1.0 / median, 1),
        "floor_steps_per_s": round(1.0 / floors.fastest["whole loop"], 1),
        "collect_ms": round(1e3 * measured.get("collect", np.nan), 3),
        "learning_ms": round(1e3 * measured.get("learning", np.nan), 3),
        "resident_mib": round(machine.resident_mib()),
    }
    if values.evaluation:
        seconds = _evaluation_seconds(trainer)
        interval = trainer.spec.periods.evaluation * total / steps
        row |= {
            "evaluation_s": round(seconds, 2),
            "evaluation_share": round(seconds / (seconds + interval), 4),
        }
        print(
            f"one evaluation: {seconds:.1f} s, {seconds / (seconds + interval):.1%} of the time"
            f" at every {trainer.spec.periods.evaluation:,} steps"
        )
    out, name = pathlib.Path(values.out), setting.file_name("throughput", values)
    report.write_table([row], out / f"{name}.csv")
    parts = list(measured)
    bars = {
        "floor": [1e3 * floors.fastest[part] for part in parts],
        "measured": [1e3 * measured[part] for part in parts],
    }
    title = f"{row['configuration']}: time per environment step\n{row['machine']}, {row['date']}"
    report.draw_bars(parts, bars, "ms", title, out / f"{name}.png")
    print(f"median: {1.0 / median:.1f} steps/s; resident memory {row['resident_mib']} MiB")
    print(f"steps_per_s={steps / total:.1f}")


def _block_seconds(trainer, blocks):
    """Seconds of collecting and of learning, per block; all is collecting when both are one call."""
    collecting, learning = [], []
    for _ in range(blocks):
        began = time.perf_counter()
        if trainer.spec.collects_beside_learning:
            trainer.train_block()
            collected = time.perf_counter()
        else:
            trainer.collector.collect()
            collected = time.perf_counter()
            trainer.learn()
        collecting.append(collected - began)
        learning.append(time.perf_counter() - collected)
    return collecting, learning


def _fill(buffer):
    """Adds copies of what a buffer holds until it is full."""
    import tensorflow as tf

    items = buffer.gather_all()
    while int(buffer.num_frames()) < buffer.capacity:
        buffer.add(items, tf.fill([len(items.reward)], True))
        if len(items.reward) < _COPIED_AT_ONCE:
            items = buffer.gather_all()


def _evaluation_seconds(trainer):
    """Of an evaluation of all targets; the first one, which compiles, is not timed."""
    steps = int(trainer.collector.env_steps)
    trainer.evaluator.evaluate(steps)
    began = time.perf_counter()
    trainer.evaluator.evaluate(steps)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main(sys.argv))
