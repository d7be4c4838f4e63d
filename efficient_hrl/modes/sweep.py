"""`--mode=sweep`: methods x values x seeds, on this machine, a Ray cluster or SLURM."""

import contextlib
import pathlib
from collections.abc import Sequence

from efficient_hrl.sweeps import on_slurm
from efficient_hrl.sweeps.cpus import check_cpus
from efficient_hrl.sweeps.grid import SweepRun, parse_axis, runs_of
from efficient_hrl.sweeps.jobs import Job, failures, worst_status
from efficient_hrl.sweeps.jobs_view import jobs_view
from efficient_hrl.sweeps.on_ray import run_on_ray
from efficient_hrl.sweeps.own_command import configuration_flags, own_command, report, report_command
from efficient_hrl.sweeps.processes import cpu_shares, run_jobs
from efficient_hrl.sweeps.ray_task import RETRIES
from efficient_hrl.sweeps.runs_folder import check_runs_folder
from efficient_hrl.sweeps.seeds import parse_seeds
from efficient_hrl.terminal.console import announce, write_error


def run(
    root: pathlib.Path,
    gin_files: Sequence[str],
    gin_bindings: Sequence[str],
    seeds: str,
    grid: Sequence[str],
    on: str,
    cpus_per_run: int,
    address: str | None,
    slurm_options: Sequence[str],
) -> int:
    """Trains, or goes on with, every run of the sweep in `root`/METHOD/seedN; then reports on all.

    Args:
      root: the sweep's folder, which all nodes see.
      gin_files: a method each.
      gin_bindings: of all runs.
      seeds: see `parse_seeds`.
      grid: see `parse_axis`.
      on: "local", "ray" or "slurm".
      cpus_per_run: CPUs of each run.
      address: of a Ray cluster; None begins one here.
      slurm_options: of `sbatch`.

    Returns:
      The exit status.

    Raises:
      UsageError: wrong flags, or folders that cannot be used.
    """
    runs = runs_of(gin_files, [parse_axis(text) for text in grid], parse_seeds(seeds))
    on_slurm.check_options(slurm_options)
    root = check_runs_folder(root, {run.folder(root): run.seed for run in runs})
    jobs = [_job(run, root, gin_bindings) for run in runs]
    if on == "slurm":
        return _submit(jobs, root, cpus_per_run, slurm_options)
    names = {run: run.name for run in runs}
    with contextlib.closing(jobs_view(names)) as view:
        if on == "ray":
            outcomes, stopped_by = run_on_ray(jobs, root, cpus_per_run, address, view)
        else:
            outcomes, stopped_by = run_jobs(jobs, _shares(cpus_per_run), view, retries=RETRIES)
    return _ended(root, runs, outcomes, stopped_by)


def _job(run: SweepRun, root: pathlib.Path, gin_bindings: Sequence[str]) -> Job:
    folder = run.folder(root)
    command = [*own_command(), *configuration_flags([run.gin_file], [*gin_bindings, *run.bindings])]
    return Job(
        run,
        [*command, f"--seed={run.seed}", f"--root_dir={folder}"],
        folder.with_name(f"{folder.name}.log"),
        run.method,
    )


def _shares(cpus_per_run):
    """CPUs of each of the runs that go side by side on this machine."""
    shares = cpu_shares(check_cpus(cpus_per_run) // cpus_per_run)
    return [{*sorted(share)[:cpus_per_run]} for share in shares]


def _ended(root, runs, outcomes, stopped_by):
    """Says how all went, and reports; the exit status."""
    for line in failures(outcomes, _title):
        write_error(line)
    left_out = len(runs) - len(outcomes)
    if left_out and not stopped_by:
        write_error(f"{left_out} runs of the same methods would say the same: not begun")
    finished = sum(outcome.status == 0 and not outcome.stopped for outcome in outcomes.values())
    status = worst_status(outcomes)
    if stopped_by:
        announce(f"{root}: stopped by {stopped_by}; the same command continues")
        return status
    announce(f"{root}: {finished} of {len(runs)} runs finished")
    # What has finished is worth a look, whatever has become of the others.
    reported = report(root) if finished else 0
    return status or reported


def _title(runs):
    """What runs are called together."""
    return ", ".join(run.name for run in runs)


def _submit(jobs, root, cpus_per_run, options):
    submitted = on_slurm.submit(jobs, root, cpus_per_run, options, report_command(root))
    if submitted.number is None:
        announce(
            f"no sbatch here; where it is: sbatch {submitted.script}, and when all runs have ended"
            f" sbatch {submitted.report}"
        )
        return 0
    announce(f"submitted {len(jobs)} runs as job array {submitted.number}, and a report for when they end")
    return 0
