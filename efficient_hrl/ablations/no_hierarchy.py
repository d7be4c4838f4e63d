"""No hierarchy: the task's target takes the place of the low level's goal.

HIRO's baseline "No HRL" (arXiv 1805.08296, section 5.2).  The low level then is a single
agent that sees [state, target] and is rewarded by the task; see gin/methods/td3.gin.
What stands in for the high level hands the target down at every step and learns nothing.
"""

from typing import Any

import gin
import tensorflow as tf

from efficient_hrl.agent import MetaAgentCore


class NoLearning:
    """In place of an actor-critic: no networks, no updates."""

    learns = False
    actor_net = None
    critic_nets = ()

    def __init__(self, observation_spec, action_spec, name: str, **of_learning):
        """Has a counter, which stays 0."""
        del observation_spec, action_spec, of_learning
        self.train_step_counter = tf.Variable(0, dtype=tf.int64, trainable=False, name=f"{name}_updates")

    def initialize(self) -> None:
        """Nothing to begin with."""

    def checkpointed(self) -> dict:
        """What a checkpoint must hold, by name."""
        return {"updates": self.train_step_counter}


@gin.configurable
class TargetAgent(MetaAgentCore):
    """Gives the task's target as the goal, in every step, without noise."""

    learner_class = NoLearning

    def __init__(
        self,
        observation_spec,
        action_spec,
        tf_env,
        tf_context=None,
        sub_context=None,
        **arguments: Any,
    ):
        """Checks that targets can be goals.

        Args:
          observation_spec, action_spec, tf_env, tf_context, sub_context: as for `MetaAgent`.
          **arguments: of learning; not used.

        Raises:
          ValueError: goals and targets of different sizes, or goals that are given less
            often than at every step.
        """
        super().__init__(observation_spec, action_spec, tf_env, tf_context, sub_context, **arguments)
        goals, targets = self.action_spec.shape[0], self.context.size
        if goals != targets:
            raise ValueError(
                f"agent/Context.context_shapes = [{goals}]; allowed with TargetAgent: [{targets}], the size"
                " of the task's targets"
            )
        c = self.training_data_spec.low_states.shape[0]
        if c != 1:
            raise ValueError(f"agent/Context.meta_action_every_n = {c}; allowed with TargetAgent: 1")
        self.noisy_action = lambda states, contexts, normal: self.action(states, contexts)

    def action(self, states, contexts, dtype=tf.float32):
        """The targets as they are, [B, T]."""
        del states, dtype
        return self.context.merge(contexts)
