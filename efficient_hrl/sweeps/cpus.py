"""CPUs of a machine, each for one task of Ray's at a time, whichever sweep it belongs to.

Runs of `--on=local` and `--seeds` divide this machine's CPUs among themselves, and know of no others.
"""

import contextlib
import fcntl
import os
import pathlib
import tempfile
from collections.abc import Iterator

from efficient_hrl.errors import UsageError


def check_cpus(cpus_per_run: int) -> int:
    """How many CPUs this process may use.

    Raises:
      UsageError: a run is to have more.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if cpus_per_run > count:
        raise UsageError(f"--cpus_per_run={cpus_per_run}: allowed: 1 to {count}, the CPUs of this machine")
    return count


@contextlib.contextmanager
def own_cpus(count: int, folder: pathlib.Path | None = None) -> Iterator[set[int]]:
    """Takes `count` CPUs that nobody else has taken in this way; they are free again afterwards.

    What takes them is a lock of the operating system's on a file for each CPU, so that they are free
    again as well when the process that has them dies.  Where fewer are left, those are taken, and where
    none is, all are shared.

    Args:
      count: how many.
      folder: of the files; None is one of this user's in the machine's temporary folder.

    Yields:
      The CPUs; all that this process may use, where it cannot be told apart.
    """
    if not hasattr(os, "sched_getaffinity"):
        yield set()
        return
    folder = folder or pathlib.Path(tempfile.gettempdir(), f"efficient_hrl_cpus_{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    everything = os.sched_getaffinity(0)
    with contextlib.ExitStack() as stack:
        mine = set()
        for cpu in sorted(everything):
            if len(mine) < count and _take(stack, folder / f"cpu{cpu}"):
                mine.add(cpu)
        yield mine or everything


def _take(stack, path):
    """Whether a file's lock was free; then it is held until `stack` ends."""
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(number)
        return False
    stack.callback(os.close, number)
    return True
