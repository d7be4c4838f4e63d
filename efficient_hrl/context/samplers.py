"""Where goals and targets come from.

A sampler draws with stateless random numbers: equal seeds give equal contexts.
"""

from collections.abc import Sequence

import gin
import tensorflow as tf


class BaseSampler:
    """Draws contexts of one specification."""

    def __init__(self, context_spec: tf.TensorSpec, context_range=None, k: int = 2, scope: str = "sampler"):
        """Remembers what to draw.

        Args:
          context_spec: shape [G] and dtype of one context.
          context_range: (minimum, maximum), each a number or G numbers.
          k: leading dimensions that are relative to a state, for samplers that have such.
          scope: name of the sampler.

        Raises:
          ValueError: a range that does not fit the specification or is empty.
        """
        self._context_spec = context_spec
        self._k = k
        self.scope = scope
        self._minimum = self._maximum = None
        if context_range is not None:
            try:
                minimum, maximum = context_range
                self._minimum = tf.broadcast_to(tf.cast(minimum, tf.float32), context_spec.shape)
                self._maximum = tf.broadcast_to(tf.cast(maximum, tf.float32), context_spec.shape)
            except (ValueError, TypeError, tf.errors.InvalidArgumentError):
                raise ValueError(
                    f"context_range = {context_range!r}; allowed: (minimum, maximum), each a number"
                    f" or {context_spec.shape[0]} numbers"
                ) from None
            if not bool(tf.reduce_all(self._minimum <= self._maximum)):
                raise ValueError(f"context_range = {context_range!r}; every minimum must be <= its maximum")

    def __call__(
        self,
        batch_size: int,
        seed: tf.Tensor,
        state: tf.Tensor | None = None,
        next_state: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draws contexts and the contexts one step later, float32 [B, G] each.

        Args:
          batch_size: B.
          seed: int32 [2], the stateless seed.
          state: representations that the contexts belong to, [B, S].
          next_state: those of the next step, likewise.
        """
        raise NotImplementedError

    def _uniform(self, batch_size, seed):
        if self._minimum is None:
            raise ValueError(f"{type(self).__name__}.context_range is not set; allowed: (minimum, maximum)")
        unit = tf.random.stateless_uniform([batch_size, *self._context_spec.shape], seed)
        return self._minimum + unit * (self._maximum - self._minimum)


@gin.configurable
class RandomSampler(BaseSampler):
    """Uniform in `context_range`; the next context equals the context."""

    def __call__(self, batch_size, seed, state=None, next_state=None):
        del state, next_state
        contexts = self._uniform(batch_size, seed)
        return contexts, contexts


@gin.configurable
class ConstantSampler(BaseSampler):
    """Always `value`, e.g. an evaluation target."""

    def __init__(self, context_spec, context_range=None, k=2, scope="sampler", value=None):
        super().__init__(context_spec, context_range, k, scope)
        shape = context_spec.shape
        if value is None or tf.convert_to_tensor(value).shape not in (tf.TensorShape([]), shape):
            raise ValueError(f"ConstantSampler.value = {value!r}; allowed: a number or {shape[0]} numbers")
        self._value = tf.broadcast_to(tf.cast(value, tf.float32), shape)

    @property
    def value(self) -> tf.Tensor:
        """The constant, float32 [G]."""
        return self._value

    def __call__(self, batch_size, seed, state=None, next_state=None):
        del seed, state, next_state
        contexts = tf.tile(self._value[None], [batch_size, 1])
        return contexts, contexts


def direction_contexts(
    states: tf.Tensor,
    permutation: tf.Tensor,
    normal: tf.Tensor,
    half_range: tf.Tensor,
) -> tf.Tensor:
    """Goals that lead to states of other samples: 0.1 half_range N(0, 1) + s_p - s.

    Args:
      states: [B, k].
      permutation: int [B], which sample's state is aimed at.
      normal: standard normal draws, [B, k].
      half_range: half the width of the goal range, [k].

    Returns:
      float32 [B, k].
    """
    return 0.1 * half_range * normal + tf.gather(states, permutation) - states


@gin.configurable
class DirectionSampler(BaseSampler):
    """Relative goals towards the states of other samples in the batch.

    Without states it is RandomSampler.  With states the first k dimensions come
    from `direction_contexts` and the others are uniform.  As in the original,
    the second output equals the first.
    """

    def __call__(self, batch_size, seed, state=None, next_state=None):
        del next_state
        seeds = tf.random.experimental.stateless_split(seed, 3)
        contexts = self._uniform(batch_size, seeds[0])
        if state is not None:
            states = state[..., : self._k]
            directions = direction_contexts(
                states,
                tf.random.experimental.stateless_shuffle(tf.range(batch_size), seeds[1]),
                tf.random.stateless_normal(tf.shape(states), seeds[2]),
                (0.5 * (self._maximum - self._minimum))[: self._k],
            )
            contexts = tf.concat([directions, contexts[..., self._k :]], axis=-1)
        return contexts, contexts


def sampler_seeds(seed: tf.Tensor, count: int) -> Sequence[tf.Tensor]:
    """`count` independent stateless seeds, int32 [2] each."""
    return tf.unstack(tf.random.experimental.stateless_split(seed, count))
