"""Environments from elsewhere are closed when a mode is done: some write their last file then."""

import contextlib
from collections.abc import Callable, Iterator

from efficient_hrl.configuration.config import usage_errors


@contextlib.contextmanager
def closed_afterwards(close: Callable[[], None]) -> Iterator[None]:
    """Calls `close` when the block is left; an error of the block comes before one of closing.

    Raises:
      UsageError: an environment cannot be closed.
    """
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):
            close()
        raise
    with usage_errors():
        close()
