"""Files that are either whole or not there, also after a power cut.

Everything is written under another name, flushed to the disk and then renamed; a
rename within a folder is one indivisible act.
"""

import contextlib
import fcntl
import glob
import os
import pathlib
import re
import shutil
import socket
import time
import zlib

PARTIAL = ".partial"  # ending of what is still being written
_REPLACED = ".replaced"  # ending of what is about to be deleted
_LONGEST_RENAMES = 10.0  # s, that another process may need, a large folder to delete included


class DamagedError(Exception):
    """What is on disk is not what was written."""


def partial_of(path: pathlib.Path) -> pathlib.Path:
    """Where a file or folder is while it is being written: hidden, beside its final place."""
    return path.with_name(f".{path.name}{PARTIAL}")


def own_partial_of(path: pathlib.Path) -> pathlib.Path:
    """As `partial_of`, for what several processes may be writing at once, a run that trains among them.

    It has this machine's name and this process' number, and `remove_partials` leaves it alone.  What
    processes of this machine have left that are no more is deleted.
    """
    beginning = f".{path.name}.{re.sub(r'[^A-Za-z0-9-]', '_', socket.gethostname())}"
    for other in path.parent.glob(f"{glob.escape(beginning)}.*"):
        number = re.fullmatch(r"\.(\d+)", other.name[len(beginning) :], re.ASCII)
        if number and not _is_alive(int(number[1])):
            with contextlib.suppress(OSError):
                remove(other)
    return path.with_name(f"{beginning}.{os.getpid()}")


def _is_alive(process):
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        pass
    return True


def write_bytes(path: pathlib.Path, data: bytes) -> None:
    """Replaces a file's content as a whole: readers see the old or the new one."""
    partial = partial_of(path)
    with open(partial, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
    sync(path.parent)


def write_shared(path: pathlib.Path, data: bytes) -> None:
    """Replaces a file that other processes may be replacing at the same time; the last one wins."""
    partial = own_partial_of(path)
    try:
        partial.write_bytes(data)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: pathlib.Path, text: str) -> None:
    """`write_bytes` of text as UTF-8."""
    write_bytes(path, text.encode())


def sync(path: pathlib.Path) -> None:
    """Flushes a file, or a folder's list of names, to the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def publish_folder(partial: pathlib.Path, path: pathlib.Path) -> None:
    """Gives a folder that is complete its name; a folder, or a link, of that name is replaced.

    Files in it must have been flushed.  A process that dies between the two renames
    leaves the replaced folder aside, see `recover_replaced`.  Where several do it at
    once, the last one wins.
    """
    sync(partial)
    replaced = _replaced(path)
    with _alone_in(path.parent):
        _recover(path.parent)
        if os.path.lexists(path):
            os.rename(path, replaced)
        os.rename(partial, path)
        sync(path.parent)
        if os.path.lexists(replaced):
            remove(replaced)


def recover_replaced(folder: pathlib.Path) -> None:
    """Ends what `publish_folder` was doing in `folder` when its process died."""
    if folder.is_dir():
        with _alone_in(folder):
            _recover(folder)


def _recover(folder):
    for replaced in folder.glob(f".*{_REPLACED}"):
        path = replaced.with_name(replaced.name[1 : -len(_REPLACED)])
        if os.path.lexists(path):
            remove(replaced)
        else:
            os.rename(replaced, path)


@contextlib.contextmanager
def _alone_in(folder):
    """Waits until no other process is between two renames in `folder`.

    Not for ever: who holds its lock for longer does something else there.  Nor where the file system has
    no locks.
    """
    number = os.open(folder, os.O_RDONLY)
    try:
        deadline = time.monotonic() + _LONGEST_RENAMES
        while not _has_locked(number) and time.monotonic() < deadline:
            time.sleep(0.01)
        yield
    finally:
        os.close(number)


def _has_locked(number):
    """Whether a lock is ours now, or cannot be."""
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def _replaced(path):
    return path.with_name(f".{path.name}{_REPLACED}")


def remove_partials(folder: pathlib.Path) -> None:
    """Deletes what was being written in `folder` when a process died."""
    for path in folder.glob(f".*{PARTIAL}"):
        remove(path)


def remove(path: pathlib.Path) -> None:
    """Deletes a file or a folder with everything in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def check_file(path: pathlib.Path, size: int, crc: int) -> None:
    """Raises a DamagedError unless a file has this many bytes with this checksum."""
    try:
        # Not followed: a link could lead anywhere.
        if path.is_symlink() or path.stat().st_size != size:
            raise DamagedError(f"{path.name} does not have the {size:,} bytes that were written")
        found = 0
        with open(path, "rb") as file:
            while chunk := file.read(1 << 20):
                found = zlib.crc32(chunk, found)
    except OSError as error:
        raise DamagedError(f"{path.name}: {error.strerror}") from None
    if found != crc:
        raise DamagedError(f"{path.name} is not as it was written (checksum {found:08x}, not {crc:08x})")


def checksum(path: pathlib.Path) -> tuple[int, int]:
    """Size in bytes and checksum of a file."""
    data = path.read_bytes()
    return len(data), zlib.crc32(data)
