"""The goal space of Embed to Control (Watter et al. 2015, arXiv 1506.07365).

NORL (arXiv 1810.01257) compares its representation with it.  A VAE whose latents move
locally linearly: for a step (s, a, s') and a draw z of q(z | s) = N(mean, variance),

    z' = A z + B a + o + w,   A = 1 + v r^T,   w ~ N(0, system_noise^2),

with v, r, B, o given by a network of z.  Minimised is the paper's bound plus lambda times the
divergence between predicted and encoded next latent,

    -log p(s | z) - log p(s' | z') + KL(q(z | s) || N(0, 1))
        + dynamics_weight KL(N(A mean + B a + o, A variance A^T + system_noise^2) || q(z | s')).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import gin
import tensorflow as tf

from efficient_hrl.agents.layers import apply_layers, dense_stack, output_layer
from efficient_hrl.agents.sized_network import SizedNetwork, Stack
from efficient_hrl.checks import check_above_0, check_number
from efficient_hrl.representations.autoencoder import (
    Autoencoder,
    AutoencoderInfo,
    DecoderNetwork,
    EncoderNetwork,
    Gaussian,
    kl_to_standard_normal,
)


class LocalDynamics(NamedTuple):
    """z' = A z + B a + o around some z.

    Attributes:
      a: A, [B, G, G].
      b: B, [B, G, actions].
      o: [B, G].
    """

    a: tf.Tensor
    b: tf.Tensor
    o: tf.Tensor

    def moved(self, latents: tf.Tensor, actions: tf.Tensor) -> tf.Tensor:
        """A z + B a + o, [B, G]; latents [B, G], actions [B, actions]."""
        return tf.linalg.matvec(self.a, latents) + tf.linalg.matvec(self.b, actions) + self.o

    def covariance(self, log_variance: tf.Tensor, system_noise: float) -> tf.Tensor:
        """A diag(variance) A^T + system_noise^2, [B, G] -> [B, G, G]."""
        carried = tf.matmul(self.a * tf.exp(log_variance)[:, None, :], self.a, transpose_b=True)
        return carried + system_noise**2 * tf.eye(self.a.shape[-1])


def kl_to_diagonal(mean: tf.Tensor, covariance: tf.Tensor, other: Gaussian) -> tf.Tensor:
    """KL(N(mean, covariance) || other) in nats, [B].

    Args:
      mean: [B, G].
      covariance: [B, G, G].
      other: [B, G] each.
    """
    inverse_variance = tf.exp(-other.log_variance)
    trace = tf.reduce_sum(tf.linalg.diag_part(covariance) * inverse_variance, axis=-1)
    distance = tf.reduce_sum(tf.math.squared_difference(other.mean, mean) * inverse_variance, axis=-1)
    log_quotient = tf.reduce_sum(other.log_variance, axis=-1) - tf.linalg.logdet(covariance)
    return 0.5 * (trace + distance - mean.shape[-1] + log_quotient)


@gin.configurable("transition_net")
class TransitionNetwork(SizedNetwork):
    """The dynamics around a latent: z -> v, r, B (by rows) and o, [B, G] -> [B, (3 + actions) G]."""

    sized_by = "transition_net.hidden_layers"

    def __init__(
        self,
        input_tensor_spec: tf.TensorSpec,
        action_size: int,
        hidden_layers: Sequence[int] = (100, 100),
        normalizer_fn: Callable | None = None,
        activation_fn: Callable = tf.nn.relu,
        name: str = "transition_net",
    ):
        """Describes the layers.

        Args:
          input_tensor_spec: shape [G].
          action_size: entries of an action.
          hidden_layers: sizes of the hidden layers.
          normalizer_fn: applied before the activation of hidden layers, which then have no bias, e.g.
            @tf.keras.layers.LayerNormalization; None for none.
          activation_fn: their activation.
          name: name of the network.
        """
        super().__init__(input_tensor_spec, state_spec=(), name=name)
        size = input_tensor_spec.shape[0]
        self._latents = dense_stack(hidden_layers, activation_fn, "latents", normalizer_fn)
        self._dynamics = output_layer((3 + action_size) * size, None, "dynamics")

    def stacks(self):
        return [Stack(self.input_tensor_spec.shape[0], [*self._latents, self._dynamics])]

    def call(self, latents, step_type=(), network_state=(), training=False):
        del step_type, training
        return self._dynamics(apply_layers(self._latents, latents)), network_state


@gin.configurable
class EmbedToControl(Autoencoder):
    """f(s) is the mean of E2C's q(z | s)."""

    def __init__(
        self,
        observation_spec: tf.TensorSpec,
        action_spec,
        segment_length: int,
        optimizer: tf.keras.optimizers.legacy.Optimizer | None = None,
        clip_gradient_norm: float = 0.0,
        encoder_net: Callable = EncoderNetwork,
        decoder_net: Callable = DecoderNetwork,
        transition_net: Callable = TransitionNetwork,
        reconstruction_stddev: float = 1.0,
        dynamics_weight: float = 0.25,
        system_noise: float = 0.01,
    ):
        """Builds the networks.

        Args:
          observation_spec: shape [S].
          action_spec: low-level actions, shape [A]; the dynamics see them in units of half
            their range.
          segment_length: not used.
          optimizer, clip_gradient_norm, encoder_net, decoder_net, reconstruction_stddev: see
            `Autoencoder`.
          transition_net: makes the dynamics from (spec of latents, A).
          dynamics_weight: lambda, weight of the divergence between predicted and encoded next
            latent.
          system_noise: standard deviation of w, in units of latents.

        Raises:
          ValueError: a network that is no function, or a number outside its range.
        """
        del segment_length
        if not callable(transition_net):
            raise ValueError(
                f"EmbedToControl.transition_net = {transition_net!r}; allowed: a function, e.g."
                " @transition_net"
            )
        check_number("EmbedToControl.dynamics_weight", dynamics_weight, 0)
        check_above_0("EmbedToControl.system_noise", system_noise)
        self._dynamics_weight = dynamics_weight
        self._system_noise = system_noise
        self._middle = tf.constant((action_spec.maximum + action_spec.minimum) / 2.0, tf.float32)
        self._half_range = tf.constant((action_spec.maximum - action_spec.minimum) / 2.0, tf.float32)
        super().__init__(
            observation_spec,
            optimizer,
            clip_gradient_norm,
            encoder_net,
            decoder_net,
            reconstruction_stddev,
            "EmbedToControl",
        )
        self._transition = transition_net(self.latent_spec, action_spec.shape[0], name="transition_net")
        self._transition.create_variables()
        expected = (3 + action_spec.shape[0]) * self.latent_spec.shape[0]
        outputs = self._transition(tf.zeros([1, *self.latent_spec.shape]))[0].shape[-1]
        if outputs != expected:
            raise ValueError(
                f"EmbedToControl.transition_net gives {outputs} numbers; allowed: {expected}, as"
                " @transition_net does"
            )
        self._prepare_optimizer()

    @property
    def trained_variables(self):
        return [*super().trained_variables, *self._transition.trainable_variables]

    def dynamics(self, latents: tf.Tensor) -> LocalDynamics:
        """The dynamics around latents, [B, G]."""
        size = self.latent_spec.shape[0]
        v, r, o, b = tf.split(self._transition(latents)[0], [size, size, size, -1], axis=-1)
        a = tf.eye(size) + v[:, :, None] * r[:, None, :]  # [B, G, G]
        return LocalDynamics(a, tf.reshape(b, [-1, size, self._half_range.shape[0]]), o)

    def loss(self, batch, normal):
        """close: both reconstructions; far: both divergences, weighted; bound: without the second of them."""
        posterior, next_posterior = self.encode(batch.state), self.encode(batch.next_state)
        actions = (batch.action - self._middle) / self._half_range  # [B, A]

        # Both states, the second from the predicted latent.
        latents = posterior.sample(normal[0])  # [B, G]
        dynamics = self.dynamics(latents)
        predicted = dynamics.moved(latents, actions) + self._system_noise * normal[1]  # [B, G]
        reconstruction = self.reconstruction_loss(batch.state, latents)
        reconstruction += self.reconstruction_loss(batch.next_state, predicted)  # [B]
        close = tf.reduce_mean(reconstruction)

        # From the prior, and of the predicted from the encoded next latent.
        from_prior = tf.reduce_mean(kl_to_standard_normal(posterior))
        from_next = kl_to_diagonal(
            dynamics.moved(posterior.mean, actions),
            dynamics.covariance(posterior.log_variance, self._system_noise),
            next_posterior,
        )  # [B]
        far = from_prior + self._dynamics_weight * tf.reduce_mean(from_next)
        bound = -close - from_prior - 2.0 * self.log_constant
        return AutoencoderInfo(close + far, close, far, bound, tf.constant(float("nan")))
