"""Checkpoints: everything that a run needs to go on as if it had never stopped.

    checkpoints/
      ckpt-25000/         one folder per checkpoint, named by environment steps
        state.index, .data-*  TensorFlow's own format: networks, optimisers, counters, ...
        python.json         what lives in Python: environments, clocks, random generators
        complete.json       written last: the checkpoint's files with their checksums
      replay/             the buffers' rows, shared by checkpoints, see `replay_files`

A checkpoint is made under another name and renamed when it is whole.  Nothing in it is
executed when it is read: no pickle, no code.
"""

import contextlib
import json
import pathlib
import re
import time
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from efficient_hrl.errors import UsageError
from efficient_hrl.replay import UniformReplayBuffer
from efficient_hrl.storage.durable import (
    DamagedError,
    check_file,
    checksum,
    partial_of,
    publish_folder,
    recover_replaced,
    remove,
    remove_partials,
    sync,
    write_text,
)
from efficient_hrl.storage.replay_files import ReplayFiles, names_of, remove_others, total_bytes
from efficient_hrl.storage.weights import does_not_fit, env_steps_of, write_networks

_FORMAT = 2
_MARKER, _PYTHON, _STATE = "complete.json", "python.json", "state"
_UNFIT = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
)
_LOOKS = 5  # at a folder whose checkpoints a run replaces while they are read
_DAMAGED = "damaged-"  # beginning of the name of a checkpoint that was skipped


class ScalarState:
    """A few named numbers that live in Python, e.g. the wall-clock of a run."""

    def __init__(self, **values: float):
        """Begins with `values`."""
        self.values = values

    def get_state(self) -> str:
        """The numbers as JSON."""
        return json.dumps(self.values)

    def set_state(self, state: str) -> None:
        """Takes the numbers of `get_state`."""
        self.values.update(json.loads(state))


class Saved(NamedTuple):
    """What a save has done.

    Attributes:
      path: of the checkpoint.
      written: bytes that were written.
      total: bytes that it consists of, shared ones included.
      seconds: how long it took.
    """

    path: pathlib.Path
    written: int
    total: int
    seconds: float


