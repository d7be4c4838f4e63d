"""Whether what a configuration asks for fits into memory, asked before it is made."""

import decimal
import pathlib
import resource
from collections.abc import Mapping

_MEMINFO = pathlib.Path("/proc/meminfo")
_CGROUP = pathlib.Path("/sys/fs/cgroup")
_OWN_GROUPS = pathlib.Path("/proc/self/cgroup")


def check_room(needs: Mapping[str, int], what: str, remedy: str) -> None:
    """Raises a MemoryError unless there is room.

    Args:
      needs: what is to be allocated, name -> bytes.
      what: all of it together, in words.
      remedy: what would need less.
    """
    free, total = free_bytes(), sum(needs.values())
    if free is not None and total > free:
        parts = ", ".join(f"{name}: {_in_words(size)}" for name, size in needs.items())
        raise MemoryError(
            f"{what} need {_in_words(total)} of memory ({parts}), and {_in_words(free)} are free;"
            f" allowed: {remedy}"
        )


def check_copies(binding: str, what: str, count: int, each: int) -> None:
    """Raises a MemoryError unless there is room for many of a kind.

    Args:
      binding: what says how many, e.g. "train_uvf.num_envs".
      what: all of them, in words.
      count: how many.
      each: bytes of one.
    """
    check_room({f"{count:,} x {each:,} bytes": count * each}, what, f"a smaller {binding}")


def free_bytes() -> int | None:
    """Memory that this process can still get, in bytes; None where the system does not tell."""
    limits = [_free_in_system(), _free_in_cgroup(), _free_in_address_space()]
    return min((limit for limit in limits if limit is not None), default=None)


def _free_in_system():
    return _table(_MEMINFO, "MemAvailable:", 1024)


def _free_in_cgroup():
    """What containers and job schedulers leave; files that were read give way."""
    return min((free for free in map(_free_in_group, _groups()) if free is not None), default=None)


def _groups():
    """Folders of the process's control groups and of those around them, version 2 or 1."""
    try:
        lines = [line.split(":", 2) for line in _OWN_GROUPS.read_text().splitlines()]
    except OSError:
        return
    for _, controllers, path in lines:
        if controllers in ("", "memory"):
            top = _CGROUP / controllers
            group = top / path.lstrip("/")
            yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(top))


def _free_in_group(folder):
    for limit, usage in (
        ("memory.max", "memory.current"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        try:
            left = int((folder / limit).read_text()) - int((folder / usage).read_text())
        except (OSError, ValueError):  # no such file, or no limit ("max")
            continue
        return max(0, left + (_table(folder / "memory.stat", "inactive_file", 1) or 0))
    return None


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
    if size < 2**30:
        return f"{size / 2**20:.0f} MiB"
    return f"{size / 2**30:.1f} GiB" if size < 2**100 else f"{decimal.Decimal(size // 2**30):.1e} GiB"
