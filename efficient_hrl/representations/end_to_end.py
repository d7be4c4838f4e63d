"""A goal space that the high level's own gradient trains ("E2E" in NORL, arXiv 1810.01257).

After FeUdal Networks (Vezhnevets et al. 2017, arXiv 1703.01161), whose manager gives goals in the
space in which it sees states itself, and HIRO's comparison with that (arXiv 1805.08296, "FuN
representation").  For actors and critics that learn from replay that is, here:

* The high level sees f(s) in place of s, in its critics and in its actor.
* The gradient of its critics' TD loss trains f, with their optimiser; the actor's does not.
* Targets see next states through a target copy of f, which follows like other target networks.

f has no objective of its own: that states which differ in reaching goals are told apart is asked
for only as far as the task's value depends on it.  Relabelling compares goals under f as it
is now, as with any learned f.
"""

from collections.abc import Callable

import gin
import tensorflow as tf
from tf_agents.networks import network

from efficient_hrl.representations.goal_space import GoalSpace


@gin.configurable
class EndToEnd(GoalSpace):
    """f, a network; `MetaAgent` trains it."""

    trained_by_high_level = True

    def __init__(
        self,
        observation_spec: tf.TensorSpec,
        action_spec,
        segment_length: int,
        optimizer: tf.keras.optimizers.legacy.Optimizer | None = None,
        clip_gradient_norm: float = 0.0,
        state_preprocess_net: Callable | None = None,
    ):
        """Builds f.

        Args:
          observation_spec: shape [S].
          action_spec: not used.
          segment_length: not used.
          optimizer: not used; f learns with the high level's critics.
          clip_gradient_norm: not used; the high level has its own.
          state_preprocess_net: makes f from the observation spec.

        Raises:
          ValueError: no network.
        """
        del action_spec, segment_length, optimizer, clip_gradient_norm
        super().__init__(name="end_to_end")
        if not callable(state_preprocess_net):
            raise ValueError(
                f"EndToEnd.state_preprocess_net = {state_preprocess_net!r}; allowed: a function, e.g."
                " @state_preprocess_net"
            )
        self._make = lambda name: state_preprocess_net(observation_spec, name=name)
        self._net = self.another_net("state_process_net")

    @property
    def state_net(self):
        return self._net

    def another_net(self, name: str) -> network.Network:
        """A network like f's, with first weights of its own."""
        net = self._make(name)
        net.create_variables()
        return net

    def __call__(self, states):
        return self._net(states)[0]
