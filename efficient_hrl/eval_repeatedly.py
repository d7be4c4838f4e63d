"""Following a run: evaluating its checkpoints as they appear."""

from collections.abc import Callable

import gin
import tensorflow as tf


@gin.configurable
def evaluate_checkpoint_repeatedly(
    checkpoint_dir: str,
    evaluate_checkpoint_fn: Callable[[str], bool | None],
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
    evaluated = 0
    for path in tf.train.checkpoints_iterator(
        str(checkpoint_dir),
        min_interval_secs=eval_interval_secs,
        timeout=checkpoint_timeout,
        timeout_fn=timeout_fn,
    ):
        evaluated += 1
        if evaluate_checkpoint_fn(path) or evaluated == max_number_of_evaluations:
            break
    return evaluated
