"""Optimisers by the names that the original's gin files know."""

import gin
import tensorflow as tf

from efficient_hrl import checks


@gin.configurable("AdamOptimizer", module="tf.train")
def adam_optimizer(
    learning_rate: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8
) -> tf.keras.optimizers.legacy.Adam:
    """Adam in TensorFlow 1's form: epsilon is added outside the bias correction.

    The legacy class is chosen on purpose: it is the one whose update rule is
    the fused kernel that the original used.

    Args:
      learning_rate: size of a step, above 0.
      beta1: decay of the moving mean of gradients, from 0 to below 1.
      beta2: decay of the moving mean of their squares, likewise.
      epsilon: added to the root of that mean, 0 or more.

    Raises:
      ValueError: a learning rate that is not above 0, or a number outside its range.
    """
    checks.check_above_0("AdamOptimizer.learning_rate", learning_rate)
    for name, decay in (("beta1", beta1), ("beta2", beta2)):
        if not checks.is_number(decay) or not 0.0 <= decay < 1.0:
            raise ValueError(f"AdamOptimizer.{name} = {decay!r}; allowed: 0 or more, below 1")
    checks.check_number("AdamOptimizer.epsilon", epsilon, 0)
    return tf.keras.optimizers.legacy.Adam(learning_rate, beta_1=beta1, beta_2=beta2, epsilon=epsilon)
