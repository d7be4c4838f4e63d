"""Collecting: environment -> policy -> replay.

This side of the program writes to the two buffers and reads the weights that
the policy uses.  It knows nothing of how they are learned.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tf_agents.drivers import dynamic_step_driver
from tf_agents.environments import tf_py_environment
from tf_agents.metrics import tf_metrics
from tf_agents.trajectories import policy_step, trajectory
from tf_agents.trajectories import time_step as ts

from efficient_hrl.episodes import ConditionedEnvironment, is_abandoned, total_reward
from efficient_hrl.graph.compiled import compiled
from efficient_hrl.graph.finite import check_finite
from efficient_hrl.hierarchical_policy import HierarchicalPolicy
from efficient_hrl.hierarchy import Hierarchy
from efficient_hrl.replay import Segment, SegmentTransition, Transition, UniformReplayBuffer
from environments.batched import BatchedEnvironment

TASK_REWARD_SCALE = 0.1  # of the high level's stored rewards


def _variables(spec, batch_size, name):
    """Zero variables for a nest of specifications with a batch dimension."""
    return tf.nest.map_structure(
        lambda s: tf.Variable(tf.zeros([batch_size, *s.shape], s.dtype), trainable=False, name=name), spec
    )


def _assign(variables, values):
    tf.nest.map_structure(lambda variable, value: variable.assign(value), variables, values)


def _named(**nests):
    """The variables of some nests, by name, for a checkpoint."""
    leaves = {name: tf.nest.flatten(nest) for name, nest in nests.items()}
    return {f"{name}_{i}": variable for name, nest in leaves.items() for i, variable in enumerate(nest)}


class Step(NamedTuple):
    """One environment step of N environments, and what every observer asks of it.

    Attributes:
      time_step, next_time_step: before and after; observations [N, S].
      action_step: the policy's decision; actions [N, A].
      is_abandoned: see the function of that name, bool [N].
      is_real: whether a step was taken, and neither a reset nor one that made a simulation unstable,
        bool [N].
      low_reward: the low level's reward for its goal, [N] or [N, R].
      high_reward: the task's reward for its target, [N].
    """

    time_step: ts.TimeStep
    action_step: policy_step.PolicyStep
    next_time_step: ts.TimeStep
    is_abandoned: tf.Tensor
    is_real: tf.Tensor
    low_reward: tf.Tensor
    high_reward: tf.Tensor


def rewarded_step(low_agent, high_agent, time_step, action_step, next_time_step) -> Step:
    """A step with both levels' rewards."""
    states = (time_step.observation, next_time_step.observation)  # [N, S] each
    done = (action_step.action, next_time_step.reward)  # [N, A], [N]
    targets = high_agent.context.split(action_step.info.target)  # [N, T] each
    low_reward, _ = low_agent.rewards(*states, [action_step.info.goal], *done)
    high_reward, _ = high_agent.rewards(*states, targets, *done)
    abandoned = is_abandoned(time_step, next_time_step)
    return Step(
        time_step,
        action_step,
        next_time_step,
        abandoned,
        ~time_step.is_last() & ~abandoned,
        low_reward,
        high_reward,
    )


class StepDriver(dynamic_step_driver.DynamicStepDriver):
    """tf-agents' driver for hierarchies: environments hear of targets, observers get a `Step`."""

    def __init__(
        self,
        env: tf_py_environment.TFPyEnvironment,
        policy: HierarchicalPolicy,
        observers: Sequence[Callable],
        step_observers: Sequence[Callable[[Step], object]],
        num_steps: int,
        tell: Callable | None,
    ):
        """Joins environment, policy and observers.

        Args:
          env: N environments.
          policy: acts.
          observers: of tf-agents' trajectories.
          step_observers: of `Step`.
          num_steps: environment steps of one run, summed over environments.
          tell: see `tell_of_targets`; None where environments do not listen.
        """
        super().__init__(env, policy, observers, num_steps=num_steps)
        self._step_observers = step_observers
        self._tell = tell

    def _loop_body_fn(self):
        def body(counter, time_step, policy_state):
            action_step = self.policy.action(time_step, policy_state)
            if self._tell is not None:
                tell_of_targets(self._tell, self.policy.high.context, time_step, action_step)
            next_time_step = self.env.step(action_step.action)
            seen = trajectory.from_transition(time_step, action_step, next_time_step)
            step = rewarded_step(self.policy.low, self.policy.high, time_step, action_step, next_time_step)
            for observer in self._observers:
                observer(seen)
            for observer in self._step_observers:
                observer(step)
            # A step that only resets does not count.
            counter += tf.cast(~seen.is_boundary(), tf.int32)  # [N]
            return [counter, next_time_step, action_step.state]

        return body


