"""Estimators of the representation's objective: how well phi(s_t, pi) tells future states from others.

With E(s', s, pi) = exp(-D(f(s'), phi(s, pi))) NORL (arXiv 1810.01257,
equation 13) minimises

    J = sum_k gamma^(k-1) w_k E[-log E(s_{t+k}, s_t, pi) + log E_{s ~ rho}[E(s, s_t, pi)]],

rho the states in replay.  With the weights divided by their sum, -J is a lower bound of
the mutual information between (s_t, pi) and s_{t+k}, averaged over k, where rho is how s_{t+k} is
distributed; else of that plus the divergence between the two.  What differs is
how the second term, a logarithm of an expectation, and its gradient are estimated; two
estimators bound the mutual information, or another divergence, in another way.

Every estimator turns embeddings into a loss and a bound in nats.
"""

import abc
from typing import NamedTuple

import gin
import numpy as np
import tensorflow as tf

from efficient_hrl.checks import check_number, check_whole
from efficient_hrl.representations.distances import Distance


class Embeddings(NamedTuple):
    """What an estimator sees of a batch.

    Attributes:
      phi: inverse goals phi(s_t, pi), [B, G].
      futures: f(s_{t+k}) of the steps k that count, [B, K, G].
      weights: of those steps, [K]; they add up to 1.
      drawn: f(s_{t+k}) of one drawn k per sample, [B, G]: with them other samples are
        compared.
      replay: f of states from replay, one set per `Estimator.num_replay_batches`, each [N, G].
      log_prior: log of phi's mean similarity to the FIFO, see
        `representation.log_mean_similarity`; without gradient, [B].
    """

    phi: tf.Tensor
    futures: tf.Tensor
    weights: tf.Tensor
    drawn: tf.Tensor
    replay: tuple[tf.Tensor, ...]
    log_prior: tf.Tensor


class Estimate(NamedTuple):
    """What an estimator makes of a batch.

    Attributes:
      loss: to be minimised, a scalar.
      close: its part that draws phi and futures together, a scalar.
      far: its part that drives phi and other states apart, a scalar.
      bound: lower bound in nats, see each estimator, a scalar.
      state: values for `Estimator.state`.
    """

    loss: tf.Tensor
    close: tf.Tensor
    far: tf.Tensor
    bound: tf.Tensor
    state: tuple[tf.Tensor, ...] = ()


class Estimator(tf.Module, abc.ABC):
    """Turns embeddings into a loss.

    Attributes:
      num_replay_batches: how many independent sets of replay states it needs.
      num_replay_states: states in each.
      least_batch: samples that it needs.
    """

    num_replay_batches = 0
    num_replay_states = 0
    least_batch = 1

    @property
    def state(self) -> tuple[tf.Variable, ...]:
        """What it remembers from update to update."""
        return ()

    @abc.abstractmethod
    def __call__(self, embeddings: Embeddings, distance: Distance) -> Estimate:
        """The loss on a batch under a distance."""

    def _sees(self, num_states):
        check_whole(f"{type(self).__name__}.num_replay_states", num_states)
        self.num_replay_states = num_states


def mean_closeness(embeddings: Embeddings, distance: Distance) -> tf.Tensor:
    """Mean over the batch of sum_k weight_k D(phi, f(s_{t+k})), a scalar."""
    distances = distance(embeddings.phi[:, None], embeddings.futures)  # [B, K]
    return tf.reduce_mean(_weighted(distances, embeddings.weights))


def _weighted(values, weights):
    """Sums over the steps, [B, K] -> [B]."""
    return tf.reduce_sum(values * weights, axis=-1)


def log_mean_exp(values: tf.Tensor) -> tf.Tensor:
    """log of the mean of exp over the last axis, [..., N] -> [...]."""
    return tf.reduce_logsumexp(values, axis=-1) - np.log(values.shape[-1])


