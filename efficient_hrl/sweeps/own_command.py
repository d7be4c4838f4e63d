"""How the program that the user has called is called again, for runs of their own processes."""

import pathlib
import subprocess
import sys
from collections.abc import Sequence

from efficient_hrl.terminal.console import program

_RUN = pathlib.Path(__file__).parents[2] / "run.py"


def own_command() -> list[str]:
    """The beginning of a command line.

    With -P, so that modules are not looked for in the current folder, as a command does not either.
    """
    if program() == "run.py":
        return [sys.executable, str(_RUN)]
    return [sys.executable, "-P", "-m", "efficient_hrl"]


def configuration_flags(gin_files: Sequence[str], gin_bindings: Sequence[str]) -> list[str]:
    """The flags of a configuration."""
    return [
        *(f"--gin_file={path}" for path in gin_files),
        *(f"--gin_bindings={text}" for text in gin_bindings),
    ]


def report_command(root: pathlib.Path) -> list[str]:
    """The command line that compares every run in `root`, also those of other commands."""
    return [*own_command(), "--mode=report", f"--root_dir={root}"]


def report(root: pathlib.Path) -> int:
    """Compares every run in `root`; its exit status."""
    status = subprocess.run(report_command(root), stdin=subprocess.DEVNULL, check=False).returncode
    return 1 if status < 0 else status  # below 0 a signal has killed it