def tell_of_targets(tell: Callable, high_context, time_step, action_step) -> None:
    """Tells the environments of their targets, where an episode begins.

    A normaliser is undone with its statistics as they are now: they include the target itself.

    Args:
      tell: called in Python with bool [N], where one begins, and arrays [N, T], the targets as their
        samplers drew them; not called where none begins.
      high_context: the high level's.
      time_step: before the step.
      action_step: what the policy decided.
    """
    first = time_step.is_first()  # [N]
    targets = high_context.unnormalized(high_context.split(action_step.info.target))  # [N, T] each

    def call(*arguments):
        tell(*arguments)
        return True

    announce = lambda: tf.numpy_function(call, [first, *targets], tf.bool)
    tf.cond(tf.reduce_any(first), announce, lambda: False)


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
        self._pending = _variables(Transition(**known), num_envs, "pending")
        self._is_pending = tf.Variable(tf.zeros([num_envs], tf.bool), trainable=False, name="is_pending")

    def __call__(self, step: Step):
        action_step, next_time_step = step.action_step, step.next_time_step
        state, goal = step.time_step.observation, action_step.info.goal  # [N, S], [N, G]
        complete = tf.nest.map_structure(tf.convert_to_tensor, self._pending)
        self._add(complete._replace(next_state=state, next_goal=goal))
        _assign(
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
        return _named(pending=self._pending, is_pending=self._is_pending)

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
        self._block = _variables(block, num_envs, "block")

    def __call__(self, step: Step):
        super().__call__(step)
        index = step.action_step.info.clock % self._c  # [N]
        self._index.assign(index)
        self._ends.assign(((index == self._c - 1) | step.next_time_step.is_last()) & step.is_real)

    def checkpointed(self) -> dict[str, tf.Variable]:
        return super().checkpointed() | _named(
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
        self._open = _variables(spec, num_envs, "open_segment")

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
        return _named(open=self._open)

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


class EpisodeReturns(NamedTuple):
    """Sums over the episodes that ended since the last reset, float32 scalars.

    Attributes:
      episodes: how many.
      low: sum of the low level's episode returns.
      high: sum of the episodes' task rewards.
    """

    episodes: tf.Tensor
    low: tf.Tensor
    high: tf.Tensor


class ReturnObserver(tf.Module):
    """Adds up the rewards of both levels, per environment step, over episodes."""

    def __init__(self, num_envs: int):
        """Prepares to observe `num_envs` environments."""
        super().__init__(name="return_observer")
        zeros = lambda name: tf.Variable(tf.zeros([num_envs]), trainable=False, name=name)
        self._low_return = zeros("low_return")
        self._high_return = zeros("high_return")
        zero = lambda name: tf.Variable(0.0, trainable=False, name=name)
        self._finished = EpisodeReturns(zero("episodes"), zero("low"), zero("high"))

    def __call__(self, step: Step):
        low, high, is_last = step.low_reward, step.high_reward, step.next_time_step.is_last()
        check_finite({"the low level's reward": low, "the high level's reward": high})
        counts = tf.cast(step.is_real, tf.float32)  # [N]
        low_return = self._low_return + counts * total_reward(low)  # [N]
        high_return = self._high_return + counts * high  # [N]
        ended = tf.cast(is_last, tf.float32)  # [N]
        goes_on = tf.cast(~is_last & ~step.is_abandoned, tf.float32)  # [N]
        self._finished.episodes.assign_add(tf.reduce_sum(ended))
        self._finished.low.assign_add(tf.reduce_sum(ended * low_return))
        self._finished.high.assign_add(tf.reduce_sum(ended * high_return))
        self._low_return.assign(goes_on * low_return)
        self._high_return.assign(goes_on * high_return)

    def checkpointed(self) -> dict[str, tf.Variable]:
        """What a checkpoint must hold, by name."""
        return _named(low=self._low_return, high=self._high_return, finished=self._finished)

    def finished(self) -> EpisodeReturns:
        """Sums since the last `reset`."""
        return EpisodeReturns(*(tf.identity(v) for v in self._finished))

    def forget(self) -> None:
        """Drops the episodes under way."""
        self._low_return.assign(tf.zeros_like(self._low_return))
        self._high_return.assign(tf.zeros_like(self._high_return))

    def reset(self) -> None:
        """Starts new sums; episodes under way keep what they have."""
        for variable in self._finished:
            variable.assign(0.0)


class Collector(tf.Module):
    """Drives a policy through an environment into both buffers.

    Attributes:
      env_steps, episodes: counters, int64 scalars.
      returns: the `ReturnObserver`.
      has_given_up: False; only one that waits for others may give up.
    """

    has_given_up = False

    def __init__(
        self,
        tf_env: tf_py_environment.TFPyEnvironment,
        policy: HierarchicalPolicy,
        low_replay: UniformReplayBuffer,
        high_replay: UniformReplayBuffer,
        steps_per_call: int,
        stores_segments: Callable[[], tf.Tensor] | None = None,
        tell: Callable | None = None,
    ):
        """Builds driver and observers; `start` begins the first episode.

        Args:
          tf_env: where to act; its batch size is the number of environments.
          policy: acts; its levels reward steps and episodes.
          low_replay, high_replay: the buffers to write to.
          steps_per_call: environment steps of one `collect`, summed over environments.
          stores_segments: () -> bool [], whether segments that end now are stored; None is always.
          tell: see `StepDriver`.
        """
        super().__init__(name="collector")
        num_envs = tf_env.batch_size
        self._env = tf_env
        self._c = policy.low.context.meta_action_every_n
        self._env_steps = tf_metrics.EnvironmentSteps()
        self._episodes = tf_metrics.NumberOfEpisodes()
        self.returns = ReturnObserver(num_envs)

        # Where conditions end episodes, they also say which steps count.
        is_stored = lambda next_time_step: tf.ones_like(next_time_step.is_last())
        self._conditions = {}
        if isinstance(tf_env, ConditionedEnvironment):
            is_stored = lambda next_time_step: tf.identity(tf_env.counts)
            self._conditions = tf_env.variables()

        knows_segment = isinstance(low_replay.data_spec, SegmentTransition)
        observer = SegmentTransitionObserver if knows_segment else TransitionObserver
        self._transitions = observer(low_replay, low_replay.data_spec, num_envs, is_stored)
        self._segments = None
        if policy.high.learns:
            both = lambda next_time_step: is_stored(next_time_step) & stores_segments()
            self._segments = SegmentObserver(
                high_replay,
                high_replay.data_spec,
                num_envs,
                policy,
                is_stored if stores_segments is None else both,
            )

        observers = [self._transitions, self._segments, self.returns]
        self._time_step = _variables(tf_env.time_step_spec(), num_envs, "time_step")
        self._policy_state = _variables(policy.policy_state_spec, num_envs, "policy_state")
        self._driver = StepDriver(
            tf_env,
            policy,
            [self._env_steps, self._episodes],
            [observer for observer in observers if observer is not None],
            steps_per_call,
            tell,
        )

    @property
    def env_steps(self) -> tf.Tensor:
        """Environment steps so far, resets not counted."""
        return self._env_steps.result()

    @property
    def episodes(self) -> tf.Tensor:
        """Episodes that have ended so far."""
        return self._episodes.result()

    @property
    def open_steps(self) -> int:
        """Steps taken in segments that are not complete."""
        goes_on = self._time_step.step_type.numpy() != ts.StepType.LAST  # [N]
        return int(np.sum(goes_on * (self._policy_state.clock.numpy() % self._c)))

    def prepare(self) -> None:
        """Traces what will be called."""
        self.collect.get_concrete_function()

    def traffic(self) -> None:
        """None: nothing comes from elsewhere."""

    def collect_block(self, stopped: Callable[[], bool]) -> None:
        """`collect`; only a collector that waits for others asks whether it is `stopped`."""
        del stopped
        self.collect()

    def checkpointed(self) -> dict[str, tf.Module | tf.Variable]:
        """What a checkpoint must hold, by name; the buffers are not part of it."""
        observers = {"transitions": self._transitions, "segments": self._segments, "returns": self.returns}
        return {
            "env_steps": self._env_steps,
            "episodes": self._episodes,
            **_named(time_step=self._time_step, policy_state=self._policy_state),
            **{f"condition_{name}": variable for name, variable in self._conditions.items()},
            **{
                f"{name}_{key}": variable
                for name, observer in observers.items()
                if observer is not None
                for key, variable in observer.checkpointed().items()
            },
        }

    def start(self) -> None:
        """Begins an episode in every environment; what is under way is dropped.

        A restored collector whose environment was restored as well must not be started.
        """
        self._transitions.forget()
        self.returns.forget()
        _assign(self._time_step, self._env.reset())

    @compiled
    def collect(self) -> None:
        """Takes `steps_per_call` environment steps in one compiled call."""
        read = lambda variables: tf.nest.map_structure(tf.convert_to_tensor, variables)
        time_step, policy_state = self._driver.run(read(self._time_step), read(self._policy_state))
        _assign(self._time_step, time_step)
        _assign(self._policy_state, policy_state)


class Collecting(NamedTuple):
    """What collects.

    Attributes:
      simulations: N environments.
      acting: the hierarchy whose weights act; in one process that which learns, unless it collects
        beside learning.
      collector: environments -> buffers.
    """

    simulations: BatchedEnvironment
    acting: Hierarchy
    collector: Collector
