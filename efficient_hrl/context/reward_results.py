"""What a reward function gives, which may be a user's own, checked where it is traced."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf


def checked_rewards(
    function: Callable, given: Any, batch_size: int | None, ranks: Sequence[int] = (1, 2)
) -> tuple[tf.Tensor, tf.Tensor]:
    """Rewards and discounts, float32.

    Args:
      function: which gave them, for messages.
      given: what it gave.
      batch_size: B, where it is known.
      ranks: allowed of rewards: 1 for numbers [B], 2 for vectors [B, R].  Discounts are one number, [B], or
        as the rewards.

    Raises:
      ValueError: no pair, or values of another kind or shape.
    """
    name = f"the reward function {getattr(function, '__name__', repr(function))}"
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise ValueError(f"{name} gives no pair; allowed: (rewards, discounts), float32 each")
    rewards, discounts = (tf.convert_to_tensor(values) for values in given)
    for what, values in (("rewards", rewards), ("discounts", discounts)):
        if values.dtype != tf.float32:
            raise ValueError(f"{name} gives {what} of {values.dtype.name}; allowed: float32")
    if not _fits(rewards.shape, batch_size, ranks):
        of = "B" if batch_size is None else f"B = {batch_size}"
        allowed = " or ".join({1: "[B]", 2: "[B, R]"}[rank] for rank in ranks)
        raise ValueError(
            f"{name} gives rewards of shape {rewards.shape} for {of} transitions; allowed: {allowed}"
        )
    if not (discounts.shape.rank == 0 or _fits(discounts.shape, batch_size, [1, rewards.shape.rank])):
        raise ValueError(
            f"{name} gives discounts of shape {discounts.shape} for rewards of {rewards.shape}; allowed: a"
            " number, [B], or the rewards' own"
        )
    return rewards, discounts


def _fits(shape, batch_size, ranks):
    """Whether a shape is allowed, as far as it is known."""
    if shape.rank is None:
        return True
    return shape.rank in ranks and (None in (shape[0], batch_size) or shape[0] == batch_size)
