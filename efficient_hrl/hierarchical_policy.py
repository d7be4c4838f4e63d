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


class DrawnTargets:
    """Every episode draws its target from the high level's samplers.

    Attributes:
      mode: of the samplers; targets that change within an episode are drawn from it too.
    """

    def __init__(self, mode: str):
        """Remembers the mode."""
        self.mode = mode

    def at_begin(
        self, first: tf.Tensor, given: tf.Tensor, kept: tf.Tensor, draw: Callable[[], tf.Tensor]
    ) -> tf.Tensor:
        """Targets [B, T] at this step, where `first` [B] says that an episode begins.

        Args:
          first: bool [B].
          given: what the policy state holds, [B, T].
          kept: the targets of episodes that go on, [B, T].
          draw: () -> new ones, [B, T].
        """
        del given
        # Only when an episode begins, because some samplers count how often they draw.
        drawn = tf.cond(tf.reduce_any(first), draw, lambda: kept)  # [B, T]
        return tf.where(first[:, None], drawn, kept)


class GivenTargets:
    """An episode's target is what the policy state holds when it begins.

    Attributes:
      mode: of the high level's samplers, from which targets are drawn that change within an
        episode; None where they never do.
    """

    def __init__(self, mode: str | None = None):
        """Remembers the mode."""
        self.mode = mode

    def at_begin(
        self, first: tf.Tensor, given: tf.Tensor, kept: tf.Tensor, draw: Callable[[], tf.Tensor]
    ) -> tf.Tensor:
        """As for `DrawnTargets`."""
        del draw
        return tf.where(first[:, None], given, kept)


class HighLevelGoals:
    """The high level gives a goal every c steps."""

    def __init__(self, explores: bool):
        """Remembers whether goals have exploration noise."""
        self._explores = explores

    def is_due(self, first: tf.Tensor, clock: tf.Tensor, c: int) -> tf.Tensor:
        """Where a goal is due, bool [B]; `clock` int32 [B] counts steps since the episode began."""
        del first
        return tf.equal(clock % c, 0)

    def new(
        self, policy: "HierarchicalPolicy", state: tf.Tensor, target: tf.Tensor, draws: tf.Tensor
    ) -> tf.Tensor:
        """Goals [B, G] for states [B, S] and targets [B, T]; `draws` counts the policy's decisions."""
        if not self._explores:
            return policy.high.action(state, [target])
        return policy.noisy_action(policy.high, Stream.HIGH_EXPLORATION, state, target, draws)


class SampledGoals:
    """Every episode draws one goal from the low level's samplers; the high level is not asked."""

    def __init__(self, mode: str):
        """Remembers the mode of the samplers."""
        self._mode = mode

    def is_due(self, first: tf.Tensor, clock: tf.Tensor, c: int) -> tf.Tensor:
        """Where a goal is due, bool [B]."""
        del clock, c
        return first

    def new(
        self, policy: "HierarchicalPolicy", state: tf.Tensor, target: tf.Tensor, draws: tf.Tensor
    ) -> tf.Tensor:
        """Goals [B, G]."""
        del target
        return policy.sampled_goal(self._mode, state, draws)


class PretrainingGoals(HighLevelGoals):
    """While the low level learns alone, its samplers give a goal every c steps; then the high level does."""

    def __init__(self, is_on: tf.Variable):
        """Remembers bool [], whether the low level learns alone, see `Pretraining`."""
        super().__init__(explores=True)
        self._is_on = is_on

    def new(
        self, policy: "HierarchicalPolicy", state: tf.Tensor, target: tf.Tensor, draws: tf.Tensor
    ) -> tf.Tensor:
        """Goals [B, G]."""
        given = super().new
        return tf.cond(
            self._is_on,
            lambda: policy.sampled_goal("explore", state, draws),
            lambda: given(policy, state, target, draws),
        )


class HierarchicalState(NamedTuple):
    """What the policy remembers from one step to the next.

    Attributes:
      clock: steps since the episode began, int32 [B].
      state: the previous state, [B, S].
      goal: the goal at the previous state, [B, G].
      target: the task's targets, joined, [B, T].
      drawn_ahead: targets for the next step, should they change there, [B, T]; zeros where no
        transition function asks for them.
      draws: how often the policy has acted, the same for the whole batch, int64 [B].
    """

    clock: tf.Tensor
    state: tf.Tensor
    goal: tf.Tensor
    target: tf.Tensor
    drawn_ahead: tf.Tensor
    draws: tf.Tensor


class HierarchicalInfo(NamedTuple):
    """What a collector must know of a decision beside the action.

    Attributes:
      goal: the goal that the low level acted on, [B, G].
      target: the targets that the high level pursues, joined, [B, T].
      clock: steps since the episode began, int32 [B]; a multiple of c when the
        goal is new.
      drawn_ahead: as in `HierarchicalState`.
    """

    goal: tf.Tensor
    target: tf.Tensor
    clock: tf.Tensor
    drawn_ahead: tf.Tensor


