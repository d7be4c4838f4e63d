"""Losses of temporal differences."""

import gin
import tensorflow as tf

from efficient_hrl import checks


@gin.configurable("huber_loss", module="tf.losses")
def huber_loss(labels: tf.Tensor, predictions: tf.Tensor, delta: float = 1.0) -> tf.Tensor:
    """Mean Huber loss: x^2 / 2 for |x| <= delta, else delta (|x| - delta / 2); a scalar.

    Args:
      labels, predictions: [B] or [B, R].
      delta: where the square becomes a line, above 0.
    """
    checks.check_above_0("huber_loss.delta", delta)
    error = tf.abs(labels - predictions)
    quadratic = tf.minimum(error, delta)
    return tf.reduce_mean(quadratic * (error - 0.5 * quadratic))
