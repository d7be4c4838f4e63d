"""One noise-free episode in every environment, as one compiled call."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tf_agents.environments import tf_py_environment

from efficient_hrl.episodes import is_abandoned, total_reward
from efficient_hrl.graph.compiled import compiled
from efficient_hrl.hierarchical_policy import HierarchicalPolicy
from efficient_hrl.hierarchy import Hierarchy
from environments.batched import BatchedEnvironment


class Targets(NamedTuple):
    """What the episodes are to reach.

    Attributes:
      joined: [N, T].
      announced: the targets as environments that can hear of them are told, [N, T] each; else ().
    """

    joined: tf.Tensor
    announced: tuple[tf.Tensor, ...] = ()


class RolloutResult(NamedTuple):
    """What one rollout found, float32 [N] each.

    Attributes:
      low_return, high_return: discounted sums of both levels' rewards per environment step.
      low_last, high_last: those of the last step.
      success_last: the last reward that decides about success; -inf where the simulation became
        unstable.
      success_best: the highest one of any step.
    """

    low_return: tf.Tensor
    high_return: tf.Tensor
    low_last: tf.Tensor
    high_last: tf.Tensor
    success_last: tf.Tensor
    success_best: tf.Tensor


class Rollout:
    """Episodes of a policy without targets of its own."""

    def __init__(
        self,
        env: tf_py_environment.TFPyEnvironment,
        py_env: BatchedEnvironment,
        policy: HierarchicalPolicy,
        hierarchy: Hierarchy,
        gamma: float,
        success_fn: Callable | None,
    ):
        """Remembers where and how to act.

        Args:
          env, py_env: N environments, for tf-agents and themselves.
          policy: acts.
          hierarchy: rewards.
          gamma: discount of returns, per environment step.
          success_fn: a reward function that decides about success; None is the task's own.
        """
        self._env = env
        self._py_env = py_env
        self._policy = policy
        self._hierarchy = hierarchy
        self._gamma = gamma
        self._success_fn = success_fn
        self.run = compiled(self._run)

    def rewards(self, time_step, action_step, next_time_step) -> tuple[tf.Tensor, tf.Tensor]:
        """Rewards of a step, of the low level and of the high level, [N] each."""
        info = action_step.info
        states = (time_step.observation, next_time_step.observation)
        done = (action_step.action, next_time_step.reward)
        low_reward, _ = self._hierarchy.low.rewards(*states, [info.goal], *done)
        targets = self._hierarchy.high.context.split(info.target)
        high_reward, _ = self._hierarchy.high.rewards(*states, targets, *done)
        return total_reward(low_reward), high_reward

    def tell(self, *targets: np.ndarray) -> bool:
        """Tells the environments, which have just been reset, of their targets, [N, T] each."""
        self._py_env.set_context(np.ones(self._env.batch_size, bool), *targets)
        return True

    def _success_reward(self, time_step, action_step, next_time_step, high_reward):
        """The reward that decides about success, [N]."""
        if self._success_fn is None:
            return high_reward
        reward, _ = self._success_fn(
            time_step.observation,
            action_step.action,
            next_time_step.reward,
            next_time_step.observation,
            self._hierarchy.high.context.split(action_step.info.target),
        )
        return reward

    def _step(self, time_step, policy_state, runs, discount, returns, lasts, best):
        """One step of all episodes; those that are over, where `runs` [N] is false, change nothing."""
        action_step = self._policy.action(time_step, policy_state)
        next_time_step = self._env.step(action_step.action)
        low, high = self.rewards(time_step, action_step, next_time_step)  # [N]
        success = self._success_reward(time_step, action_step, next_time_step, high)  # [N]

        # An episode that becomes unstable is over, and marked by its last reward.
        fails = runs & is_abandoned(time_step, next_time_step)  # [N]
        runs &= ~fails
        counts = tf.where(runs, discount, 0.0)  # [N]
        returns = [total + counts * reward for total, reward in zip(returns, (low, high))]
        lasts = [tf.where(runs, reward, last) for last, reward in zip(lasts, (low, high, success))]
        lasts[2] = tf.where(fails, -np.inf, lasts[2])
        best = tf.where(runs, tf.maximum(best, success), best)
        runs &= ~next_time_step.is_last()
        return next_time_step, action_step.state, runs, discount * self._gamma, returns, lasts, best

    def _run(self, targets: Targets) -> RolloutResult:
        """Runs one episode in every environment."""
        time_step = self._env.reset()
        if targets.announced:
            tf.numpy_function(self.tell, targets.announced, tf.bool)
        policy_state = self._policy.get_initial_state(self._env.batch_size)
        policy_state = policy_state._replace(target=targets.joined)
        zeros = tf.zeros([self._env.batch_size])
        start = (
            time_step,
            policy_state,
            tf.ones_like(zeros, tf.bool),
            tf.constant(1.0),
            [zeros] * 2,
            [zeros] * 3,
            zeros - np.inf,
        )
        goes_on = lambda time_step, policy_state, runs, *_: tf.reduce_any(runs)
        *_, returns, lasts, best = tf.while_loop(goes_on, self._step, start)
        return RolloutResult(*returns, *lasts, best)
