"""What representations that reconstruct states share: networks, Gaussians, the update.

An encoder gives mean and variance of a diagonal Gaussian q(z | s) over latents, a decoder
the mean of a Gaussian p(s | z) whose standard deviation is fixed.  f(s) is the encoder's mean.
Which entries of a state the encoder does not see (time, and x, y beside a view) need not be
reconstructed either.
"""

import abc
from collections.abc import Callable, Sequence
from typing import NamedTuple

import gin
import numpy as np
import tensorflow as tf

from efficient_hrl.agents.layers import apply_layers, dense_stack, output_layer, zero_entries
from efficient_hrl.agents.sized_network import SizedNetwork, Stack
from efficient_hrl.checks import check_above_0, check_whole
from efficient_hrl.replay import Segment
from efficient_hrl.representations.goal_space import GoalSpace
from efficient_hrl.representations.gradient_step import gradient_step
from efficient_hrl.representations.representation import hidden_inputs


@gin.configurable("encoder_net")
class EncoderNetwork(SizedNetwork):
    """q(z | s): state -> means, then logarithms of variances, [..., S] -> [..., 2 G].

    Attributes:
      num_output_dims: G, dimensions of a goal.
      hidden_entries: entries of a state that it does not see.
    """

    sized_by = "encoder_net.hidden_layers or num_output_dims"

    def __init__(
        self,
        input_tensor_spec: tf.TensorSpec,
        num_output_dims: int = 2,
        hidden_layers: Sequence[int] = (100, 100),
        normalizer_fn: Callable | None = None,
        activation_fn: Callable = tf.nn.relu,
        zero_time: bool = True,
        images: bool = False,
        name: str = "encoder_net",
    ):
        """Describes the layers.

        Args:
          input_tensor_spec: shape [S].
          num_output_dims: G, dimensions of a goal.
          hidden_layers: sizes of the hidden layers.
          normalizer_fn: applied before the activation of hidden layers, which then have no bias, e.g.
            @tf.keras.layers.LayerNormalization; None for none.
          activation_fn: their activation.
          zero_time: hide the last input, the time.
          images: hide x and y, the first two inputs.
          name: name of the network.
        """
        check_whole("encoder_net.num_output_dims", num_output_dims)
        super().__init__(input_tensor_spec, state_spec=(), name=name)
        self.num_output_dims = num_output_dims
        self.hidden_entries = hidden_inputs("encoder_net", zero_time, images)
        self._states = dense_stack(hidden_layers, activation_fn, "states", normalizer_fn)
        self._gaussian = output_layer(2 * num_output_dims, None, "gaussian")

    def stacks(self):
        return [Stack(self.input_tensor_spec.shape[0], [*self._states, self._gaussian])]

    def call(self, observation, step_type=(), network_state=(), training=False):
        del step_type, training
        states = zero_entries(observation, self.hidden_entries)
        return self._gaussian(apply_layers(self._states, states)), network_state


@gin.configurable("decoder_net")
class DecoderNetwork(SizedNetwork):
    """Mean of p(s | z): latent -> state, [..., G] -> [..., S]."""

    sized_by = "decoder_net.hidden_layers"

    def __init__(
        self,
        input_tensor_spec: tf.TensorSpec,
        state_size: int,
        hidden_layers: Sequence[int] = (100, 100),
        normalizer_fn: Callable | None = None,
        activation_fn: Callable = tf.nn.relu,
        name: str = "decoder_net",
    ):
        """Describes the layers.

        Args:
          input_tensor_spec: shape [G].
          state_size: S.
          hidden_layers: sizes of the hidden layers.
          normalizer_fn: applied before the activation of hidden layers, which then have no bias, e.g.
            @tf.keras.layers.LayerNormalization; None for none.
          activation_fn: their activation.
          name: name of the network.
        """
        super().__init__(input_tensor_spec, state_spec=(), name=name)
        self._latents = dense_stack(hidden_layers, activation_fn, "latents", normalizer_fn)
        self._state = output_layer(state_size, None, "state")

    def stacks(self):
        return [Stack(self.input_tensor_spec.shape[0], [*self._latents, self._state])]

    def call(self, latents, step_type=(), network_state=(), training=False):
        del step_type, training
        return self._state(apply_layers(self._latents, latents)), network_state


class Gaussian(NamedTuple):
    """A diagonal Gaussian.

    Attributes:
      mean: [..., G].
      log_variance: [..., G].
    """

    mean: tf.Tensor
    log_variance: tf.Tensor

    def sample(self, normal: tf.Tensor) -> tf.Tensor:
        """mean + stddev * normal, with standard normal draws, [..., G]."""
        return self.mean + tf.exp(0.5 * self.log_variance) * normal


def kl_to_standard_normal(gaussian: Gaussian) -> tf.Tensor:
    """KL(N(mean, variance) || N(0, 1)) = sum (mean^2 + variance - log variance - 1) / 2 in nats, [...].

    Kingma and Welling 2014 (arXiv 1312.6114), appendix B.
    """
    mean, log_variance = gaussian
    return 0.5 * tf.reduce_sum(tf.square(mean) + tf.exp(log_variance) - log_variance - 1.0, axis=-1)


class Transitions(NamedTuple):
    """Single environment steps.

    Attributes:
      state: [B, S].
      action: [B, A].
      next_state: [B, S].
    """

    state: tf.Tensor
    action: tf.Tensor
    next_state: tf.Tensor


