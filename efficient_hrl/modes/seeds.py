"""`--seeds=0,1,2`: the same job with several seeds, each in a process of its own."""

import contextlib
import pathlib
from collections.abc import Sequence

from efficient_hrl.errors import UsageError
from efficient_hrl.sweeps.jobs import failures, worst_status
from efficient_hrl.sweeps.jobs_view import jobs_view
from efficient_hrl.sweeps.own_command import configuration_flags, own_command, report
from efficient_hrl.sweeps.runs_folder import check_runs_folder
from efficient_hrl.sweeps.seeds import parse_seeds, run_seeds, seed_names, seeds_title
from efficient_hrl.terminal.console import announce, write_error


def run(
    root: pathlib.Path,
    seeds_text: str,
    side_by_side: int,
    gin_files: Sequence[str],
    gin_bindings: Sequence[str],
) -> int:
    """Trains, or goes on with, a run for each seed in `root`/seedN; then reports on all runs in `root`.

    Args:
      root: the folder of the runs.
      seeds_text: which seeds, see `parse_seeds`.
      side_by_side: how many at once.
      gin_files, gin_bindings: of the job.

    Returns:
      The exit status.

    Raises:
      UsageError: wrong numbers, or folders that cannot be used.
    """
    seeds = parse_seeds(seeds_text)
    if not 1 <= side_by_side <= len(seeds):
        raise UsageError(f"--side_by_side={side_by_side}: allowed: 1 to {len(seeds)}, the number of seeds")
    if not gin_files and not gin_bindings:
        raise UsageError("no configuration; give --gin_file=PATH, e.g. --gin_file=gin/norl_ant_maze.gin")
    root = check_runs_folder(root, {root / f"seed{seed}": seed for seed in seeds})
    flags = configuration_flags(gin_files, gin_bindings)

    def command_of(seed):
        own = [f"--seed={seed}", f"--root_dir={root / f'seed{seed}'}"]
        return [*own_command(), *flags, *own]

    with contextlib.closing(jobs_view(seed_names(seeds))) as view:
        outcomes, stopped_by = run_seeds(command_of, seeds, root, side_by_side, view)
    for line in failures(outcomes, seeds_title):
        write_error(line)
    left_out = len(seeds) - len(outcomes)
    if left_out and not stopped_by:
        write_error(f"the other {left_out} seed{'s' * (left_out > 1)} would say the same: not begun")
    finished = [seed for seed in seeds if seed in outcomes and outcomes[seed].status == 0]
    if stopped_by:
        announce(f"{root}: stopped by {stopped_by}; the same command continues")
    elif finished:
        announce(f"{root}: {seeds_title(finished)} finished")
    status = worst_status(outcomes)
    if status == 0 and not stopped_by:
        return report(root)
    return status
