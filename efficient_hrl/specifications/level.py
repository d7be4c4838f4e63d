"""How one level learns."""

import dataclasses

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class LevelSpec:
    """How an actor-critic learns; as it stands, one that only acts.

    Attributes:
      gamma: discount per transition of this level: an environment step, or a goal's segment.
      critic_optimizer, actor_optimizer: one for all its critics, one for its actor; None for what
        only acts.
      target_update_period: n; the actor's gradient counts on updates 0, n, 2 n, ..., target networks
        move on updates n - 1, 2 n - 1, ...
      clip_gradient_norm: limit of the norm of each variable's gradient; 0 is none.  The low level's
        holds for the representation too.
    """

    gamma: float = 1.0
    critic_optimizer: tf.keras.optimizers.legacy.Optimizer | None = None
    actor_optimizer: tf.keras.optimizers.legacy.Optimizer | None = None
    target_update_period: int = 1
    clip_gradient_norm: float = 0.0


ACTS_ONLY = LevelSpec()
