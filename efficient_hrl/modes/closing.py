"""Environments from elsewhere are closed when episodes are over: some write their last file then."""

import contextlib
from collections.abc import Callable, Iterator

from efficient_hrl.errors import RunError
from environments.foreign_errors import ForeignError


@contextlib.contextmanager
def closed_afterwards(close: Callable[[], None]) -> Iterator[None]:
    """Calls `close` when the block is left; an error of the block comes before one of closing.

    Raises:
      RunError: an environment cannot be closed; what came before is done.
    """
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):
            close()
        raise
    try:
        close()
    except ForeignError as error:
        raise RunError(f"{error}; all else is done") from error
