"""Rewards for pursuing a context.

Each takes (states, actions, rewards, next_states, contexts) and returns
(rewards, discounts), float32: states and next states [B, S], actions [B, A], the
environment's rewards [B], and a list of contexts [B, G] each, of which the first
is the goal.  A discount of 0 says that the goal is reached, 1 that it is not.
What a function does not read may be None.  Rewards that are made of other
rewards are in reward_wrappers.py.
"""

from collections.abc import Sequence

import gin
import numpy as np
import tensorflow as tf

from efficient_hrl.checks import check_number, check_truth, numbers
from efficient_hrl.inert_parameters import accepts_inert


def context_at(name: str, contexts: Sequence[tf.Tensor], index: int) -> tf.Tensor:
    """The context at a place in the list.

    Args:
      name: of the parameter that holds `index`, for the message.
      contexts: all contexts.
      index: which; negative ones count from the end.

    Raises:
      ValueError: there is no such context.
    """
    try:
        return tf.convert_to_tensor(contexts[index])
    except (IndexError, TypeError):
        raise ValueError(
            f"{name} = {index!r}; allowed: {-len(contexts)} to {len(contexts) - 1}, the place of one of the"
            f" {len(contexts)} contexts"
        ) from None


def _select(values: tf.Tensor, indices: Sequence[int] | None) -> tf.Tensor:
    values = tf.convert_to_tensor(values)
    if indices is None:
        return values
    size = values.shape[-1]
    is_list = isinstance(indices, (Sequence, np.ndarray)) and len(indices)
    if not is_list or any(isinstance(i, bool) or i not in range(size) for i in indices):
        raise ValueError(f"indices {indices!r} of a vector of {size}; allowed: a list of 0 to {size - 1}")
    return tf.gather(values, indices, axis=-1)


def _check_norm(function, norm):
    if norm not in ("L1", "L2"):
        raise ValueError(f"{function}.norm = {norm!r}; allowed: 'L1', 'L2'")


def _check_comparable(function, positions, goals):
    """Refuses what would be compared by repeating the shorter one."""
    state_size, goal_size = positions.shape[-1], goals.shape[-1]
    if state_size != goal_size:
        raise ValueError(
            f"{function} compares {state_size} entries of the state with {goal_size} of the goal; allowed:"
            f" as many, see Context.context_shapes and which entries {function} selects"
        )


def _check_factors(function, size, **factors):
    for name, factor in factors.items():
        if factor is not None and not tf.is_tensor(factor):
            numbers(f"{function}.{name}", factor, size)


def _distance(squares, norm, epsilon):
    """L1 or L2 norm from squared components."""
    if norm == "L1":
        return tf.reduce_sum(tf.sqrt(squares + epsilon), axis=-1)
    return tf.sqrt(tf.reduce_sum(squares, axis=-1) + epsilon)


def _squares(function, positions, goals, state_scales, goal_scales, weights=()):
    """w (state_scales s - goal_scales g)^2, [B, dims]; w is the product of all `weights` but None.

    Raises:
      ValueError: positions and goals of different sizes, or factors that do not fit.
    """
    _check_comparable(function, positions, goals)
    _check_factors(function, goals.shape[-1], state_scales=state_scales, goal_scales=goal_scales)
    squares = tf.math.squared_difference(positions * state_scales, goals * goal_scales)
    for weight in weights:
        if weight is not None:
            squares *= tf.cast(weight, squares.dtype)
    return squares


def _mean_squared_error(function, next_states, goals, state_scales, goal_scales):
    next_states, goals = tf.convert_to_tensor(next_states), tf.convert_to_tensor(goals)
    return tf.reduce_mean(_squares(function, next_states, goals, state_scales, goal_scales), axis=-1)


def _filled(name, values, size):
    """One number for each of `size` dimensions; a short list goes on with its last number."""
    values = np.atleast_1d(np.asarray(values, np.float32))
    if values.ndim != 1 or not 1 <= len(values) <= size:
        raise ValueError(f"{name} = {values.tolist()}; allowed: a number or 1 to {size} numbers")
    return np.pad(values, (0, size - len(values)), mode="edge")


