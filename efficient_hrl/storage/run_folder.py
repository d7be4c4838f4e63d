"""A run's folder: what is in it, and whether this run may use it."""

import json
import os
import pathlib
import platform
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

from efficient_hrl.checks import MOST_SEED, is_whole
from efficient_hrl.errors import UsageError
from efficient_hrl.graph.machine import available_cpus, processor
from efficient_hrl.storage.durable import partial_of, write_text
from efficient_hrl.storage.run_name import printable
from efficient_hrl.storage.source_commit import source_commit

RECORD = "run.json"
OPERATIVE_CONFIG = "operative_config.gin"
LOCK = "lock"
# What a process may have left that died before it wrote the record.
_OWN = {LOCK, partial_of(pathlib.Path(RECORD)).name}
UNBOUND = "not bound"  # in place of a value
HAS_CHECKPOINTS = "has_checkpoints"  # in the record: whether the run has written one
PACKAGES = ("tensorflow", "tf-agents", "mujoco", "gymnasium", "gin-config", "numpy")


class RunFolder:
    """Paths inside a run's folder, and the record that marks it as one.

    Attributes:
      root: the folder.
      allowed_imports: modules that the run's own configuration may import.
    """

    def __init__(self, root: str | os.PathLike, writes: bool = True, allowed_imports: Sequence[str] = ()):
        """Checks that the folder can be used; nothing is written yet.

        Args:
          root: the folder; it need not exist.
          writes: whether it must be writable.
          allowed_imports: modules that the run's own configuration may import.

        Raises:
          UsageError: not a folder, not writable, or full of something else.
        """
        self.allowed_imports = tuple(allowed_imports)
        try:
            self.root = pathlib.Path(root).expanduser()
            self._check(root, writes)
        except (OSError, RuntimeError, ValueError) as error:
            raise UsageError(f"--root_dir={root}: {error}") from None

    def _check(self, root, writes):
        if printable(str(self.root)) != str(self.root):
            raise UsageError(f"--root_dir={printable(str(root))}; allowed: a path in UTF-8")
        nearest = _nearest(self.root)
        if not nearest.is_dir():
            raise UsageError(f"--root_dir={root}: {nearest} is {_what_it_is(nearest)}")
        if writes and not is_writable(nearest):
            raise UsageError(f"--root_dir={root}: {nearest} is not writable")
        if self.root.exists() and not self.is_run and not {path.name for path in self.root.iterdir()} <= _OWN:
            raise UsageError(
                f"--root_dir={root}: the folder is not empty and not a run of this program (no {RECORD});"
                " allowed: a new or empty folder, or a run's"
            )

    @property
    def is_run(self) -> bool:
        """Whether a run has been started here."""
        return self.has_record(self.root)

    @staticmethod
    def has_record(folder: pathlib.Path) -> bool:
        """Whether a folder is a run's; it need not be one that can be used."""
        return os.path.isfile(folder / RECORD)  # unlike a path's is_file() False where nobody may look

    @property
    def lock(self) -> pathlib.Path:
        """The file by which a process holds the folder, see `run_lock`."""
        return self.root / LOCK

    def path(self, *parts: str) -> pathlib.Path:
        """A path inside the folder."""
        return self.root.joinpath(*parts)

    def record(self) -> dict:
        """What the run was started with: its seed, its configuration, commit, versions and machine.

        Raises:
          UsageError: the record cannot be read.
        """
        try:
            record = json.loads(self.path(RECORD).read_text(encoding="utf-8"))
            _check_record(record)
            return record
        except (OSError, ValueError, RecursionError) as error:
            raise UsageError(f"{self.path(RECORD)}: not a record of a run ({error})") from None

    def make(self) -> None:
        """Makes the folder, empty.

        Raises:
          UsageError: it cannot be made.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--root_dir={self.root}: {error}") from None

    def create(self, seed: int, config: Mapping[str, str], gin_files: Sequence[str] = ()) -> None:
        """Makes the folder and writes the record.

        Args:
          seed: of the run.
          config: every binding, name -> value as gin writes it.
          gin_files: paths from which it was read, for people; nothing reads them again.

        Raises:
          UsageError: the folder cannot be made or written, or has become a run's meanwhile.
        """
        self.make()
        if self.is_run:
            raise UsageError(
                f"--root_dir={self.root}: another process has begun a run here; the same command continues it"
            )
        record = {"seed": seed, "gin_files": [*gin_files], **_circumstances(), HAS_CHECKPOINTS: False}
        record["config"] = dict(config)
        try:
            write_text(self.path(RECORD), json.dumps(record, indent=2) + "\n")
        except OSError as error:
            raise UsageError(f"--root_dir={self.root}: {error}") from None

    def note_checkpoint(self) -> None:
        """Adds to the record that the run has a checkpoint, once; see `lost_checkpoints`."""
        record = self.record()
        if not record.get(HAS_CHECKPOINTS):
            write_text(self.path(RECORD), json.dumps(record | {HAS_CHECKPOINTS: True}, indent=2) + "\n")

    def note_continuation(self, env_steps: int, changed: Mapping[str, Sequence[str]]) -> list[str]:
        """Adds to the record that the run is continued.

        Args:
          env_steps: where it is continued.
          changed: bindings that differ from those that it began with, name -> (then, now).

        Returns:
          What differs, in words: bindings, the commit, versions, the machine.
        """
        record = self.record()
        now = _circumstances()
        differ = [f"{name} {then} -> {at_present}" for name, (then, at_present) in changed.items()]
        begun = _versions(record)
        differ += [f"{k} {begun[k]} -> {v}" for k, v in _versions(now).items() if begun.get(k, v) != v]
        bound = {name: None if text == UNBOUND else text for name, (_, text) in changed.items()}
        note = {"env_steps": env_steps, **now, "changed": differ, "bound": bound}
        record.setdefault("continued", []).append(note)
        write_text(self.path(RECORD), json.dumps(record, indent=2) + "\n")
        return differ


def present_config(record: Mapping[str, Any]) -> dict[str, str]:
    """Bindings of a run since it was continued last, name -> value as gin writes it.

    They differ from those that it began with in what may change: targets of evaluations, lengths, periods.
    """
    config = dict(record["config"])
    for name, text in (record.get("continued") or [{}])[-1].get("bound", {}).items():
        config.pop(name, None)
        if text is not None:
            config[name] = text
    return config


def _check_record(record):
    """Checks the kinds of a record's parts; older versions wrote fewer of them."""
    if not isinstance(record, dict) or not is_whole(record.get("seed")):
        raise ValueError("no seed")
    if not 0 <= record["seed"] <= MOST_SEED:
        raise ValueError(f"seed = {str(record['seed'])[:50]}; allowed: 0 to {MOST_SEED}")
    if not _maps_texts(record.get("config")):
        raise ValueError("no configuration, or one that is not text")
    for name in ("command", "started", "commit", "python", "machine"):
        if not isinstance(record.get(name, ""), str):
            raise ValueError(f"{name} is not text")
    gin_files = record.get("gin_files", [])
    if not isinstance(gin_files, list) or not all(isinstance(path, str) for path in gin_files):
        raise ValueError("gin_files is not a list of paths")
    if not _maps_texts(record.get("packages", {})):
        raise ValueError("packages are not names and versions")
    continued = record.get("continued", [])
    if not isinstance(continued, list) or not all(map(_is_note, continued)):
        raise ValueError("continued is not a list of notes")
    try:
        json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # JSON can hold halves of characters
        raise ValueError("a text that no file can hold") from None


