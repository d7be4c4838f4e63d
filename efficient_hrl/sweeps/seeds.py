"""Several seeds of one job: which, and how they are called."""

import collections
import pathlib
import re
from collections.abc import Callable, Sequence

from efficient_hrl.checks import MOST_SEED
from efficient_hrl.errors import UsageError
from efficient_hrl.sweeps.jobs import Job, JobEnd, View
from efficient_hrl.sweeps.processes import cpu_shares, run_jobs

_MOST = 1000  # seeds; more are a slip of the pen


def parse_seeds(text: str) -> list[int]:
    """Seeds of "0,1,2", "0-4" or both, in the order given.

    Raises:
      UsageError: something else, a seed out of range, or one that comes twice.
    """
    wrong = f"--seeds={text}: allowed: numbers from 0 to {MOST_SEED}, e.g. --seeds=0,1,2 or --seeds=0-4"
    seeds = []
    for part in text.split(","):
        numbers = re.fullmatch(r"\s*(\d{1,10})(?:\s*-\s*(\d{1,10}))?\s*", part, re.ASCII)
        if not numbers:
            raise UsageError(wrong)
        first = int(numbers.group(1))
        last = int(numbers.group(2) or first)
        if not first <= last <= MOST_SEED:
            raise UsageError(wrong)
        if len(seeds) + last - first >= _MOST:
            raise UsageError(f"--seeds={text}: more than {_MOST:,} seeds; allowed: up to {_MOST:,}")
        seeds += range(first, last + 1)
    for seed, count in collections.Counter(seeds).items():
        if count > 1:
            raise UsageError(f"--seeds={text}: seed {seed} comes {count} times; allowed: each once")
    return seeds


def seed_names(seeds: Sequence[int]) -> dict[int, str]:
    """What seeds are called on a terminal, as long as each other."""
    width = max(len(str(seed)) for seed in seeds)
    return {seed: f"seed {seed:>{width}}" for seed in seeds}


def seeds_title(seeds: Sequence[int]) -> str:
    """What seeds are called together."""
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"


def run_seeds(
    command_of: Callable[[int], Sequence[str]],
    seeds: Sequence[int],
    root: pathlib.Path,
    side_by_side: int = 1,
    view: View | None = None,
) -> tuple[dict[int, JobEnd], str]:
    """Runs a process for every seed, see `run_jobs`.

    Args:
      command_of: a seed's command line.
      seeds: in the order in which they begin.
      root: folder of the logs, seedN.log; it need not exist.
      side_by_side: how many run at once; they share this process' CPUs equally.
      view: is told how it goes.
    """
    jobs = [Job(seed, command_of(seed), root / f"seed{seed}.log") for seed in seeds]
    return run_jobs(jobs, cpu_shares(side_by_side), view)
