"""What a run asks of its collecting side, whether that is in its own process or in others.

Collecting and learning meet at replay buffers and weights only; this is the rest: when to collect a block,
how far collecting is, and what a checkpoint holds of it.
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import tensorflow as tf


@runtime_checkable
class Simulations(Protocol):
    """The environments in which a run collects.

    Attributes:
      unstable_episodes: how many were abandoned because a simulation became unstable.
      fault: what was wrong with an environment's numbers, or None.
      keeps_state: whether a checkpoint holds the environments' state; else new episodes begin after it.
    """

    unstable_episodes: int
    fault: str | None
    keeps_state: bool

    def get_state(self) -> Any:
        """What a checkpoint holds of them, for JSON."""

    def set_state(self, state: Any) -> None:
        """From a checkpoint."""

    def close(self) -> None:
        """Closes what is to be closed of them."""


@runtime_checkable
class CollectsBlocks(Protocol):
    """What fills both replay buffers, a block of environment steps at a time.

    Attributes:
      env_steps, episodes: so far, int64 scalars.
      returns: sums over the episodes that have ended since they were reset.
      has_given_up: whether nothing more will come.
    """

    env_steps: tf.Tensor
    episodes: tf.Tensor
    returns: Any
    has_given_up: bool

    def prepare(self) -> None:
        """Traces what will be called."""

    def start(self) -> None:
        """Begins first episodes."""

    def collect_block(self, stopped: Callable[[], bool]) -> None:
        """Collects a block; what has to wait for it gives up when `stopped`."""

    def traffic(self) -> tuple | None:
        """What has come from elsewhere since the last call; None where nothing does."""

    def checkpointed(self) -> dict[str, tf.Module | tf.Variable]:
        """What a checkpoint must hold, by name; the buffers are not part of it."""
