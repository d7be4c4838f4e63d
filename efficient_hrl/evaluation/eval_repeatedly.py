"""Following a run: evaluating its checkpoints as they appear."""

import pathlib
import time
from collections.abc import Callable

import gin

from efficient_hrl.errors import UsageError
from efficient_hrl.storage.checkpoints import complete_checkpoints, newest_whole
from efficient_hrl.terminal.console import announce

_POLL_SECONDS = 1.0


@gin.configurable
def evaluate_checkpoint_repeatedly(
    checkpoint_dir: str,
    evaluate_checkpoint_fn: Callable[[pathlib.Path], bool | None],
    eval_interval_secs: float = 600,
    max_number_of_evaluations: int | None = None,
    checkpoint_timeout: float | None = None,
    timeout_fn: Callable[[], bool] | None = None,
) -> int:
    """Evaluates every new checkpoint of a folder; returns how many were evaluated.

    Args:
      checkpoint_dir: the folder.
      evaluate_checkpoint_fn: takes a checkpoint's path; a true result ends the loop.
      eval_interval_secs: seconds from one evaluation to the next, at least.
      max_number_of_evaluations: ends the loop; None is no limit.
      checkpoint_timeout: seconds without a new checkpoint after which `timeout_fn` is
        asked; None waits for ever.
      timeout_fn: whether to end then; None ends.

    Raises:
      ValueError: max_number_of_evaluations below 1.
    """
    if max_number_of_evaluations is not None and max_number_of_evaluations < 1:
        raise ValueError(
            f"evaluate.max_number_of_evaluations = {max_number_of_evaluations!r}; allowed: None, 1 or more"
        )
    folder = pathlib.Path(checkpoint_dir)
    evaluated, looked_at, last = 0, None, None
    while _wait_for_other(folder, looked_at, checkpoint_timeout, timeout_fn):
        began = time.monotonic()
        looked_at = next(iter(complete_checkpoints(folder)), None)
        whole = newest_whole(folder, announce)
        if whole in (None, last):
            continue  # the newest one is damaged
        try:
            ends = evaluate_checkpoint_fn(whole)
        except UsageError:
            if whole.exists():
                raise
            looked_at = None
            continue  # the run has deleted it before it was read
        evaluated, last = evaluated + 1, whole
        if ends or evaluated == max_number_of_evaluations:
            break
        time.sleep(max(0.0, began + eval_interval_secs - time.monotonic()))
    return evaluated


def _wait_for_other(folder, looked_at, timeout, timeout_fn):
    """Waits until there is a newer checkpoint than the one looked at; False when the time is over."""
    waits_from = time.monotonic()
    while True:
        newest = next(iter(complete_checkpoints(folder)), None)
        if newest not in (None, looked_at):
            return True
        if timeout is not None and time.monotonic() - waits_from >= timeout:
            if timeout_fn is None or timeout_fn():
                return False
            waits_from = time.monotonic()
        time.sleep(_POLL_SECONDS if timeout is None else min(_POLL_SECONDS, timeout))
