"""Where goals and targets come from.

A sampler draws with stateless random numbers: equal seeds give equal contexts
(only `ScheduledSampler` has a memory).  Constructors take `context_spec`, their own
parameters and those of `BaseSampler`, by name.
"""

import re
from collections.abc import Callable, Mapping, Sequence

import gin
import tensorflow as tf

from efficient_hrl.checks import check_number, check_whole, length, numbers
from efficient_hrl.inert_parameters import accepts_inert


@gin.configurable
class BaseSampler(tf.Module):
    """Draws contexts of one specification.  A module, so that variables of samplers are saved."""

    def __init__(self, context_spec: tf.TensorSpec, context_range=None, k: int = 2, scope: str = "sampler"):
        """Remembers what to draw.

        Args:
          context_spec: shape [G] and dtype of one context.
          context_range: (minimum, maximum), each a number or G numbers; samplers that draw from a range
            need one.
          k: leading dimensions that are relative to a state, for samplers that have such.
          scope: name of the sampler and, with _ for what a name must not contain, of the module.

        Raises:
          ValueError: a range that does not fit the specification or is empty.
        """
        kind = type(self).__name__
        check_whole(f"{kind}.k", k)
        if not isinstance(scope, str):
            raise ValueError(f"{kind}.scope = {scope!r}; allowed: a name")
        super().__init__(name=re.sub(r"^(?![A-Za-z_])|[^A-Za-z0-9_]", "_", scope))
        self._context_spec = context_spec
        self._k = k
        self.scope = scope
        self._minimum = self._maximum = None
        if context_range is not None:
            try:
                minimum, maximum = context_range
                size = context_spec.shape[0]
                self._minimum = tf.constant(numbers("minimum", minimum, size))
                self._maximum = tf.constant(numbers("maximum", maximum, size))
            except (ValueError, TypeError):
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
          seed: int64 [2], the stateless seed.
          state: representations that the contexts belong to, [B, S].
          next_state: those of the next step, likewise.
        """
        raise NotImplementedError

    def set_replay(self, draw_next_states: Callable) -> None:
        """Gives access to replay, to samplers that overwrite this.

        Args:
          draw_next_states: (batch_size, seed) -> next states of random transitions, [B, S].
        """

    @property
    def reads_replay(self) -> bool:
        """Whether it draws from replay: whether it has a `set_replay` of its own."""
        return type(self).set_replay is not BaseSampler.set_replay

    def _uniform(self, batch_size, seed):
        if self._minimum is None:
            raise ValueError(f"{type(self).__name__}.context_range is not set; allowed: (minimum, maximum)")
        unit = tf.random.stateless_uniform([batch_size, *self._context_spec.shape], seed)
        return self._minimum + unit * (self._maximum - self._minimum)


@gin.configurable
class ZeroSampler(BaseSampler):
    """Always 0."""

    def __call__(self, batch_size, seed, state=None, next_state=None):
        del seed, state, next_state
        contexts = tf.zeros([batch_size, *self._context_spec.shape], self._context_spec.dtype)
        return contexts, contexts


def binary_contexts(uniform: tf.Tensor, probs: float | Sequence[float]) -> tf.Tensor:
    """1 where a draw from U[0, 1) is above `probs`, else 0; float32, shaped as the draws."""
    return tf.cast(uniform > probs, tf.float32)


@gin.configurable
class BinarySampler(BaseSampler):
    """Zeros and ones; the next context equals the context.

    As in the original, and other than the name says, `probs` is the probability of 0:
    P(1) = 1 - probs.
    """

    def __init__(self, context_spec, *, probs: float | Sequence[float] = 0.5, **base):
        """Remembers the probabilities.

        Args:
          context_spec: shape [G] of one context.
          probs: of 0, one number or G, each 0 to 1.
          **base: the parameters of `BaseSampler`.

        Raises:
          ValueError: probabilities that are none.
        """
        super().__init__(context_spec, **base)
        size = context_spec.shape[0]
        values = numbers("BinarySampler.probs", probs, size)
        if not ((values >= 0) & (values <= 1)).all():
            raise ValueError(
                f"BinarySampler.probs = {probs!r}; allowed: a number or {size} numbers in [0, 1]"
            )
        self._probs = tf.constant(values)

    def __call__(self, batch_size, seed, state=None, next_state=None):
        del state, next_state
        uniform = tf.random.stateless_uniform([batch_size, *self._context_spec.shape], seed)
        contexts = tf.cast(binary_contexts(uniform, self._probs), self._context_spec.dtype)
        return contexts, contexts


@gin.configurable
class RandomSampler(BaseSampler):
    """Uniform in `context_range`; the next context equals the context."""

    def __call__(self, batch_size, seed, state=None, next_state=None):
        del state, next_state
        contexts = self._uniform(batch_size, seed)
        return contexts, contexts


def gaussian_contexts(normal: tf.Tensor, minimum: tf.Tensor, maximum: tf.Tensor, stddev: float) -> tf.Tensor:
    """N(middle, (stddev * half range)^2), clipped to the range.

    Args:
      normal: standard normal draws, [B, G].
      minimum, maximum: [G].
      stddev: standard deviation in units of half the range.

    Returns:
      [B, G].
    """
    middle, half_range = 0.5 * (maximum + minimum), 0.5 * (maximum - minimum)
    return tf.clip_by_value(middle + stddev * half_range * normal, minimum, maximum)


@gin.configurable
class GaussianSampler(BaseSampler):
    """`gaussian_contexts` in `context_range`; the next context equals the context.

    For goals with which a low level is pre-trained (HIRO, arXiv 1805.08296, section 5.2).
    """

    def __init__(self, context_spec, *, stddev: float = 0.5, **base):
        """Remembers what to draw.

        Args:
          context_spec: shape [G] and dtype of one context.
          stddev: standard deviation in units of half the range.
          **base: the parameters of `BaseSampler`; `context_range` is needed.

        Raises:
          ValueError: a negative deviation, or no range.
        """
        super().__init__(context_spec, **base)
        check_number("GaussianSampler.stddev", stddev, 0)
        if self._minimum is None:
            raise ValueError("GaussianSampler.context_range is not set; allowed: (minimum, maximum)")
        self._stddev = stddev

    def __call__(self, batch_size, seed, state=None, next_state=None):
        del state, next_state
        normal = tf.random.stateless_normal([batch_size, *self._context_spec.shape], seed)
        contexts = gaussian_contexts(normal, self._minimum, self._maximum, self._stddev)
        return contexts, contexts


@gin.configurable
class ScheduledSampler(BaseSampler):
    """Goes through a list, one entry per call for the whole batch; the next context equals the context.

    A call first advances and then reads: with inc = 1 the first context is `values[1]`,
    and `values[0]` comes last.  Where it stands is a variable, `pointer`.
    """

    def __init__(
        self,
        context_spec,
        *,
        scope: str = "default",
        values: Sequence | None = None,
        scheduler: str = "cycle",
        scheduler_params: Mapping[str, int] | None = None,
        **base,
    ):
        """Remembers the list.

        Args:
          context_spec: shape [G] and dtype of one context.
          scope: name of the sampler.
          values: each a number, for all dimensions, or G numbers.
          scheduler: only "cycle": from the end on to the beginning.
          scheduler_params: {"inc": entries to advance per call}; without it, or with 0, one.
          **base: the other parameters of `BaseSampler`.

        Raises:
          ValueError: no values, one of another size, an unknown scheduler or parameter of it.
        """
        super().__init__(context_spec, scope=scope, **base)
        if scheduler != "cycle":
            raise ValueError(f"ScheduledSampler.scheduler = {scheduler!r}; allowed: 'cycle'")
        params = dict(scheduler_params or {})
        self._inc = params.pop("inc", None) or 1
        if params or not isinstance(self._inc, int):
            raise ValueError(
                f"ScheduledSampler.scheduler_params = {scheduler_params!r}; allowed: {{'inc': an integer}}"
            )
        if values is None or length("ScheduledSampler.values", values) == 0:
            raise ValueError(f"ScheduledSampler.values = {values!r}; allowed: a list of at least 1 value")
        self._values = tf.stack([_constant("ScheduledSampler.values", v, context_spec) for v in values])
        self.pointer = tf.Variable(0, trainable=False, dtype=tf.int32, name="pointer")

    def __call__(self, batch_size, seed, state=None, next_state=None):
        del seed, state, next_state
        pointer = self.pointer.assign(tf.math.floormod(self.pointer + self._inc, len(self._values)))
        contexts = tf.tile(tf.gather(self._values, pointer)[None], [batch_size, 1])
        return contexts, contexts


def replay_contexts(
    next_states: tf.Tensor,
    uniform: tf.Tensor | None = None,
    override_indices: Sequence[int] | None = None,
    state_indices: Sequence[int] | None = None,
    size: int | None = None,
) -> tf.Tensor:
    """Cuts contexts out of states.

    Args:
      next_states: [B, S].
      uniform: what replaces the columns at `override_indices`, one column for each.
      override_indices: columns of the states; None replaces none.
      state_indices: columns that make the context; None is the first `size`.
      size: G.

    Returns:
      [B, G].
    """
    if override_indices is not None:
        columns = tf.transpose(next_states)
        columns = tf.tensor_scatter_nd_update(columns, [[i] for i in override_indices], tf.transpose(uniform))
        next_states = tf.transpose(columns)
    if state_indices is not None:
        return tf.gather(next_states, list(state_indices), axis=-1)
    return next_states[:, :size]


@gin.configurable
class ReplaySampler(BaseSampler):
    """Next states of random transitions in replay; the next context equals the context.

    `set_replay` must be called before the first draw.
    """

    @accepts_inert("ReplaySampler")
    def __init__(
        self,
        context_spec,
        *,
        override_indices: Sequence[int] | None = None,
        state_indices: Sequence[int] | None = None,
        **base,
    ):
        """Remembers what to take of a state.

        Args:
          context_spec: shape [G] and dtype of one context.
          override_indices: columns of the state that are drawn uniformly from
            `context_range`, one number for each bound, instead.  Without `state_indices`
            the first G columns are then the context.
          state_indices: the G columns of the state that are the context.  (The original
            takes the first G whatever the list says.)  With neither list, S must be G.
          **base: the other parameters of `BaseSampler`.

        Raises:
          ValueError: not G `state_indices`, or `override_indices` without such a range.
        """
        super().__init__(context_spec, **base)
        size = context_spec.shape[0]
        if state_indices is not None and len(state_indices) != size:
            raise ValueError(f"ReplaySampler.state_indices = {state_indices!r}; allowed: {size} columns")
        if override_indices is not None:
            bounds = (self._minimum, self._maximum)
            if any(bound is None or bool(tf.reduce_any(bound != bound[0])) for bound in bounds):
                raise ValueError(
                    f"ReplaySampler.context_range = {base.get('context_range')!r} with override_indices ="
                    f" {override_indices!r}; allowed: (minimum, maximum), each one number"
                )
        self._override_indices = override_indices
        self._state_indices = state_indices
        self._draw_next_states = None

    def set_replay(self, draw_next_states):
        self._draw_next_states = draw_next_states

    def __call__(self, batch_size, seed, state=None, next_state=None):
        """Draws contexts, see `BaseSampler`.

        Raises:
          ValueError: no replay was set, or its states do not have the columns asked for.
        """
        del state, next_state
        if self._draw_next_states is None:
            raise ValueError("ReplaySampler has no replay; call set_replay(draw_next_states) before drawing")
        seeds = sampler_seeds(seed, 2)
        next_states = tf.cast(self._draw_next_states(batch_size, seeds[0]), self._context_spec.dtype)
        size, uniform = self._context_spec.shape[0], None
        self._check_columns(next_states.shape[-1])
        if self._override_indices is not None:
            unit = tf.random.stateless_uniform([batch_size, len(self._override_indices)], seeds[1])
            uniform = self._minimum[0] + unit * (self._maximum[0] - self._minimum[0])
        contexts = replay_contexts(next_states, uniform, self._override_indices, self._state_indices, size)
        return contexts, contexts

    def _check_columns(self, width):
        size = self._context_spec.shape[0]
        lists = {"override_indices": self._override_indices, "state_indices": self._state_indices}
        for name, indices in lists.items():
            if indices is not None and not all(0 <= i < width for i in indices):
                raise ValueError(f"ReplaySampler.{name} = {list(indices)}; allowed: columns 0 to {width - 1}")
        if self._state_indices is None and (
            width < size or (width > size and self._override_indices is None)
        ):
            raise ValueError(
                f"ReplaySampler.state_indices = None and states of {width} numbers; allowed: a list of the"
                f" {size} columns that make a context"
            )


def time_contexts(times: tf.Tensor, timestep: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Times and the times one step later, max(times + timestep, 0); shaped as the times."""
    return times, tf.maximum(times + timestep, 0)