@gin.configurable
class FifoEstimator(Estimator):
    """The released code's estimator.

    The gradient of log E_rho[E] is that of E[E(s'_{i-1}, s_i, pi_i)] / stop_gradient(prior_i),
    with the next sample's state as the only other one, and the FIFO of recent
    embeddings, which already holds this batch, as the prior.

    Bound: mean of -D - log prior.  The FIFO holds the drawn future itself as well, so that
    the bound cannot exceed log 1024 (as long as the batch fits into the FIFO, and only with
    one drawn k per sample).
    """

    least_batch = 2

    def __call__(self, embeddings, distance):
        close = mean_closeness(embeddings, distance)
        log_prior = embeddings.log_prior  # [B]
        # Negatives are the batch shifted by one; sample 0 has none.
        negatives = distance(embeddings.phi[1:], embeddings.drawn[:-1])  # [B - 1]
        far = tf.reduce_mean(tf.exp(-negatives - log_prior[1:]))
        return Estimate(close + far, close, far, -close - tf.reduce_mean(log_prior))


@gin.configurable
class ReplayEstimator(Estimator):
    """Equation (8) of the write-up: E_rho[E] / stop_gradient(E_replay[E]), from two independent sets.

    Numerator and denominator are independent, so that the quotient of their expectations is
    approached without the bias of a quotient of equal samples; the logarithm of the
    denominator remains biased by its finite size.  The quotient has heavy tails: where no
    state of the denominator is near phi but one of the numerator is, it is large.  With 256
    states on a Gaussian pair and squared distances f and phi diverged, with 1,024 they do not.

    Bound: mean of -D - log E_replay[E], with the denominator's set.
    """

    num_replay_batches = 2

    def __init__(self, num_replay_states: int = 1024):
        """Takes the number of states.

        Args:
          num_replay_states: states in the numerator, and as many others in the denominator.
        """
        super().__init__()
        self._sees(num_replay_states)

    def __call__(self, embeddings, distance):
        numerators, denominators = embeddings.replay  # [N, G] each
        close = mean_closeness(embeddings, distance)
        log_denominator = log_mean_exp(-distance.pairwise(embeddings.phi, denominators))  # [B]
        log_denominator = tf.stop_gradient(log_denominator)
        similarities = -distance.pairwise(embeddings.phi, numerators)  # [B, N]
        far = tf.reduce_mean(tf.exp(similarities - log_denominator[:, None]))
        return Estimate(close + far, close, far, -close - tf.reduce_mean(log_denominator))


@gin.configurable
class LogMeanExpEstimator(Estimator):
    """log E_rho[E] as the logarithm of the mean over one set of replay states.

    Biased downwards by the set's finite size (Jensen), so that its bound is biased
    upwards: it may exceed the mutual information, and does where that is large.

    Bound: the loss with its sign changed.
    """

    num_replay_batches = 1

    def __init__(self, num_replay_states: int = 256):
        """Takes the number of states.

        Args:
          num_replay_states: states in the mean.
        """
        super().__init__()
        self._sees(num_replay_states)

    def __call__(self, embeddings, distance):
        close = mean_closeness(embeddings, distance)
        similarities = -distance.pairwise(embeddings.phi, embeddings.replay[0])  # [B, N]
        far = tf.reduce_mean(log_mean_exp(similarities))
        return Estimate(close + far, close, far, -close - far)


