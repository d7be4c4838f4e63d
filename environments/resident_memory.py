"""How much memory instances take that nobody can look into, seen while they are made."""

import pathlib
import resource
from collections.abc import Callable

_STATM = pathlib.Path("/proc/self/statm")
_TELLING = 64 * 2**20  # bytes; what the allocator takes beside the instances is little beside it


def unchecked(count: int, each: int) -> None:
    """Takes `count` instances of `each` bytes as they come."""


class Growth:
    """By how much the process grows while instances are made one after the other.

    Libraries that they share must have been loaded before.  What an instance takes later, in `reset`,
    or has reserved and not touched is not seen.
    """

    def __init__(self, count: int, check_fits: Callable[[int, int], None]):
        """Prepares for `count` instances.

        Args:
          count: how many there are to be.
          check_fits: (how many more, bytes of each) -> None; raises where that is too much.
        """
        self._count = count
        self._check_fits = check_fits
        self._before = _resident_bytes()
        self._telling = _TELLING

    def check(self, made: int) -> None:
        """Has the others checked when `made` of them, 1 or more, are there; where the system tells."""
        if self._before is None:
            return
        grown = _resident_bytes() - self._before
        if grown >= self._telling:
            self._telling = 2 * grown
            self._check_fits(self._count - made, grown // made)


def _resident_bytes():
    try:
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return None
