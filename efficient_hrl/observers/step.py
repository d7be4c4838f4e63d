"""One environment step as observers see it, with the rewards of both levels."""

from typing import NamedTuple

import tensorflow as tf
from tf_agents.trajectories import policy_step
from tf_agents.trajectories import time_step as ts

from efficient_hrl.episodes import is_abandoned


class Step(NamedTuple):
    """One environment step of N environments, and what every observer asks of it.

    Attributes:
      time_step, next_time_step: before and after; observations [N, S].
      action_step: the policy's decision; actions [N, A].
      is_abandoned: see the function of that name, bool [N].
      is_real: whether a step was taken, and neither a reset nor one that made a simulation unstable,
        bool [N].
      low_reward: the low level's reward for its goal, [N] or [N, R].
      high_reward: the task's reward for its target, [N].
    """

    time_step: ts.TimeStep
    action_step: policy_step.PolicyStep
    next_time_step: ts.TimeStep
    is_abandoned: tf.Tensor
    is_real: tf.Tensor
    low_reward: tf.Tensor
    high_reward: tf.Tensor


def rewarded_step(low_agent, high_agent, time_step, action_step, next_time_step) -> Step:
    """A step with both levels' rewards."""
    states = (time_step.observation, next_time_step.observation)  # [N, S] each
    done = (action_step.action, next_time_step.reward)  # [N, A], [N]
    targets = high_agent.context.split(action_step.info.target)  # [N, T] each
    low_reward, _ = low_agent.rewards(*states, [action_step.info.goal], *done)
    high_reward, _ = high_agent.rewards(*states, targets, *done)
    abandoned = is_abandoned(time_step, next_time_step)
    return Step(
        time_step,
        action_step,
        next_time_step,
        abandoned,
        ~time_step.is_last() & ~abandoned,
        low_reward,
        high_reward,
    )
