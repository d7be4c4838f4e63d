"""What runs and folders are called in titles."""

import os
import pathlib
import re


def run_name(root: str | os.PathLike) -> str:
    """The name of a run's folder; of `seedN`, as `--seeds` makes it, with the folder that holds it."""
    folder = pathlib.Path(os.path.abspath(root))  # "." has no name
    is_seed = re.fullmatch(r"seed\d+", folder.name)
    name = f"{folder.parent.name}/{folder.name}" if is_seed else folder.name
    return printable(name)


def printable(name: str) -> str:
    """A file's name as pictures and pages can show it: bytes that are no UTF-8 are escaped."""
    return os.fsencode(name).decode(errors="backslashreplace")