def _is_note(note):
    """Whether it is what `note_continuation` adds, as far as anybody reads it."""
    if not isinstance(note, dict) or not isinstance(note.get("started", ""), str):
        return False
    changed = note.get("changed", [])
    is_list = isinstance(changed, list) and all(isinstance(line, str) for line in changed)
    bound = note.get("bound", {})
    are_texts = isinstance(bound, dict) and all(isinstance(text, str | None) for text in bound.values())
    return is_list and are_texts and is_whole(note.get("env_steps", 0))


def _maps_texts(values):
    return isinstance(values, dict) and all(isinstance(value, str) for value in values.values())


def _versions(circumstances):
    """Name -> version of every package and of Python, commit and machine; what is not known is left out."""
    names = ("commit", "python", "machine")
    return circumstances.get("packages", {}) | {
        name: circumstances[name] for name in names if name in circumstances
    }


def _circumstances():
    """What a process runs with: its command, time, commit where there is one, versions and machine."""
    commit = source_commit()
    return {
        "command": shlex.join([*["python"] * (sys.argv[0] != "efficient-hrl"), *sys.argv]),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        **({} if commit is None else {"commit": commit}),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "machine": f"{platform.system()} {platform.machine()}, {available_cpus()} CPUs, {processor()}",
    }


def _nearest(path):
    """The path, or the nearest one around it that is there; a link that leads nowhere is there."""
    while not os.path.lexists(path) and path != path.parent:
        path = path.parent
    return path


def _what_it_is(path):
    if path.is_symlink() and not path.exists():
        return f"a link that leads nowhere, to {os.readlink(path)}; allowed: a folder, or a link to one"
    return "not a folder"


def is_writable(folder: pathlib.Path) -> bool:
    """Whether files can be made in a folder."""
    # Permission bits are read as well, because they do not bind a superuser.
    return os.access(folder, os.W_OK | os.X_OK) and bool(folder.stat().st_mode & 0o222)


def check_output_folder(path: str | os.PathLike, flag: str | None = None) -> pathlib.Path:
    """A folder that can be written to, or does not exist and can be made; nothing is made yet.

    Args:
      path: the folder.
      flag: that which names it, e.g. "--out_dir"; None for a folder that is directly in a run's.

    Raises:
      UsageError: it cannot.
    """
    path = pathlib.Path(path)
    nearest = _nearest(path)
    if not (os.path.isdir(nearest) and is_writable(nearest)):
        named = f"--root_dir={path.parent}: {path}" if flag is None else f"{flag}={path}"
        raise UsageError(
            f"{named}: not a folder that can be written to; allowed: one that can, or one that can be made"
        )
    return path
