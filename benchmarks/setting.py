"""What benchmarks of training have in common: flags, and a trainer in steady state."""

import math
import pathlib
import sys
import time
from collections.abc import Callable

import numpy as np
from absl import flags

from efficient_hrl.errors import UsageError
from efficient_hrl.storage.run_folder import RunFolder, is_writable

WARM_UP_BLOCKS = 20


def define_flags(values: flags.FlagValues) -> None:
    """Flags of every benchmark of training."""
    flags.DEFINE_multi_string("gin_file", [], "Path of a gin file; repeatable.", flag_values=values)
    flags.DEFINE_multi_string("gin_bindings", [], "A binding; repeatable.", flag_values=values)
    flags.DEFINE_string(
        "root_dir",
        None,
        "A run whose newest checkpoint to begin with, for its trained weights.",
        flag_values=values,
    )
    flags.DEFINE_string("out", "benchmarks/results", "Folder for tables and pictures.", flag_values=values)
    flags.DEFINE_string(
        "name", None, "Name of the results; that of the gin files by default.", flag_values=values
    )


def run_benchmark(name: str, argv: list[str], define: Callable, measure: Callable) -> int:
    """Parses flags and measures; returns the exit status, 2 for what the user can mend.

    Args:
      name: of the benchmark, for messages.
      argv: the command line.
      define: gets the flag values and adds the benchmark's own.
      measure: gets the parsed flag values.
    """
    values = flags.FlagValues()
    define_flags(values)
    define(values)
    try:
        parse(values, argv)
        measure(values)
    except (flags.Error, UsageError) as error:
        print(f"benchmarks.{name}: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    return 0


def parse(values: flags.FlagValues, argv: list[str]) -> None:
    """Parses flags, and checks where results are to go, before anything is measured.

    Raises:
      UsageError: something that is no flag, or a folder `--out` that cannot be written.
    """
    if "--help" in argv:
        print(sys.modules["__main__"].__doc__)
        print(values.get_help())
        raise SystemExit(0)
    rest = values(argv)[1:]
    if rest:
        raise UsageError(
            f"unknown argument {rest[0]!r}; allowed: flags, as in --gin_file=gin/norl_ant_maze.gin"
        )
    if "out" in values:
        nearest = pathlib.Path(values.out).absolute()
        while not nearest.exists():
            nearest = nearest.parent
        if not nearest.is_dir() or not is_writable(nearest):
            raise UsageError(f"--out={values.out}: {nearest} is not a folder that can be written")


def title_of(values: flags.FlagValues) -> str:
    """Name of what is measured, from its gin files and bindings."""
    return " ".join([pathlib.Path(path).stem for path in values.gin_file] + values.gin_bindings)


def file_name(benchmark: str, values: flags.FlagValues) -> str:
    """Name without ending of a benchmark's results."""
    stems = [pathlib.Path(path).stem for path in values.gin_file]
    return "_".join([benchmark, *([values.name] if values.name else stems)])


def trainer_in_steady_state(values: flags.FlagValues):
    """A `Training` whose buffers hold the initial episodes, or a run's, and that has learned a little."""
    # Only now, because importing TensorFlow takes seconds.
    from efficient_hrl.configuration.config import load_config, usage_errors
    from efficient_hrl.graph.threads import use_threads
    from efficient_hrl.storage.checkpoints import ScalarState
    from efficient_hrl.train import train_uvf

    use_threads()
    load_config(values.gin_file, values.gin_bindings)
    folder = None
    if values.root_dir is not None:
        folder = RunFolder(values.root_dir, writes=False)
        if not folder.is_run:
            raise UsageError(f"--root_dir={values.root_dir}: there is no run to begin with")
    with usage_errors():
        trainer = train_uvf(seed=0)
        trainer.prepare(is_new=True)
    if folder is None:
        trainer.collector.start()
    elif not trainer.checkpoints(folder, ScalarState(wall_s=0.0, evaluated_steps=0)).restore(
        print, only_reads=True
    ):
        raise UsageError(f"--root_dir={values.root_dir}: there is no checkpoint to begin with")
    elif not trainer.keeps_environment_state:
        trainer.collector.start()
    while int(trainer.collector.env_steps) < trainer.spec.schedule.initial_steps:
        trainer.train_block()
    for _ in range(WARM_UP_BLOCKS):
        trainer.train_block()
    return trainer


def blocks_per_cycle(trainer) -> int:
    """After how many blocks updates and environment steps are in the stated ratio again."""
    schedule, steps = trainer.spec.schedule, trainer.spec.steps_per_block
    return math.lcm(steps, schedule.period, schedule.steps_per_low_round) // steps


def seconds_each(calls: dict[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """Median seconds of one call of each, by name; they take turns for about `seconds` in all.

    Taking turns, so that a slow moment of a shared machine falls on all of them.
    """
    for call in calls.values():
        call()
        call()
    readings = {name: [] for name in calls}
    began = time.perf_counter()
    while time.perf_counter() - began < seconds or len(readings[next(iter(calls))]) < 3:
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            readings[name].append(time.perf_counter() - start)
    return {name: float(np.median(times)) for name, times in readings.items()}
