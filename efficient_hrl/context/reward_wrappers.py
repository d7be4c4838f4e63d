"""Reward functions that change what another reward function gives.

They are called as those of rewards_functions.py, and return the same.
"""

from collections.abc import Callable, Sequence

import gin
import tensorflow as tf

from efficient_hrl.context.rewards_functions import context_at, plain_rewards


def _check_function(name, function):
    if not callable(function):
        raise ValueError(f"{name} = {function!r}; allowed: a reward function")


@gin.configurable
def potential_rewards(
    states: tf.Tensor,
    actions: tf.Tensor | None,
    rewards: tf.Tensor | None,
    next_states: tf.Tensor,
    contexts: Sequence[tf.Tensor],
    gamma: float = 1.0,
    reward_fn: Callable | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """gamma R(s') - R(s): potential-based shaping (Ng, Harada and Russell 1999) with potential R.

    R(s') is `reward_fn` of the transition s -> s', R(s) that of staying, s -> s, so
    that a reward function with relative contexts sees one goal, s + g, in both.  (The
    original gives no states at all; functions that need them could not be used.)

    Args:
      states, next_states: [B, S].
      actions: not used: a potential belongs to a state, so `reward_fn` gets None.
      rewards, contexts: as for `reward_fn`.
      gamma: factor on the potential of the next state.
      reward_fn: the potential, a reward function.

    Returns:
      Rewards, and the discounts for the next states, shaped as those of `reward_fn`.

    Raises:
      ValueError: no `reward_fn`.
    """
    del actions
    _check_function("potential_rewards.reward_fn", reward_fn)
    after, discounts = reward_fn(states, None, rewards, next_states, contexts)
    before, _ = reward_fn(states, None, rewards, states, contexts)
    return gamma * after - before, discounts


@gin.configurable
def timed_rewards(
    states: tf.Tensor | None,
    actions: tf.Tensor | None,
    rewards: tf.Tensor | None,
    next_states: tf.Tensor | None,
    contexts: Sequence[tf.Tensor],
    reward_fn: Callable | None = None,
    dense: bool = False,
    timer_index: int = -1,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Rewards when a timer has run out, which is also the end: discounts are 0 there.

    Args:
      states, actions, rewards, next_states: as for `reward_fn`.
      contexts: the one at `timer_index` is the timer before the step, [B, 1], in
        steps; it has run out at 0 and below.
      reward_fn: a reward function.
      dense: rewards count before the timer has run out too.
      timer_index: which of `contexts` is the timer.

    Returns:
      Rewards and discounts, shaped as those of `reward_fn`.

    Raises:
      ValueError: no `reward_fn`, or no context of one dimension at `timer_index`.
    """
    _check_function("timed_rewards.reward_fn", reward_fn)
    timer = context_at("timed_rewards.timer_index", contexts, timer_index)
    if timer.shape[-1] != 1:
        raise ValueError(
            f"timed_rewards.timer_index = {timer_index!r}, a context of {timer.shape[-1]} dimensions;"
            " allowed: one of 1 dimension"
        )
    values, discounts = reward_fn(states, actions, rewards, next_states, contexts)
    ended = tf.cast(timer[..., 0] <= 0, tf.float32)
    for _ in range(values.shape.rank - ended.shape.rank):
        ended = ended[..., None]
    return values if dense else values * ended, discounts * (1.0 - ended)


@gin.configurable
def reset_rewards(
    states: tf.Tensor,
    actions: tf.Tensor | None,
    rewards: tf.Tensor,
    next_states: tf.Tensor,
    contexts: Sequence[tf.Tensor],
    reset_index: int = 0,
    reset_state: Sequence | None = None,
    reset_reward_function: Callable | None = None,
    include_forward_rewards: bool = True,
    include_reset_rewards: bool = True,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Rewards for going back to a state while resetting, the environment's rewards otherwise.

    As in the original, one number decides for the whole batch: it is resetting if the
    first element of the context at `reset_index` is not 0 in the first row.

    Args:
      states, next_states: [B, S].
      actions: [B, A].
      rewards: the environment's, [B].
      contexts: `reset_reward_function` gets them with the reset states in first place,
        whatever `reset_index` is.
      reset_index: which of `contexts` decides.
      reset_state: where to go back to, [S], or one per row, [B, S].
      reset_reward_function: the reward function while resetting.
      include_forward_rewards: if not, rewards are 0 and discounts 1 while not resetting.
      include_reset_rewards: if not, rewards are 0 and discounts 1 while resetting.

    Returns:
      Rewards and discounts, [B] each.

    Raises:
      ValueError: no context at `reset_index`; if reset rewards are included, no
        `reset_reward_function` or a `reset_state` of another shape.
    """
    context = context_at("reset_rewards.reset_index", contexts, reset_index)
    next_states = tf.convert_to_tensor(next_states)
    arguments = states, actions, rewards, next_states

    def nothing():
        zeros = tf.zeros_like(next_states[..., 0])
        return zeros, tf.ones_like(zeros)

    forward = (lambda: plain_rewards(*arguments, contexts)) if include_forward_rewards else nothing
    reset = nothing
    if include_reset_rewards:
        _check_function("reset_rewards.reset_reward_function", reset_reward_function)
        goals = _reset_goals(reset_state, next_states)
        reset = lambda: reset_reward_function(*arguments, [goals, *contexts[1:]])
    return tf.cond(context[0, 0] != 0, reset, forward)


def _reset_goals(reset_state, next_states):
    """`reset_state` for every row, [B, S]."""
    shape = next_states.shape
    try:
        goals = tf.convert_to_tensor(reset_state, next_states.dtype)
    except (ValueError, TypeError):
        goals = None
    if goals is None or not any(goals.shape.is_compatible_with(allowed) for allowed in (shape[-1:], shape)):
        given = reset_state if goals is None else f"shape {goals.shape.as_list()}"
        raise ValueError(
            f"reset_rewards.reset_state = {given!r}; allowed: {shape[-1]} numbers, or as many for each of"
            f" {shape[0]} rows"
        )
    return tf.broadcast_to(goals, tf.shape(next_states))
