"""Conditions on an environment step: whether it counts, and what ends with it.

`UvfAgent.step_cond_fn` says which steps are stored, `reset_episode_cond_fn` after
which step an episode ends (the next one gets new contexts), and
`reset_env_cond_fn` after which step the environment is put into a new first state,
which ends an episode as well; without it the next episode goes on where the last one
ended.

All take the same arguments, for N environments at once:

    agent: the low level.
    state: the state before the step, [N, S].
    action: [N, A].
    transition_type: whether the environment ended its episode by itself with this step, bool [N];
      `step_cond_fn`, which says of real steps whether they count, is told False.
    environment_steps: steps taken, this one included, int64 [N].
    num_episodes: episodes begun, the one under way included, int64 [N].

and return bool [N].
"""

import inspect
from collections.abc import Sequence
from typing import Any

import gin
import tensorflow as tf

from efficient_hrl.checks import check_number, check_whole

# In every_n_episodes: an ant whose torso is lower or higher than this has fallen.
_UPRIGHT = (0.2, 1.0)  # metres


@gin.configurable
def env_transition(
    agent: Any,
    state: tf.Tensor,
    action: tf.Tensor,
    transition_type: tf.Tensor,
    environment_steps: tf.Tensor,
    num_episodes: tf.Tensor,
) -> tf.Tensor:
    """The environment's episode goes on; as a step condition it holds for every real step."""
    del agent, state, action, environment_steps, num_episodes
    return tf.logical_not(transition_type)


@gin.configurable
def env_restart(
    agent: Any,
    state: tf.Tensor,
    action: tf.Tensor,
    transition_type: tf.Tensor,
    environment_steps: tf.Tensor,
    num_episodes: tf.Tensor,
) -> tf.Tensor:
    """The environment's episode has ended.

    As a step condition it never holds: the steps that are asked about are real ones.
    """
    del agent, state, action, environment_steps, num_episodes
    return tf.identity(transition_type)


@gin.configurable
def every_n_steps(
    agent: Any,
    state: tf.Tensor,
    action: tf.Tensor,
    transition_type: tf.Tensor,
    environment_steps: tf.Tensor,
    num_episodes: tf.Tensor,
    n: int = 150,
) -> tf.Tensor:
    """Every `n` environment steps.

    Args:
      agent, state, action, transition_type, environment_steps, num_episodes: see above.
      n: steps from one to the next, from 1.
    """
    del agent, state, action, transition_type, num_episodes
    check_whole("every_n_steps.n", n)
    return tf.equal(environment_steps % n, 0)


@gin.configurable
def every_n_episodes(
    agent: Any,
    state: tf.Tensor,
    action: tf.Tensor,
    transition_type: tf.Tensor,
    environment_steps: tf.Tensor,
    num_episodes: tf.Tensor,
    n: int = 2,
    steps_per_episode: int | None = None,
) -> tf.Tensor:
    """At the end of every `n`-th episode of `steps_per_episode` steps, or of one in which the ant fell.

    As in the original: the first time before episode n begins, so that with n = 2
    it is due after episodes 1, 3, 5, ...; and "fallen" means that the third state
    entry is below 0.2 or above 1, which for the point is its heading and in
    elevated mazes is always so.

    Args:
      agent, state, action, transition_type, environment_steps, num_episodes: see above.
      n: episodes from one to the next, from 1.
      steps_per_episode: their length, environment steps; always needed.
    """
    del agent, action, transition_type
    check_whole("every_n_episodes.n", n)
    check_whole("every_n_episodes.steps_per_episode", steps_per_episode)
    fallen = (state[..., 2] < _UPRIGHT[0]) | (state[..., 2] > _UPRIGHT[1])
    is_due = tf.equal((num_episodes + 1) % n, 0)
    return (fallen | is_due) & tf.equal(environment_steps % steps_per_episode, 0)