class HierarchicalPolicy(tf_policy.TFPolicy):
    """Goals from the high level, actions from the low level.

    Attributes:
      low, high: the levels.
    """

    def __init__(
        self,
        time_step_spec: ts.TimeStep,
        low_agent,
        high_agent,
        targets: DrawnTargets | GivenTargets,
        goals: HighLevelGoals | SampledGoals,
        explores: bool | tf.Variable,
        seed: int = 0,
        updates_normalizers: bool = True,
    ):
        """Joins two agents.

        Args:
          time_step_spec: of the environment; observation [S].
          low_agent: acts on goals; its context must have `meta_action_every_n`.
          high_agent: gives goals.
          targets: where targets come from.
          goals: who gives goals.
          explores: whether the low level adds its exploration noise; a variable, bool [], may change.
          seed: the run's seed, for targets and noise.
          updates_normalizers: whether normalisers of contexts learn from what is drawn here.
        """
        low_context, high_context = low_agent.context, high_agent.context
        self.low = low_agent
        self.high = high_agent
        self._c = low_context.meta_action_every_n
        self._targets = targets
        self._goals = goals
        self._explores = explores
        self._seed = seed
        self._updates_normalizers = updates_normalizers
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
                drawn_ahead=target,
                draws=tensor_spec.TensorSpec([], tf.int64),
            ),
            info_spec=HierarchicalInfo(goal=goal, target=target, clock=scalar, drawn_ahead=target),
            clip=False,
            # Target and number of draws outlive the episode; the clock is reset below.
            automatic_state_reset=False,
        )

    def _action(self, time_step, policy_state, seed=None):
        del seed  # draws are keyed by the policy state
        state, draws = time_step.observation, policy_state.draws[0]  # [B, S], []
        first = time_step.is_first()  # [B]
        clock = tf.where(first, 0, policy_state.clock)  # [B]

        # The high level: a target for an episode that begins, a goal where one is due.
        target = self._target(first, state, policy_state)  # [B, T]
        is_due = self._goals.is_due(first, clock, self._c)  # [B]
        goal = tf.where(
            is_due[:, None],
            self._new_goal(state, target, draws, is_due),
            self._followed_goal(state, policy_state, clock),
        )  # [B, G]

        # The low level.
        action = self._low_action(state, goal, draws)  # [B, A]

        drawn_ahead = tf.zeros_like(target)  # [B, T]
        if self.high.context.draws_anew:
            drawn_ahead = self._drawn_targets(tf.shape(state)[0], draws + 1)
        info = HierarchicalInfo(goal, target, clock, drawn_ahead)
        next_state = HierarchicalState(clock + 1, state, goal, target, drawn_ahead, policy_state.draws + 1)
        return policy_step.PolicyStep(action, next_state, info)

    def next_target(
        self,
        target: tf.Tensor,
        state: tf.Tensor,
        next_state: tf.Tensor,
        clock: tf.Tensor,
        drawn_ahead: tf.Tensor,
    ) -> tf.Tensor:
        """The targets at the next state of an episode that goes on, [B, T].

        Args:
          target: at `state`, [B, T].
          state, next_state: [B, S].
          clock: steps since the episode began at `state`, int32 [B].
          drawn_ahead: what the policy drew at `state` for the case of a change, [B, T].
        """
        context = self.high.context
        draw = lambda: context.split(drawn_ahead)
        kept = context.transition(context.split(target), state, next_state, _timer(clock), draw)
        return context.merge(kept)

    def noisy_action(self, agent, stream: Stream, state, context, draws) -> tf.Tensor:
        """A level's action with its exploration noise, keyed by `stream` and `draws`, [B, A] or [B, G]."""
        shape = [tf.shape(state)[0], agent.action_spec.shape[0]]
        normal = tf.random.stateless_normal(shape, stream_seed(self._seed, stream, draws))
        return agent.noisy_action(state, [context], normal)

    def sampled_goal(self, mode: str, state, draws) -> tf.Tensor:
        """Goals from the low level's samplers, [B, G]."""
        seed = stream_seed(self._seed, Stream.GOALS, draws)
        updates = self._updates_normalizers
        ((goal,), _) = self.low.context.sample(mode, _batch_size(state), seed, updates=updates)
        return goal

    def _target(self, first, state, policy_state):
        """Targets at this step, [B, T]."""
        kept = self.next_target(
            policy_state.target,
            policy_state.state,
            state,
            policy_state.clock - 1,
            policy_state.drawn_ahead,
        )  # [B, T]
        draw = lambda: self._drawn_targets(_batch_size(state), policy_state.draws[0])
        return self._targets.at_begin(first, policy_state.target, kept, draw)

    def _drawn_targets(self, batch_size, draws):
        """New targets, joined, [B, T]."""
        seed = stream_seed(self._seed, Stream.TARGETS, draws)
        context, updates = self.high.context, self._updates_normalizers
        return context.merge(context.sample(self._targets.mode, batch_size, seed, updates=updates)[0])

    def _new_goal(self, state, target, draws, is_due):
        """Goals [B, G], of which those are used that are due, bool [B]."""
        new = lambda: self._goals.new(self, state, target, draws)
        # Only where one is due: it saves work, and some samplers count how often they draw.
        none = lambda: tf.zeros([_batch_size(state), self.low.context.size])
        return tf.cond(tf.reduce_any(is_due), new, none)

    def _followed_goal(self, state, policy_state, clock):
        """The last step's goal as it stands at this state: h(s, g, s') of HIRO (section 3.2), [B, G]."""
        f = self.low.state_preprocess
        states = (f(policy_state.state), f(state))  # [B, G] each
        (goal,) = self.low.context.transition([policy_state.goal], *states, _timer(clock - 1))
        return goal

    def _low_action(self, state, goal, draws):
        """The low level's actions, [B, A]."""
        exact = lambda: self.low.action(state, [goal])
        noisy = lambda: self.noisy_action(self.low, Stream.LOW_EXPLORATION, state, goal, draws)
        if isinstance(self._explores, bool):
            return noisy() if self._explores else exact()
        return tf.cond(self._explores, noisy, exact)


def _timer(clock):
    """The clock of transition functions, int32 [B], from steps since the episode began.

    As in the original it counts the reset as well, so that what is drawn every c steps changes with
    the goals.
    """
    return clock + 1


def _batch_size(state):
    """B, as a number where it is known when the graph is made."""
    return state.shape[0] or tf.shape(state)[0]