@gin.configurable
class TimeSampler(BaseSampler):
    """A whole number of steps, and as the next context what a timer shows one step later.

    The only sampler whose two outputs differ.
    """

    def __init__(self, context_spec, *, minval: int = 0, maxval: int = 1, timestep: int = -1, **base):
        """Remembers what to draw.

        Args:
          context_spec: shape [1] and dtype of one context.
          minval: least number drawn.
          maxval: one more than the greatest number drawn; always itself if it equals `minval`.
          timestep: added for the next context, which stays at 0 or above.
          **base: the parameters of `BaseSampler`.

        Raises:
          ValueError: contexts of another size, or minval above maxval.
        """
        super().__init__(context_spec, **base)
        if tuple(context_spec.shape) != (1,):
            raise ValueError(f"TimeSampler's context has shape {list(context_spec.shape)}; allowed: [1]")
        if minval > maxval:
            raise ValueError(f"TimeSampler.minval = {minval!r}; allowed: up to maxval, which is {maxval!r}")
        self._minval, self._maxval, self._timestep = minval, maxval, timestep

    def __call__(self, batch_size, seed, state=None, next_state=None):
        del state, next_state
        shape, dtype = [batch_size, 1], self._context_spec.dtype
        if self._minval == self._maxval:
            times = tf.fill(shape, self._maxval)
        else:
            times = tf.random.stateless_uniform(shape, seed, self._minval, self._maxval, tf.int32)
        times, next_times = time_contexts(times, self._timestep)
        return tf.cast(times, dtype), tf.cast(next_times, dtype)


