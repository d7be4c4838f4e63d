"""`--seeds=0,1,2`: the same job with several seeds, each in a process of its own."""

import contextlib
import os
import pathlib
import subprocess
from collections.abc import Sequence

from efficient_hrl.errors import UsageError
from efficient_hrl.storage.run_folder import RECORD, RunFolder, check_output_folder
from efficient_hrl.sweeps.jobs import failures, worst_status
from efficient_hrl.sweeps.jobs_view import jobs_view
from efficient_hrl.sweeps.own_command import own_command
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
    root = _checked(root, seeds)
    flags = [f"--gin_file={path}" for path in gin_files] + [f"--gin_bindings={text}" for text in gin_bindings]

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
        return _report(root)
    return status


def _report(root):
    """Compares every run in `root`, also those of other commands, by `--mode=report`; its exit status."""
    command = [*own_command(), "--mode=report", f"--root_dir={root}"]
    status = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    return 1 if status < 0 else status  # below 0 a signal has killed it


def _checked(root, seeds):
    """The folder, if runs of these seeds can be in it."""
    folders = {seed: RunFolder(root / f"seed{seed}") for seed in seeds}
    root = folders[seeds[0]].root.parent
    if (root / RECORD).exists():
        raise UsageError(f"--root_dir={root}: it is a run itself; allowed with --seeds: a folder for runs")
    for seed, folder in folders.items():
        if folder.is_run and (begun := folder.record()["seed"]) != seed:
            raise UsageError(f"--seeds: the run in {folder.root} began with seed {begun}")
        log = root / f"seed{seed}.log"
        if log.exists() and not (log.is_file() and os.access(log, os.W_OK)):
            raise UsageError(f"{log}: not a file that can be written to")
    return check_output_folder(root)  # for the logs, where all runs are there already
