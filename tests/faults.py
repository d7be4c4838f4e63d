"""What may happen to a program that writes files: it dies, or the disk is full, at any moment."""

import builtins
import errno
import os

import pytest

_WRITES = ("fsync", "replace", "rename", "mkdir")
_DELETES = ("unlink", "rmdir")


class Died(BaseException):
    """The process is no more: nothing is tidied up."""


class FullDisk(OSError):  # noqa: N818 (what happens, not what is wrong)
    """What the system answers to every write when there is no room; deleting is possible."""

    def __init__(self):
        super().__init__(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Fault:
    """Lets a number of acts on the disk pass; all later ones fail.

    TensorFlow writes by itself and is not stopped: into folders without their name yet.

    Attributes:
      happened: whether one has failed.
    """

    def __init__(self, passing: int, kind: type):
        """Prepares; `kind` is `Died` or `FullDisk`."""
        self._passing = passing
        self._kind = kind
        self.happened = False

    def __enter__(self):
        self._patch = pytest.MonkeyPatch()
        for name in _WRITES + (_DELETES if self._kind is Died else ()):
            self._patch.setattr(os, name, self._failing(getattr(os, name)))
        really_open, failing_open = open, self._failing(open)

        def watched_open(file, mode="r", *arguments, **options):
            writes = "r" not in mode or "+" in mode
            return (failing_open if writes else really_open)(file, mode, *arguments, **options)

        self._patch.setattr(builtins, "open", watched_open)
        return self

    def __exit__(self, *unused_error):
        self._patch.undo()

    def _failing(self, act):
        def watched(*arguments, **options):
            if self._passing == 0:
                self.happened = True
                raise self._kind
            self._passing -= 1
            return act(*arguments, **options)

        return watched
