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
from tf_agents.trajectories import time_step as ts
from tf_agents.trajectories import trajectory

from efficient_hrl.episodes import ConditionedEnvironment
from efficient_hrl.graph.compiled import compiled
from efficient_hrl.hierarchical_policy import HierarchicalPolicy
from efficient_hrl.hierarchy import Hierarchy
from efficient_hrl.observers.nested_variables import assign_all, named_variables, zero_variables
from efficient_hrl.observers.returns import ReturnObserver
from efficient_hrl.observers.segments import SegmentObserver
from efficient_hrl.observers.step import Step, rewarded_step
from efficient_hrl.observers.transitions import SegmentTransitionObserver, TransitionObserver
from efficient_hrl.replay import SegmentTransition, UniformReplayBuffer
from efficient_hrl.seam import CollectsBlocks, Simulations


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
        self._time_step = zero_variables(tf_env.time_step_spec(), num_envs, "time_step")
        self._policy_state = zero_variables(policy.policy_state_spec, num_envs, "policy_state")
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
        # Before an episode's first step the clock is still that of the episode before.
        is_within = self._time_step.step_type.numpy() == ts.StepType.MID  # [N]
        return int(np.sum(is_within * (self._policy_state.clock.numpy() % self._c)))

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
            **named_variables(time_step=self._time_step, policy_state=self._policy_state),
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
        assign_all(self._time_step, self._env.reset())

    @compiled
    def collect(self) -> None:
        """Takes `steps_per_call` environment steps in one compiled call."""
        read = lambda variables: tf.nest.map_structure(tf.convert_to_tensor, variables)
        time_step, policy_state = self._driver.run(read(self._time_step), read(self._policy_state))
        assign_all(self._time_step, time_step)
        assign_all(self._policy_state, policy_state)


class Collecting(NamedTuple):
    """What collects.

    Attributes:
      simulations: N environments.
      acting: the hierarchy whose weights act; in one process that which learns, unless it collects
        beside learning.
      collector: environments -> buffers.
    """

    simulations: Simulations
    acting: Hierarchy
    collector: CollectsBlocks