def _constant(name, value, context_spec):
    """A number or G numbers as float32 [G]."""
    return tf.constant(numbers(name, value, context_spec.shape[0]))


@gin.configurable
class ConstantSampler(BaseSampler):
    """Always `value`, e.g. an evaluation target."""

    def __init__(self, context_spec, *, value: float | Sequence[float] | None = None, **base):
        """Remembers the value.

        Args:
          context_spec: shape [G] of one context.
          value: one number, or G; None is an error when the sampler is asked.
          **base: the parameters of `BaseSampler`.

        Raises:
          ValueError: numbers that are none, or another count of them.
        """
        super().__init__(context_spec, **base)
        # Unset values are no error yet: gin files name samplers for modes that nobody uses.
        self._value = None if value is None else _constant("ConstantSampler.value", value, context_spec)

    @property
    def value(self) -> tf.Tensor:
        """The constant, float32 [G].

        Raises:
          ValueError: it is not set.
        """
        if self._value is None:
            size = self._context_spec.shape[0]
            raise ValueError(f"ConstantSampler.value is not set; allowed: a number or {size} numbers")
        return self._value

    def __call__(self, batch_size, seed, state=None, next_state=None):
        del seed, state, next_state
        contexts = tf.tile(self.value[None], [batch_size, 1])
        return contexts, contexts


