"""The folder that several runs are in."""

import os
import pathlib
from collections.abc import Mapping

from efficient_hrl.errors import UsageError
from efficient_hrl.storage.run_folder import RECORD, RunFolder, check_output_folder


def check_runs_folder(root: pathlib.Path, seeds: Mapping[pathlib.Path, int]) -> pathlib.Path:
    """The folder of several runs, if they can be in it; nothing is made yet.

    Args:
      root: the folder.
      seeds: of the runs, by their folders; the log of a run is beside its folder.

    Raises:
      UsageError: it, or one of theirs or of their logs, cannot be used, or a run began with another seed.
    """
    folders = {path: RunFolder(path) for path in seeds}
    root = pathlib.Path(root).expanduser()
    if (root / RECORD).exists():
        raise UsageError(f"--root_dir={root}: it is a run itself; allowed: a folder for runs")
    for path, seed in seeds.items():
        folder = folders[path]
        if folder.is_run and (begun := folder.record()["seed"]) != seed:
            raise UsageError(f"--seeds: the run in {folder.root} began with seed {begun}")
        log = folder.root.with_name(f"{folder.root.name}.log")
        if log.exists() and not (log.is_file() and os.access(log, os.W_OK)):
            raise UsageError(f"{log}: not a file that can be written to")
    return check_output_folder(root)  # for the logs, where all runs are there already
