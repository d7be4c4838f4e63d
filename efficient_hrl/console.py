"""Printing that a run survives: terminals are closed and pipes break while it goes on."""

import os
import sys
from typing import TextIO


def announce(text: str) -> None:
    """Prints a line on standard output at once, also into a pipe: a run takes hours."""
    write_line(sys.stdout, text)


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
