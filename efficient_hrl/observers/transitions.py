"""Environment steps -> the low level's buffer."""

from collections.abc import Callable

import tensorflow as tf

from efficient_hrl.observers.nested_variables import assign_all, named_variables, zero_variables
from efficient_hrl.observers.step import Step
from efficient_hrl.replay import SegmentTransition, Transition, UniformReplayBuffer


class TransitionObserver(tf.Module):
    """Writes environment steps to the low level's buffer.

    A transition is complete when the goal at its next state is known, which is
    when the policy has acted there: it is written one step late.
    """

    def __init__(
        self, buffer: UniformReplayBuffer, spec: Transition, num_envs: int, is_stored_after: Callable
    ):
        """Prepares to observe environments.

        Args:
          buffer: where to write to.
          spec: of one transition.
          num_envs: N.
          is_stored_after: the next time step -> which steps to store, bool [N].
        """
        super().__init__(name="transition_observer")
        self._buffer = buffer
        self._is_stored_after = is_stored_after
        # What is known one step early: everything but next state and next goal.
        known = {name: getattr(spec, name) for name in Transition._fields}
        known |= {"next_state": (), "next_goal": ()}
        self._pending = zero_variables(Transition(**known), num_envs, "pending")
        self._is_pending = tf.Variable(tf.zeros([num_envs], tf.bool), trainable=False, name="is_pending")

    def __call__(self, step: Step):
        action_step, next_time_step = step.action_step, step.next_time_step
        state, goal = step.time_step.observation, action_step.info.goal  # [N, S], [N, G]
        complete = tf.nest.map_structure(tf.convert_to_tensor, self._pending)
        self._add(complete._replace(next_state=state, next_goal=goal))
        assign_all(
            self._pending,
            Transition(
                state=state,
                action=action_step.action,
                reward=next_time_step.reward,
                discount=next_time_step.discount,
                next_state=(),
                goal=goal,
                next_goal=(),
                bootstrap=next_time_step.discount,
            ),
        )
        return self._is_pending.assign(step.is_real & self._is_stored_after(next_time_step))

    def _add(self, transitions):
        """Takes one complete transition of every environment, where `_is_pending` holds."""
        self._buffer.add(transitions, self._is_pending)

    def checkpointed(self) -> dict[str, tf.Variable]:
        """What a checkpoint must hold, by name."""
        return named_variables(pending=self._pending, is_pending=self._is_pending)

    def forget(self) -> None:
        """Drops what is known of steps that are not complete."""
        self._is_pending.assign(tf.zeros_like(self._is_pending))


class SegmentTransitionObserver(TransitionObserver):
    """Writes environment steps with their segments to the low level's buffer.

    Which actions a segment has is known at its end: its transitions are written
    together, when the goal after the last of them is known.  Those of a segment that
    an unstable simulation broke off are not written.
    """

    def __init__(
        self, buffer: UniformReplayBuffer, spec: SegmentTransition, num_envs: int, is_stored_after: Callable
    ):
        """As for `TransitionObserver`."""
        super().__init__(buffer, spec, num_envs, is_stored_after)
        self._c = spec.low_actions.shape[0]
        self._rows = tf.range(num_envs)
        zeros = lambda dtype, name, *shape: tf.Variable(
            tf.zeros([num_envs, *shape], dtype), trainable=False, name=name
        )
        # Of the pending step: its place in the segment, and whether it is the last there.
        self._index = zeros(tf.int32, "index")
        self._ends = zeros(tf.bool, "ends")
        self._is_stored = zeros(tf.bool, "is_stored", self._c)
        one = Transition(*(getattr(spec, name) for name in Transition._fields))
        block = tf.nest.map_structure(lambda s: tf.TensorSpec([self._c, *s.shape], s.dtype), one)
        self._block = zero_variables(block, num_envs, "block")

    def __call__(self, step: Step):
        super().__call__(step)
        index = step.action_step.info.clock % self._c  # [N]
        self._index.assign(index)
        self._ends.assign(((index == self._c - 1) | step.next_time_step.is_last()) & step.is_real)

    def checkpointed(self) -> dict[str, tf.Variable]:
        return super().checkpointed() | named_variables(
            index=self._index, ends=self._ends, is_stored=self._is_stored, block=self._block
        )

    def forget(self) -> None:
        super().forget()
        self._ends.assign(tf.zeros_like(self._ends))

    def _add(self, transitions):
        at = tf.stack([self._rows, tf.identity(self._index)], axis=1)
        tf.nest.map_structure(lambda b, t: b.scatter_nd_update(at, t), self._block, transitions)
        self._is_stored.scatter_nd_update(at, tf.identity(self._is_pending))
        ends = tf.identity(self._ends)

        def write():
            self._buffer.add(self._closed(), self._mask(ends))
            return True

        return tf.cond(tf.reduce_any(ends), write, lambda: False)

    def _closed(self):
        """The open segments' transitions as if they ended with the pending step, [N c, ...]."""
        block = tf.nest.map_structure(tf.convert_to_tensor, self._block)
        real = tf.sequence_mask(self._index + 1, self._c)[..., None]  # [N, c, 1]
        each = lambda x: tf.repeat(x[:, None], self._c, axis=1)
        items = SegmentTransition(
            *block,
            start=each(block.state[:, 0]),
            low_actions=each(tf.where(real, block.action, 0.0)),
            step=tf.tile(tf.range(1, self._c + 1)[None], [self._rows.shape[0], 1]),
        )
        return tf.nest.map_structure(lambda x: tf.reshape(x, [-1, *x.shape[2:]]), items)

    def _mask(self, ends):
        real = tf.sequence_mask(self._index + 1, self._c)
        return tf.reshape(ends[:, None] & real & self._is_stored, [-1])
