"""The gin files that come with this program: `gin/` of a clone, or a folder of the installed package."""

import os
import pathlib

_INSTALLED = pathlib.Path(__file__).parents[1] / "gin_files"
SHIPPED_FILES = _INSTALLED if _INSTALLED.is_dir() else pathlib.Path(__file__).parents[2] / "gin"


def find_gin_file(name: str) -> str | None:
    """A path that is there: of the file itself or, where there is none, of the shipped one.

    Args:
      name: a path; or, of a shipped file, its path with or without "gin/" before it and ".gin" behind
        it, e.g. "norl_ant_maze".

    Returns:
      The path, or None where there is no such file.
    """
    if os.path.isfile(name):
        return name
    parts = pathlib.PurePath(name).parts
    if not parts or os.path.isabs(name) or ".." in parts:
        return None
    inside = os.path.join(*(parts[1:] if parts[0] == "gin" and len(parts) > 1 else parts))
    for ending in ("", ".gin"):
        path = f"{SHIPPED_FILES / inside}{ending}"
        if os.path.isfile(path):
            return path
    return None


def shipped_names() -> list[str]:
    """Names of the shipped files that describe whole runs, e.g. "norl_ant_maze", sorted."""
    names = [*SHIPPED_FILES.glob("*.gin"), *SHIPPED_FILES.glob("examples/*.gin")]
    relative = [path.relative_to(SHIPPED_FILES).with_suffix("").as_posix() for path in names]
    return sorted(name for name in relative if name != "base")
