"""The two levels: an actor-critic agent on states joined with contexts.

The low level (`UvfAgent`) pursues goals, the high level (`MetaAgent`) gives
them.  What a goal means is the business of their contexts.  How a level learns is
that of its second base class: TD3, or DDPG.
"""

from collections.abc import Callable, Sequence
from typing import Any

import gin
import tensorflow as tf
from tf_agents.specs import tensor_spec

from efficient_hrl import cond_fn
from efficient_hrl.agents.ddpg_agent import AgentBatch, DdpgAgent
from efficient_hrl.agents.td3_agent import TD3Agent
from efficient_hrl.checks import check_number, check_truth, check_whole, numbers
from efficient_hrl.graph.random_streams import Stream
from efficient_hrl.replay import segment_spec, segment_transition_spec, transition_spec
from efficient_hrl.representations.end_to_end import EndToEnd
from efficient_hrl.representations.norl_reward import NorlReward

# A schedule of exploration noise: 0.8 per million steps, not below one half.
_NOISE_DECAY, _NOISE_DECAY_STEPS, _LEAST_NOISE = 0.8, 1e6, 0.5


class NoisyAction:
    """An action function plus Gaussian noise.

    Attributes:
      stddev: standard deviation in action units, before any schedule; one number, or an
        array [A].
    """

    def __init__(
        self,
        action_fn: Callable,
        action_spec,
        stddev: float | Sequence[float],
        clip: bool,
        debug: bool = False,
        global_step: Any = None,
    ):
        """Wraps `action_fn`: (states, contexts) -> actions.

        Args:
          action_fn: what to add noise to.
          action_spec: its range.
          stddev: standard deviation in action units, one number or one per dimension.
          clip: whether noisy actions are clipped to the range.
          debug: print every action without and with noise.
          global_step: a scalar variable of environment steps with which the noise
            decays, by 0.8 per million down to one half; None for constant noise.

        Raises:
          ValueError: a negative standard deviation, or a value of another kind.
        """
        if isinstance(stddev, (list, tuple)):
            stddev = _stddevs(stddev, action_spec.shape[0])
        else:
            check_number("exploration noise stddev", stddev, 0)
        check_truth("uvf_add_noise_fn.clip", clip)
        if global_step is not None and not hasattr(global_step, "dtype"):
            raise ValueError(f"global_step = {global_step!r}; allowed: None, a variable")
        self.stddev = stddev
        self._action_fn = action_fn
        self._action_spec = action_spec
        self._clip = clip
        self._debug = debug
        self._global_step = global_step

    def __call__(self, states: tf.Tensor, contexts: Sequence[tf.Tensor], normal: tf.Tensor) -> tf.Tensor:
        """Noisy actions, [B, A]; `normal` holds standard normal draws, [B, A]."""
        actions = self._action_fn(states, contexts)
        noisy = actions + self._stddev_now() * normal
        if self._debug:
            tf.print("action", actions, "with noise", noisy)
        if not self._clip:
            return noisy
        return tf.clip_by_value(noisy, self._action_spec.minimum, self._action_spec.maximum)

    def _stddev_now(self):
        if self._global_step is None:
            return self.stddev
        steps = tf.cast(self._global_step, tf.float32)
        return self.stddev * tf.maximum(_NOISE_DECAY ** (steps / _NOISE_DECAY_STEPS), _LEAST_NOISE)


@gin.configurable
def uvf_add_noise_fn(
    action_fn: Callable,
    action_spec,
    stddev: float | Sequence[float] = 1.0,
    debug: bool = False,
    clip: bool = True,
    global_step: Any = None,
) -> NoisyAction:
    """Exploration of the low level: N(0, stddev) in action units; see `NoisyAction`."""
    return NoisyAction(action_fn, action_spec, stddev, clip, debug, global_step)


