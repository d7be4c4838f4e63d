"""Returns of the episodes that are collected."""

from typing import NamedTuple

import tensorflow as tf

from efficient_hrl.episodes import total_reward
from efficient_hrl.graph.finite import check_finite
from efficient_hrl.observers.nested_variables import named_variables
from efficient_hrl.observers.step import Step


class EpisodeReturns(NamedTuple):
    """Sums over the episodes that ended since the last reset, float32 scalars.

    Attributes:
      episodes: how many.
      low: sum of the low level's episode returns.
      high: sum of the episodes' task rewards.
    """

    episodes: tf.Tensor
    low: tf.Tensor
    high: tf.Tensor


class ReturnObserver(tf.Module):
    """Adds up the rewards of both levels, per environment step, over episodes."""

    def __init__(self, num_envs: int):
        """Prepares to observe `num_envs` environments."""
        super().__init__(name="return_observer")
        zeros = lambda name: tf.Variable(tf.zeros([num_envs]), trainable=False, name=name)
        self._low_return = zeros("low_return")
        self._high_return = zeros("high_return")
        zero = lambda name: tf.Variable(0.0, trainable=False, name=name)
        self._finished = EpisodeReturns(zero("episodes"), zero("low"), zero("high"))

    def __call__(self, step: Step):
        low, high, is_last = step.low_reward, step.high_reward, step.next_time_step.is_last()
        check_finite({"the low level's reward": low, "the high level's reward": high})
        counts = tf.cast(step.is_real, tf.float32)  # [N]
        low_return = self._low_return + counts * total_reward(low)  # [N]
        high_return = self._high_return + counts * high  # [N]
        ended = tf.cast(is_last, tf.float32)  # [N]
        goes_on = tf.cast(~is_last & ~step.is_abandoned, tf.float32)  # [N]
        self._finished.episodes.assign_add(tf.reduce_sum(ended))
        self._finished.low.assign_add(tf.reduce_sum(ended * low_return))
        self._finished.high.assign_add(tf.reduce_sum(ended * high_return))
        self._low_return.assign(goes_on * low_return)
        self._high_return.assign(goes_on * high_return)

    def checkpointed(self) -> dict[str, tf.Variable]:
        """What a checkpoint must hold, by name."""
        return named_variables(low=self._low_return, high=self._high_return, finished=self._finished)

    def finished(self) -> EpisodeReturns:
        """Sums since the last `reset`."""
        return EpisodeReturns(*(tf.identity(v) for v in self._finished))

    def forget(self) -> None:
        """Drops the episodes under way."""
        self._low_return.assign(tf.zeros_like(self._low_return))
        self._high_return.assign(tf.zeros_like(self._high_return))

    def reset(self) -> None:
        """Starts new sums; episodes under way keep what they have."""
        for variable in self._finished:
            variable.assign(0.0)