@gin.configurable
class DonskerVaradhanEstimator(Estimator):
    """Donsker and Varadhan's bound with a moving average in the gradient: MINE (arXiv 1801.04062).

    I >= E[T] - log E_{(s, pi), s'}[exp(T)] with T = -D and s' independent of (s, pi); the
    expectation is one for the whole batch, and not one for each (s, pi).  The gradient of
    the logarithm divides by a moving average of the expectation (MINE, section 3.2).

    Bound: that of this batch, without the moving average.
    """

    num_replay_batches = 1

    def __init__(self, num_replay_states: int = 256, decay: float = 0.99):
        """Describes the average.

        Args:
          num_replay_states: states in the mean.
          decay: of the moving average per update.
        """
        super().__init__()
        self._sees(num_replay_states)
        check_number("DonskerVaradhanEstimator.decay", decay, 0, 1)
        self._decay = decay
        # Of the logarithm: the average itself may be smaller than the smallest float32.
        self._log_average = tf.Variable(0.0, trainable=False, name="log_average")
        self._is_set = tf.Variable(False, trainable=False, name="is_set")

    @property
    def state(self):
        return self._log_average, self._is_set

    def __call__(self, embeddings, distance):
        close = mean_closeness(embeddings, distance)
        similarities = -distance.pairwise(embeddings.phi, embeddings.replay[0])  # [B, N]
        count = similarities.shape[0] * similarities.shape[1]
        log_mean = log_mean_exp(tf.reshape(similarities, [count]))  # []
        # The moving average, in logarithms.
        now = tf.stop_gradient(log_mean)
        with np.errstate(divide="ignore"):
            log_decay, log_rest = np.log(self._decay), np.log(1.0 - self._decay)
        moved = tf.reduce_logsumexp(tf.stack([self._log_average + log_decay, now + log_rest]))
        log_average = tf.where(self._is_set, moved, now)
        far = tf.exp(log_mean - log_average)
        return Estimate(close + far, close, far, -close - log_mean, (log_average, tf.constant(True)))


@gin.configurable
class InfoNceEstimator(Estimator):
    """InfoNCE (arXiv 1807.03748, equation 4): which of the batch's futures belongs to (s_t, pi)?

    The loss is the cross-entropy of naming the own future among the own and the other
    samples' drawn ones.

    Bound: log B minus the loss, at most log B.
    """

    least_batch = 2

    def __call__(self, embeddings, distance):
        own = -distance(embeddings.phi[:, None], embeddings.futures)  # [B, K]
        others = -distance.pairwise(embeddings.phi, embeddings.drawn)  # [B, B]
        count = others.shape[0]
        # log of the sum over all others, and then with the own future of each step.
        others = tf.where(tf.eye(count, dtype=tf.bool), -np.inf, others)
        others = tf.reduce_logsumexp(others, axis=-1)  # [B]
        others = tf.broadcast_to(others[:, None], own.shape)  # [B, K]
        log_sums = tf.reduce_logsumexp(tf.stack([own, others]), axis=0)  # [B, K]
        close = -tf.reduce_mean(_weighted(own, embeddings.weights))
        far = tf.reduce_mean(_weighted(log_sums, embeddings.weights))
        return Estimate(close + far, close, far, np.log(count) - close - far)


@gin.configurable
class JensenShannonEstimator(Estimator):
    """The Jensen-Shannon objective of Deep InfoMax (arXiv 1808.06670, equation 4).

    softplus(-T) on pairs that belong together, softplus(T) on pairs that do not: a
    classifier of pairs.  Its T must be positive somewhere and -D never is, so that T = offset - D
    with a learned offset.

    Bound: 2 log 2 minus the loss, a lower bound of *twice the Jensen-Shannon divergence* of
    joint and product distribution, at most 2 log 2; not of the mutual information.
    """

    num_replay_batches = 1

    def __init__(self, num_replay_states: int = 256, offset: float = 1.0):
        """Describes the negatives.

        Args:
          num_replay_states: states that each phi is compared with.
          offset: first value of the learned offset.
        """
        super().__init__()
        self._sees(num_replay_states)
        check_number("JensenShannonEstimator.offset", offset)
        self._offset = tf.Variable(float(offset), name="offset")

    def __call__(self, embeddings, distance):
        own = self._offset - distance(embeddings.phi[:, None], embeddings.futures)  # [B, K]
        others = self._offset - distance.pairwise(embeddings.phi, embeddings.replay[0])  # [B, N]
        close = tf.reduce_mean(_weighted(tf.nn.softplus(-own), embeddings.weights))
        far = tf.reduce_mean(tf.nn.softplus(others))
        return Estimate(close + far, close, far, 2.0 * np.log(2.0) - close - far)


def check_estimator(name: str, value) -> None:
    """Refuses all but estimators."""
    if not isinstance(value, Estimator):
        raise ValueError(
            f"{name} = {value!r}; allowed: @FifoEstimator(), @ReplayEstimator(), @LogMeanExpEstimator(),"
            " @DonskerVaradhanEstimator(), @InfoNceEstimator(), @JensenShannonEstimator()"
        )