@gin.configurable
def failed_reset_after_n_episodes(
    agent: Any,
    state: tf.Tensor,
    action: tf.Tensor,
    transition_type: tf.Tensor,
    environment_steps: tf.Tensor,
    num_episodes: tf.Tensor,
    steps_per_episode: int | None = None,
    reset_state: Sequence[float] | None = None,
    max_dist: float = 1.0,
    epsilon: float = 1e-10,
) -> tf.Tensor:
    """At the end of an episode whose state is farther than `max_dist` from `reset_state`.

    Args:
      agent, state, action, transition_type, environment_steps, num_episodes: see above.
      steps_per_episode: length of an episode, environment steps; always needed.
      reset_state: where a learned reset should have led to, [S]; always needed.
      max_dist: distance that is near enough.
      epsilon: added under the root of the distance.
    """
    del agent, action, transition_type, num_episodes
    check_whole("failed_reset_after_n_episodes.steps_per_episode", steps_per_episode)
    if reset_state is None or len(reset_state) != state.shape[-1]:
        raise ValueError(
            f"failed_reset_after_n_episodes.reset_state = {reset_state!r}; allowed: {state.shape[-1]} numbers"
        )
    squares = tf.math.squared_difference(state, tf.constant(reset_state, state.dtype))
    distance = tf.sqrt(tf.reduce_sum(squares, axis=-1) + epsilon)
    return (distance > max_dist) & tf.equal(environment_steps % steps_per_episode, 0)


@gin.configurable
def q_too_small(
    agent: Any,
    state: tf.Tensor,
    action: tf.Tensor,
    transition_type: tf.Tensor,
    environment_steps: tf.Tensor,
    num_episodes: tf.Tensor,
    q_min: float = 0.5,
) -> tf.Tensor:
    """The critic's value of the step is below `q_min`.

    The value is taken with the state's last entry, its clock, at zero, and with
    all contexts zero.

    Args:
      agent, state, action, transition_type, environment_steps, num_episodes: see above.
      q_min: the value, in units of scaled rewards.
    """
    del transition_type, environment_steps, num_episodes
    check_number("q_too_small.q_min", q_min)
    contexts = [tf.zeros([tf.shape(state)[0], spec.shape[0]]) for spec in agent.context.specs]
    without_clock = tf.concat([state[..., :-1], tf.zeros_like(state[..., -1:])], axis=-1)
    value, _ = agent.critic_nets[0]((agent.merge(without_clock, contexts), action))
    return value < q_min


@gin.configurable
def true_fn(
    agent: Any,
    state: tf.Tensor,
    action: tf.Tensor,
    transition_type: tf.Tensor,
    environment_steps: tf.Tensor,
    num_episodes: tf.Tensor,
) -> tf.Tensor:
    """Always."""
    del agent, state, action, environment_steps, num_episodes
    return tf.ones_like(transition_type)


@gin.configurable
def false_fn(
    agent: Any,
    state: tf.Tensor,
    action: tf.Tensor,
    transition_type: tf.Tensor,
    environment_steps: tf.Tensor,
    num_episodes: tf.Tensor,
) -> tf.Tensor:
    """Never."""
    del agent, state, action, environment_steps, num_episodes
    return tf.zeros_like(transition_type)


_DEFAULTS = {
    "step_cond_fn": env_transition,
    "reset_episode_cond_fn": env_restart,
    "reset_env_cond_fn": false_fn,
}


def has_conditions(agent: Any) -> bool:
    """Whether an agent has other condition functions than the default ones."""
    return not all(_is_default(agent, name) for name in _DEFAULTS)


def ends_episodes(agent: Any) -> bool:
    """Whether an agent decides itself when an episode ends."""
    return not _is_default(agent, "reset_episode_cond_fn")


def _is_default(agent, name):
    """Whether a condition is the default one; gin wraps functions anew for each reference."""
    return inspect.unwrap(getattr(agent, name)) is inspect.unwrap(_DEFAULTS[name])
