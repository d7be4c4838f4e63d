"""How near the parts of training come to what this machine can do.

    python -m benchmarks.roofline --gin_file=gin/norl_ant_maze.gin

Counts the matrix products that every update needs (`benchmarks.operations`), measures
how fast this machine makes them and how fast it moves the simulation, and compares the
floor that follows with the time that each part takes, alone and all together.  All
times are per environment step.  There are two floors: all products at the rate of the
largest, on all cores; and every product at the rate that this machine reaches for its
size.  Relabelling is counted with every candidate in full; it gives most of them up
early, the more so the better the low level is trained, so it can beat its floor.
Writes a table and a picture of bars into `--out`.
"""

import datetime
import itertools
import pathlib
import sys
from collections import Counter

from absl import flags

from benchmarks import report, setting
from benchmarks.operations import flops

PARTS = ("collect", "low", "representation", "relabel", "high", "learning", "whole loop")
_UPDATES = 10  # of low level or representation, per call


def main(argv: list[str]) -> int:
    """Measures; returns the exit status, 2 for what the user can mend."""
    return setting.run_benchmark("roofline", argv, _define_flags, _measure)


def _define_flags(values):
    flags.DEFINE_float("seconds", 40.0, "How long to measure, in all.", 1.0, flag_values=values)


def _measure(values):
    trainer = setting.trainer_in_steady_state(values)
    from benchmarks.floors import floors_of
    from efficient_hrl.evaluation.tables import text_table

    floors = floors_of(trainer, by_size=True)
    print(f"{datetime.date.today()}: {floors.describe()}")
    measured = _measured(trainer, values.seconds)
    rows = [
        {
            "part": part,
            "gflop_per_step": round(flops(floors.products.get(part, Counter())) / 1e9, 6),
            "floor_ms": round(1e3 * floors.fastest[part], 4),
            "floor_by_size_ms": round(1e3 * floors.sized[part], 4),
            "measured_ms": round(1e3 * measured[part], 4),
            "ratio": round(floors.fastest[part] / measured[part], 3),
            "ratio_by_size": round(floors.sized[part] / measured[part], 3),
        }
        for part in PARTS
        if part in measured
    ]
    print(text_table(tuple(rows[0]), [tuple(map(str, row.values())) for row in rows]))
    out, name = pathlib.Path(values.out), setting.file_name("roofline", values)
    report.write_table(rows, out / f"{name}.csv")
    bars = {
        "floor: all products at the fastest rate": [row["floor_ms"] for row in rows],
        "floor: every product at the rate of its size": [row["floor_by_size_ms"] for row in rows],
        "measured": [row["measured_ms"] for row in rows],
    }
    machine = floors.describe().splitlines()[0]
    title = f"{setting.title_of(values)}: time per environment step\n{machine}, {datetime.date.today()}"
    report.draw_bars([row["part"] for row in rows], bars, "ms", title, out / f"{name}.png")
    print(f"steps_per_s={1.0 / measured['whole loop']:.1f} of {1.0 / floors.fastest['whole loop']:.1f}")


def _measured(trainer, seconds):
    """Seconds per environment step of every part."""
    import tensorflow as tf

    from efficient_hrl.graph.compiled import compiled, repeat

    learner, schedule, steps = trainer.learner, trainer.spec.schedule, trainer.spec.steps_per_block
    low_per_step = schedule.updates_per_low_round / schedule.steps_per_low_round
    high_per_step = 1 / schedule.period
    period = trainer.hierarchy.low.target_update_period
    periods = -(-_UPDATES // period)
    repeats = periods * period
    low = lambda: repeat(tf.constant(periods), lambda _: [learner.update_low(i) for i in range(period)])
    representation = lambda: repeat(tf.constant(repeats), lambda _: learner.update_representation())
    relabel = lambda: learner.relabeled(learner.draw_segments()).goals
    high = lambda: trainer.hierarchy.high.train(learner.draw_segments())

    # The parts' own updates put the counters ahead: blocks would find nothing due.  So
    # they get what is due in turn, over a whole cycle of blocks and updates.
    blocks = setting.blocks_per_cycle(trainer)
    rounds = blocks * steps // schedule.period
    due = [
        [
            schedule.low_updates(i)
            for i in range(block * steps // schedule.period, (block + 1) * steps // schedule.period)
        ]
        for block in range(blocks)
    ]
    in_turn = itertools.cycle(due)
    trainer.due_updates = lambda: next(in_turn)

    def learning():
        for low_updates in itertools.chain(*due):
            learner.learn(tf.constant(low_updates))

    def whole_loop():
        for _ in range(blocks):
            trainer.train_block()

    # Calls, and how many of them go with one environment step.
    calls = {
        "collect": (trainer.collector.collect, 1.0 / steps),
        "low": (compiled(low), low_per_step / repeats),
        "representation": (compiled(representation), low_per_step / repeats),
        "relabel": (compiled(relabel), high_per_step),
        "high": (compiled(high), high_per_step),
        "learning": (learning, high_per_step / rounds),
        "whole loop": (whole_loop, 1.0 / (blocks * steps)),
    }
    if not trainer.hierarchy.representation.trainable_representation:
        del calls["representation"]
    if learner.settings.goal_sample_strategy is None:
        del calls["relabel"]
    times = setting.seconds_each({name: call for name, (call, _) in calls.items()}, seconds)
    return {name: times[name] * share for name, (_, share) in calls.items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv))
