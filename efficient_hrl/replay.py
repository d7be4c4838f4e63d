"""Experience and where it is kept: transitions and c-step segments.

Two circular buffers with uniform sampling.  Draws are stateless: which rows a
batch holds depends only on the seed and on the buffer's contents.
"""

from typing import NamedTuple

import gin
import numpy as np
import tensorflow as tf
from tf_agents.replay_buffers import tf_uniform_replay_buffer
from tf_agents.specs import tensor_spec

from efficient_hrl.checks import check_whole

_OCCUPIED_ROWS = 1024  # at a time


class Transition(NamedTuple):
    """One environment step, as the low level sees it.

    Attributes:
      state: [S].
      action: [A].
      reward: the environment's own, []; low-level rewards are computed when a
        batch is drawn, because they follow the representation.
      discount: the environment's, [], 1 at a time-out.
      next_state: [S].
      goal: what the low level pursues at `state`, [G].
      next_goal: goal at `next_state`, [G].
      bootstrap: 0 when the environment terminated with this step, else 1, [].
    """

    state: tf.Tensor  # [S]
    action: tf.Tensor  # [A]
    reward: tf.Tensor  # []
    discount: tf.Tensor  # []
    next_state: tf.Tensor  # [S]
    goal: tf.Tensor  # [G]
    next_goal: tf.Tensor  # [G]
    bootstrap: tf.Tensor  # []


class SegmentTransition(NamedTuple):
    """A `Transition` that knows its segment; for rewards that depend on it.

    Attributes:
      state, action, reward, discount, next_state, goal, next_goal, bootstrap: see
        `Transition`.
      start: s_t, the state in which the segment's goal was given, [S].
      low_actions: a_t .. a_{t+c-1}, [c, A]; zero beyond the end of an episode.
      step: k of `next_state` = s_{t+k}, 1..c, int32 [].
    """

    state: tf.Tensor  # [S]
    action: tf.Tensor  # [A]
    reward: tf.Tensor  # []
    discount: tf.Tensor  # []
    next_state: tf.Tensor  # [S]
    goal: tf.Tensor  # [G]
    next_goal: tf.Tensor  # [G]
    bootstrap: tf.Tensor  # []
    start: tf.Tensor  # [S]
    low_actions: tf.Tensor  # [c, A]
    step: tf.Tensor  # []


class Segment(NamedTuple):
    """Up to c environment steps under one goal, as the high level sees them.

    Attributes:
      state: s_t, [S].
      goal: the goal g_t given at s_t, [G].
      reward: 0.1 times the sum of task rewards, [].
      discount: 0 when the episode ends with this segment, else 1, [].
      next_state: s_{t+length}, [S].
      low_states: s_t .. s_{t+c-1}, [c, S]; rows from `length` on repeat `next_state`.
      low_actions: a_t .. a_{t+c-1}, [c, A]; rows from `length` on are zero.
      length: steps in this segment, 1..c, int32 [].
      target: the task's target at s_t, [T].
      next_target: the target at `next_state`, [T].
      bootstrap: 0 when the environment terminated with this segment, else 1, [].
    """

    state: tf.Tensor  # [S]
    goal: tf.Tensor  # [G]
    reward: tf.Tensor  # []
    discount: tf.Tensor  # []
    next_state: tf.Tensor  # [S]
    low_states: tf.Tensor  # [c, S]
    low_actions: tf.Tensor  # [c, A]
    length: tf.Tensor  # []
    target: tf.Tensor  # [T]
    next_target: tf.Tensor  # [T]
    bootstrap: tf.Tensor  # []


def _spec(name, *shape, dtype=tf.float32):
    return tensor_spec.TensorSpec(list(shape), dtype, name)


def transition_spec(state_size: int, action_size: int, goal_size: int) -> Transition:
    """Specification of stored transitions."""
    return Transition(
        state=_spec("state", state_size),
        action=_spec("action", action_size),
        reward=_spec("reward"),
        discount=_spec("discount"),
        next_state=_spec("next_state", state_size),
        goal=_spec("goal", goal_size),
        next_goal=_spec("next_goal", goal_size),
        bootstrap=_spec("bootstrap"),
    )