class Checkpoints:
    """Saves and restores trackable objects, Python states and replay buffers in one folder.

    Attributes:
      last_good: the checkpoint that was restored or saved last, or None.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        trackables: dict,
        python_states: dict,
        replays: dict[str, UniformReplayBuffer] | None = None,
        kept: int = 2,
    ):
        """Joins what is to be saved.

        Args:
          folder: where checkpoints are.
          trackables: name -> TensorFlow object with variables.
          python_states: name -> object with `get_state` and `set_state`.
          replays: name -> buffer.
          kept: how many checkpoints stay, the newest.
        """
        self._folder = folder
        self._trackables = trackables
        self._python_states = python_states
        self._replay_folder = folder / "replay"
        self._replays = {
            name: ReplayFiles(self._replay_folder, name, buffer) for name, buffer in (replays or {}).items()
        }
        self._kept = kept
        self.last_good: pathlib.Path | None = None

    def save(self, env_steps: int, for_good: bool = False) -> Saved:
        """Writes a checkpoint, named by environment steps; `for_good` exempts it from being deleted.

        Raises:
          OSError, tf.errors.OpError: it could not be written; those before it are untouched.
        """
        began = time.perf_counter()
        try:
            return self._save(env_steps, for_good, began)
        except (OSError, tf.errors.OpError):
            with contextlib.suppress(OSError):  # gives the room back, if the disk is full
                self._clean()
                self._remove_old()
            raise

    def _save(self, env_steps, for_good, began):
        # One after the other: a run's folder that was deleted must not come back.
        for folder in (self._folder, self._replay_folder):
            if not folder.is_dir():
                folder.mkdir()
                sync(folder.parent)
        self._clean()
        self._rename_damaged()
        replays, written = {}, 0
        for name, files in self._replays.items():
            replays[name], block_bytes = files.save()
            written += block_bytes
        path = self._folder / f"ckpt-{env_steps}"
        partial = partial_of(path)
        partial.mkdir()
        write_networks(partial / _STATE, **self._trackables)
        states = {name: owner.get_state() for name, owner in self._python_states.items()}
        write_text(partial / _PYTHON, json.dumps(states))
        files = {file.name: checksum(file) for file in sorted(partial.iterdir())}
        marker = {"format": _FORMAT, "env_steps": env_steps, "for_good": for_good}
        write_text(partial / _MARKER, json.dumps(marker | {"files": files, "replays": replays}, indent=1))
        publish_folder(partial, path)
        self.last_good = path
        self._remove_old()
        own = sum(size for size, _ in files.values())
        total = own + sum(map(total_bytes, replays.values()))
        return Saved(path, own + written, total, time.perf_counter() - began)

    def restore(self, announce: Callable[[str], None], only_reads: bool = False) -> bool:
        """Restores the newest checkpoint that is whole; False when there is none at all.

        Args:
          announce: is told of every one that is damaged and skipped.
          only_reads: whether a run may be writing to the folder.

        Raises:
          UsageError: the checkpoint belongs to another configuration; or none is whole.
        """
        if not only_reads:
            recover_replaced(self._folder)
        path = newest_whole(self._folder, announce, self._check_replays)
        if path is None:
            return False
        marker = read_marker(path)
        try:
            for name, files in self._replays.items():
                files.restore(marker["replays"][name])
            state = tf.train.Checkpoint(**self._trackables).read(str(path / _STATE)).expect_partial()
            state.assert_existing_objects_matched()
            states = json.loads((path / _PYTHON).read_text())
            for name, owner in self._python_states.items():
                owner.set_state(states[name])
        except (*_UNFIT, tf.errors.OpError) as error:
            raise does_not_fit(path, error) from None
        self.last_good = path
        return True

    def _check_replays(self, marker):
        for name, files in self._replays.items():
            if name not in marker["replays"]:
                raise DamagedError(f"it has no {name}")
            files.check(marker["replays"][name])

    def _clean(self):
        """Removes what a process that died, or a save that failed, has left."""
        remove_partials(self._folder)
        remove_partials(self._replay_folder)
        recover_replaced(self._folder)

    def _rename_damaged(self):
        """Renames checkpoints that were skipped: those later than the one that was restored."""
        good = -1 if self.last_good is None else env_steps_of(self.last_good)
        for path in complete_checkpoints(self._folder):
            if env_steps_of(path) > good:
                renamed = path.with_name(_DAMAGED + path.name)
                if renamed.exists():
                    remove(renamed)
                path.rename(renamed)

    def _remove_old(self):
        """Deletes checkpoints that need not stay, and blocks that no other needs."""
        needed, age = set(), 0
        for path in complete_checkpoints(self._folder):
            try:
                marker = read_marker(path)
                stays = age < self._kept or marker.get("for_good")
                names = {n for name, saved in marker["replays"].items() for n in names_of(name, saved)}
                age += 1
            except (DamagedError, LookupError, TypeError, ValueError):
                stays, names = False, set()
            if stays:
                needed |= names
            else:
                remove(path)
        remove_others(self._replay_folder, needed)


def complete_checkpoints(folder: pathlib.Path) -> list[pathlib.Path]:
    """Checkpoints in a folder that were given their name, newest first."""
    paths = [path for path in folder.glob("ckpt-*") if path.is_dir() and path.name[5:].isdecimal()]
    return sorted(paths, key=env_steps_of, reverse=True)


def newest_whole(
    folder: pathlib.Path,
    announce: Callable[[str], None],
    check_more: Callable[[dict], None] = lambda marker: None,
) -> pathlib.Path | None:
    """The newest checkpoint in a folder whose files are as they were written; None when there is none at all.

    Args:
      folder: of checkpoints.
      announce: is told of every one that is damaged.
      check_more: raises a DamagedError for a marker whose other files are damaged.

    Raises:
      UsageError: there are checkpoints, and none is whole.
    """
    for _ in range(_LOOKS):
        found = complete_checkpoints(folder)
        for path in found:
            try:
                marker = read_marker(path)
                check_more(marker)
                for name, (size, crc) in marker["files"].items():
                    check_file(path / name, size, crc)
                return path
            except DamagedError as error:
                if path.exists():  # else a run that goes on has deleted it
                    announce(f"{path} is damaged and skipped: {error}")
        if not found or any(path.exists() for path in found):
            break  # else there are newer ones by now
    if found:
        raise UsageError(f"{folder}: none of its checkpoints ({', '.join(p.name for p in found)}) is whole")
    if any(folder.glob("ckpt-*.index")):
        raise UsageError(
            f"{folder}: checkpoints of another program, or an older version of this one, which cannot be"
            " continued; weights kept in policy/ can be evaluated (evaluate.checkpoint_path)"
        )
    return None


def weights_in(checkpoint: pathlib.Path) -> pathlib.Path:
    """What `restore_weights` reads of a checkpoint."""
    return checkpoint / _STATE


def read_marker(path: pathlib.Path) -> dict:
    """What a checkpoint says of itself.

    Raises:
      DamagedError: that cannot be read.
    """
    try:
        marker = json.loads((path / _MARKER).read_text())
        version, files, replays = marker["format"], marker["files"], marker["replays"]
        sizes = [number for entry in files.values() for number in entry]
        is_plain = all(re.fullmatch(r"\w[\w.-]*", name) for name in files)  # nowhere else
        is_plain &= {f"{_STATE}.index", _PYTHON} <= set(files)
        well_formed = len(sizes) == 2 * len(files) and all(isinstance(number, int) for number in sizes)
        if not (version == _FORMAT and is_plain and well_formed and isinstance(replays, dict)):
            raise ValueError(f"format {version!r}; allowed: {_FORMAT}")
        return marker
    except OSError as error:
        raise DamagedError(f"{_MARKER}: {error.strerror}") from None
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise DamagedError(f"{_MARKER} cannot be read ({error})") from None
