"""How contexts change from step to step.

A transition function takes (contexts, timer, sampler_fn) and the states around the
step, and returns the contexts for the next state.  Goals follow the state between
two high-level decisions; other contexts may be drawn anew from time to time.

With relative goals g means "move by g in representation space".  After a step
from s to s' the distance still to go is g + s - s', so that the absolute goal
s + g stays where it is (HIRO, arXiv 1805.08296, section 3.2).
"""

from collections.abc import Callable, Sequence

import gin
import tensorflow as tf

from efficient_hrl.checks import check_whole
from efficient_hrl.context.rewards_functions import context_at
from efficient_hrl.inert_parameters import accepts_inert


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
    _check_leading("relative_context_transition_fn.k", k, goals)
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
    _check_leading("relative_context_multi_transition_fn.k", k, goals)
    moved = (goals[..., :k] + states[..., 0, :k])[..., None, :] - states[..., :k]
    rest = goals[..., None, k:]
    rest = tf.broadcast_to(rest, tf.concat([tf.shape(moved)[:-1], tf.shape(rest)[-1:]], axis=0))
    return [tf.concat([moved, rest], axis=-1)]


@gin.configurable
def periodic_context_fn(
    contexts: Sequence[tf.Tensor],
    timer: tf.Tensor,
    sampler_fn: Callable,
    period: int = 1,
    state: tf.Tensor | None = None,
    next_state: tf.Tensor | None = None,
) -> list[tf.Tensor]:
    """New contexts on every `period`-th step of an episode, counted from its first; the same ones in between.

    Args:
      contexts: float [..., G] each.
      timer: steps since the episode began, this one included, int [...].
      sampler_fn: () -> new contexts, [..., G] each; drawn on every step, used where due
        (so that a `ScheduledSampler` advances on every step).
      period: steps between two draws.
      state, next_state: not used; every transition function gets them.

    Returns:
      The contexts for the next step, [..., G] each.

    Raises:
      ValueError: a period below 1, or nothing to draw from.
    """
    del state, next_state
    check_whole("periodic_context_fn.period", period)
    _check_sampler("periodic_context_fn", sampler_fn)
    due = tf.math.floormod(timer, period) == 0
    return _where(due[..., None], sampler_fn(), contexts)


@gin.configurable
@accepts_inert("timer_context_fn")
def timer_context_fn(
    contexts: Sequence[tf.Tensor],
    timer: tf.Tensor | None,
    sampler_fn: Callable,
    period: int = 1,
    timer_index: int = -1,
    state: tf.Tensor | None = None,
    next_state: tf.Tensor | None = None,
) -> list[tf.Tensor]:
    """New contexts when the context that counts down is at 0.

    Then the countdown starts at `period` again; on all other steps it falls by 1 and
    the other contexts stay.  It takes the values period, ..., 1, 0, so that a cycle
    has period + 1 steps.  A countdown below 0 goes on falling and never draws.

    Args:
      contexts: float [..., G] each, the countdown among them.
      timer: not used; every transition function has it.
      sampler_fn: () -> new contexts, [..., G] each; drawn on every step, used where due
        (so that a `ScheduledSampler` advances on every step).
      period: where the countdown starts.
      timer_index: which of `contexts` is the countdown; its first element decides.
      state, next_state: not used; every transition function gets them.

    Returns:
      The contexts for the next step, [..., G] each.

    Raises:
      ValueError: a period below 1, nothing to draw from, or no context at `timer_index`.
    """
    del timer, state, next_state
    check_whole("timer_context_fn.period", period)
    _check_sampler("timer_context_fn", sampler_fn)
    countdown = context_at("timer_context_fn.timer_index", contexts, timer_index)
    kept, fresh = list(contexts), list(sampler_fn())
    kept[timer_index] = countdown - 1
    fresh[timer_index] = tf.fill(tf.shape(countdown), tf.cast(period, countdown.dtype))
    return _where(countdown[..., :1] == 0, fresh, kept)


def _check_leading(name, k, goals):
    size = goals.shape[-1]
    if isinstance(k, bool) or k not in range(size + 1):
        raise ValueError(f"{name} = {k!r}; allowed: 0 to {size}, the size of a goal")


def _where(due, fresh, kept):
    return [tf.where(due, new, old) for new, old in zip(fresh, kept, strict=True)]


def _check_sampler(function, sampler_fn):
    if sampler_fn is None:
        raise ValueError(
            f"{function} draws new contexts; allowed as the high level's context_transition_fn only,"
            " because the low level's goals are given by the high level"
        )