def segment_transition_spec(state_size: int, action_size: int, goal_size: int, c: int) -> SegmentTransition:
    """Specification of stored transitions that know their segment of c steps."""
    return SegmentTransition(
        *transition_spec(state_size, action_size, goal_size),
        start=_spec("start", state_size),
        low_actions=_spec("low_actions", c, action_size),
        step=_spec("step", dtype=tf.int32),
    )


def segment_spec(state_size: int, action_size: int, goal_size: int, target_size: int, c: int) -> Segment:
    """Specification of stored segments of c steps."""
    return Segment(
        state=_spec("state", state_size),
        goal=_spec("goal", goal_size),
        reward=_spec("reward"),
        discount=_spec("discount"),
        next_state=_spec("next_state", state_size),
        low_states=_spec("low_states", c, state_size),
        low_actions=_spec("low_actions", c, action_size),
        length=_spec("length", dtype=tf.int32),
        target=_spec("target", target_size),
        next_target=_spec("next_target", target_size),
        bootstrap=_spec("bootstrap"),
    )


def row_bytes(data_spec) -> int:
    """Memory that one item takes, its number included."""
    return 8 + sum(spec.dtype.size * spec.shape.num_elements() for spec in tf.nest.flatten(data_spec))


class UniformReplayBuffer(tf_uniform_replay_buffer.TFUniformReplayBuffer):
    """TFUniformReplayBuffer that takes some items of a batch and draws by seed."""

    def __init__(self, data_spec, capacity: int, scope: str):
        """Allocates room for `capacity` items at once."""
        super().__init__(data_spec, batch_size=1, max_length=capacity, scope=scope)
        self._occupy()

    def _occupy(self):
        """Writes zeros everywhere: systems give memory only when it is written to.

        A run that does not fit then fails when it begins and not days later.
        """
        capacity = int(self.capacity)
        for first in range(0, capacity, _OCCUPIED_ROWS):
            rows = tf.range(first, min(first + _OCCUPIED_ROWS, capacity), dtype=tf.int64)
            self._data_table.write(rows, self._zeros(len(rows)))

    def _zeros(self, count):
        return tf.nest.map_structure(lambda spec: tf.zeros([count, *spec.shape], spec.dtype), self.data_spec)

    @property
    def num_added(self) -> tf.Tensor:
        """How many items were added since the buffer was last emptied, int64 []."""
        return self._last_id + 1

    def _num_frames(self):
        # The base class reads the counter inside a critical section, which all buffers
        # of a process share by name: two of them in one driver loop wait for each
        # other.  Here writes and reads are ordered by the calling function.
        return tf.minimum(self.num_added, self.capacity)

    def add(self, items, mask: tf.Tensor) -> None:
        """Appends the items of a batch for which `mask` is true, in order.

        Args:
          items: nest of [N, ...].
          mask: bool [N].
        """
        chosen = tf.where(mask)[:, 0]  # [n]
        kept = tf.nest.map_structure(lambda item: tf.gather(item, chosen), items)  # [n, ...]
        count = tf.size(chosen, tf.int64)
        ids = self.num_added + tf.range(count)  # [n]
        self._last_id.assign_add(count)
        rows = ids % self.capacity
        self._id_table.write(rows, ids)
        self._data_table.write(rows, kept)

    def move_to(self, other: "UniformReplayBuffer") -> None:
        """Appends all items, in order, to another buffer; this one is empty then."""
        other.add(self.gather_all(), tf.fill([self.num_frames()], True))
        self._last_id.assign(-1)

    def taken(self):
        """All items, in order, as arrays [n, ...]; this buffer is empty then."""
        items = tf.nest.map_structure(lambda item: item.numpy(), self.gather_all())
        self._last_id.assign(-1)
        return items

    def sample(self, batch_size: int, seed: tf.Tensor, window: int | None = None):
        """Draws items uniformly with replacement, a nest of [batch_size, ...].

        Args:
          batch_size: how many.
          seed: int64 [2]; equal seeds draw equal rows of equal buffers.
          window: draw from the newest so many items only, 1 to `capacity`; None is all.
        """
        count = self.num_frames() if window is None else tf.minimum(self.num_frames(), window)
        rows = tf.random.stateless_uniform([batch_size], seed, minval=0, maxval=count, dtype=tf.int64)  # [B]
        if window is not None:
            rows = (self.num_added - 1 - rows) % self.capacity  # counted from the newest back
        return self._data_table.read(rows)

    def sample_next_states(self, batch_size: int, seed: tf.Tensor) -> tf.Tensor:
        """Next states of items drawn as by `sample`, [batch_size, S]; zeros while the buffer is empty."""
        rows = tf.random.stateless_uniform(
            [batch_size], seed, minval=0, maxval=tf.maximum(self.num_frames(), 1), dtype=tf.int64
        )
        next_states = self._data_table.read(rows).next_state
        # An emptied buffer still holds what has left it.
        return tf.where(self.num_frames() > 0, next_states, tf.zeros_like(next_states))

    def read_rows(self, first: int, end: int):
        """Items number `first` to `end` - 1, counted as they were added; a nest of [end - first, ...]."""
        return self.read(tf.range(first, end, dtype=tf.int64))

    def read(self, numbers: tf.Tensor):
        """The items of these numbers, int64 [n], counted as they were added; a nest of [n, ...]."""
        return self._data_table.read(numbers % self.capacity)

    def write_rows(self, first: int, items) -> None:
        """Puts items where those from number `first` on belong; see `set_added`.

        Args:
          first: number of the first item.
          items: leaves of a nest of [n, ...].
        """
        items = tf.nest.pack_sequence_as(self.data_spec, [tf.constant(item) for item in items])
        ids = first + tf.range(tf.shape(tf.nest.flatten(items)[0])[0], dtype=tf.int64)
        self._id_table.write(ids % self.capacity, ids)
        self._data_table.write(ids % self.capacity, items)

    def set_added(self, count: int) -> None:
        """Says that `count` items were ever added, of which the newest are where they belong."""
        self._last_id.assign(count - 1)

    def gather_all(self):
        """All items in the order in which they were added, a nest of [num_frames, ...]."""
        first = tf.maximum(self.num_added - self.capacity, 0)
        return self._data_table.read(tf.range(first, self.num_added) % self.capacity)


