"""Actor and critic networks, as tf-agents networks.

The gin names `ddpg_actor_net` and `ddpg_critic_net` are the original's.
"""

from collections.abc import Callable, Sequence

import gin
import tensorflow as tf

from efficient_hrl.agents.layers import apply_layers, dense_stack, output_layer, zero_entries
from efficient_hrl.agents.sized_network import SizedNetwork, Stack
from efficient_hrl.checks import check_truth
from efficient_hrl.inert_parameters import accepts_inert


@gin.configurable("ddpg_actor_net")
class ActorNetwork(SizedNetwork):
    """Deterministic actor: [state, context] -> action in the action range.

    Input float32 [..., S + G], output float32 [..., A]: the middle of the range
    plus half its width times tanh of the output layer.

    Attributes:
      images: whether it was made for states with a view.
      hides_xy: whether the first two inputs are zeroed.
    """

    sized_by = "ddpg_actor_net.hidden_layers"

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
          normalizer_fn: applied before the activation of hidden layers, which then have no bias, e.g.
            @tf.keras.layers.LayerNormalization; None for none.
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

    def stacks(self):
        return [Stack(self.input_tensor_spec.shape[0], [*self._states, self._actions])]

    def call(self, observation, step_type=(), network_state=(), training=False, dtype=tf.float32):
        """Actions for observations; `dtype` is that of the hidden layers."""
        del step_type, training
        if self.hides_xy:
            observation = zero_entries(observation, (0, 1))
        hidden = apply_layers(self._states, observation, dtype)  # [..., H]
        unit_actions = self._actions(hidden)  # [..., A], in -1 to 1
        return self._middle + self._half_range * unit_actions, network_state


@gin.configurable("ddpg_critic_net")
class CriticNetwork(SizedNetwork):
    """Q(state, context, action); the action enters the first and the joint layers.

    Input ([..., S + G], [..., A]), output float32 [...], or [..., R] when there
    are several reward dimensions and the caller wants them apart.

    Attributes:
      hides_xy: whether the first two inputs are zeroed.
    """

    sized_by = "ddpg_critic_net.states_hidden_layers, actions_hidden_layers or joint_hidden_layers"

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
          normalizer_fn: applied before the activation of hidden layers, which then have no bias, e.g.
            @tf.keras.layers.LayerNormalization; None for none.
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

    def stacks(self):
        observation, action = (spec.shape[0] for spec in self.input_tensor_spec)
        states = Stack(observation + action, self._states)
        actions = Stack(action, self._actions)
        return [states, actions, Stack(states.widths[-1] + actions.widths[-1], [*self._joint, self._value])]

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
