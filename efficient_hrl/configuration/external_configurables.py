"""TensorFlow's functions and classes that gin files may bind, under the original's names.

The original's gin files begin with `import gin.tf.external_configurables`.  That
module of the gin library registers TensorFlow 1's optimisers and losses, among them
under the names of this project's own Adam and Huber loss; this one stands in for it.
"""

import sys

import gin
import tensorflow as tf

from efficient_hrl.checks import check_above_0, check_number

STANDS_IN_FOR = "gin.tf.external_configurables"

# By name: some functions, such as softmax, call themselves something else.
for _name in (
    "elu",
    "leaky_relu",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
):
    gin.external_configurable(getattr(tf.nn, _name), _name, module="tf.nn")
gin.external_configurable(tf.identity, "identity", module="tf")
gin.external_configurable(tf.keras.layers.LayerNormalization, module="tf.keras.layers")


@gin.configurable("mean_squared_error", module="tf.losses")
def mean_squared_error(labels: tf.Tensor, predictions: tf.Tensor) -> tf.Tensor:
    """Mean of squared differences; a scalar."""
    return tf.reduce_mean(tf.math.squared_difference(labels, predictions))


@gin.configurable("absolute_difference", module="tf.losses")
def absolute_difference(labels: tf.Tensor, predictions: tf.Tensor) -> tf.Tensor:
    """Mean of absolute differences; a scalar."""
    return tf.reduce_mean(tf.abs(labels - predictions))


@gin.configurable("GradientDescentOptimizer", module="tf.train")
def gradient_descent_optimizer(learning_rate: float) -> tf.keras.optimizers.legacy.SGD:
    """Plain gradient descent.

    Args:
      learning_rate: factor on gradients, above 0.
    """
    check_above_0("GradientDescentOptimizer.learning_rate", learning_rate)
    return tf.keras.optimizers.legacy.SGD(learning_rate)


@gin.configurable("MomentumOptimizer", module="tf.train")
def momentum_optimizer(
    learning_rate: float, momentum: float, use_nesterov: bool = False
) -> tf.keras.optimizers.legacy.SGD:
    """Gradient descent with momentum.

    Args:
      learning_rate: factor on gradients, above 0.
      momentum: share of the step before that is taken again, 0 to 1.
      use_nesterov: whether gradients count as at the place to which momentum alone leads.
    """
    check_above_0("MomentumOptimizer.learning_rate", learning_rate)
    check_number("MomentumOptimizer.momentum", momentum, 0, 1)
    return tf.keras.optimizers.legacy.SGD(learning_rate, momentum, use_nesterov)


sys.modules[STANDS_IN_FOR] = sys.modules[__name__]
