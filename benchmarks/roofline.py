"""How near the parts of training come to what this machine can do.

    python -m benchmarks.roofline --gin_file=gin/norl_ant_maze.gin

Counts the operations that every update needs (`benchmarks.operations`), measures how
fast this machine multiplies matrices and moves the simulation, and compares the floor
that follows with the time that each part takes, alone and all together.  All times are
per environment step.  Writes a table and a picture of bars into `--out`.
"""

import datetime
import os
import pathlib
import sys

from absl import flags

from benchmarks import setting

PARTS = ("collect", "low", "representation", "relabel", "high", "learning", "whole loop")


def main(argv: list[str]) -> int:
    """Measures; returns the exit status, 2 for what the user can mend."""
    return setting.run_benchmark("roofline", argv, _define_flags, _measure)


def _define_flags(values):
    flags.DEFINE_float("seconds", 40.0, "How long to measure, in all.", 1.0, flag_values=values)


def _measure(values):
    trainer = setting.trainer_in_steady_state(values)
    from benchmarks import machine, report
    from benchmarks.operations import update_operations

    cores = os.cpu_count() or 1
    widest = max(v.shape[0] * v.shape[1] for v in _kernels(trainer))
    inputs, outputs = next(v.shape for v in _kernels(trainer) if v.shape[0] * v.shape[1] == widest)
    rows = trainer.learner.batch_size
    rate = machine.product_rate(rows, inputs, outputs, chains=cores)
    single = machine.product_rate(rows, inputs, outputs)
    print(f"{machine.description()}, {datetime.date.today()}")
    print(
        f"{rows} x {inputs} x {outputs} float32 products: {single / 1e9:.0f} GFLOP/s on one core,"
        f" {rate / 1e9:.0f} on {cores}"
    )
    operations = update_operations(
        trainer.hierarchy,
        rows,
        trainer.learner.goal_sample_strategy,
        trainer.hierarchy.low.target_update_period,
    )
    measured = _measured(trainer, values.seconds)
    floors = _floors(trainer, operations, rate)
    maze = getattr(trainer.environment, "maze", None)
    if maze is not None:
        threads = min(trainer.num_envs, cores)
        physics = machine.physics_rate(maze, threads)
        print(f"bare physics on {threads} thread{'s' * (threads > 1)}: {physics:.0f} environment steps/s")
        floors["collect"] = 1.0 / physics
    floors["whole loop"] = floors.get("collect", 0.0) + floors["learning"]
    if trainer.collects_beside_learning:
        # Physics takes its share of one core; the rest of all cores learns.
        threads_s = floors.get("collect", 0.0) * min(trainer.num_envs, cores)
        floors["whole loop"] = max(floors.get("collect", 0.0), floors["learning"] + threads_s / cores)
    rows_out = _table(floors, measured, rate)
    print(f"{'part':<16}{'GFLOP':>9}{'floor':>10}{'measured':>10}{'floor / measured':>18}")
    for row in rows_out:
        print(
            f"{row['part']:<16}{row['gflop_per_step']:>9.4f}{row['floor_ms']:>7.3f} ms"
            f"{row['measured_ms']:>7.3f} ms{row['ratio']:>18.2f}"
        )
    out = pathlib.Path(values.out)
    name = setting.file_name("roofline", values)
    report.write_table(rows_out, out / f"{name}.csv")
    bars = {key: [row[f"{key}_ms"] for row in rows_out] for key in ("floor", "measured")}
    title = f"{setting.title_of(values)}: time per environment step\n{machine.description()}"
    report.draw_bars([row["part"] for row in rows_out], bars, "ms", title, out / f"{name}.png")
    print(f"steps_per_s={1.0 / measured['whole loop']:.1f} of {1.0 / floors['whole loop']:.1f}")


def _kernels(trainer):
    return [v for v in trainer.hierarchy.low.actor_net.trainable_variables if v.shape.rank == 2]


def _updates_per_step(trainer):
    """Low-level and high-level updates per environment step."""
    schedule = trainer.schedule
    low = schedule.updates_per_low_round / schedule.steps_per_low_round
    return low, 1.0 / schedule.period


def _floors(trainer, operations, rate):
    """Seconds per environment step of every part that multiplies matrices, with all cores."""
    low, high = _updates_per_step(trainer)
    per_step = {
        "low": low * operations.low,
        "representation": low * operations.representation,
        "relabel": high * operations.relabel,
        "high": high * operations.high,
    }
    floors = {name: flops / rate for name, flops in per_step.items() if flops}
    floors["learning"] = sum(floors.values())
    return floors


def _measured(trainer, seconds):
    """Seconds per environment step of every part."""
    import tensorflow as tf

    learner, steps = trainer.learner, trainer.steps_per_block
    low_per_step, high_per_step = _updates_per_step(trainer)
    repeats = 10

    @tf.function
    def low():
        for _ in tf.range(repeats):
            learner.update_low()

    @tf.function
    def representation():
        for _ in tf.range(repeats):
            learner.update_representation()

    @tf.function
    def relabel():
        return learner.relabelled_goals(learner.draw_segments())

    @tf.function
    def high():
        trainer.hierarchy.high.train(learner.draw_segments())

    # The parts' own updates put the counters ahead: a block would find nothing due.
    trainer.due_updates = lambda: [trainer.schedule.low_updates(0)]
    low_updates = tf.constant(trainer.schedule.low_updates(0))
    # Calls, and how many of them go with one environment step.
    calls = {
        "collect": (trainer.collector.collect, 1.0 / steps),
        "low": (low, low_per_step / repeats),
        "representation": (representation, low_per_step / repeats),
        "relabel": (relabel, high_per_step),
        "high": (high, high_per_step),
        "learning": (lambda: learner.learn(low_updates), high_per_step),
        "whole loop": (trainer.train_block, 1.0 / steps),
    }
    if not trainer.hierarchy.representation.trainable_representation:
        del calls["representation"]
    if learner.goal_sample_strategy is None:
        del calls["relabel"]
    times = setting.seconds_each({name: call for name, (call, _) in calls.items()}, seconds)
    return {name: times[name] * share for name, (_, share) in calls.items()}


def _table(floors, measured, rate):
    rows = []
    for part in PARTS:
        if part in measured:
            floor = floors.get(part, float("nan"))
            flops = 0.0 if part in ("collect", "whole loop") else floor * rate
            rows.append(
                {
                    "part": part,
                    "gflop_per_step": round(flops / 1e9, 6),
                    "floor_ms": round(1e3 * floor, 4),
                    "measured_ms": round(1e3 * measured[part], 4),
                    "ratio": round(floor / measured[part], 3),
                }
            )
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv))
