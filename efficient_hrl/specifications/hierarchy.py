"""Both levels and the goal space; the makers are gin's choices."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from efficient_hrl.specifications.level import ACTS_ONLY, LevelSpec


@dataclasses.dataclass(frozen=True)
class HierarchySpec:
    """What a hierarchy is made of; without the levels and the optimiser, one that only acts.

    Attributes:
      agent_class: makes the low level.
      meta_agent_class: makes the high level.
      state_preprocess_class: makes the representation.
      inverse_dynamics_class: makes the proposer of goals from the goal's spec.
      low, high: how the levels learn.
      repr_optimizer: of the representation, or None.
    """

    agent_class: Callable | None
    meta_agent_class: Callable | None
    state_preprocess_class: Callable | None
    inverse_dynamics_class: Callable
    low: LevelSpec = ACTS_ONLY
    high: LevelSpec = ACTS_ONLY
    repr_optimizer: tf.keras.optimizers.legacy.Optimizer | None = None

    def acting(self) -> "HierarchySpec":
        """The same, for weights that come from elsewhere: it acts and never learns."""
        return dataclasses.replace(self, low=ACTS_ONLY, high=ACTS_ONLY, repr_optimizer=None)
