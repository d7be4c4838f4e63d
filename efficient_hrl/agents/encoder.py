"""A network through which an agent sees its observations, trained by the agent's critics."""

from collections.abc import Callable

import tensorflow as tf
from tf_agents.networks import network


class ObservationEncoder:
    """The first entries of an observation go through a network; those behind them stay.

    Its gradient is that of the critics' loss; next observations go through a target copy, which
    follows like other target networks.

    Attributes:
      net: of the observations.
      target_net: of next observations; None until `build_target`.
    """

    def __init__(self, net: network.Network, size: int, make: Callable[[str], network.Network]):
        """Remembers the network.

        Args:
          net: [B, size] -> [B, E].
          size: how many entries it takes.
          make: a name -> a network like it.
        """
        self.net = net
        self.target_net = None
        self._size = size
        self._make = make

    def build_target(self) -> None:
        """Makes the target copy, with first weights of its own."""
        self.target_net = self._make("target_state_process_net")

    def encoded(self, observation: tf.Tensor) -> tf.Tensor:
        """Observations as the agent sees them, [B, S + T] -> [B, E + T]."""
        return self._through(self.net, observation)

    def target_encoded(self, next_observation: tf.Tensor) -> tf.Tensor:
        """Next observations as targets see them, [B, S + T] -> [B, E + T]."""
        return self._through(self.target_net, next_observation)

    def _through(self, net, observation):
        first, others = observation[:, : self._size], observation[:, self._size :]
        return tf.concat([net(first)[0], others], axis=-1)
