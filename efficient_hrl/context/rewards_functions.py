"""Goal-conditioned rewards.

Each takes (states, actions, rewards, next_states, contexts) and returns
(rewards, discounts); a discount of 0 says that the goal is reached.
"""

from collections.abc import Sequence

import gin
import tensorflow as tf


def _select(values: tf.Tensor, indices: Sequence[int] | None) -> tf.Tensor:
    values = tf.convert_to_tensor(values)
    return values if indices is None else tf.gather(values, indices, axis=-1)


@gin.configurable
def negative_distance(
    states: tf.Tensor,
    actions: tf.Tensor | None,
    rewards: tf.Tensor | None,
    next_states: tf.Tensor,
    contexts: Sequence[tf.Tensor],
    state_scales=1.0,
    goal_scales=1.0,
    reward_scales=1.0,
    weight_index: Sequence[int] | None = None,
    weight_vector: Sequence[float] | None = None,
    summarize: bool = False,
    termination_epsilon: float = 1e-4,
    state_indices: Sequence[int] | None = None,
    goal_indices: Sequence[int] | None = None,
    vectorize: bool = False,
    relative_context: bool = False,
    diff: bool = False,
    norm: str = "L2",
    epsilon: float = 1e-10,
    bonus_epsilon: float = 0.0,
    offset: float = 0.0,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Minus the distance between next state and goal.

    reward = offset + [distance < bonus_epsilon] - reward_scales * distance, with
    distance = sqrt(sum_i w_i d_i^2 + epsilon) for L2 and
    sum_i sqrt(w_i d_i^2 + epsilon) for L1, d = state_scales s' - goal_scales g.

    Args:
      states: [B, S].
      actions: not used.
      rewards: not used.
      next_states: [B, S].
      contexts: the goals come first, [B, G].
      state_scales, goal_scales: factors on s, s' and on the goal.
      reward_scales: factor on the distance.
      weight_index: columns of the goal tensor whose absolute values are weights w.
      weight_vector: constant weights w.
      summarize: accepted for the original's gin files; has no effect.
      termination_epsilon: discount = [distance > termination_epsilon].
      state_indices, goal_indices: entries of state and goal to compare; None is all.
      vectorize: return one reward per dimension, without the sum over them.
      relative_context: the goal is s + g instead of g.
      diff: reward the decrease in distance instead of the distance.
      norm: "L2" or "L1".
      epsilon: inside the root, keeps the gradient finite.
      bonus_epsilon: distance under which 1 is added.
      offset: added to every reward.

    Returns:
      Rewards and discounts, float32 [B] each, [B, dims] when `vectorize`.

    Raises:
      ValueError: unknown norm.
    """
    del actions, rewards, summarize
    if norm not in ("L1", "L2"):
        raise ValueError(f"negative_distance.norm = {norm!r}; allowed: 'L1', 'L2'")
    states = _select(states, state_indices)
    next_states = _select(next_states, state_indices)
    goals = _select(contexts[0], goal_indices)
    if relative_context:
        goals = states + goals

    def distance_from(positions):
        squares = tf.math.squared_difference(positions * state_scales, goals * goal_scales)
        if weight_vector is not None:
            squares *= tf.constant(weight_vector, squares.dtype)
        if weight_index is not None:
            squares *= tf.abs(_select(contexts[0], weight_index))
        if vectorize:
            return tf.sqrt(squares + epsilon)
        if norm == "L1":
            return tf.reduce_sum(tf.sqrt(squares + epsilon), axis=-1)
        return tf.sqrt(tf.reduce_sum(squares, axis=-1) + epsilon)

    distance = distance_from(next_states)
    discounts = tf.cast(distance > termination_epsilon, tf.float32)
    bonus = tf.cast(distance < bonus_epsilon, tf.float32) + offset
    if diff:
        return bonus + reward_scales * (distance_from(states) - distance), discounts
    return bonus - reward_scales * distance, discounts
