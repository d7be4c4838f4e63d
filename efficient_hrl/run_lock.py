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

from efficient_hrl.run_folder import UsageError


@contextlib.contextmanager
def hold(path: pathlib.Path, announce: Callable[[str], None]) -> Iterator[None]:
    """Holds the lock of a run's folder, which exists.

    Args:
      path: the lock's file.
      announce: is told when the last process that held it has died.

    Raises:
      UsageError: another process holds it; says which.
    """
    try:
        file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 (closed below)
    except OSError as error:
        raise UsageError(f"--root_dir={path.parent}: {error}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise UsageError(
                    f"--root_dir={path.parent}: {_holder(file)} is running in this folder; stop it, or give"
                    " another folder"
                ) from None
            announce(
                f"{path}: this file system has no locks ({error.strerror}); do not start a run here twice"
            )
        file.seek(0)
        if file.read(1):
            announce(f"taking over {path.parent} from {_holder(file)}, which has died")
        _write(file, json.dumps(_own()))
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # the folder may be full or gone
                _write(file, "")


def _own():
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _holder(file):
    file.seek(0)
    try:
        known = json.loads(file.read())
        return f"process {known['pid']} on {known['host']} (since {known['since']})"
    except (ValueError, LookupError, TypeError):
        return "another process"


def _write(file, text):
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()