@gin.configurable
class CircularBuffer:
    """A buffer of which only the size is known yet; `build` allocates it."""

    def __init__(self, buffer_size: int = 1000, scope: str = "replay_buffer"):
        """Remembers capacity and name.

        Args:
          buffer_size: transitions, or segments, that it holds; then the oldest go.
          scope: name of its variables.

        Raises:
          ValueError: a capacity below 1, or no name.
        """
        check_whole("CircularBuffer.buffer_size", buffer_size)
        if not isinstance(scope, str):
            raise ValueError(f"CircularBuffer.scope = {scope!r}; allowed: a name")
        self.buffer_size = buffer_size
        self.scope = scope

    def build(self, data_spec) -> UniformReplayBuffer:
        """Allocates the buffer for items of `data_spec`."""
        return UniformReplayBuffer(data_spec, self.buffer_size, self.scope)


def row_dtype(data_spec: NamedTuple) -> np.dtype:
    """A row of a buffer as a structured type, its fields in the order of `data_spec`."""
    return np.dtype([(n, s.dtype.as_numpy_dtype, tuple(s.shape)) for n, s in data_spec._asdict().items()])


def rows_of(items: NamedTuple, dtype: np.dtype) -> np.ndarray:
    """A nest of arrays [n, ...] as structured rows [n]."""
    columns = items._asdict()
    rows = np.empty(len(next(iter(columns.values()))), dtype)
    for name, values in columns.items():
        rows[name] = values
    return rows
