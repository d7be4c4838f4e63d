"""One process at a time in a run's folder.

The lock is the operating system's (`flock`): it ends with the process that holds it,
however that ends.  What is in the file only says who that is, or was.
"""

import contextlib
import errno
import fcntl
import json
import os
import pathlib
import socket
import time
from collections.abc import Callable, Iterator

from efficient_hrl.errors import RunError, UsageError

# How a refusal ends because another process holds the lock; who has begun several runs knows it by that.
HELD = "is running in this folder; stop it, or give another folder"
_HELD_ERRORS = (errno.EWOULDBLOCK, errno.EACCES)


class RunLock:
    """A lock that is held."""

    def __init__(self, path: pathlib.Path, number: int, folder: int):
        """Remembers the lock's path, and the open lock file and folder by number."""
        self._path = path
        # While both are open no other file or folder can get their identity.
        self._number = number
        self._folder = folder

    def check(self) -> None:
        """Raises a RunError if another run is where this one began.

        A folder that is gone is told by what is written next, and a lock that somebody
        has deleted alone does no harm yet.
        """
        with contextlib.suppress(FileNotFoundError):
            for path, number in ((self._path.parent, self._folder), (self._path, self._number)):
                if not os.path.samestat(os.stat(path), os.fstat(number)):
                    raise RunError(f"{self._path.parent} is not the folder any more in which this run began")


@contextlib.contextmanager
def hold(path: pathlib.Path, announce: Callable[[str], None]) -> Iterator[RunLock]:
    """Holds the lock of a run's folder, which exists.

    Args:
      path: the lock's file.
      announce: is told when the last process that held it has died.

    Raises:
      UsageError: another process holds it; says which.  Or it cannot be written.
    """
    try:
        # Not through a link: what it leads to would be emptied.
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            folder = os.open(path.parent, os.O_RDONLY)
        except OSError:
            os.close(number)
            raise
    except OSError as error:
        raise UsageError(f"--root_dir={path.parent}: {error}") from None
    try:
        before = _lock(path, number, announce)
        try:
            _write(number, json.dumps(_own()).encode())
        except OSError as error:
            raise UsageError(f"--root_dir={path.parent}: {path.name}: {error.strerror}") from None
        after = b""
        try:
            yield RunLock(path, number, folder)
        except UsageError:
            after = before  # nothing is changed by a command that is refused
            raise
        finally:
            with contextlib.suppress(OSError):  # the disk may be full or gone
                _write(number, after)
    finally:
        os.close(number)
        os.close(folder)


def holder(path: pathlib.Path) -> str | None:
    """Who holds a lock now, in words; None if nobody does, or one cannot know."""
    try:
        with open(path, "r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                return _holder(_read(file.fileno())) if error.errno in _HELD_ERRORS else None
    except OSError:  # it is not there, or may not be touched
        pass
    return None


def _lock(path, number, announce):
    """Locks; returns what the last holder has left in the file."""
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD_ERRORS:
            raise UsageError(f"--root_dir={path.parent}: {_holder(_read(number))} {HELD}") from None
        announce(f"{path}: this file system has no locks ({error.strerror}); do not start a run here twice")
        return b""
    before = _read(number)
    if before:
        announce(f"taking over {path.parent} from {_holder(before)}, which has died")
    return before


def _own():
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _holder(content):
    try:
        known = json.loads(content)
        return f"process {known['pid']} on {known['host']} (since {known['since']})"
    except (ValueError, LookupError, TypeError):
        return "another process"


def _read(number):
    return os.pread(number, 1 << 16, 0)


def _write(number, content):
    os.ftruncate(number, 0)
    os.pwrite(number, content, 0)
