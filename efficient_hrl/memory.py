"""Whether the replay buffers fit into memory, asked before they are made."""

import pathlib
import resource
from collections.abc import Mapping

_MEMINFO = pathlib.Path("/proc/meminfo")
_CGROUP = pathlib.Path("/sys/fs/cgroup")


def check_room(needs: Mapping[str, int]) -> None:
    """Raises a MemoryError unless there is room.

    Args:
      needs: what is to be allocated, name -> bytes.
    """
    free, total = free_bytes(), sum(needs.values())
    if free is not None and total > free:
        parts = ", ".join(f"{name}: {_in_words(size)}" for name, size in needs.items())
        raise MemoryError(
            f"the replay buffers need {_in_words(total)} of memory ({parts}), and {_in_words(free)} are free;"
            " allowed: a smaller CircularBuffer.buffer_size"
        )


def free_bytes() -> int | None:
    """Memory that this process can still get, in bytes; None where the system does not tell."""
    limits = [_free_in_system(), _free_in_cgroup(), _free_in_address_space()]
    return min((limit for limit in limits if limit is not None), default=None)


def _free_in_system():
    return _table(_MEMINFO, "MemAvailable:", 1024)


def _free_in_cgroup():
    """What a container leaves; files that it has read give way."""
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
    except (OSError, ValueError):  # no container, or no limit ("max")
        return None
    return max(0, limit - used + (_table(_CGROUP / "memory.stat", "inactive_file", 1) or 0))


def _free_in_address_space():
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    used = _table(pathlib.Path("/proc/self/status"), "VmSize:", 1024)
    return None if limit == resource.RLIM_INFINITY or used is None else max(0, limit - used)


def _table(path, key, unit):
    """The number behind `key` in a file of lines "key number ...", times `unit`; None without it."""
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return None
    return next((int(line[1]) * unit for line in lines if line and line[0] == key), None)


def _in_words(size):
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"
