"""A network through which an agent sees its observations, trained by the agent's critics."""

from collections.abc import Callable

import tensorflow as tf
from tf_agents.networks import network


class ObservationEncoder:
    """The first entries of an observation go through a network; those behind them stay.

    The network's gradient is that of the critics' loss; next observations go through a `copy`, which
    follows like other target networks.

    Attributes:
      net: of the first entries.
    """

    def __init__(self, net: network.Network, size: int, make: Callable[[str], network.Network]):
        """Remembers the network.

        Args:
          net: [B, size] -> [B, E].
          size: how many entries it takes.
          make: a name -> a network like it.
        """
        self.net = net
        self._size = size
        self._make = make

    def copy(self, name: str) -> "ObservationEncoder":
        """One with a network of its own, of that name, with first weights of its own."""
        return ObservationEncoder(self._make(name), self._size, self._make)

    def __call__(self, observation: tf.Tensor) -> tf.Tensor:
        """Observations as the agent sees them, [B, S + T] -> [B, E + T]."""
        first, others = observation[:, : self._size], observation[:, self._size :]  # [B, S], [B, T]
        return tf.concat([self.net(first)[0], others], axis=-1)
