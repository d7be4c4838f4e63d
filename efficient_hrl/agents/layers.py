"""Layers that actors, critics and representations are made of."""

import inspect
from collections.abc import Callable, Sequence

import tensorflow as tf

from efficient_hrl.checks import check_function, is_whole


def hidden_layer(units: int, activation_fn: Callable | None, name: str, use_bias: bool = True):
    """Dense layer with weights U(+-sqrt(1 / fan_in)) and zero biases."""
    initializer = tf.keras.initializers.VarianceScaling(1.0 / 3.0, mode="fan_in", distribution="uniform")
    return tf.keras.layers.Dense(
        units, activation=activation_fn, kernel_initializer=initializer, use_bias=use_bias, name=name
    )


def output_layer(units: int, activation_fn: Callable | None, name: str) -> tf.keras.layers.Dense:
    """Dense layer with weights U(+-0.003) and zero biases, so that outputs begin near 0."""
    initializer = tf.keras.initializers.RandomUniform(-0.003, 0.003)
    return tf.keras.layers.Dense(units, activation=activation_fn, kernel_initializer=initializer, name=name)


def dense_stack(
    sizes: Sequence[int], activation_fn: Callable, name: str, normalizer_fn: Callable | None = None
) -> list[tf.keras.layers.Layer]:
    """A stack of `hidden_layer`s named name_1, name_2, ...

    Args:
      sizes: units of each layer.
      activation_fn: of every layer.
      name: of the stack.
      normalizer_fn: None, a class of Keras layers, or a function of tensors; it is
        applied before the activation, in layers that then have no bias.

    Raises:
      ValueError: sizes that are not whole numbers from 1.
    """
    is_list = isinstance(sizes, (list, tuple))
    if not is_list or not all(is_whole(size, 1) for size in sizes):
        raise ValueError(f"hidden layers {sizes!r}; allowed: a list of whole numbers from 1, e.g. (300, 300)")
    check_function("normalizer_fn", normalizer_fn)
    layers = []
    for i, size in enumerate(sizes, start=1):
        if normalizer_fn is None:
            layers.append(hidden_layer(size, activation_fn, f"{name}_{i}"))
            continue
        is_layer = inspect.isclass(normalizer_fn)
        layers.append(hidden_layer(size, None, f"{name}_{i}", use_bias=False))
        layers.append(normalizer_fn() if is_layer else tf.keras.layers.Lambda(normalizer_fn))
        layers.append(tf.keras.layers.Activation(activation_fn))
    return layers


def zero_entries(inputs: tf.Tensor, entries: Sequence[int]) -> tf.Tensor:
    """Sets entries of the last axis to zero; negative entries count from its end."""
    size = inputs.shape[-1]
    hidden = {entry % size for entry in entries}
    return inputs * tf.constant([0.0 if i in hidden else 1.0 for i in range(size)])


def apply_layers(
    layers: Sequence[tf.keras.layers.Layer], inputs: tf.Tensor, dtype: tf.DType = tf.float32
) -> tf.Tensor:
    """Feeds inputs through layers in order.

    Args:
      layers: of a network.
      inputs: float32.
      dtype: in which dense layers are computed.

    Returns:
      float32.

    Raises:
      ValueError: layers that are not dense, with another type than float32.
    """
    for layer in layers:
        if dtype == tf.float32:
            inputs = layer(inputs)
            continue
        if not isinstance(layer, tf.keras.layers.Dense):
            raise ValueError(
                f"InverseDynamics.dtype = {dtype.name!r} needs dense layers alone; allowed:"
                " agent/ddpg_actor_net.normalizer_fn = None"
            )
        kernel, bias = tf.cast(layer.kernel, dtype), tf.cast(layer.bias, dtype)
        inputs = layer.activation(tf.nn.bias_add(tf.matmul(tf.cast(inputs, dtype), kernel), bias))
    return tf.cast(inputs, tf.float32)
