"""The two levels: an actor-critic on states joined with contexts.

The low level (`UvfAgent`) pursues goals, the high level (`MetaAgent`) gives them.  A level says what
is learned from (`learning_batch`: rewards, discounts, observations); how it is learned from is the
business of its actor-critic, a single-level agent (TD3, or DDPG) that knows nothing of goals.
"""

from collections.abc import Callable, Sequence
from typing import Any

import gin
import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.specs import tensor_spec

from efficient_hrl import cond_fn
from efficient_hrl.agents.ddpg_agent import AgentBatch, DdpgAgent
from efficient_hrl.agents.encoder import ObservationEncoder
from efficient_hrl.agents.exploration import meta_add_noise_fn, uvf_add_noise_fn
from efficient_hrl.agents.td3_agent import TD3Agent
from efficient_hrl.checks import check_number, check_whole
from efficient_hrl.graph.random_streams import Stream
from efficient_hrl.inert_parameters import accepts_inert
from efficient_hrl.replay import segment_spec, segment_transition_spec, transition_spec
from efficient_hrl.representations.goal_space import GoalSpace
from efficient_hrl.representations.norl_reward import NorlReward
from efficient_hrl.specifications.level import ACTS_ONLY, LevelSpec


@gin.configurable
def uvf_critic_function(
    critic_vals: tf.Tensor,
    states: tf.Tensor,
    contexts: Sequence[tf.Tensor],
    critic_fn: Callable | None = None,
) -> tf.Tensor:
    """What an actor maximises, [B].

    Args:
      critic_vals: the critic's values, [B], or what `critic_fn` takes.
      states: [B, S].
      contexts: [B, G] each.
      critic_fn: (values, states, contexts) -> [B]; None takes the values as they are.
    """
    return critic_vals if critic_fn is None else critic_fn(critic_vals, states, contexts)