def draw_transitions(segments: Segment, seed: tf.Tensor) -> Transitions:
    """One step of every segment, uniformly among those that it has.

    Args:
      segments: [B].
      seed: int64 [2].
    """
    batch = segments.state.shape[0]
    uniform = tf.random.stateless_uniform([batch], seed)
    length = tf.cast(segments.length, tf.float32)
    # Rounding may bring the product up to the length itself.
    steps = tf.minimum(tf.cast(uniform * length, tf.int32), segments.length - 1)
    futures = tf.concat([segments.low_states[:, 1:], segments.next_state[:, None]], axis=1)
    of_steps = lambda sequence: tf.gather(sequence, steps, axis=1, batch_dims=1)
    return Transitions(*map(of_steps, (segments.low_states, segments.low_actions, futures)))


class AutoencoderInfo(NamedTuple):
    """Parts of an objective, all scalars in nats.

    Attributes:
      loss: what is minimised.
      close: the reconstruction's part of it, without the Gaussian's constant.
      far: the rest of it: divergences with their weights.
      bound: lower bound of the data's mean log-likelihood.
      kl: NaN; the sub-optimality bound's divergence (see `StatePreprocess`) needs phi.
    """

    loss: tf.Tensor
    close: tf.Tensor
    far: tf.Tensor
    bound: tf.Tensor
    kl: tf.Tensor


class Autoencoder(GoalSpace):
    """f(s) is the mean of q(z | s)."""

    trainable_representation = True

    def __init__(
        self,
        observation_spec: tf.TensorSpec,
        optimizer: tf.keras.optimizers.legacy.Optimizer | None,
        clip_gradient_norm: float,
        encoder_net: Callable,
        decoder_net: Callable,
        reconstruction_stddev: float,
        name: str,
    ):
        """Builds encoder and decoder.

        Args:
          observation_spec: shape [S].
          optimizer: of all networks; None for a representation that is only used.
          clip_gradient_norm: limit for the norm of each variable's gradient; 0 is none.
          encoder_net: makes the encoder from the observation spec.
          decoder_net: makes the decoder from (spec of latents, S).
          reconstruction_stddev: of p(s | z), in the units of the states' entries.
          name: of the module and of the class in messages.

        Raises:
          ValueError: a network that is no function, or a number outside its range.
        """
        super().__init__(name=name)
        for part, make in (("encoder_net", encoder_net), ("decoder_net", decoder_net)):
            if not callable(make):
                raise ValueError(f"{name}.{part} = {make!r}; allowed: a function, e.g. @{part}")
        check_above_0(f"{name}.reconstruction_stddev", reconstruction_stddev)
        self._label = name
        self._optimizer = optimizer
        self._clip_gradient_norm = clip_gradient_norm
        self._stddev = reconstruction_stddev
        self._state_size = observation_spec.shape[0]
        self._encoder = encoder_net(observation_spec, name="encoder_net")
        self._encoder.create_variables()
        self.latent_spec = tf.TensorSpec([self._encoder.num_output_dims], tf.float32, "latents")
        self._decoder = decoder_net(self.latent_spec, self._state_size, name="decoder_net")
        self._decoder.create_variables()
        self.updates = tf.Variable(0, dtype=tf.int64, trainable=False, name="representation_updates")

    def _prepare_optimizer(self):
        """Makes the optimizer's slots before the first update, so that a checkpoint can fill them."""
        if self._optimizer is not None:
            self._optimizer._create_all_weights(self.trained_variables)

    @property
    def state_net(self):
        return self._encoder

    @property
    def trained_variables(self) -> list[tf.Variable]:
        """Weights of all networks."""
        return [*self._encoder.trainable_variables, *self._decoder.trainable_variables]

    def __call__(self, states):
        return self.encode(states).mean

    def encode(self, states: tf.Tensor) -> Gaussian:
        """q(z | s), [..., S] -> [..., G] each."""
        return Gaussian(*tf.split(self._encoder(states)[0], 2, axis=-1))

    def decode(self, latents: tf.Tensor) -> tf.Tensor:
        """Mean of p(s | z), [..., G] -> [..., S]; hidden entries mean nothing."""
        return self._decoder(latents)[0]

    def reconstruction_loss(self, states: tf.Tensor, latents: tf.Tensor) -> tf.Tensor:
        """-log p(s | z) without its constant: sum (s - decoded)^2 / (2 stddev^2), in nats, [...].

        Args:
          states: [..., S]; hidden entries do not count.
          latents: [..., G].
        """
        error = zero_entries(states - self.decode(latents), self._encoder.hidden_entries)  # [..., S]
        return 0.5 * tf.reduce_sum(tf.square(error), axis=-1) / self._stddev**2

    @property
    def log_constant(self) -> float:
        """-log p(s | z) of a perfect reconstruction, in nats."""
        hidden = {entry % self._state_size for entry in self._encoder.hidden_entries}
        return 0.5 * (self._state_size - len(hidden)) * float(np.log(2.0 * np.pi * self._stddev**2))

    @abc.abstractmethod
    def loss(self, batch: Transitions, normal: tf.Tensor) -> AutoencoderInfo:
        """The objective.

        Args:
          batch: steps, [B].
          normal: standard normal draws, [2, B, G].
        """

    def learn(self, segments, seed, draw_states):
        del draw_states  # the steps of segments are replay states
        step_seed, noise_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
        shape = [2, segments.state.shape[0], *self.latent_spec.shape]  # [2, B, G]
        normal = tf.random.stateless_normal(shape, noise_seed)
        return self.update(draw_transitions(segments, step_seed), normal)

    def update(self, batch: Transitions, normal: tf.Tensor) -> AutoencoderInfo:
        """One optimiser step; arguments as for `loss`."""

        def objective():
            info = self.loss(batch, normal)
            return info.loss, info

        info = gradient_step(objective, self.trained_variables, self._optimizer, self._clip_gradient_norm)
        self.updates.assign_add(1)
        return info
