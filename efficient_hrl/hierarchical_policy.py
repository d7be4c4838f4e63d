"""Both levels as one policy.

Every c steps the high level looks at state and target and gives a goal; in
between the goal follows the state through the low level's context transition.
The low level acts on state and goal at every step.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf
from tf_agents.policies import tf_policy
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import policy_step
from tf_agents.trajectories import time_step as ts

from efficient_hrl.graph.random_streams import Stream, stream_seed


class HierarchicalState(NamedTuple):
    """What the policy remembers from one step to the next.

    Attributes:
      clock: steps since the episode began, int32 [B].
      state: the previous state, [B, S].
      goal: the goal at the previous state, [B, G].
      target: the task's targets, joined, [B, T].
      fresh: targets drawn for the next step, should they change there, [B, T]; zeros
        where no transition function asks for them.
      draws: how often the policy has acted, the same for the whole batch, int64 [B].
    """

    clock: tf.Tensor
    state: tf.Tensor
    goal: tf.Tensor
    target: tf.Tensor
    fresh: tf.Tensor
    draws: tf.Tensor


class HierarchicalInfo(NamedTuple):
    """What a collector must know of a decision beside the action.

    Attributes:
      goal: the goal that the low level acted on, [B, G].
      target: the targets that the high level pursues, joined, [B, T].
      clock: steps since the episode began, int32 [B]; a multiple of c when the
        goal is new.
      fresh: as in `HierarchicalState`.
    """

    goal: tf.Tensor
    target: tf.Tensor
    clock: tf.Tensor
    fresh: tf.Tensor


class HierarchicalPolicy(tf_policy.TFPolicy):
    """Goals from the high level, actions from the low level.

    Attributes:
      pretrains: the constructor's.
    """

    def __init__(
        self,
        time_step_spec: ts.TimeStep,
        low_agent,
        high_agent,
        target_mode: str | None,
        explore: bool,
        seed: int = 0,
        set_context: Callable | None = None,
        fresh_mode: str | None = None,
        goal_mode: str | None = None,
        pretrains: tf.Variable | None = None,
    ):
        """Joins two agents.

        Args:
          time_step_spec: of the environment; observation [S].
          low_agent: acts on goals; its context must have `meta_action_every_n`.
          high_agent: gives goals.
          target_mode: mode of the high level's samplers from which each episode
            draws its target; None keeps the target in the policy state.
          explore: whether both levels add their exploration noise.
          seed: the run's seed, for targets and noise.
          set_context: called in Python with bool [B], where an episode begins, and
            arrays [B, T], the targets; None calls nothing.
          fresh_mode: mode from which targets are drawn that change within an episode;
            None is `target_mode`.
          goal_mode: mode of the low level's samplers from which each episode draws its
            goal; the high level then is not asked.  None asks it.
          pretrains: bool [], of `Pretraining`.  While it is true, new goals come from the
            low level's samplers of mode "explore"; afterwards from the high level, and the
            low level acts without noise.  None: neither.
        """
        low_context, high_context = low_agent.context, high_agent.context
        self._low = low_agent
        self._high = high_agent
        self._c = low_context.meta_action_every_n
        self._target_mode = target_mode
        self._explore = explore
        self._seed = seed
        self._set_context = set_context
        self._fresh_mode = fresh_mode or target_mode
        self._goal_mode = goal_mode
        self.pretrains = pretrains
        scalar = tensor_spec.TensorSpec([], tf.int32)
        goal = tensor_spec.TensorSpec(low_context.specs[0].shape, tf.float32)
        target = tensor_spec.TensorSpec([high_context.size], tf.float32)
        super().__init__(
            time_step_spec,
            low_agent.action_spec,
            policy_state_spec=HierarchicalState(
                clock=scalar,
                state=time_step_spec.observation,
                goal=goal,
                target=target,
                fresh=target,
                draws=tensor_spec.TensorSpec([], tf.int64),
            ),
            info_spec=HierarchicalInfo(goal=goal, target=target, clock=scalar, fresh=target),
            clip=False,
            # Target and number of draws outlive the episode; the clock is reset below.
            automatic_state_reset=False,
        )

    def _action(self, time_step, policy_state, seed=None):
        del seed  # draws are keyed by the policy state
        state, draws = time_step.observation, policy_state.draws[0]
        first = time_step.is_first()
        clock = tf.where(first, 0, policy_state.clock)
        target = self._target(first, state, policy_state)
        is_due = first if self._goal_mode is not None else tf.equal(clock % self._c, 0)
        goal = tf.where(
            is_due[:, None],
            self._new_goal(state, target, draws, is_due),
            self._followed_goal(state, policy_state, clock),
        )
        action = self._low_action(state, goal, draws)
        fresh = tf.zeros_like(target)
        if self._high.context.draws_anew:
            fresh = self._high.context.merge(self._drawn_targets(tf.shape(state)[0], draws + 1))
        info = HierarchicalInfo(goal, target, clock, fresh)
        next_state = HierarchicalState(clock + 1, state, goal, target, fresh, policy_state.draws + 1)
        return policy_step.PolicyStep(action, next_state, info)

    def next_target(
        self, target: tf.Tensor, state: tf.Tensor, next_state: tf.Tensor, clock: tf.Tensor, fresh: tf.Tensor
    ) -> tf.Tensor:
        """The targets at the next state of an episode that goes on, [B, T].

        Args:
          target: at `state`, [B, T].
          state, next_state: [B, S].
          clock: steps since the episode began at `state`, int32 [B].
          fresh: what the policy drew at `state` for the case of a change, [B, T].
        """
        context = self._high.context
        draw = lambda: context.split(fresh)
        kept = context.transition(context.split(target), state, next_state, clock, draw)
        return context.merge(kept)

    def _target(self, first, state, policy_state):
        kept = self.next_target(
            policy_state.target, policy_state.state, state, policy_state.clock - 1, policy_state.fresh
        )
        if self._target_mode is None:
            return tf.where(first[:, None], policy_state.target, kept)
        context = self._high.context

        def begin():
            # Only when an episode begins, because some samplers count how often they draw.
            drawn = self._drawn_targets(state.shape[0] or tf.shape(state)[0], policy_state.draws[0])
            if self._set_context is not None:
                tf.numpy_function(self._told, [first, *context.unnormalized(drawn)], tf.bool)
            return context.merge(drawn)

        drawn = tf.cond(tf.reduce_any(first), begin, lambda: kept)
        return tf.where(first[:, None], drawn, kept)

    def _drawn_targets(self, batch_size, draws):
        seed = stream_seed(self._seed, Stream.TARGETS, draws)
        return self._high.context.sample(self._fresh_mode, batch_size, seed)[0]

    def _told(self, first, *contexts):
        self._set_context(first, *contexts)
        return True

    def _new_goal(self, state, target, draws, is_due):
        """Goals [B, G], of which those are used that are due, bool [B]."""
        size = state.shape[0] or tf.shape(state)[0]

        def drawn(mode):
            return self._low.context.sample(mode, size, stream_seed(self._seed, Stream.GOALS, draws))[0][0]

        def given():
            if self._goal_mode is not None:
                return drawn(self._goal_mode)
            if not self._explore:
                return self._high.action(state, [target])
            explored = lambda: self._noisy(self._high, Stream.HIGH_EXPLORATION, state, target, draws)
            if self.pretrains is None:
                return explored()
            return tf.cond(self.pretrains, lambda: drawn("explore"), explored)

        # Only where one is due: it saves work, and some samplers count how often they draw.
        return tf.cond(tf.reduce_any(is_due), given, lambda: tf.zeros([size, self._low.context.size]))

    def _followed_goal(self, state, policy_state, clock):
        f = self._low.state_preprocess
        states = (f(policy_state.state), f(state))
        (goal,) = self._low.context.transition([policy_state.goal], *states, clock - 1)
        return goal

    def _low_action(self, state, goal, draws):
        exact = lambda: self._low.action(state, [goal])
        noisy = lambda: self._noisy(self._low, Stream.LOW_EXPLORATION, state, goal, draws)
        if not self._explore:
            return exact()
        return noisy() if self.pretrains is None else tf.cond(self.pretrains, noisy, exact)

    def _noisy(self, agent, stream, state, context, draws):
        shape = [tf.shape(state)[0], agent.action_spec.shape[0]]
        normal = tf.random.stateless_normal(shape, stream_seed(self._seed, stream, draws))
        return agent.noisy_action(state, [context], normal)