class Level:
    """What both levels are made of: contexts, an actor-critic, exploration noise.

    Attributes:
      learner_class: makes the actor-critic: a `DdpgAgent`, or what offers the same, as `NoLearning` does.
      learns: whether it is ever updated.
      context: ranges, samplers, rewards and transitions of what the level is conditioned on: goals
        for the low level, the task's targets for the high level.
      actor_critic: how the level learns; observations are states joined with contexts.
      action_spec: of what it does.
      training_data_spec: of what `train` takes.
      noisy_action: (states, contexts, standard normal draws) -> actions with exploration noise.
    """

    learner_class: Callable[..., Any] = TD3Agent

    def __init__(
        self,
        context,
        state_size: int,
        action_spec,
        training_data_spec,
        add_noise_fn,
        learning: LevelSpec,
        seed: int,
        **arguments,
    ):
        """Builds the actor-critic.

        Args:
          context: see the attributes.
          state_size: how many numbers of an observation are the state, as the networks see it.
          action_spec, training_data_spec: see the attributes.
          add_noise_fn: makes `noisy_action` from (action function, action spec).
          learning: discount, optimisers and periods.
          seed: the run's seed.
          **arguments: for `learner_class`.
        """
        self.context = context
        self.action_spec = action_spec
        self.training_data_spec = training_data_spec
        self._state_size = state_size
        self.noisy_action = add_noise_fn(self.action, action_spec)
        self.actor_critic = self.learner_class(
            tensor_spec.TensorSpec([state_size + context.size], tf.float32, "observation"),
            action_spec,
            exploration_stddev=self.noisy_action.stddev,
            critic_function=self._critic_function,
            learning=learning,
            seed=seed,
            **arguments,
        )

    @property
    def learns(self) -> bool:
        """Whether the level is ever updated."""
        return self.actor_critic.learns

    @property
    def actor_net(self):
        """The actor's network, or None."""
        return self.actor_critic.actor_net

    @property
    def critic_nets(self):
        """The critics' networks."""
        return self.actor_critic.critic_nets

    @property
    def train_step_counter(self) -> tf.Variable:
        """Updates so far, int64 []."""
        return self.actor_critic.train_step_counter

    @property
    def target_update_period(self) -> int:
        """Updates per move of the target networks."""
        return self.actor_critic.target_update_period

    def initialize(self) -> None:
        """Sets the target networks."""
        self.actor_critic.initialize()

    def train(
        self, experience, noise: tf.Tensor | None = None, phase: int | None = None
    ) -> tf_agent.LossInfo:
        """One update from stored experience.

        Args:
          experience: from replay, see `training_data_spec`; [B].
          noise: replaces the draws of `DdpgAgent.target_noise`, [B, A].
          phase: see `DdpgAgent.update`.
        """
        batch = self.learning_batch(experience)
        if noise is None:
            noise = self.actor_critic.target_noise(tf.shape(batch.action))
        info = self.actor_critic.update(batch, noise, phase)
        return tf_agent.LossInfo(info.critic_loss + info.actor_loss, info)

    def learning_batch(self, experience) -> AgentBatch:
        """What an update learns from."""
        raise NotImplementedError

    def merge(self, states: tf.Tensor, contexts: Sequence[tf.Tensor]) -> tf.Tensor:
        """States joined with contexts, [B, S + contexts]."""
        return tf.concat([states, *contexts], axis=-1)

    def action(
        self, states: tf.Tensor, contexts: Sequence[tf.Tensor], dtype: tf.DType = tf.float32
    ) -> tf.Tensor:
        """The policy without noise, [B, A]; `dtype` is that of its hidden layers."""
        # Only networks that are asked for another type need to know of types.
        arguments = {} if dtype == tf.float32 else {"dtype": dtype}
        return self.actor_net(self.merge(self.seen(states), contexts), **arguments)[0]

    def seen(self, states: tf.Tensor) -> tf.Tensor:
        """What the networks see of states, [..., S] -> [..., S] here."""
        return states

    def checkpointed(self) -> dict:
        """What a checkpoint must hold of this level, by name."""
        return self.actor_critic.checkpointed() | {"context": self.context}

    def _critic_function(self, values, observation):
        """What the actor maximises, [B]."""
        states, contexts = observation[..., : self._state_size], observation[..., self._state_size :]
        return uvf_critic_function(values, states, self.context.split(contexts))


