"""Collecting and learning at the same time.

What a block of environment steps collects and what its updates change do not
depend on each other when the updates draw from the buffers as they were before the
block: every transition can then be drawn one block later than otherwise.  And what is
evaluated or saved after a block has not learned from it yet, so that a run's last block
is never learned from.  Nothing else differs.  TensorFlow runs both on the same threads,
in an order that makes no difference, so that a run can be repeated bit for bit.
"""

import tensorflow as tf

from efficient_hrl.collect import Collector
from efficient_hrl.graph.compiled import repeat
from efficient_hrl.hierarchy import Hierarchy
from efficient_hrl.learner import Learner
from efficient_hrl.replay import UniformReplayBuffer


class CollectAndLearn(tf.Module):
    """One compiled call that collects a block and makes the updates for the one before it."""

    def __init__(
        self,
        hierarchy: Hierarchy,
        acting: Hierarchy,
        collector: Collector,
        learner: Learner,
        low_staged: UniformReplayBuffer,
        high_staged: UniformReplayBuffer,
        low_replay: UniformReplayBuffer,
        high_replay: UniformReplayBuffer,
    ):
        """Joins both sides, which share no variable.

        Args:
          hierarchy: what learns.
          acting: what acts; its weights are copied from `hierarchy` before every block.
          collector: acts with `acting` and writes to the staged buffers.
          learner: of `hierarchy`, from the replay buffers.
          low_staged, high_staged: what a block has collected; empty between blocks.
          low_replay, high_replay: where that goes when the block is over.
        """
        super().__init__(name="collect_and_learn")
        self._weights = list(zip(acting.acting_variables, hierarchy.acting_variables))
        self._collector = collector
        self._learner = learner
        self._staged = [(low_staged, low_replay), (high_staged, high_replay)]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)], autograph=False)
    def run(self, low_updates: tf.Tensor) -> None:
        """Collects a block; makes one high-level update for every entry of `low_updates`.

        Args:
          low_updates: how many low-level updates go with each of them, int32 [n].
        """
        for copy, variable in self._weights:
            copy.assign(variable)
        self._collector.collect()
        repeat(tf.size(low_updates), lambda i: self._learner.learn(low_updates[i]))
        for staged, replay in self._staged:
            staged.move_to(replay)
