"""Networks that tell how large they are before their weights are made."""

import abc
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf
from tf_agents.networks import network

from efficient_hrl.graph.memory import check_room

_COPIES = 4  # of a weight that learns: itself, its gradient, Adam's two moments


class Stack(NamedTuple):
    """Layers one behind the other.

    Attributes:
      inputs: numbers that the first one is given.
      layers: of a network, in order.
    """

    inputs: int
    layers: Sequence[tf.keras.layers.Layer]

    @property
    def widths(self) -> list[int]:
        """Numbers that go in, and that each dense layer gives."""
        dense = [layer for layer in self.layers if isinstance(layer, tf.keras.layers.Dense)]
        return [self.inputs, *(layer.units for layer in dense)]

    @property
    def num_weights(self) -> int:
        """Of all kernels."""
        return sum(before * behind for before, behind in itertools.pairwise(self.widths))


class SizedNetwork(network.Network):
    """A network whose weights are made only where there is room for them.

    Networks that have weights already have taken their room: the memory that is free is asked anew
    for each, so that what does not fit together is refused as well.

    Attributes:
      sized_by: bindings that say how large it is, without their scopes.
    """

    sized_by: str

    @abc.abstractmethod
    def stacks(self) -> list[Stack]:
        """All layers that have weights."""

    def create_variables(self, *args, **kwargs):
        """Makes the weights, see `network.Network`.

        Raises:
          MemoryError: there is no room for them and for what learning adds.
        """
        if not self.built:
            self._check_fits()
        return super().create_variables(*args, **kwargs)

    def _check_fits(self):
        weights = sum(stack.num_weights for stack in self.stacks())
        widths = " and ".join(str(stack.widths) for stack in self.stacks() if stack.layers)
        check_room(
            {f"{weights:,} weights": _COPIES * 4 * weights},
            f"{self.name} with layers of {widths} units",
            f"less in {self.sized_by}",
        )
