"""Segments of c environment steps -> the high level's buffer."""

from collections.abc import Callable

import tensorflow as tf

from efficient_hrl.hierarchical_policy import HierarchicalPolicy
from efficient_hrl.observers.nested_variables import named_variables, zero_variables
from efficient_hrl.observers.step import Step
from efficient_hrl.replay import Segment, UniformReplayBuffer

TASK_REWARD_SCALE = 0.1  # of the high level's stored rewards


class SegmentObserver(tf.Module):
    """Cuts the stream of steps into segments of c and writes them to the high level's buffer."""

    def __init__(
        self,
        buffer: UniformReplayBuffer,
        spec: Segment,
        num_envs: int,
        policy: HierarchicalPolicy,
        is_stored_after: Callable,
    ):
        """Prepares to observe environments.

        Args:
          buffer: where to write to.
          spec: of one segment.
          num_envs: N.
          policy: knows the next targets.
          is_stored_after: the next time step -> which steps may be the last of a stored segment,
            bool [N].
        """
        super().__init__(name="segment_observer")
        self._buffer = buffer
        self._policy = policy
        self._is_stored_after = is_stored_after
        self._c = spec.low_states.shape[0]
        self._rows = tf.range(num_envs)
        self._open = zero_variables(spec, num_envs, "open_segment")

    def __call__(self, step: Step):
        action_step, info = step.action_step, step.action_step.info
        state = step.time_step.observation  # [N, S]
        segment = self._open
        index = info.clock % self._c  # [N], the step's place in its segment
        begins = index == 0

        # The step takes its place.
        at = tf.stack([self._rows, index], axis=1)  # [N, 2]
        segment.low_states.scatter_nd_update(at, state)
        segment.low_actions.scatter_nd_update(at, action_step.action)
        first_step = lambda new, old: tf.where(begins[:, None], new, old)
        segment.state.assign(first_step(state, segment.state))
        segment.goal.assign(first_step(info.goal, segment.goal))
        segment.target.assign(first_step(info.target, segment.target))
        so_far = tf.where(begins, 0.0, segment.reward)  # [N]
        segment.reward.assign(so_far + TASK_REWARD_SCALE * step.high_reward)

        # What is complete is stored.
        ends = ((index == self._c - 1) | step.next_time_step.is_last()) & step.is_real
        ends &= self._is_stored_after(step.next_time_step)

        def close():
            self._buffer.add(self._closed(step, index + 1), ends)
            return True

        return tf.cond(tf.reduce_any(ends), close, lambda: False)

    def checkpointed(self) -> dict[str, tf.Variable]:
        """What a checkpoint must hold, by name."""
        return named_variables(open=self._open)

    def _closed(self, step, length):
        """The open segments as if they ended with this step."""
        info, next_time_step = step.action_step.info, step.next_time_step
        next_state = next_time_step.observation  # [N, S]
        next_target = self._policy.next_target(
            info.target, step.time_step.observation, next_state, info.clock, info.drawn_ahead
        )  # [N, T]
        real = tf.sequence_mask(length, self._c)[..., None]  # [N, c, 1]
        return tf.nest.map_structure(tf.convert_to_tensor, self._open)._replace(
            discount=tf.where(next_time_step.is_last(), 0.0, 1.0),
            next_state=next_state,
            low_states=tf.where(real, self._open.low_states, next_state[:, None]),
            low_actions=tf.where(real, self._open.low_actions, 0.0),
            length=length,
            next_target=next_target,
            bootstrap=next_time_step.discount,
        )