def direction_contexts(
    states: tf.Tensor,
    permutation: tf.Tensor,
    normal: tf.Tensor,
    half_range: tf.Tensor,
    others: tf.Tensor | None = None,
) -> tf.Tensor:
    """Goals that lead to states of other samples: 0.1 half_range N(0, 1) + s_p - s.

    Args:
      states: [B, k].
      permutation: int [B], which sample's state is aimed at.
      normal: standard normal draws, [B, k].
      half_range: half the width of the goal range, [k].
      others: contexts whose dimensions after the first k are taken, [B, G]; None is none.

    Returns:
      float32 [B, k], with `others` [B, G].
    """
    directions = 0.1 * half_range * normal + tf.gather(states, permutation) - states
    if others is None:
        return directions
    return tf.concat([directions, others[..., states.shape[-1] :]], axis=-1)


@gin.configurable
class DirectionSampler(BaseSampler):
    """Relative goals towards the states of other samples in the batch.

    Without states it is RandomSampler.  With states the first k dimensions come
    from `direction_contexts`; the others are uniform or, with the keyword
    `sampler_fn`, those of the contexts [B, G] that it returns.  As in the original,
    the second output equals the first.  No gradient flows into the states.
    """

    def __call__(self, batch_size, seed, state=None, next_state=None, sampler_fn: Callable | None = None):
        del next_state
        seeds = tf.random.experimental.stateless_split(seed, 3)
        contexts = self._uniform(batch_size, seeds[0])
        if state is not None:
            size = self._context_spec.shape[0]
            if self._k > size:
                raise ValueError(
                    f"DirectionSampler.k = {self._k!r}; allowed: up to {size}, the size of a goal"
                )
            states = tf.stop_gradient(state[..., : self._k])
            contexts = direction_contexts(
                states,
                tf.random.experimental.stateless_shuffle(tf.range(batch_size), seeds[1]),
                tf.random.stateless_normal(tf.shape(states), seeds[2]),
                (0.5 * (self._maximum - self._minimum))[: self._k],
                contexts if sampler_fn is None else tf.stop_gradient(sampler_fn()),
            )
        return contexts, contexts


def sampler_seeds(seed: tf.Tensor, count: int) -> Sequence[tf.Tensor]:
    """`count` independent stateless seeds, int64 [2] each."""
    return tf.unstack(tf.random.experimental.stateless_split(seed, count))
