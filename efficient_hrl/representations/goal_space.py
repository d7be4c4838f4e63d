"""What a representation f, which defines the goal space, offers to the rest of the program."""

import abc
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tf_agents.networks import network

from efficient_hrl.replay import Segment


class GoalSpace(tf.Module, abc.ABC):
    """A function f of states, [..., S] -> [..., G], and how it learns.

    Made as `cls(observation_spec, action_spec, segment_length, optimizer=..., clip_gradient_norm=...)`
    with what gin binds beside that.  One that learns counts its updates in a variable `updates`, int64,
    and names its weights in `trained_variables`; one whose objective asks `draw_states` for replay
    states says for how many in `num_replay_states`.  One that is trained, by itself or by the high level,
    has a `state_net`.

    Attributes:
      trainable_representation: whether `learn` trains it, once per low-level update.
      trained_by_high_level: whether the high level sees states through f and trains it
        with its critics, see `end_to_end`.
    """

    trainable_representation = False
    trained_by_high_level = False

    @abc.abstractmethod
    def __call__(self, states: tf.Tensor) -> tf.Tensor:
        """f(s), [..., S] -> [..., G]."""

    def check_batch(self, name: str, size: int) -> None:
        """Raises a ValueError when `learn` needs more than `size` segments; `name` is what set it."""

    @property
    def state_net(self) -> network.Network | None:
        """All of what f depends on, as a network, or None where f is not trained."""
        return None

    @property
    def embed_net(self) -> network.Network | None:
        """The network of phi's correction, or None where there is no phi."""
        return None

    def learn(self, segments: Segment, seed: tf.Tensor, draw_states: Callable) -> Any:
        """One update from segments, for what is `trainable_representation`.

        Args:
          segments: of the high level's replay, [B].
          seed: of this update, int64 [2].
          draw_states: (how many sets, states in each) -> independent sets of replay states,
            each [N, S].

        Returns:
          Scalars `loss`, `close`, `far`, `bound` and `kl`, NaN for what does not exist.
        """
        raise NotImplementedError(f"{type(self).__name__} has no objective of its own")
