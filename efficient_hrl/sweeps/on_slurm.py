"""A sweep as a SLURM job array: one element a run, which is requeued until it is finished.

Facts from https://slurm.schedmd.com/sbatch.html.  The script is plain text and is kept in the sweep's
folder: who manages a cluster can read it, and what it needs is there in any language.
"""

import hashlib
import pathlib
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from efficient_hrl.errors import RunError, UsageError
from efficient_hrl.storage.durable import write_text
from efficient_hrl.sweeps.jobs import Job

NOTICE_SECONDS = 300  # between SIGTERM and a time limit: a run writes its checkpoint
SCRIPT, REPORT = "sweep.sbatch", "sweep.report.sbatch"

_SCRIPT = """#!/bin/bash
# Runs line $SLURM_ARRAY_TASK_ID of {commands_name}; the same command continues a run that was stopped.
#SBATCH --job-name={name}
#SBATCH --array=0-{last}
#SBATCH --cpus-per-task={cpus}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@{notice}
#SBATCH --output={logs}/slurm-%A_%a.log
{options}
cd {folder} || exit 1
command=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" {commands})
stopping=
bash -c "exec $command" &
run=$!
trap 'stopping=1; kill -TERM $run 2>/dev/null' TERM
wait $run
status=$?
# A signal ends the first wait; the run then writes its checkpoint.
while kill -0 $run 2>/dev/null; do wait $run; status=$?; done
if [ -n "$stopping" ] && {{ [ $status -eq 0 ] || [ $status -ge 128 ]; }}; then
  scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}" || exit 1
  exit 0
fi
exit $status
"""

_REPORT = """#!/bin/bash
# One report over all runs, when none is left to run.
#SBATCH --job-name={name}-report
#SBATCH --output={logs}/slurm-report-%j.log
{options}
cd {folder} || exit 1
exec {command}
"""


class Submitted(NamedTuple):
    """What has become of a sweep's script.

    Attributes:
      script: its path.
      report: that of the script for the report.
      number: SLURM's number of the array; None where there is no `sbatch`.
    """

    script: pathlib.Path
    report: pathlib.Path
    number: str | None


def submit(
    jobs: Sequence[Job],
    root: pathlib.Path,
    cpus_per_run: int,
    options: Sequence[str],
    report_command: Sequence[str],
) -> Submitted:
    """Writes the scripts into `root`, and gives them to `sbatch` where that is.

    Args:
      jobs: the runs; their commands hold absolute paths, or such as hold in this process' folder.
      root: the sweep's folder; it exists, and all nodes see it.
      cpus_per_run: CPUs of each.
      options: of `sbatch`, e.g. "--time=24:00:00".
      report_command: the command line of the report over all.

    Raises:
      RunError: `sbatch` refuses; with its own words.
      UsageError: an option, or a folder's name, that a script cannot hold.
    """
    check_options(options)
    root = root.absolute()
    for folder in (root, pathlib.Path.cwd()):
        if "\n" in str(folder):
            raise UsageError(f"{str(folder)!r}: allowed with --on=slurm: folders of one line")
    logs = root / "slurm"
    logs.mkdir(parents=True, exist_ok=True)
    shared = {
        "name": re.sub(r"[^\w.-]", "_", root.name),
        "logs": shlex.quote(str(logs).replace("%", "%%")),  # SLURM puts numbers in place of %A and others
        "options": "".join(f"#SBATCH {option}\n" for option in options),
        "folder": shlex.quote(str(pathlib.Path.cwd())),
    }
    script, report = root / SCRIPT, root / REPORT
    lines = "".join(f"{_line(job.command)}\n" for job in jobs)
    # An array that was submitted before goes on reading its own lines, whatever they are now.
    commands = root / f"sweep-{hashlib.sha256(lines.encode()).hexdigest()[:12]}.commands"
    write_text(commands, lines)
    write_text(
        script,
        _SCRIPT.format(
            **shared,
            last=len(jobs) - 1,
            cpus=cpus_per_run,
            notice=NOTICE_SECONDS,
            commands=shlex.quote(str(commands)),
            commands_name=commands.name,
        ),
    )
    write_text(report, _REPORT.format(**shared, command=shlex.join(report_command)))
    if shutil.which("sbatch") is None:
        return Submitted(script, report, None)
    number = _sbatch(str(script))
    try:
        _sbatch(f"--dependency=afterany:{number}", str(report))
    except RunError as error:
        raise RunError(
            f"the runs are submitted as job array {number}, their report is not: {error}"
        ) from None
    return Submitted(script, report, number)


def check_options(options: Sequence[str]) -> None:
    """Raises a UsageError for what is no option of `sbatch`, or one that the script sets itself."""
    own = ("--array", "--requeue", "--no-requeue", "--signal", "--cpus-per-task", "--output", "--open-mode")
    for option in options:
        try:
            first, *rest = shlex.split(option)
        except ValueError:  # nothing, or quotes that do not end
            first, rest = "", []
        if not first.startswith("--") or "\n" in option or any(word.startswith("-") for word in rest):
            raise UsageError(
                f"--slurm_option={option}: allowed: options of sbatch, one each, e.g. --time=24:00:00"
            )
        name = first.split("=")[0]
        if any(set_here.startswith(name) for set_here in own):  # sbatch takes shortened names as well
            raise UsageError(
                f"--slurm_option={option}: the sweep sets it; allowed: others than {', '.join(own)}"
            )


def _line(command):
    """A command in one line of bash; a line's end can only be inside of quotes."""
    return shlex.join(command).replace("\n", "'$'\\n''")


def _sbatch(*arguments):
    """SLURM's number of what was submitted."""
    done = subprocess.run(
        ["sbatch", "--parsable", *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise RunError(f"sbatch: {said[-1] if said else f'status {done.returncode}'}")
    return done.stdout.decode().strip().split(";")[0]  # NUMBER or NUMBER;CLUSTER
