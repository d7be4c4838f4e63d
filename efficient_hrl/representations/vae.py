"""The goal space of a variational autoencoder (Kingma and Welling 2014, arXiv 1312.6114).

NORL (arXiv 1810.01257) compares its representation with it.  Minimised is minus the evidence
lower bound, equation (10) of the VAE's paper with one draw,

    -log p(s | z) + beta KL(q(z | s) || N(0, 1)),   z ~ q(z | s),

on single states from replay.  beta = 1 is the paper's, others are those of the beta-VAE
(Higgins et al. 2017).  Nothing in it knows of time: states that look alike are near each
other, not states that are near each other in steps.
"""

from collections.abc import Callable

import gin
import tensorflow as tf

from efficient_hrl.checks import check_number
from efficient_hrl.representations.autoencoder import (
    Autoencoder,
    AutoencoderInfo,
    DecoderNetwork,
    EncoderNetwork,
    kl_to_standard_normal,
)


@gin.configurable
class VariationalAutoencoder(Autoencoder):
    """f(s) is the mean of a VAE's q(z | s)."""

    def __init__(
        self,
        observation_spec: tf.TensorSpec,
        action_spec,
        segment_length: int,
        optimizer: tf.keras.optimizers.legacy.Optimizer | None = None,
        clip_gradient_norm: float = 0.0,
        encoder_net: Callable = EncoderNetwork,
        decoder_net: Callable = DecoderNetwork,
        reconstruction_stddev: float = 1.0,
        beta: float = 1.0,
    ):
        """Builds the networks.

        Args:
          observation_spec: shape [S].
          action_spec: not used.
          segment_length: not used.
          optimizer, clip_gradient_norm, encoder_net, decoder_net, reconstruction_stddev: see
            `Autoencoder`.
          beta: weight of the divergence from the prior.

        Raises:
          ValueError: a network that is no function, or a number outside its range.
        """
        del action_spec, segment_length
        check_number("VariationalAutoencoder.beta", beta, 0)
        self._beta = beta
        super().__init__(
            observation_spec,
            optimizer,
            clip_gradient_norm,
            encoder_net,
            decoder_net,
            reconstruction_stddev,
            "VariationalAutoencoder",
        )
        self._prepare_optimizer()

    def loss(self, batch, normal):
        """close: reconstruction; far: beta KL; bound: the evidence lower bound (whatever beta is)."""
        posterior = self.encode(batch.state)  # q(z | s), [B, G]
        latents = posterior.sample(normal[0])  # [B, G]
        close = tf.reduce_mean(self.reconstruction_loss(batch.state, latents))
        divergence = tf.reduce_mean(kl_to_standard_normal(posterior))
        far = self._beta * divergence
        bound = -close - divergence - self.log_constant
        return AutoencoderInfo(close + far, close, far, bound, tf.constant(float("nan")))
