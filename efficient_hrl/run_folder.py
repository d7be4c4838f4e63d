"""A run's folder: what is in it, and whether this run may use it."""

import json
import os
import pathlib
import platform
import shlex
import sys
import time
from collections.abc import Mapping
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

    def __init__(self, root: str | os.PathLike, writes: bool = True):
        """Checks that the folder can be used; nothing is written yet.

        Args:
          root: the folder; it need not exist.
          writes: whether it must be writable.

        Raises:
          UsageError: not a folder, not writable, or full of something else.
        """
        try:
            self.root = pathlib.Path(root).expanduser()
            self._check(root, writes)
        except (OSError, RuntimeError, ValueError) as error:
            raise UsageError(f"--root_dir={root}: {error}") from None

    def _check(self, root, writes):
        nearest = self.root
        while not nearest.exists() and nearest != nearest.parent:
            nearest = nearest.parent
        if not nearest.is_dir():
            raise UsageError(f"--root_dir={root}: {nearest} is not a folder")
        if writes and not is_writable(nearest):
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
        """What the run was started with: its seed, its configuration, versions and machine.

        Raises:
          UsageError: the record cannot be read.
        """
        try:
            record = json.loads(self.path(RECORD).read_text())
            if not isinstance(record, dict) or not isinstance(record.get("seed"), int):
                raise ValueError("no seed")
            if not isinstance(record.get("config"), dict):
                raise ValueError("no configuration")
            return record
        except (OSError, ValueError) as error:
            raise UsageError(f"{self.path(RECORD)}: not a record of a run ({error})") from None

    def create(self, seed: int, config: Mapping[str, str]) -> None:
        """Makes the folder and writes the record.

        Args:
          seed: of the run.
          config: every binding, name -> value as gin writes it.

        Raises:
          UsageError: the folder cannot be made or written.
        """
        record = {
            "seed": seed,
            "command": shlex.join(["python", *sys.argv]),
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "python": platform.python_version(),
            "packages": {name: metadata.version(name) for name in PACKAGES},
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, {processor()}",
            "config": dict(config),
        }
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            write_text(self.path(RECORD), json.dumps(record, indent=2) + "\n")
        except OSError as error:
            raise UsageError(f"--root_dir={self.root}: {error}") from None


def write_text(path: pathlib.Path, text: str) -> None:
    """Replaces a file's text as a whole: readers see the old or the new one."""
    aside = path.with_name(path.name + ".new")
    aside.write_text(text)
    os.replace(aside, path)


def is_writable(folder: pathlib.Path) -> bool:
    """Whether files can be made in a folder."""
    # Permission bits are read as well, because they do not bind a superuser.
    return os.access(folder, os.W_OK | os.X_OK) and bool(folder.stat().st_mode & 0o222)


def processor() -> str:
    """Name of the processor, as far as the system tells."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"
