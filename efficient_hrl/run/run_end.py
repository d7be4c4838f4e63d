"""How a run that cannot go on says so."""

import contextlib
import errno
import os
import re
import traceback
from collections.abc import Callable, Iterator

import tensorflow as tf

from efficient_hrl.errors import RunError, UsageError
from efficient_hrl.graph.finite import culprit
from efficient_hrl.storage.checkpoints import Checkpoints
from efficient_hrl.storage.run_folder import RunFolder
from environments.foreign_errors import ForeignError
from environments.instability import NonFiniteError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DETAILS = "error.txt"


@contextlib.contextmanager
def explained(
    folder: RunFolder,
    checkpoints: Checkpoints,
    where: Callable[[], str],
    fault: Callable[[], str | None],
    repeats: bool = True,
) -> Iterator[None]:
    """Turns whatever ends a run into a `RunError` of one line.

    What the program did not expect is written with its stack trace to error.txt in the
    run's folder.  With EFFICIENT_HRL_TRACEBACK set, errors pass as they are.

    Args:
      folder: of the run.
      checkpoints: of the run.
      where: tells where training stands.
      fault: tells what was wrong with an environment's numbers or its own code, or None.
      repeats: whether the same steps come again when the run goes on.
    """
    try:
        yield
    except (RunError, UsageError):
        raise
    except Exception as error:
        if os.environ.get("EFFICIENT_HRL_TRACEBACK"):
            raise
        good = checkpoints.last_good
        good = good if good is not None and good.exists() else None
        wrong = _wrong_number(error, fault)
        if wrong is not None:
            last = "there is no checkpoint" if good is None else f"the last good checkpoint is {good}"
            again = "the run comes to the same place again unless something is changed"
            if not repeats:
                again = "the same command goes on with other steps, and may come to the same again"
            raise RunError(f"{wrong} {where()}; {last}, and nothing was saved since; {again}") from None
        if good is None:
            last = "there is no checkpoint, and the same command begins anew"
        else:
            last = f"the last good checkpoint is {good}, and the same command continues from there"
        storage = _storage(error, folder)
        if storage is not None:
            raise RunError(f"{storage}; {last}") from None
        raise RunError(f"{_unexpected(error, folder)} {where()}; {last}") from None


@contextlib.contextmanager
def wrong_numbers_told(where: Callable[[], str], fault: Callable[[], str | None]) -> Iterator[None]:
    """Turns NaN and the like, in a run without a folder, into a `RunError` of one line.

    Args:
      where, fault: see `explained`.
    """
    try:
        yield
    except Exception as error:
        wrong = _wrong_number(error, fault)
        if wrong is None:
            raise
        raise RunError(f"{wrong} {where()}") from error


def _wrong_number(error, fault):
    if isinstance(error, NonFiniteError | ForeignError):
        return str(error)
    return (fault() or culprit(error)) if isinstance(error, tf.errors.OpError) else None


def _storage(error, folder):
    """What is wrong with the disk, or None if that is not what has ended the run."""
    if isinstance(error, OSError) and not isinstance(error, (ConnectionError, TimeoutError)):
        reason = f"{error.filename or folder.root}: {error.strerror or error}"
        if error.errno in _FULL:
            reason += " (the disk is full)"
    elif isinstance(error, tf.errors.OpError) and str(folder.root) in str(error.message):
        # Without the names of things inside TensorFlow.
        reason = re.sub(r"^\{\{.*?\}\} | \[Op:\w+\].*", "", str(error.message).splitlines()[0])
        if os.strerror(errno.ENOSPC) in reason:
            reason += " (the disk is full)"
    else:
        return None
    return f"cannot write: {reason}" if folder.root.exists() else f"the run's folder {folder.root} is gone"


def _unexpected(error, folder):
    lines = str(getattr(error, "message", error)).strip().splitlines()
    path = folder.path(_DETAILS)
    with contextlib.suppress(OSError):
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    return f"{type(error).__name__}: {lines[0] if lines else ''} (in full in {path})"
