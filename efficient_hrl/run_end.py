"""How a run that cannot go on says so."""

import contextlib
import errno
from collections.abc import Callable, Iterator

import tensorflow as tf

from efficient_hrl.checkpoints import Checkpoints
from efficient_hrl.finite import culprit
from efficient_hrl.run_folder import RunError, RunFolder
from environments.instability import NonFiniteError

_CONTINUES = "; the same command continues from there"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def explained(
    folder: RunFolder,
    checkpoints: Checkpoints,
    where: Callable[[], str],
    fault: Callable[[], str | None],
) -> Iterator[None]:
    """Turns what a run cannot help into a `RunError` of one line; mistakes in the program pass as they are.

    Args:
      folder: of the run.
      checkpoints: of the run.
      where: tells where training stands.
      fault: tells what was wrong with an environment's numbers, or None.
    """
    stopped = lambda wrong: RunError(
        f"{wrong} {where()}; {_last(checkpoints)}, and nothing was saved since; a run from there comes to the"
        " same place unless something is changed"
    )
    try:
        yield
    except NonFiniteError as error:
        raise stopped(error) from None
    except tf.errors.OpError as error:
        wrong = fault() or culprit(error)
        if wrong is not None:
            raise stopped(wrong) from None
        if str(folder.root) not in str(error.message):
            raise
        raise RunError(f"{_storage(folder, error.message)}; {_last(checkpoints)}{_CONTINUES}") from None
    except OSError as error:
        if error.filename is not None and not str(error.filename).startswith(str(folder.root)):
            raise
        reason = f"{error.filename or folder.root}: {error.strerror or error}"
        if error.errno in _FULL:
            reason += " (the disk is full)"
        raise RunError(f"{_storage(folder, reason)}; {_last(checkpoints)}{_CONTINUES}") from None


def _storage(folder, reason):
    if not folder.root.exists():
        return f"the run's folder {folder.root} is gone"
    return f"cannot write: {reason.splitlines()[0]}"


def _last(checkpoints):
    try:
        newest = checkpoints.newest
    except OSError:
        newest = None
    if newest is None:
        return "there is no checkpoint"
    return f"the last good checkpoint is {newest}"
