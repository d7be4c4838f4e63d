"""Printing that a run survives: terminals are closed and pipes break while it goes on.

Colours are for people at a terminal; what goes to a file or a pipe is plain text.
"""

import os
import sys
from typing import TextIO

# Numbers of terminals' own colours, which fit light and dark backgrounds.
RED, YELLOW, CYAN = 31, 33, 36
# The program that the user has called.
_program = "run.py"


def call_program(name: str) -> None:
    """Says which program the user has called, if not run.py."""
    global _program
    _program = name


def program() -> str:
    """The program that the user has called; what it says of errors begins with it."""
    return _program


def called() -> str:
    """The program, as the user calls it."""
    return f"python {_program}" if _program.endswith(".py") else _program


def announce(text: str) -> None:
    """Prints a line on standard output at once, also into a pipe: a run takes hours."""
    write_line(sys.stdout, text)


def write_error(text: str) -> None:
    """Prints why the program ends, on standard error."""
    write_line(sys.stderr, f"{coloured(f'{_program}:', RED, sys.stderr)} {text}")


def has_colours(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal that shows colours, and its user wants them (no-color.org)."""
    if stream is None or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def coloured(text: str, colour: int, stream: TextIO | None) -> str:
    """Text in a colour where `stream` has some, and as it is elsewhere."""
    return f"\x1b[{colour}m{text}\x1b[0m" if has_colours(stream) else text


def success_colour(rate: float) -> int:
    """A colour for a success rate, 0 to 1: told apart by colour-blind people as well."""
    if rate >= 0.8:
        return CYAN
    return YELLOW if rate >= 0.2 else RED


def write_line(stream: TextIO | None, text: str) -> None:
    """Prints a line; a stream that nobody reads any more takes the rest silently."""
    if stream is None:
        return
    try:
        try:
            print(text, file=stream, flush=True)
        except UnicodeEncodeError:  # a path with letters that the terminal does not know
            print(text.encode("ascii", "backslashreplace").decode(), file=stream, flush=True)
    except OSError:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())


def open_missing_streams() -> None:
    """Opens standard streams that the process was started without.

    Otherwise the next file that is opened would get their number, and what libraries
    print would be written into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
