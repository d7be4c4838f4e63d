"""Actor and critic networks, as tf-agents networks.

The gin names `ddpg_actor_net` and `ddpg_critic_net` are the original's.
"""

import inspect
import itertools
from collections.abc import Callable, Sequence

import gin
import tensorflow as tf
from tf_agents.networks import network

from efficient_hrl.checks import check_function, check_truth
from efficient_hrl.graph.memory import check_room
from efficient_hrl.inert_parameters import accepts_inert

_COPIES = 5  # of a weight: its own, its target's, its gradient, Adam's two moments


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
      MemoryError: layers that do not fit.
    """
    is_list = isinstance(sizes, (list, tuple))
    is_whole = lambda size: isinstance(size, int) and not isinstance(size, bool)
    if not is_list or not all(is_whole(size) and size > 0 for size in sizes):
        raise ValueError(f"hidden layers {sizes!r}; allowed: a list of whole numbers from 1, e.g. (300, 300)")
    check_function("normalizer_fn", normalizer_fn)
    _check_layers_fit(sizes)
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


def _check_layers_fit(sizes):
    """Refuses layers that are larger than the memory that is free, those before and behind them aside."""
    weights = sum(sizes) + sum(first * second for first, second in itertools.pairwise(sizes))
    size = _COPIES * 4 * weights
    check_room({f"{weights:,} weights": size}, f"hidden layers of {list(sizes)} units", "smaller ones")


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


@gin.configurable("ddpg_actor_net")
class ActorNetwork(network.Network):
    """Deterministic actor: [state, context] -> action in the action range.

    Input float32 [..., S + G], output float32 [..., A]: the middle of the range
    plus half its width times tanh of the output layer.

    Attributes:
      images: whether it was made for states with a view.
      hides_xy: whether the first two inputs are zeroed.
    """

    def __init__(
        self,
        input_tensor_spec: tf.TensorSpec,
        action_spec,
        hidden_layers: Sequence[int] = (400, 300),
        normalizer_fn: Callable | None = None,
        activation_fn: Callable = tf.nn.relu,
        zero_obs: bool = False,
        images: bool = False,
        name: str = "actor_net",
    ):
        """Describes the layers; weights are made by `create_variables`.

        Args:
          input_tensor_spec: shape [S + G].
          action_spec: a BoundedTensorSpec, shape [A].
          hidden_layers: sizes of the hidden layers.
          normalizer_fn: of the hidden layers, see `dense_stack`.
          activation_fn: their activation.
          zero_obs: hide x and y, the first two inputs.
          images: likewise; a view of the surroundings takes their place.
          name: name of the network.
        """
        check_truth("ddpg_actor_net.zero_obs", zero_obs)
        check_truth("ddpg_actor_net.images", images)
        super().__init__(input_tensor_spec, state_spec=(), name=name)
        self.images = images
        self._action_spec = action_spec
        self.hides_xy = zero_obs or images
        self._middle = tf.constant((action_spec.maximum + action_spec.minimum) / 2.0, tf.float32)
        self._half_range = tf.constant((action_spec.maximum - action_spec.minimum) / 2.0, tf.float32)
        self._states = dense_stack(hidden_layers, activation_fn, "states", normalizer_fn)
        self._actions = output_layer(action_spec.shape.num_elements(), tf.nn.tanh, "actions")

    def call(self, observation, step_type=(), network_state=(), training=False, dtype=tf.float32):
        """Actions for observations; `dtype` is that of the hidden layers."""
        del step_type, training
        if self.hides_xy:
            observation = zero_entries(observation, (0, 1))
        hidden = apply_layers(self._states, observation, dtype)  # [..., H]
        unit_actions = self._actions(hidden)  # [..., A], in -1 to 1
        return self._middle + self._half_range * unit_actions, network_state


@gin.configurable("ddpg_critic_net")
class CriticNetwork(network.Network):
    """Q(state, context, action); the action enters the first and the joint layers.

    Input ([..., S + G], [..., A]), output float32 [...], or [..., R] when there
    are several reward dimensions and the caller wants them apart.

    Attributes:
      hides_xy: whether the first two inputs are zeroed.
    """

    @accepts_inert("CriticNetwork")
    def __init__(
        self,
        input_tensor_spec,
        num_reward_dims: int = 1,
        states_hidden_layers: Sequence[int] = (400,),
        actions_hidden_layers: Sequence[int] | None = None,
        joint_hidden_layers: Sequence[int] = (300,),
        normalizer_fn: Callable | None = None,
        activation_fn: Callable = tf.nn.relu,
        zero_obs: bool = False,
        images: bool = False,
        name: str = "critic_net",
    ):
        """Describes the layers; weights are made by `create_variables`.

        Args:
          input_tensor_spec: (spec of [S + G], spec of [A]).
          num_reward_dims: R, outputs of the value layer; up to S + G.
          states_hidden_layers: sizes of the layers on [state, context, action].
          actions_hidden_layers: sizes of layers on the action alone, before it
            joins again; None joins it as it is.
          joint_hidden_layers: sizes of the layers on [hidden, action].
          normalizer_fn: of all hidden layers, see `dense_stack`.
          activation_fn: of all hidden layers.
          zero_obs: hide x and y, the first two inputs.
          images: likewise; a view of the surroundings takes their place.
          name: name of the network.

        Raises:
          ValueError: more reward dimensions than there are inputs to weight them.
        """
        check_truth("ddpg_critic_net.zero_obs", zero_obs)
        check_truth("ddpg_critic_net.images", images)
        size = input_tensor_spec[0].shape[0]
        if num_reward_dims not in range(1, size + 1):
            raise ValueError(f"ddpg_critic_net.num_reward_dims = {num_reward_dims!r}; allowed: 1 to {size}")
        super().__init__(input_tensor_spec, state_spec=(), name=name)
        self._num_reward_dims = num_reward_dims
        self.hides_xy = zero_obs or images
        self._states = dense_stack(states_hidden_layers, activation_fn, "states", normalizer_fn)
        self._actions = dense_stack(actions_hidden_layers or (), activation_fn, "actions", normalizer_fn)
        self._joint = dense_stack(joint_hidden_layers, activation_fn, "joint", normalizer_fn)
        self._value = output_layer(num_reward_dims, None, "q_value")

    def call(self, inputs, step_type=(), network_state=(), training=False, for_critic_loss: bool = False):
        """Values of state-action pairs.

        With one reward dimension: [...].  With R of them, the last R inputs are
        their weights: sum_r |weight_r| value_r, [...], or, `for_critic_loss`,
        all values, [..., R].
        """
        del step_type, training
        states, actions = inputs
        merged = tf.concat([states, actions], axis=-1)  # [..., S + G + A]
        if self.hides_xy:
            merged = zero_entries(merged, (0, 1))
        hidden = apply_layers(self._states, merged)  # [..., H]
        joint = tf.concat([hidden, apply_layers(self._actions, actions)], axis=-1)  # [..., H + A]
        values = self._value(apply_layers(self._joint, joint))  # [..., R]
        if self._num_reward_dims == 1:
            return values[..., 0], network_state
        if for_critic_loss:
            return values, network_state
        weights = tf.abs(states[..., -self._num_reward_dims :])  # [..., R]
        return tf.reduce_sum(values * weights, axis=-1), network_state
