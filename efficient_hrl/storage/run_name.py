"""What a run is called in titles."""

import os
import pathlib
import re


def run_name(root: str | os.PathLike) -> str:
    """The name of a run's folder; of `seedN`, as `--seeds` makes it, with the folder that holds it."""
    folder = pathlib.Path(os.path.abspath(root))  # "." has no name
    return f"{folder.parent.name}/{folder.name}" if re.fullmatch(r"seed\d+", folder.name) else folder.name
