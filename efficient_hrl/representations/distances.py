"""Distances D between embeddings; E = exp(-D) is the similarity of a state and an inverse goal.

NORL (arXiv 1810.01257) uses a Huber distance, which is the default.  The others are
for comparison.
"""

import abc

import gin
import tensorflow as tf

from efficient_hrl.checks import check_above_0

_LEAST_SQUARE = 1e-10  # keeps the gradient of a root finite where two embeddings are equal


class Distance(abc.ABC):
    """A distance between embeddings that is at least 0."""

    @abc.abstractmethod
    def __call__(self, left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
        """D over the last axis; [..., G], [..., G], which broadcast -> [...]."""

    @abc.abstractmethod
    def pairwise(self, left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
        """D(left_i, right_j) for all pairs; [N, G], [M, G] -> [N, M]."""


class DifferenceDistance(Distance):
    """A distance that is a function of the sum over dimensions of something of the difference."""

    def __init__(self, scale: float):
        """Remembers the factor.

        Args:
          scale: factor in front, above 0.
        """
        check_above_0(f"{type(self).__name__}.scale", scale)
        self._scale = scale

    def __call__(self, left, right):
        return self._scale * self._of_sum(tf.reduce_sum(self._of_dimension(left - right), axis=-1))

    def pairwise(self, left, right):
        # Summed dimension by dimension: an [N, M, G] tensor of differences costs several
        # times as much.
        total = 0.0
        for x, y in zip(tf.unstack(left, axis=-1), tf.unstack(right, axis=-1)):
            total += self._of_dimension(x[:, None] - y[None, :])
        return self._scale * self._of_sum(total)

    @abc.abstractmethod
    def _of_dimension(self, difference):
        """What is summed over dimensions."""

    def _of_sum(self, total):
        """What is made of the sum."""
        return total


@gin.configurable
class HuberDistance(DifferenceDistance):
    """scale * sum_i huber(z_i), huber(x) = x^2 / (2 kappa) for |x| <= kappa, else |x| - kappa / 2."""

    def __init__(self, scale: float = 2.0, kappa: float = 0.1):
        """Takes the constants.

        Args:
          scale: factor in front, above 0.
          kappa: where the square becomes a line, above 0.
        """
        super().__init__(scale)
        check_above_0("HuberDistance.kappa", kappa)
        self._kappa = kappa

    def _of_dimension(self, difference):
        size = tf.abs(difference)
        quadratic = tf.minimum(size, self._kappa)
        return quadratic * (size - 0.5 * quadratic) * (1.0 / self._kappa)


@gin.configurable
class L2Distance(DifferenceDistance):
    """scale * sqrt(sum_i z_i^2 + 1e-10)."""

    def __init__(self, scale: float = 1.0):
        """Takes the factor in front."""
        super().__init__(scale)

    def _of_dimension(self, difference):
        return tf.square(difference)

    def _of_sum(self, total):
        return tf.sqrt(total + _LEAST_SQUARE)


@gin.configurable
class SquaredL2Distance(DifferenceDistance):
    """scale * sum_i z_i^2."""

    def __init__(self, scale: float = 1.0):
        """Takes the factor in front."""
        super().__init__(scale)

    def _of_dimension(self, difference):
        return tf.square(difference)


@gin.configurable
class CosineDistance(Distance):
    """scale * (1 - cos(left, right)), between 0 and 2 scale; an embedding of zeros is at right angles to all.

    It sees directions only, so that it needs two dimensions or more, and goals should be
    directions too.  No two similarities can differ by more than a factor exp(2 scale),
    which also limits the mutual information that can be shown; hence a scale of 10 by default.
    """

    def __init__(self, scale: float = 10.0):
        """Takes the factor in front.

        Args:
          scale: the inverse of what contrastive learning calls temperature, above 0.
        """
        check_above_0("CosineDistance.scale", scale)
        self._scale = scale

    def __call__(self, left, right):
        return self._scale * (1.0 - tf.reduce_sum(_direction(left) * _direction(right), axis=-1))

    def pairwise(self, left, right):
        return self._scale * (1.0 - tf.matmul(_direction(left), _direction(right), transpose_b=True))


def _direction(x):
    return tf.math.l2_normalize(x, axis=-1, epsilon=_LEAST_SQUARE)


def check_distance(name: str, value) -> None:
    """Refuses all but distances."""
    if not isinstance(value, Distance):
        raise ValueError(
            f"{name} = {value!r}; allowed: @HuberDistance(), @L2Distance(), @SquaredL2Distance(),"
            " @CosineDistance()"
        )