@gin.configurable
def meta_add_noise_fn(
    action_fn: Callable,
    action_spec,
    stddev: float | Sequence[float] = 1.0,
    debug: bool = False,
    global_step: Any = None,
) -> NoisyAction:
    """Exploration of the high level: N(0, stddev) in goal units, clipped to the goal range."""
    return NoisyAction(action_fn, action_spec, stddev, True, debug, global_step)


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


class ContextualAgent:
    """What both levels add to an actor-critic agent: contexts beside the state.

    Attributes:
      learns: whether it is ever updated.
    """

    learns = True

    def _build(self, observation_spec, action_spec, context, training_data_spec, add_noise_fn, **arguments):
        """Builds the base class on [S + contexts]."""
        self.context = context
        self._state_size = observation_spec.shape[0]
        self.noisy_action = add_noise_fn(self.action, action_spec)
        super().__init__(
            tensor_spec.TensorSpec([self._state_size + context.size], tf.float32, "observation"),
            action_spec,
            training_data_spec=training_data_spec,
            exploration_stddev=self.noisy_action.stddev,
            **arguments,
        )

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

    def critic_function(self, values, observation):
        states, contexts = observation[..., : self._state_size], observation[..., self._state_size :]
        return uvf_critic_function(values, states, self.context.split(contexts))

    def checkpointed(self):
        return super().checkpointed() | {"context": self.context}


@gin.configurable
class UvfAgentCore(ContextualAgent):
    """The low level without its way of learning: a universal value function agent.

    Attributes:
      learns_from_segments: whether its rewards depend on the segment of a step, so that it
        learns from `SegmentTransition`.
    """

    def __init__(
        self,
        observation_spec,
        action_spec,
        tf_env,
        tf_context: Callable | None = None,
        step_cond_fn: Callable = cond_fn.env_transition,
        reset_episode_cond_fn: Callable = cond_fn.env_restart,
        reset_env_cond_fn: Callable = cond_fn.false_fn,
        metrics: Any = None,
        state_preprocess_class: Callable | None = None,
        segment_reward: NorlReward | None = None,
        **arguments,
    ):
        """Builds the low level.

        Args:
          observation_spec: states, shape [S].
          action_spec: low-level actions, shape [A].
          tf_env: the environment, for the context.
          tf_context: makes the `Context` of the goals from the environment.
          step_cond_fn, reset_episode_cond_fn, reset_env_cond_fn: see `cond_fn`.
          metrics: accepted as in the original; has no effect.
          state_preprocess_class: makes the representation f from (observation spec,
            action spec, steps per segment).
          segment_reward: what this level learns from, where that depends on the segment in
            which a step was taken; None is the context's reward.
          **arguments: for the way of learning, e.g. `TD3Agent`.
        """
        del metrics
        context = _made(tf_context, "tf_context", tf_env)
        if context.meta_action_every_n is None:
            raise ValueError("agent/Context.meta_action_every_n is not set; allowed: 1 or more")
        if len(context.specs) != 1:
            raise ValueError(
                f"Context.context_ranges has {len(context.specs)} ranges; the low level allows 1"
            )
        for name, condition in (
            ("step_cond_fn", step_cond_fn),
            ("reset_episode_cond_fn", reset_episode_cond_fn),
            ("reset_env_cond_fn", reset_env_cond_fn),
        ):
            if not callable(condition):
                raise ValueError(f"UvfAgent.{name} = {condition!r}; allowed: a function, e.g. @every_n_steps")
        self.step_cond_fn = step_cond_fn
        self.reset_episode_cond_fn = reset_episode_cond_fn
        self.reset_env_cond_fn = reset_env_cond_fn
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
        self._build(
            observation_spec,
            action_spec,
            context,
            data_spec,
            uvf_add_noise_fn,
            target_noise_stream=Stream.LOW_TARGET_NOISE,
            name="uvf_agent",
            **arguments,
        )

    def learning_batch(self, experience) -> AgentBatch:
        """Low-level rewards under the representation as it is now, states joined with goals.

        The stored discount is not used, as in the original: episodes that end by
        time-out bootstrap.  Where the environment terminated, they do not.
        """
        contexts = [experience.context]
        if self._segment_reward is not None:
            reward, discount = self._segment_reward(self.state_preprocess, experience)
        else:
            reward, discount = self.rewards(
                experience.state, experience.next_state, contexts, experience.action, experience.reward
            )
        discount = self.context.discount(self._gamma, discount, contexts)
        return AgentBatch(
            observation=self.merge(experience.state, contexts),
            action=experience.action,
            reward=tf.stop_gradient(reward),
            discount=_masked(discount, experience.bootstrap),
            next_observation=self.merge(experience.next_state, [experience.next_context]),
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
        contexts: Sequence[tf.Tensor],
        dtype: tf.DType = tf.float32,
    ) -> tf.Tensor:
        """-((a - mu(s, g)) / half action range)^2 per action dimension, float64 [B, A]."""
        error = tf.cast(actions - self.action(states, contexts, dtype), tf.float64)
        return -tf.square(error / self._half_action_range)


