"""How the program that the user has called is called again, for runs of their own processes."""

import pathlib
import sys

from efficient_hrl.terminal.console import program

_RUN = pathlib.Path(__file__).parents[2] / "run.py"


def own_command() -> list[str]:
    """The beginning of a command line.

    With -P, so that modules are not looked for in the current folder, as a command does not either.
    """
    if program() == "run.py":
        return [sys.executable, str(_RUN)]
    return [sys.executable, "-P", "-m", "efficient_hrl"]
