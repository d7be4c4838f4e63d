"""The two levels: TD3 on states joined with contexts.

The low level (`UvfAgent`) pursues goals, the high level (`MetaAgent`) gives
them.  What a goal means is the business of their contexts.
"""

from collections.abc import Callable, Sequence

import gin
import tensorflow as tf
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step as ts

from efficient_hrl.agents.ddpg_networks import ActorNetwork, CriticNetwork
from efficient_hrl.agents.td3_agent import TD3Agent, Td3Batch, huber_loss
from efficient_hrl.random_streams import Stream
from efficient_hrl.replay import segment_spec, transition_spec


class NoisyAction:
    """An action function plus Gaussian noise.

    Attributes:
      stddev: standard deviation in action units.
    """

    def __init__(self, action_fn: Callable, action_spec, stddev: float, clip: bool):
        """Wraps `action_fn`: (states, contexts) -> actions."""
        if stddev < 0:
            raise ValueError(f"exploration noise stddev = {stddev!r}; allowed: 0 or more")
        self.stddev = stddev
        self._action_fn = action_fn
        self._action_spec = action_spec
        self._clip = clip

    def __call__(self, states: tf.Tensor, contexts: Sequence[tf.Tensor], normal: tf.Tensor) -> tf.Tensor:
        """Noisy actions, [B, A]; `normal` holds standard normal draws, [B, A]."""
        actions = self._action_fn(states, contexts) + self.stddev * normal
        if not self._clip:
            return actions
        return tf.clip_by_value(actions, self._action_spec.minimum, self._action_spec.maximum)


@gin.configurable
def uvf_add_noise_fn(action_fn: Callable, action_spec, stddev: float = 1.0, clip: bool = True) -> NoisyAction:
    """Exploration of the low level: N(0, stddev) in action units, clipped to the range."""
    return NoisyAction(action_fn, action_spec, stddev, clip)


@gin.configurable
def meta_add_noise_fn(action_fn: Callable, action_spec, stddev: float = 1.0) -> NoisyAction:
    """Exploration of the high level: N(0, stddev) in goal units, clipped to the goal range."""
    return NoisyAction(action_fn, action_spec, stddev, clip=True)


class ContextualAgent(TD3Agent):
    """TD3 whose observation is a state joined with contexts."""

    def __init__(
        self,
        observation_spec,
        action_spec,
        context,
        training_data_spec,
        add_noise_fn: Callable,
        **td3_arguments,
    ):
        """Builds TD3 on [S + contexts].

        Args:
          observation_spec: states, shape [S].
          action_spec: a BoundedTensorSpec, shape [A].
          context: the `Context` of this level.
          training_data_spec: what `train` takes.
          add_noise_fn: wraps an action function into a noisy one.
          **td3_arguments: for `TD3Agent`.
        """
        self.context = context
        size = observation_spec.shape[0] + sum(spec.shape[0] for spec in context.specs)
        merged_spec = ts.time_step_spec(tensor_spec.TensorSpec([size], tf.float32, "observation"))
        self.noisy_action = add_noise_fn(self.action, action_spec)
        super().__init__(
            merged_spec,
            action_spec,
            training_data_spec,
            exploration_stddev=self.noisy_action.stddev,
            **td3_arguments,
        )

    def merge(self, states: tf.Tensor, contexts: Sequence[tf.Tensor]) -> tf.Tensor:
        """States joined with contexts, [B, S + contexts]."""
        return tf.concat([states, *contexts], axis=-1)

    def action(self, states: tf.Tensor, contexts: Sequence[tf.Tensor]) -> tf.Tensor:
        """The policy without noise, [B, A]."""
        return self.actor_net(self.merge(states, contexts))[0]


def _single_spec(context):
    if len(context.specs) != 1:
        raise ValueError(f"Context.context_ranges has {len(context.specs)} ranges; a level allows 1")
    return context.specs[0]


