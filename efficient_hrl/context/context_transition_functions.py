"""How a goal changes between two high-level decisions.

With relative goals g means "move by g in representation space".  After a step
from s to s' the distance still to go is g + s - s', so that the absolute goal
s + g stays where it is (HIRO, arXiv 1805.08296, section 3.2).
"""

from collections.abc import Callable, Sequence

import gin
import tensorflow as tf


@gin.configurable
def relative_context_transition_fn(
    contexts: Sequence[tf.Tensor],
    timer: tf.Tensor | None,
    sampler_fn: Callable | None,
    k: int = 2,
    state: tf.Tensor | None = None,
    next_state: tf.Tensor | None = None,
) -> list[tf.Tensor]:
    """g' = g + s - s' on the first `k` dimensions; the others are kept.

    Args:
      contexts: one tensor, the goals, float [..., G].
      timer: not used; every transition function has it.
      sampler_fn: not used; every transition function has it.
      k: how many leading dimensions are relative.
      state: representations before the step, [..., at least k].
      next_state: representations after it, likewise.

    Returns:
      One tensor, the goals for s', [..., G].
    """
    del timer, sampler_fn
    (goals,) = contexts
    moved = goals[..., :k] + state[..., :k] - next_state[..., :k]
    return [tf.concat([moved, goals[..., k:]], axis=-1)]


@gin.configurable
def relative_context_multi_transition_fn(
    contexts: Sequence[tf.Tensor],
    timer: tf.Tensor | None,
    sampler_fn: Callable | None,
    k: int = 2,
    states: tf.Tensor | None = None,
) -> list[tf.Tensor]:
    """g_i = g + s_0 - s_i for every state of a sequence.

    Args:
      contexts: one tensor, the goals at s_0, float [..., G].
      timer: not used; every transition function has it.
      sampler_fn: not used; every transition function has it.
      k: how many leading dimensions are relative.
      states: representations s_0 .. s_{c-1}, [..., c, at least k].

    Returns:
      One tensor, the goal at every s_i, [..., c, G].
    """
    del timer, sampler_fn
    (goals,) = contexts
    moved = (goals[..., :k] + states[..., 0, :k])[..., None, :] - states[..., :k]
    rest = goals[..., None, k:]
    rest = tf.broadcast_to(rest, tf.concat([tf.shape(moved)[:-1], tf.shape(rest)[-1:]], axis=0))
    return [tf.concat([moved, rest], axis=-1)]