@gin.configurable
class UvfAgentCore(Level):
    """The low level: a universal value function agent.

    Attributes:
      learns_from_segments: whether its rewards depend on the segment of a step, so that it
        learns from `SegmentTransition`.
    """

    @accepts_inert("UvfAgentCore")
    def __init__(
        self,
        observation_spec,
        action_spec,
        tf_env,
        tf_context: Callable | None = None,
        step_cond_fn: Callable = cond_fn.env_transition,
        reset_episode_cond_fn: Callable = cond_fn.env_restart,
        reset_env_cond_fn: Callable = cond_fn.false_fn,
        state_preprocess_class: Callable | None = None,
        segment_reward: NorlReward | None = None,
        learning: LevelSpec = ACTS_ONLY,
        seed: int = 0,
        **arguments,
    ):
        """Builds the low level.

        Args:
          observation_spec: states, shape [S].
          action_spec: low-level actions, shape [A].
          tf_env: the environment, for the context.
          tf_context: makes the `Context` of the goals from the environment.
          step_cond_fn: which steps are stored, see `cond_fn`.
          reset_episode_cond_fn: after which step an episode ends, likewise.
          reset_env_cond_fn: after which step the environment is put into a new first state, likewise.
          state_preprocess_class: makes the representation f from (observation spec,
            action spec, steps per segment).
          segment_reward: what this level learns from, where that depends on the segment in
            which a step was taken; None is the context's reward.
          learning, seed: of the actor-critic.
          **arguments: for the actor-critic, e.g. `TD3Agent`.
        """
        # What it pursues, and when its episodes end.
        context = _made(tf_context, "tf_context", tf_env)
        if context.meta_action_every_n is None:
            raise ValueError("agent/Context.meta_action_every_n is not set; allowed: 1 or more")
        if len(context.specs) != 1:
            raise ValueError(
                f"Context.context_ranges has {len(context.specs)} ranges; the low level allows 1"
            )
        conditions = (step_cond_fn, reset_episode_cond_fn, reset_env_cond_fn)
        _check_conditions(*conditions)
        self.step_cond_fn, self.reset_episode_cond_fn, self.reset_env_cond_fn = conditions

        # The goal space, and what is stored to learn from.
        self.state_preprocess = state_preprocess_class(
            observation_spec, action_spec, context.meta_action_every_n
        )
        sizes = (observation_spec.shape[0], action_spec.shape[0], context.size)
        data_spec = transition_spec(*sizes)
        if segment_reward is not None:
            _check_segment_reward(segment_reward, self.state_preprocess)
            data_spec = segment_transition_spec(*sizes, context.meta_action_every_n)
        self._segment_reward = segment_reward
        self.learns_from_segments = segment_reward is not None
        self._half_action_range = tf.constant((action_spec.maximum - action_spec.minimum) / 2.0, tf.float64)
        super().__init__(
            context,
            observation_spec.shape[0],
            action_spec,
            data_spec,
            uvf_add_noise_fn,
            learning,
            seed,
            target_noise_stream=Stream.LOW_TARGET_NOISE,
            name="uvf_agent",
            **arguments,
        )

    def learning_batch(self, experience) -> AgentBatch:
        """Low-level rewards under the representation as it is now, states joined with goals.

        HIRO's of section 3.2 with f(s) in place of s, or NORL's in full, see `NorlReward`.
        The stored discount is not used, as in the original: episodes that end by
        time-out bootstrap.  Where the environment terminated, they do not.
        """
        goals = [experience.goal]  # [B, G]
        if self._segment_reward is not None:
            reward, discount = self._segment_reward(self.state_preprocess, experience)
        else:
            reward, discount = self.rewards(
                experience.state, experience.next_state, goals, experience.action, experience.reward
            )
        discount = self.context.discount(self.actor_critic.gamma, discount, goals)  # [B] or [B, R]
        return AgentBatch(
            observation=self.merge(experience.state, goals),  # [B, S + G]
            action=experience.action,
            reward=tf.stop_gradient(reward),
            discount=_masked(discount, experience.bootstrap),
            next_observation=self.merge(experience.next_state, [experience.next_goal]),  # [B, S + G]
        )

    def rewards(
        self,
        states: tf.Tensor,
        next_states: tf.Tensor,
        contexts: Sequence[tf.Tensor],
        actions: tf.Tensor | None = None,
        rewards: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Goal-reaching rewards and their discounts, [B] each, or [B, R] with R reward dimensions.

        Args:
          states, next_states: raw, [B, S].
          contexts: the goals, [B, G].
          actions: [B, A], for rewards that look at them.
          rewards: the environment's, [B], likewise.
        """
        f = self.state_preprocess
        return self.context.compute_rewards(f(states), actions, rewards, f(next_states), contexts)

    def log_probs(
        self,
        states: tf.Tensor,
        actions: tf.Tensor,
        goals: Sequence[tf.Tensor],
        dtype: tf.DType = tf.float32,
    ) -> tf.Tensor:
        """-((a - mu(s, g)) / half action range)^2 per action dimension, float64 [B, A]."""
        error = tf.cast(actions - self.action(states, goals, dtype), tf.float64)
        return -tf.square(error / self._half_action_range)


@gin.configurable
class MetaAgentCore(Level):
    """The high level: its actions are goals for the low level.

    With an `EndToEnd` representation f, actor and critics see [f(s), target], the critics' loss
    trains f too, and targets see next states through a target copy of f.
    """

    @accepts_inert("MetaAgentCore")
    def __init__(
        self,
        observation_spec,
        action_spec,
        tf_env,
        tf_context: Callable | None = None,
        sub_context: Callable | None = None,
        actions_reg: float = 0.0,
        k: int = 2,
        representation: GoalSpace | None = None,
        learning: LevelSpec = ACTS_ONLY,
        seed: int = 0,
        **arguments,
    ):
        """Builds the high level.

        Args:
          observation_spec: states, shape [S].
          action_spec: the low level's actions, shape [A]; goals are this level's actions.
          tf_env: the environment, for the contexts.
          tf_context: makes the `Context` of the task's targets from the environment.
          sub_context: makes the low level's `Context`; its range is the action range here.
          actions_reg: weight of the mean size of goals in the actor's loss.
          k: how many leading goal dimensions `actions_reg` leaves alone.
          representation: f of the low level, which `build_hierarchy` gives; where this level
            trains it, its networks see states through it.
          learning, seed: of the actor-critic.
          **arguments: for the actor-critic, e.g. `TD3Agent`.
        """
        # What it gives and what it pursues.
        goals = _made(sub_context, "sub_context", tf_env)
        targets = _made(tf_context, "tf_context", tf_env)
        if len(goals.specs) != 1:
            raise ValueError(f"Context.context_ranges has {len(goals.specs)} ranges; the low level allows 1")
        check_number("MetaAgent.actions_reg", actions_reg, 0)
        check_whole("MetaAgent.k", k, 0)
        self._actions_reg = actions_reg
        self._k = k

        # How its networks see states.
        self._representation = representation
        trains_f = representation is not None and representation.trained_by_high_level
        if trains_f and not self.learner_class.learns:
            raise ValueError(
                f"meta_agent_class = {type(self).__name__} does not learn; allowed with"
                " STATE_PREPROCESS_CLASS = @EndToEnd: @MetaAgent, @DdpgMetaAgent"
            )
        raw_size = seen_size = observation_spec.shape[0]
        encoder = None
        if trains_f:
            seen_size = representation(tf.zeros([1, raw_size])).shape[1]
            encoder = ObservationEncoder(representation.state_net, raw_size, representation.another_net)
        goal_spec = goals.specs[0]
        super().__init__(
            targets,
            seen_size,
            goal_spec,
            segment_spec(
                raw_size,
                action_spec.shape[0],
                goal_spec.shape[0],
                targets.size,
                goals.meta_action_every_n,
            ),
            meta_add_noise_fn,
            learning,
            seed,
            target_noise_stream=Stream.HIGH_TARGET_NOISE,
            name="meta_agent",
            actor_objective=self._actor_objective,
            encoder=encoder,
            **arguments,
        )
        self._sees_through_f = trains_f
        if trains_f:
            _check_sees(self.actor_net, *self.critic_nets)

    def seen(self, states):
        """f(s) where this level trains f, else the state itself."""
        return self._representation(states) if self._sees_through_f else states

    def _actor_objective(self, actor_critic, batch, noise):
        """What the actor's step minimises: its own loss, plus `goal_size_loss` of the goals."""
        del noise
        loss = actor_critic.actor_loss(batch.observation)
        if self._actions_reg == 0.0:
            return loss
        return loss + self.goal_size_loss(actor_critic.action(batch.observation))

    def goal_size_loss(self, goals: tf.Tensor) -> tf.Tensor:
        """What `actions_reg` adds for goals [B, G] to the actor's loss, a scalar."""
        return self._actions_reg * tf.reduce_mean(tf.reduce_sum(tf.abs(goals[:, self._k :]), axis=-1))

    def learning_batch(self, experience) -> AgentBatch:
        """Stored rewards of c steps; the discount is gamma times the task reward's own.

        Stored are sums of task rewards times 0.1, see `Segment`; `train_uvf.reward_scale_factor` comes
        on top.
        HIRO's transition (s_t, g_t, sum of R_t .. R_{t+c-1}, s_{t+c}) of section 3.3.
        The stored discount is not used, as in the original: episodes that end by
        time-out bootstrap.  Where the environment terminated, they do not.
        """
        targets = self.context.split(experience.target)  # [B, T] each
        _, discount = self.rewards(
            experience.state, experience.next_state, targets, experience.goal, experience.reward
        )
        discount = self.context.discount(self.actor_critic.gamma, discount, targets)  # [B]
        return AgentBatch(
            observation=self.merge(experience.state, targets),  # [B, S + T]
            action=experience.goal,  # [B, G]
            reward=experience.reward,
            discount=_masked(discount, experience.bootstrap),
            next_observation=self.merge(experience.next_state, [experience.next_target]),  # [B, S + T]
        )

    def rewards(
        self,
        states: tf.Tensor,
        next_states: tf.Tensor,
        contexts: Sequence[tf.Tensor],
        actions: tf.Tensor | None = None,
        rewards: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Task rewards of single environment steps and their discounts, [B] each.

        Args:
          states, next_states: [B, S].
          contexts: the targets, [B, T] each.
          actions: of the low level, [B, A], for rewards that look at them.
          rewards: the environment's, [B], likewise.

        Raises:
          ValueError: rewards are vectors; segments hold one number.
        """
        reward, discount = self.context.compute_rewards(states, actions, rewards, next_states, contexts)
        if reward.shape.rank != 1:
            raise ValueError(
                f"meta/Context.reward_fn gives {reward.shape[-1]} rewards per step; the high level allows 1"
            )
        return reward, discount


@gin.configurable
class UvfAgent(UvfAgentCore):
    """The low level, learning by TD3."""


@gin.configurable
class MetaAgent(MetaAgentCore):
    """The high level, learning by TD3."""


@gin.configurable
class DdpgUvfAgent(UvfAgentCore):
    """The low level, learning by DDPG."""

    learner_class = DdpgAgent


@gin.configurable
class DdpgMetaAgent(MetaAgentCore):
    """The high level, learning by DDPG."""

    learner_class = DdpgAgent


def _made(make, name, tf_env):
    if not callable(make):
        given = "is not set" if make is None else f"= {make!r}"
        raise ValueError(f"{name} {given}; allowed: a Context, e.g. @agent/Context")
    return make(tf_env)


def _check_conditions(step_cond_fn, reset_episode_cond_fn, reset_env_cond_fn):
    for name, condition in (
        ("step_cond_fn", step_cond_fn),
        ("reset_episode_cond_fn", reset_episode_cond_fn),
        ("reset_env_cond_fn", reset_env_cond_fn),
    ):
        if not callable(condition):
            raise ValueError(f"UvfAgent.{name} = {condition!r}; allowed: a function, e.g. @every_n_steps")


def _check_sees(*networks):
    """Refuses networks that hide their first two inputs, which are the representation here."""
    if any(getattr(net, "hides_xy", False) for net in networks):
        raise ValueError(
            "meta/ddpg_actor_net or meta/ddpg_critic_net hides its first two inputs (images, zero_obs), which"
            " are the representation's with STATE_PREPROCESS_CLASS = @EndToEnd; allowed: False for all four"
        )


def _check_segment_reward(reward, representation):
    if not isinstance(reward, NorlReward):
        raise ValueError(f"segment_reward = {reward!r}; allowed: None, @NorlReward()")
    if representation.embed_net is None:
        raise ValueError(
            "segment_reward = @NorlReward() needs phi; allowed with a learned representation,"
            " StatePreprocess.trainable = True"
        )


def _masked(discount, bootstrap):
    """Discounts [B] or [B, R], zero where `bootstrap` [B] is."""
    shape = tf.concat([tf.shape(bootstrap), tf.ones([tf.rank(discount) - 1], tf.int32)], axis=0)
    return discount * tf.reshape(bootstrap, shape)