@gin.configurable
class UvfAgent(ContextualAgent):
    """The low level: a universal value function agent that pursues goals."""

    def __init__(
        self,
        observation_spec,
        action_spec,
        tf_env,
        tf_context: Callable,
        state_preprocess_class: Callable,
        seed: int = 0,
        critic_optimizer=None,
        actor_optimizer=None,
        gamma: float = 1.0,
        target_update_period: int = 1,
        clip_gradient_norm: float = 0.0,
        actor_net: Callable = ActorNetwork,
        critic_net: Callable = CriticNetwork,
        td_errors_loss: Callable = huber_loss,
        dqda_clipping: float = 0.0,
        target_q_clipping: tuple[float, float] | None = None,
        debug_summaries: bool = False,
    ):
        """Builds the low level.

        Args:
          observation_spec: states, shape [S].
          action_spec: low-level actions, shape [A].
          tf_env: the environment, for the context.
          tf_context: makes the `Context` of the goals from the environment.
          state_preprocess_class: makes the representation f from (observation spec,
            action spec, steps per segment).
          seed: the run's seed.
          critic_optimizer, actor_optimizer, gamma, target_update_period,
            clip_gradient_norm, actor_net, critic_net, td_errors_loss,
            dqda_clipping, target_q_clipping, debug_summaries: see `TD3Agent`.
        """
        context = tf_context(tf_env)
        if context.meta_action_every_n is None:
            raise ValueError("agent/Context.meta_action_every_n is not set; allowed: 1 or more")
        self.state_preprocess = state_preprocess_class(
            observation_spec, action_spec, context.meta_action_every_n
        )
        goal_size = _single_spec(context).shape[0]
        self._half_action_range = tf.constant((action_spec.maximum - action_spec.minimum) / 2.0, tf.float64)
        super().__init__(
            observation_spec,
            action_spec,
            context,
            transition_spec(observation_spec.shape[0], action_spec.shape[0], goal_size),
            uvf_add_noise_fn,
            target_noise_stream=Stream.LOW_TARGET_NOISE,
            seed=seed,
            name="uvf_agent",
            critic_optimizer=critic_optimizer,
            actor_optimizer=actor_optimizer,
            gamma=gamma,
            target_update_period=target_update_period,
            clip_gradient_norm=clip_gradient_norm,
            actor_net=actor_net,
            critic_net=critic_net,
            td_errors_loss=td_errors_loss,
            dqda_clipping=dqda_clipping,
            target_q_clipping=target_q_clipping,
            debug_summaries=debug_summaries,
        )

    def td3_batch(self, experience) -> Td3Batch:
        """Low-level rewards under the representation as it is now, states joined with goals.

        The stored discounts are not used: episodes end by time-out and bootstrap.
        """
        reward, discount = self.rewards(experience.state, experience.next_state, [experience.context])
        return Td3Batch(
            observation=self.merge(experience.state, [experience.context]),
            action=experience.action,
            reward=tf.stop_gradient(reward),
            discount=self._gamma * discount,
            next_observation=self.merge(experience.next_state, [experience.next_context]),
        )

    def rewards(
        self, states: tf.Tensor, next_states: tf.Tensor, contexts: Sequence[tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Goal-reaching rewards and their discounts, [B] each; states are raw, [B, S]."""
        f = self.state_preprocess
        return self.context.compute_rewards(f(states), None, None, f(next_states), contexts)

    def log_probs(self, states: tf.Tensor, actions: tf.Tensor, contexts: Sequence[tf.Tensor]) -> tf.Tensor:
        """-((a - mu(s, g)) / half action range)^2 per action dimension, float64 [B, A]."""
        error = tf.cast(actions - self.action(states, contexts), tf.float64)
        return -tf.square(error / self._half_action_range)


@gin.configurable
class MetaAgent(ContextualAgent):
    """The high level: its actions are goals for the low level."""

    def __init__(
        self,
        observation_spec,
        action_spec,
        tf_env,
        tf_context: Callable,
        sub_context: Callable,
        seed: int = 0,
        critic_optimizer=None,
        actor_optimizer=None,
        gamma: float = 1.0,
        target_update_period: int = 1,
        clip_gradient_norm: float = 0.0,
        actor_net: Callable = ActorNetwork,
        critic_net: Callable = CriticNetwork,
        td_errors_loss: Callable = huber_loss,
        dqda_clipping: float = 0.0,
        target_q_clipping: tuple[float, float] | None = None,
        debug_summaries: bool = False,
        k: int = 2,
    ):
        """Builds the high level.

        Args:
          observation_spec: states, shape [S].
          action_spec: the low level's actions, shape [A]; goals are this level's actions.
          tf_env: the environment, for the contexts.
          tf_context: makes the `Context` of the task's targets from the environment.
          sub_context: makes the low level's `Context`; its range is the action range here.
          seed: the run's seed.
          critic_optimizer, actor_optimizer, gamma, target_update_period,
            clip_gradient_norm, actor_net, critic_net, td_errors_loss,
            dqda_clipping, target_q_clipping, debug_summaries: see `TD3Agent`.
          k: accepted as in the original; the goal's size is the sub-context's.
        """
        del k
        goals, targets = sub_context(tf_env), tf_context(tf_env)
        goal_spec = _single_spec(goals)
        super().__init__(
            observation_spec,
            goal_spec,
            targets,
            segment_spec(
                observation_spec.shape[0],
                action_spec.shape[0],
                goal_spec.shape[0],
                _single_spec(targets).shape[0],
                goals.meta_action_every_n,
            ),
            meta_add_noise_fn,
            target_noise_stream=Stream.HIGH_TARGET_NOISE,
            seed=seed,
            name="meta_agent",
            critic_optimizer=critic_optimizer,
            actor_optimizer=actor_optimizer,
            gamma=gamma,
            target_update_period=target_update_period,
            clip_gradient_norm=clip_gradient_norm,
            actor_net=actor_net,
            critic_net=critic_net,
            td_errors_loss=td_errors_loss,
            dqda_clipping=dqda_clipping,
            target_q_clipping=target_q_clipping,
            debug_summaries=debug_summaries,
        )

    def td3_batch(self, experience) -> Td3Batch:
        """Stored c-step rewards; the discount is gamma times the task reward's own."""
        targets = [experience.meta_context]
        _, discount = self.rewards(experience.state, experience.next_state, targets)
        return Td3Batch(
            observation=self.merge(experience.state, targets),
            action=experience.meta_action,
            reward=experience.reward,
            discount=self._gamma * discount,
            next_observation=self.merge(experience.next_state, [experience.next_meta_context]),
        )

    def rewards(
        self, states: tf.Tensor, next_states: tf.Tensor, contexts: Sequence[tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Task rewards of single environment steps and their discounts, [B] each."""
        return self.context.compute_rewards(states, None, None, next_states, contexts)