@gin.configurable
class MetaAgentCore(ContextualAgent):
    """The high level without its way of learning: its actions are goals for the low level.

    With an `EndToEnd` representation f, actor and critics see [f(s), target], the critics' loss
    trains f too, and targets see next states through a target copy of f.
    """

    def __init__(
        self,
        observation_spec,
        action_spec,
        tf_env,
        tf_context: Callable | None = None,
        sub_context: Callable | None = None,
        step_cond_fn: Callable = cond_fn.env_transition,
        reset_episode_cond_fn: Callable = cond_fn.env_restart,
        reset_env_cond_fn: Callable = cond_fn.false_fn,
        metrics: Any = None,
        actions_reg: float = 0.0,
        k: int = 2,
        encoder: EndToEnd | None = None,
        **arguments,
    ):
        """Builds the high level.

        Args:
          observation_spec: states, shape [S].
          action_spec: the low level's actions, shape [A]; goals are this level's actions.
          tf_env: the environment, for the contexts.
          tf_context: makes the `Context` of the task's targets from the environment.
          sub_context: makes the low level's `Context`; its range is the action range here.
          step_cond_fn, reset_episode_cond_fn, reset_env_cond_fn, metrics: accepted as in
            the original, which only asks the low level's; no effect.
          actions_reg: weight of the goals' size, see `actor_loss`.
          k: how many leading goal dimensions `actions_reg` leaves alone.
          encoder: the representation, where this level trains it; else None.  Not to be bound:
            `build_hierarchy` gives it.
          **arguments: for the way of learning, e.g. `TD3Agent`.
        """
        del step_cond_fn, reset_episode_cond_fn, reset_env_cond_fn, metrics
        goals = _made(sub_context, "sub_context", tf_env)
        targets = _made(tf_context, "tf_context", tf_env)
        if len(goals.specs) != 1:
            raise ValueError(f"Context.context_ranges has {len(goals.specs)} ranges; the low level allows 1")
        check_number("MetaAgent.actions_reg", actions_reg, 0)
        check_whole("MetaAgent.k", k, 0)
        self._actions_reg = actions_reg
        self._k = k
        goal_spec = goals.specs[0]
        if encoder is not None and not self.learns:
            raise ValueError(
                f"meta_agent_class = {type(self).__name__} does not learn; allowed with"
                " STATE_PREPROCESS_CLASS = @EndToEnd: @MetaAgent, @DdpgMetaAgent"
            )
        self._encoder = encoder
        self._raw_size = observation_spec.shape[0]
        seen_spec = observation_spec
        if encoder is not None:
            seen_spec = tf.TensorSpec(encoder(tf.zeros([1, self._raw_size])).shape[1:], tf.float32)
        self._build(
            seen_spec,
            goal_spec,
            targets,
            segment_spec(
                observation_spec.shape[0],
                action_spec.shape[0],
                goal_spec.shape[0],
                targets.size,
                goals.meta_action_every_n,
            ),
            meta_add_noise_fn,
            target_noise_stream=Stream.HIGH_TARGET_NOISE,
            name="meta_agent",
            **arguments,
        )
        if encoder is not None:
            _check_sees(self.actor_net, *self.critic_nets)
            self._target_encoder_net = encoder.another_net("target_state_process_net")
            self._online_and_target.append((encoder.state_net, self._target_encoder_net))

    @property
    def critic_variables(self):
        variables = super().critic_variables
        return variables if self._encoder is None else variables + self._encoder.state_net.trainable_variables

    def seen(self, states):
        """f(s) where this level trains f, else the state itself."""
        return states if self._encoder is None else self._encoder(states)

    def critic_loss(self, batch, noise):
        if self._encoder is not None:
            batch = batch._replace(
                observation=self._encoded(self._encoder.state_net, batch.observation),
                next_observation=self._encoded(self._target_encoder_net, batch.next_observation),
            )
        return super().critic_loss(batch, noise)

    def _encoded(self, net, observation):
        """[s, target] -> [f(s), target], [B, ...]."""
        states, targets = observation[:, : self._raw_size], observation[:, self._raw_size :]
        return tf.concat([net(states)[0], targets], axis=-1)

    def actor_loss(self, observation):
        """The base class's, plus `actions_reg` times the mean L1 size of the goals from dimension k on."""
        if self._encoder is not None:
            observation = self._encoded(self._encoder.state_net, observation)
        loss = super().actor_loss(observation)
        if self._actions_reg == 0.0:
            return loss
        goals, _ = self.actor_net(observation)
        return loss + self.goal_size_loss(goals)

    def goal_size_loss(self, goals: tf.Tensor) -> tf.Tensor:
        """What `actions_reg` adds for goals [B, G] to the actor's loss, a scalar."""
        return self._actions_reg * tf.reduce_mean(tf.reduce_sum(tf.abs(goals[:, self._k :]), axis=-1))

    def learning_batch(self, experience) -> AgentBatch:
        """Stored c-step rewards; the discount is gamma times the task reward's own.

        The stored discount is not used, as in the original: episodes that end by
        time-out bootstrap.  Where the environment terminated, they do not.
        """
        targets = self.context.split(experience.meta_context)
        _, discount = self.rewards(
            experience.state, experience.next_state, targets, experience.meta_action, experience.reward
        )
        discount = self.context.discount(self._gamma, discount, targets)
        return AgentBatch(
            observation=self.merge(experience.state, targets),
            action=experience.meta_action,
            reward=experience.reward,
            discount=_masked(discount, experience.bootstrap),
            next_observation=self.merge(experience.next_state, [experience.next_meta_context]),
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
class UvfAgent(UvfAgentCore, TD3Agent):
    """The low level, learning by TD3."""


@gin.configurable
class MetaAgent(MetaAgentCore, TD3Agent):
    """The high level, learning by TD3."""


@gin.configurable
class DdpgUvfAgent(UvfAgentCore, DdpgAgent):
    """The low level, learning by DDPG."""


@gin.configurable
class DdpgMetaAgent(MetaAgentCore, DdpgAgent):
    """The high level, learning by DDPG."""


def _made(make, name, tf_env):
    if not callable(make):
        given = "is not set" if make is None else f"= {make!r}"
        raise ValueError(f"{name} {given}; allowed: a Context, e.g. @agent/Context")
    return make(tf_env)


def _check_sees(*networks):
    """Refuses networks that hide their first two inputs, which are the representation here."""
    if any(getattr(net, "hides_xy", False) for net in networks):
        raise ValueError(
            "meta/ddpg_actor_net or meta/ddpg_critic_net hides its first two inputs (images, zero_obs), which"
            " are the representation's with STATE_PREPROCESS_CLASS = @EndToEnd; allowed: False for all four"
        )


def _stddevs(stddev, size):
    values = numbers("exploration noise stddev", stddev, size)
    if (values < 0).any():
        raise ValueError(f"exploration noise stddev = {stddev!r}; allowed: numbers from 0")
    return values


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
