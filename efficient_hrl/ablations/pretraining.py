"""A low level that is trained first and then frozen.

HIRO's variant "with pre-training" (arXiv 1805.08296, section 5.2): at first the low level
learns alone, on goals drawn from a sampler; then it is frozen, acts without noise, and the
high level learns alone.  What the high level learns from then needs no correction,
because all of it was collected with the low level as it is.
"""

import tensorflow as tf


class Pretraining(tf.Module):
    """The phase of a run: which level learns.

    It follows from the number of environment steps, so that a checkpoint need not hold it.

    Attributes:
      steps: environment steps of the first phase; 0 freezes the low level at once.
      is_on: whether the low level is the one that learns, a bool variable that compiled
        calls read.
    """

    def __init__(self, steps: int):
        """Begins in the first phase, if there is one."""
        super().__init__(name="pretraining")
        self.steps = steps
        self.is_on = tf.Variable(steps > 0, trainable=False, name="pretrains")

    def begin_block(self, env_steps: int) -> None:
        """Sets the phase of a block of steps that begins after `env_steps` others."""
        self.is_on.assign(env_steps < self.steps)
