"""A run's folder: what is in it, and whether this run may use it."""

import json
import os
import pathlib
import platform
import sys
import time
from importlib import metadata

RECORD = "run.json"
PACKAGES = ("tensorflow", "tf-agents", "mujoco", "gymnasium", "gin-config", "numpy")


class UsageError(Exception):
    """Something that the user can mend; shown as one line."""


class RunFolder:
    """Paths inside a run's folder, and the record that marks it as one.

    Attributes:
      root: the folder.
    """

    def __init__(self, root: str | os.PathLike):
        """Checks that the folder can be used; nothing is written yet.

        Raises:
          UsageError: not a folder, not writable, or full of something else.
        """
        self.root = pathlib.Path(root).expanduser()
        nearest = self.root
        while not nearest.exists() and nearest != nearest.parent:
            nearest = nearest.parent
        if not nearest.is_dir():
            raise UsageError(f"--root_dir={root}: {nearest} is not a folder")
        if not _is_writable(nearest):
            raise UsageError(f"--root_dir={root}: {nearest} is not writable")
        if self.root.exists() and not self.is_run and any(self.root.iterdir()):
            raise UsageError(
                f"--root_dir={root}: the folder is not empty and not a run of this program (no {RECORD});"
                " allowed: a new or empty folder, or a run's"
            )

    @property
    def is_run(self) -> bool:
        """Whether a run has been started here."""
        return (self.root / RECORD).is_file()

    def path(self, *parts: str) -> pathlib.Path:
        """A path inside the folder."""
        return self.root.joinpath(*parts)

    def record(self) -> dict:
        """What the run was started with.

        Raises:
          UsageError: the record cannot be read.
        """
        try:
            record = json.loads(self.path(RECORD).read_text())
            if not isinstance(record, dict) or not isinstance(record.get("seed"), int):
                raise ValueError("no seed")
            return record
        except (OSError, ValueError) as error:
            raise UsageError(f"{self.path(RECORD)}: not a record of a run ({error})") from None

    def create(self, seed: int, gin_files: list[str], gin_bindings: list[str]) -> None:
        """Makes the folder and writes the record, with versions and machine."""
        self.root.mkdir(parents=True, exist_ok=True)
        record = {
            "seed": seed,
            "gin_files": gin_files,
            "gin_bindings": gin_bindings,
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "python": platform.python_version(),
            "packages": {name: metadata.version(name) for name in PACKAGES},
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, {_processor()}",
            "command": " ".join(["python", *sys.argv]),
        }
        write_text(self.path(RECORD), json.dumps(record, indent=2) + "\n")


def write_text(path: pathlib.Path, text: str) -> None:
    """Replaces a file's text as a whole: readers see the old or the new one."""
    aside = path.with_name(path.name + ".new")
    aside.write_text(text)
    os.replace(aside, path)


def _is_writable(folder):
    # Permission bits are read as well, because they do not bind a superuser.
    return os.access(folder, os.W_OK | os.X_OK) and bool(folder.stat().st_mode & 0o222)


def _processor():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"
