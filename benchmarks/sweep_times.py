"""How long runs take together: one alone, one after another, or side by side in a sweep."""

import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from efficient_hrl.errors import UsageError

_ROOT = pathlib.Path(__file__).parents[1]
ALONE = "alone on one CPU"


class Way(NamedTuple):
    """How runs are made.

    Attributes:
      flags: beside those of a run.
      runs: number of CPUs -> number of runs.
      finished: words of the line that says that all have finished.
      cpus: how many CPUs the command has; None is all.
    """

    flags: tuple[str, ...]
    runs: Callable[[int], int]
    finished: str
    cpus: int | None = None


_LONGEST = 3600.0  # seconds, after which a command is stopped
_SWEEP = ("--mode=sweep", "--cpus_per_run=1")
# Two for every CPU, so that a place that becomes free is filled again.
_TWICE = lambda cpus: 2 * cpus
WAYS = {
    ALONE: Way((), lambda cpus: 1, "finished at ", cpus=1),
    "alone on all CPUs": Way((), lambda cpus: 1, "finished at "),
    "sweep, local": Way((*_SWEEP, "--on=local"), _TWICE, "runs finished"),
    "sweep, Ray": Way((*_SWEEP, "--on=ray"), _TWICE, "runs finished"),
}


def seconds_of(way: Way, gin_file: str, episodes: int, runs: int) -> float:
    """Seconds from the command until its last run has finished, the sweep's report not counted.

    Args:
      way: how they are made.
      gin_file: of the runs.
      episodes: of each.
      runs: how many.

    Raises:
      UsageError: they do not finish; with what was said last.
    """
    command = [sys.executable, str(_ROOT / "run.py"), f"--gin_file={gin_file}", *way.flags]
    command += [f"--gin_bindings={binding}" for binding in _bindings(episodes)]
    command += [f"--seeds=0-{runs - 1}"] if "--mode=sweep" in way.flags else []
    mine = sorted(os.sched_getaffinity(0))[: way.cpus]
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        with subprocess.Popen(
            [*command, f"--root_dir={folder}/runs"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, mine),
        ) as process:
            watchdog = threading.Timer(_LONGEST, process.terminate)
            watchdog.start()
            seconds, line = None, ""
            for line in process.stdout:
                if way.finished in line:
                    seconds = time.perf_counter() - began
            watchdog.cancel()
        if process.returncode or seconds is None:
            raise UsageError(f"the runs have not finished: {line.strip()}")
        return seconds


def _bindings(episodes) -> Sequence[str]:
    """Of all runs: short ones, that learn all the time and are judged by little at the end."""
    return (
        f"train_uvf.num_episodes_train={episodes}",
        "train_uvf.initial_episodes=1",
        "train_uvf.eval_every_n_steps=1000000000",
        "evaluate.num_episodes_eval=1",
    )