@gin.configurable
@accepts_inert("tanh_similarity")
def tanh_similarity(
    states: tf.Tensor | None,
    actions: tf.Tensor | None,
    rewards: tf.Tensor | None,
    next_states: tf.Tensor,
    contexts: Sequence[tf.Tensor],
    mse_scale: float = 1.0,
    state_scales: float | Sequence[float] = 1.0,
    goal_scales: float | Sequence[float] = 1.0,
) -> tuple[tf.Tensor, tf.Tensor]:
    """1 - tanh(mse_scale * MSE), MSE the mean over dimensions of (state_scales s' - goal_scales g)^2.

    Args:
      states, actions, rewards: not used.
      next_states: [B, G].
      contexts: the goals come first, [B, G].
      mse_scale: factor on the MSE.
      state_scales: factors on s'.
      goal_scales: factors on the goal.

    Returns:
      Rewards in [0, 1] and discounts of 1, [B] each.

    Raises:
      ValueError: states and goals of different sizes, or factors that do not fit.
    """
    del states, actions, rewards
    error = _mean_squared_error("tanh_similarity", next_states, contexts[0], state_scales, goal_scales)
    return 1.0 - tf.tanh(mse_scale * error), tf.ones_like(error)


@gin.configurable
@accepts_inert("negative_mse")
def negative_mse(
    states: tf.Tensor | None,
    actions: tf.Tensor | None,
    rewards: tf.Tensor | None,
    next_states: tf.Tensor,
    contexts: Sequence[tf.Tensor],
    state_scales: float | Sequence[float] = 1.0,
    goal_scales: float | Sequence[float] = 1.0,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Minus the MSE of `tanh_similarity`, with discounts of 1, [B] each.

    Args:
      states, actions, rewards: not used.
      next_states, contexts, state_scales, goal_scales: see `tanh_similarity`.

    Raises:
      ValueError: see `tanh_similarity`.
    """
    del states, actions, rewards
    error = _mean_squared_error("negative_mse", next_states, contexts[0], state_scales, goal_scales)
    return -error, tf.ones_like(error)


@gin.configurable
@accepts_inert("negative_distance")
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
      state_scales: factors on s and s'.
      goal_scales: factors on the goal.
      reward_scales: factor on the distance.
      weight_index: columns of the goal tensor whose absolute values are weights w.
      weight_vector: constant weights w.
      termination_epsilon: discount = [distance > termination_epsilon].
      state_indices: entries of the state to compare; None is all.
      goal_indices: entries of the goal to compare; None is all.
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
      ValueError: unknown norm, states and goals of different sizes, or factors that do not fit.
    """
    del actions, rewards
    _check_norm("negative_distance", norm)
    check_truth("negative_distance.relative_context", relative_context)
    check_truth("negative_distance.diff", diff)
    check_truth("negative_distance.vectorize", vectorize)
    check_number("negative_distance.epsilon", epsilon, 0)
    for name, value in (
        ("termination_epsilon", termination_epsilon),
        ("bonus_epsilon", bonus_epsilon),
        ("offset", offset),
    ):
        check_number(f"negative_distance.{name}", value)
    states = _select(states, state_indices)
    next_states = _select(next_states, state_indices)
    goals = _select(contexts[0], goal_indices)
    size = goals.shape[-1]
    _check_factors("negative_distance", size, weight_vector=weight_vector)
    _check_factors("negative_distance", size if vectorize else 1, reward_scales=reward_scales)
    column_weights = None if weight_index is None else tf.abs(_select(contexts[0], weight_index))
    if relative_context:
        _check_comparable("negative_distance", states, goals)
        goals = states + goals

    def distance_from(positions):
        weights = weight_vector, column_weights
        squares = _squares("negative_distance", positions, goals, state_scales, goal_scales, weights)
        return tf.sqrt(squares + epsilon) if vectorize else _distance(squares, norm, epsilon)

    distance = distance_from(next_states)
    discounts = tf.cast(distance > termination_epsilon, tf.float32)
    bonus = tf.cast(distance < bonus_epsilon, tf.float32) + offset
    if diff:
        return bonus + reward_scales * (distance_from(states) - distance), discounts
    return bonus - reward_scales * distance, discounts


@gin.configurable
@accepts_inert("cosine_similarity")
def cosine_similarity(
    states: tf.Tensor,
    actions: tf.Tensor | None,
    rewards: tf.Tensor | None,
    next_states: tf.Tensor,
    contexts: Sequence[tf.Tensor],
    normalize_states: bool = True,
    normalize_goals: bool = True,
    weight_index: Sequence[int] | None = None,
    weight_vector: Sequence[float] | None = None,
    state_indices: Sequence[int] | None = None,
    goal_indices: Sequence[int] | None = None,
    offset: float = 0.0,
) -> tuple[tf.Tensor, tf.Tensor]:
    """offset + (s' - s) . w g: how far the step went in the goal's direction.

    Args:
      states: [B, S].
      actions, rewards: not used.
      next_states: [B, S].
      contexts: the goals, directions, come first, [B, G].
      normalize_states: bring s' - s to length 1; zero stays zero.
      normalize_goals: bring w g to length 1; zero stays zero.
      weight_index: columns of the goal tensor whose absolute values are weights w.
      weight_vector: constant weights w.
      state_indices: entries of the state to compare; None is all.
      goal_indices: entries of the goal to compare; None is all.
      offset: added to every reward.

    Returns:
      Rewards and discounts of 1, [B] each.

    Raises:
      ValueError: states and goals of different sizes, or weights that do not fit.
    """
    del actions, rewards
    moved = _select(next_states, state_indices) - _select(states, state_indices)
    goals = _select(contexts[0], goal_indices)
    _check_comparable("cosine_similarity", moved, goals)
    _check_factors("cosine_similarity", goals.shape[-1], weight_vector=weight_vector)
    if weight_vector is not None:
        goals *= tf.constant(weight_vector, goals.dtype)
    if weight_index is not None:
        goals *= tf.abs(_select(contexts[0], weight_index))
    if normalize_states:
        moved = tf.math.l2_normalize(moved, axis=-1, epsilon=1e-12)
    if normalize_goals:
        goals = tf.math.l2_normalize(goals, axis=-1, epsilon=1e-12)
    similarity = tf.reduce_sum(moved * goals, axis=-1) + offset
    return similarity, tf.ones_like(similarity)


@gin.configurable
@accepts_inert("diff_distance")
def diff_distance(
    states: tf.Tensor,
    actions: tf.Tensor | None,
    rewards: tf.Tensor | None,
    next_states: tf.Tensor,
    contexts: Sequence[tf.Tensor],
    state_scales: float | Sequence[float] = 1.0,
    goal_scales: float | Sequence[float] = 1.0,
    reward_scales: float = 1.0,
    weight_index: int | None = None,
    weight_vector: Sequence[float] | None = None,
    termination_epsilon: float = 1e-4,
    state_indices: Sequence[int] | None = None,
    goal_indices: Sequence[int] | None = None,
    norm: str = "L2",
    epsilon: float = 1e-10,
) -> tuple[tf.Tensor, tf.Tensor]:
    """reward_scales * (distance(s, g) - distance(s', g)), distances as in `negative_distance`.

    Args:
      states: [B, S].
      actions, rewards: not used.
      next_states: [B, S].
      contexts: the goals come first, [B, G]; they are never relative.
      state_scales: factors on s and s'.
      goal_scales: factors on the goal.
      reward_scales: factor on the decrease in distance.
      weight_index: which of `contexts` holds weights w, used with their sign.  (Unlike
        in `negative_distance`, where it lists columns of the goals.)
      weight_vector: constant weights w.
      termination_epsilon: discount = [distance(s', g) > termination_epsilon].
      state_indices: entries of the state to compare; None is all.
      goal_indices: entries of the goal to compare; None is all.
      norm: "L2" or "L1".
      epsilon: inside the root, keeps the gradient finite.

    Returns:
      Rewards and discounts, [B] each.

    Raises:
      ValueError: unknown norm, no context at `weight_index`, states and goals of different sizes, or
        factors that do not fit.
    """
    del actions, rewards
    _check_norm("diff_distance", norm)
    goals = _select(contexts[0], goal_indices)
    _check_factors("diff_distance", goals.shape[-1], weight_vector=weight_vector)
    given_weights = None
    if weight_index is not None:
        given_weights = context_at("diff_distance.weight_index", contexts, weight_index)

    def distance_from(positions):
        positions, weights = _select(positions, state_indices), (weight_vector, given_weights)
        squares = _squares("diff_distance", positions, goals, state_scales, goal_scales, weights)
        return _distance(squares, norm, epsilon)

    distance = distance_from(next_states)
    discounts = tf.cast(distance > termination_epsilon, tf.float32)
    return reward_scales * (distance_from(states) - distance), discounts


@gin.configurable
@accepts_inert("binary_indicator")
def binary_indicator(
    states: tf.Tensor | None,
    actions: tf.Tensor | None,
    rewards: tf.Tensor | None,
    next_states: tf.Tensor,
    contexts: Sequence[tf.Tensor],
    termination_epsilon: float = 1e-4,
    offset: float = 0,
    epsilon: float = 1e-10,
    state_indices: Sequence[int] | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """offset + [|s' - g| <= termination_epsilon], and no termination.

    Args:
      states, actions, rewards: not used.
      next_states: [B, S].
      contexts: the goals come first, [B, G].
      termination_epsilon: distance up to which the goal counts as reached.
      offset: added to every reward.
      epsilon: added to the squared distance.
      state_indices: entries of the state to compare, G of them; None is all.

    Returns:
      Rewards and discounts, [B] each; as in the original discounts are 1 at the goal too.

    Raises:
      ValueError: states and goals of different sizes.
    """
    del states, actions, rewards
    goals = tf.convert_to_tensor(contexts[0])
    squares = _squares("binary_indicator", _select(next_states, state_indices), goals, 1.0, 1.0)
    reached = tf.cast(_distance(squares, "L2", epsilon) <= termination_epsilon, tf.float32)
    return reached + offset, tf.ones_like(reached)


@gin.configurable
def plain_rewards(
    states: tf.Tensor | None,
    actions: tf.Tensor | None,
    rewards: tf.Tensor,
    next_states: tf.Tensor | None,
    contexts: Sequence[tf.Tensor] | None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """The given rewards, [B], with discounts of 1; the rest is not used.

    Raises:
      ValueError: no rewards given.
    """
    del states, actions, next_states, contexts
    if rewards is None:
        raise ValueError("plain_rewards.rewards = None; allowed: the environment's rewards, [B]")
    rewards = tf.cast(rewards, tf.float32)
    return rewards, tf.ones_like(rewards)


@gin.configurable
def ctrl_rewards(
    states: tf.Tensor | None,
    actions: tf.Tensor | None,
    rewards: tf.Tensor | None,
    next_states: tf.Tensor,
    contexts: Sequence[tf.Tensor] | None,
    reward_scales: float = 1.0,
) -> tuple[tf.Tensor, tf.Tensor]:
    """-reward_scales |a|^2, the cost of control.

    Args:
      states, rewards, contexts: not used.
      actions: [B, A]; without them every reward is 0.
      next_states: [B, S], for the batch size only.
      reward_scales: factor on the squared length.

    Returns:
      Rewards and discounts of 1, [B] each.
    """
    del states, rewards, contexts
    if actions is None:
        costs = tf.zeros_like(tf.convert_to_tensor(next_states)[..., 0])
    else:
        costs = tf.reduce_sum(tf.square(actions), axis=-1)
    return -reward_scales * costs, tf.ones_like(costs)


@gin.configurable
def diff_rewards(
    states: tf.Tensor | None,
    actions: tf.Tensor | None,
    rewards: tf.Tensor | None,
    next_states: tf.Tensor,
    contexts: Sequence[tf.Tensor],
    state_indices: Sequence[int] | None = None,
    goal_index: int = 0,
) -> tuple[tf.Tensor, tf.Tensor]:
    """s' - g, one reward for each dimension.

    Args:
      states, actions, rewards: not used.
      next_states: [B, S].
      contexts: the goals are at `goal_index`, [B, G].
      state_indices: entries of the state, G of them; None is all.
      goal_index: which of `contexts` holds the goals.

    Returns:
      Rewards and discounts of 1, [B, G] each.

    Raises:
      ValueError: no context at `goal_index`, or states and goals of different sizes.
    """
    del states, actions, rewards
    goals = context_at("diff_rewards.goal_index", contexts, goal_index)
    next_states = _select(next_states, state_indices)
    _check_comparable("diff_rewards", next_states, goals)
    difference = next_states - goals
    return difference, tf.ones_like(difference)


@gin.configurable
@accepts_inert("state_rewards")
def state_rewards(
    states: tf.Tensor | None,
    actions: tf.Tensor | None,
    rewards: tf.Tensor | None,
    next_states: tf.Tensor,
    contexts: Sequence[tf.Tensor],
    weight_index: int | None = None,
    state_indices: Sequence[int] | None = None,
    weight_vector: float | Sequence[float] = 1.0,
    offset_vector: float | Sequence[float] = 0.0,
) -> tuple[tf.Tensor, tf.Tensor]:
    """w . (s' + offset_vector), a linear function of the state.

    Args:
      states, actions, rewards: not used.
      next_states: [B, S].
      contexts: may hold weights, [B, n].
      weight_index: which of `contexts` is a factor of w, with its sign; None is none.
      state_indices: the n entries of the state that count; None is all.
      weight_vector: the other factor of w, a number or a list.
      offset_vector: a number or a list.  As in the original, a list shorter than n goes
        on with its last number; so does `weight_vector`.

    Returns:
      Rewards and discounts of 1, [B] each.

    Raises:
      ValueError: a list longer than n, or no context at `weight_index`.
    """
    del states, actions, rewards
    values = _select(next_states, state_indices)
    size = values.shape[-1]
    weights = _filled("state_rewards.weight_vector", weight_vector, size)
    if weight_index is not None:
        weights = weights * context_at("state_rewards.weight_index", contexts, weight_index)
    values += _filled("state_rewards.offset_vector", offset_vector, size)
    total = tf.reduce_sum(weights * values, axis=-1)
    return total, tf.ones_like(total)
