"""DDPG (Lillicrap et al. 2016, arXiv 1509.02971), and what TD3 shares with it.

Single-level learning: nothing here knows of goals or hierarchy.  The actor's
gradient counts on every n-th update only; on the others it is replaced by zero,
but its optimiser is still applied, so that Adam's momentum goes on moving the
weights.  Target networks move on the last of every n updates.
"""

from collections.abc import Callable
from typing import NamedTuple

import gin
import numpy as np
import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.policies import actor_policy, gaussian_policy
from tf_agents.trajectories import time_step as ts

from efficient_hrl import checks
from efficient_hrl.agents.ddpg_networks import ActorNetwork, CriticNetwork
from efficient_hrl.agents.encoder import ObservationEncoder
from efficient_hrl.agents.losses import huber_loss
from efficient_hrl.agents.target_networks import ddpg_update_targets, soft_update
from efficient_hrl.graph.finite import check_finite, gradients_by_name
from efficient_hrl.graph.gradients import clipped_gradients
from efficient_hrl.graph.random_streams import Stream
from efficient_hrl.inert_parameters import accepts_inert
from efficient_hrl.specifications.level import ACTS_ONLY, LevelSpec


class AgentBatch(NamedTuple):
    """What one update learns from.

    Attributes:
      observation: states with their contexts, [B, S + G].
      action: [B, A].
      reward: [B], or [B, R] for critics with R reward dimensions.
      discount: discount of the next value, gamma included, like `reward`.
      next_observation: [B, S + G].
    """

    observation: tf.Tensor
    action: tf.Tensor
    reward: tf.Tensor
    discount: tf.Tensor
    next_observation: tf.Tensor


class UpdateInfo(NamedTuple):
    """Losses of one update, float32 scalars.

    Attributes:
      critic_loss: before the update.
      actor_loss: before the update; 0 when the actor's gradient did not count.
      actor_counts: 1 when the actor's gradient counted, else 0.
    """

    critic_loss: tf.Tensor
    actor_loss: tf.Tensor
    actor_counts: tf.Tensor


@gin.configurable
def ddpg_sample_action(action: tf.Tensor, action_spec, normal: tf.Tensor, stddev: float = 1.0) -> tf.Tensor:
    """An action plus N(0, stddev) in action units, clipped to the range, [B, A].

    Args:
      action: the policy's choice, [B, A].
      action_spec: its range.
      normal: standard normal draws, [B, A].
      stddev: standard deviation.
    """
    return tf.clip_by_value(action + stddev * normal, action_spec.minimum, action_spec.maximum)


@gin.configurable
def ddpg_critic_function(
    critic_values: tf.Tensor, states: tf.Tensor, weights: tf.Tensor | None = None
) -> tf.Tensor:
    """What the actor maximises: values times weights, summed over reward dimensions, [B].

    Args:
      critic_values: [B] or [B, R].
      states: not used here; every critic function has them.
      weights: [R], or None for all 1.
    """
    del states
    values = critic_values if weights is None else critic_values * weights
    return tf.reduce_sum(tf.reshape(values, [tf.shape(values)[0], -1]), axis=-1)


def _configurable_without_module(cls):
    """Registers a class under its bare name, which then wins over longer ones that end with it.

    tf-agents has a configurable of the same name.
    """
    module, cls.__module__ = cls.__module__, None
    configurable = gin.configurable(cls)
    cls.__module__ = module
    return configurable


@_configurable_without_module
class DdpgAgent(tf_agent.TFAgent):
    """One critic, a deterministic actor, target networks.

    `update` is the whole of an update: losses, gradients, optimisers, target networks.

    Attributes:
      learns: whether it is ever updated.
      actor_net, critic_nets: the networks that learn; the actor follows the first critic.
      target_actor_net, target_critic_nets: their slow copies.
      target_update_period: updates per move of the target networks, and per gradient
        of the actor.
    """

    learns = True
    num_critics = 1

    @accepts_inert("DdpgAgent")
    def __init__(
        self,
        observation_spec,
        action_spec,
        actor_net: Callable = ActorNetwork,
        critic_net: Callable = CriticNetwork,
        td_errors_loss: Callable = huber_loss,
        dqda_clipping: float = 0.0,
        actions_regularizer: float = 0.0,
        target_q_clipping: tuple[float, float] | None = None,
        residual_phi: float = 0.0,
        *,
        learning: LevelSpec = ACTS_ONLY,
        exploration_stddev: float = 1.0,
        seed: int = 0,
        target_noise_stream: Stream = Stream.LOW_TARGET_NOISE,
        name: str = "agent",
        critic_function: Callable = ddpg_critic_function,
        actor_objective: Callable | None = None,
        encoder: ObservationEncoder | None = None,
    ):
        """Builds the networks and their targets.

        Args:
          observation_spec: [S + G].
          action_spec: a BoundedTensorSpec, shape [A].
          actor_net: makes the actor from (observation spec, action spec).
          critic_net: makes a critic from ((observation spec, action spec)).
          td_errors_loss: (targets, values) -> scalar.
          dqda_clipping: limit for each entry of dQ/da; 0 is none.
          actions_regularizer: weight of the norm of a batch's actions in the actor's loss.
          target_q_clipping: (minimum, maximum) of target values, or None.
          residual_phi: share of the residual loss in the critics' loss, see `critic_loss`.
          learning: discount, optimisers and periods.
          exploration_stddev: of the collect policy's Gaussian noise, in action units.
          seed: the run's seed, for the noise of target actions.
          target_noise_stream: its random stream.
          name: name of the agent.
          critic_function: (values, observation) -> what the actor maximises, [B].
          actor_objective: (this agent, batch, noise) -> what the actor's step minimises, a scalar;
            None is `actor_loss` of the observations.
          encoder: through which the networks see observations; `observation_spec` then is what
            it gives.  None shows them as they are.

        Raises:
          ValueError: a number outside its range.
        """
        _check_numbers(dqda_clipping, residual_phi, actions_regularizer)
        _check_functions(actor_net, critic_net, td_errors_loss)
        _check_limits(target_q_clipping)
        self._build_networks(observation_spec, action_spec, actor_net, critic_net, encoder)

        # The losses.
        self._td_errors_loss = td_errors_loss
        self._dqda_clipping = dqda_clipping
        self._actions_regularizer = actions_regularizer
        self._target_q_clipping = target_q_clipping
        self._residual_phi = residual_phi
        self._critic_function = critic_function
        self._actor_objective = actor_objective
        self._seed = seed
        self._target_noise_stream = target_noise_stream

        # The updates.
        self._critic_optimizer = learning.critic_optimizer
        self._actor_optimizer = learning.actor_optimizer
        self.gamma = learning.gamma
        self.target_update_period = learning.target_update_period
        self._clip_gradient_norm = learning.clip_gradient_norm
        self._label = name

        # The frame of tf-agents.
        scalar = tf.TensorSpec([], tf.float32)
        time_step_spec = ts.time_step_spec(observation_spec)
        policy = actor_policy.ActorPolicy(time_step_spec, action_spec, self.actor_net, clip=False)
        super().__init__(
            time_step_spec,
            action_spec,
            policy=policy,
            collect_policy=gaussian_policy.GaussianPolicy(policy, scale=exploration_stddev, clip=True),
            train_sequence_length=None,
            num_outer_dims=1,
            training_data_spec=AgentBatch(observation_spec, action_spec, scalar, scalar, observation_spec),
            train_step_counter=tf.Variable(0, dtype=tf.int64, trainable=False, name=f"{name}_updates"),
        )

    def _build_networks(self, observation_spec, action_spec, actor_net, critic_net, encoder):
        """Online networks, then targets; the encoder's target copy last."""
        make_actor = lambda name: actor_net(observation_spec, action_spec, name=name)
        make_critic = lambda name: critic_net((observation_spec, action_spec), name=name)
        critic_names = [f"critic_net{i or ''}" for i in (0, *range(2, self.num_critics + 1))]
        self.actor_net = make_actor("actor_net")
        self.critic_nets = [make_critic(name) for name in critic_names]
        self.target_actor_net = make_actor("target_actor_net")
        self.target_critic_nets = [make_critic(f"target_{name}") for name in critic_names]
        self._online_and_target = [
            (self.actor_net, self.target_actor_net),
            *zip(self.critic_nets, self.target_critic_nets),
        ]
        for pair in self._online_and_target:
            for net in pair:
                net.create_variables()
        self._encoder = encoder
        self._trained_by_critics = list(self.critic_nets)
        if encoder is not None:
            self._target_encoder = encoder.copy("target_state_process_net")
            self._online_and_target.append((encoder.net, self._target_encoder.net))
            self._trained_by_critics.append(encoder.net)

    @property
    def critic_variables(self) -> list[tf.Variable]:
        """Trainable variables of all that the critics' loss trains."""
        return [variable for net in self._trained_by_critics for variable in net.trainable_variables]

    def checkpointed(self) -> dict:
        """What a checkpoint must hold of this agent, by name."""
        return {
            **{net.name: net for pair in self._online_and_target for net in pair},
            "critic_optimizer": self._critic_optimizer,
            "actor_optimizer": self._actor_optimizer,
            "updates": self.train_step_counter,
        }

    def update_target(self, network, target_network) -> None:
        """Moves one target network towards its network."""
        ddpg_update_targets(network, target_network)

    def target_action(self, next_observation: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """The action whose value a target takes, [B, A]; DDPG adds no noise."""
        del noise
        return self.target_actor_net(next_observation)[0]

    def target_noise(self, shape) -> tf.Tensor:
        """Draws for `target_action`; DDPG needs none."""
        return tf.zeros(shape)

    def action(self, observation: tf.Tensor) -> tf.Tensor:
        """The actor's choice, [B, A]."""
        return self.actor_net(self._seen(observation))[0]

    def _initialize(self):
        for online, target in self._online_and_target:
            self.update_target(online, target)  # only to fail early when tau is wrong
            soft_update(online, target, tau=1.0)
        # Slots exist before the first update, so that a checkpoint can fill them.
        for optimizer, variables in (
            (self._critic_optimizer, self.critic_variables),
            (self._actor_optimizer, self.actor_net.trainable_variables),
        ):
            if optimizer is not None:
                optimizer._create_all_weights(variables)

    def td_targets(self, batch: AgentBatch, noise: tf.Tensor) -> tf.Tensor:
        """r + discount * min_i Q'_i(s', a'), clipped to `target_q_clipping`, like `batch.reward`.

        DDPG's equation 5 with one critic, TD3's clipped double Q-learning (section 4.2) with two.

        Args:
          batch: what to learn from.
          noise: draws of `target_noise`, [B, A].

        Raises:
          ValueError: critics with another number of reward dimensions than the rewards.
        """
        next_observation = self._next_seen(batch.next_observation)  # [B, S + G]
        next_action = self.target_action(next_observation, noise)  # [B, A]
        values = [_values(net, (next_observation, next_action)) for net in self.target_critic_nets]
        lowest = values[0] if len(values) == 1 else tf.minimum(*values)  # [B] or [B, R]
        dims, critic_dims = (tf.TensorShape(x.shape)[1:] for x in (batch.reward, lowest))
        if not dims.is_compatible_with(critic_dims):
            raise ValueError(
                f"ddpg_critic_net.num_reward_dims = {critic_dims.num_elements()}; allowed:"
                f" {dims.num_elements()}, as many as there are rewards per step"
            )
        return tf.stop_gradient(self._clipped(batch.reward + batch.discount * lowest))  # [B] or [B, R]

    def critic_loss(self, batch: AgentBatch, noise: tf.Tensor) -> tf.Tensor:
        """TD error loss, averaged over critics; a scalar (DDPG's equation 4).

        A share `residual_phi` of it is the residual loss (Baird 1995) as the
        original computes it: the loss between r + discount * q and q, with q the
        critic's own value of the next state under the actor, and a gradient through
        both.  (Baird's compares with the value of the present state.)
        """
        targets = self.td_targets(batch, noise)  # [B] or [B, R]
        inputs = (self._seen(batch.observation), batch.action)  # [B, S + G], [B, A]
        losses = [self._td_errors_loss(targets, _values(net, inputs)) for net in self.critic_nets]
        loss = tf.add_n(losses) / len(losses)
        if self._residual_phi == 0.0:
            return loss
        return (1.0 - self._residual_phi) * loss + self._residual_phi * self._residual_loss(batch)

    def _residual_loss(self, batch):
        """Between r + discount * q(s', mu(s')) and q(s', mu(s')), averaged over critics."""
        next_observation = self._next_seen(batch.next_observation)  # [B, S + G]
        next_inputs = (next_observation, self.actor_net(next_observation)[0])  # [B, S + G], [B, A]
        residuals = []
        for net in self.critic_nets:
            values = _values(net, next_inputs)  # [B] or [B, R]
            residual_targets = self._clipped(batch.reward + batch.discount * values)  # [B] or [B, R]
            residuals.append(self._td_errors_loss(residual_targets, values))
        return tf.add_n(residuals) / len(residuals)

    def actor_loss(self, observation: tf.Tensor) -> tf.Tensor:
        """Mean over batch and action dimensions of (stop(dQ/da + a) - a)^2.

        Its gradient is -2 / (B A) dQ/da da/dw, DDPG's equation 6 up to a factor, with dQ/da that of
        the sum of the first critic's values over the batch.  `actions_regularizer` adds the
        Frobenius norm of the whole batch of actions.
        """
        observation = self._seen(observation)  # [B, S + G]
        action, _ = self.actor_net(observation)  # [B, A]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(action)
            value = self._critic_function(self.critic_nets[0]((observation, action))[0], observation)  # [B]
        dqda = tape.gradient(value, action)  # [B, A]
        if self._dqda_clipping > 0:
            dqda = tf.clip_by_value(dqda, -self._dqda_clipping, self._dqda_clipping)
        loss = tf.reduce_mean(tf.math.squared_difference(tf.stop_gradient(dqda + action), action))
        if self._actions_regularizer == 0.0:
            return loss
        # The small number keeps the root's gradient finite for actions that are all zero.
        norm = tf.sqrt(tf.reduce_sum(tf.square(action)) + 1e-20)
        return loss + self._actions_regularizer * norm

    def policy_loss(self, batch: AgentBatch, noise: tf.Tensor) -> tf.Tensor:
        """What the actor's step minimises, a scalar; see the constructor.

        Args:
          batch: what to learn from.
          noise: draws of `target_noise`, [B, A].
        """
        if self._actor_objective is not None:
            return self._actor_objective(self, batch, noise)
        return self.actor_loss(batch.observation)

    def update(self, batch: AgentBatch, noise: tf.Tensor, phase: int | None = None) -> UpdateInfo:
        """One update: actor gradient, critic step, actor step, target networks.

        The actor's gradient uses the critic as it was before its step.

        Args:
          batch: what to learn from.
          noise: draws of `target_noise`, [B, A].
          phase: the number of updates so far modulo `target_update_period`, where the
            caller knows it; None asks the counter, which costs TensorFlow some time.
        """
        updates, period = self.train_step_counter, self.target_update_period
        actor_variables = self.actor_net.trainable_variables

        # The actor's gradient, on the first update of a period; zero on the others.
        def actor_gradient():
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(actor_variables)
                loss = self.policy_loss(batch, noise)
            return [loss, 1.0, *tape.gradient(loss, actor_variables)]

        def no_actor_gradient():
            return [0.0, 0.0, *(tf.zeros_like(v) for v in actor_variables)]

        counts = tf.equal(updates % period, 0) if phase is None else phase == 0
        actor_loss, actor_counts, *actor_gradients = _cond(counts, actor_gradient, no_actor_gradient)

        # The critics' gradient.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.critic_variables)
            critic_loss = self.critic_loss(batch, noise)
        critic_gradients = tape.gradient(critic_loss, self.critic_variables)
        check_finite(
            {f"{self._label} critic loss": critic_loss, f"{self._label} actor loss": actor_loss}
            | gradients_by_name(self._label, self.critic_variables, critic_gradients)
            | gradients_by_name(self._label, actor_variables, actor_gradients)
        )

        # Both steps.
        self._apply(self._critic_optimizer, critic_gradients, self.critic_variables)
        self._apply(self._actor_optimizer, actor_gradients, actor_variables)
        updates.assign_add(1)

        # Target networks, on the last update of a period.
        def move_targets():
            for online, target in self._online_and_target:
                self.update_target(online, target)
            return True

        moves = tf.equal(updates % period, 0) if phase is None else phase == period - 1
        _cond(moves, move_targets, lambda: False)
        return UpdateInfo(critic_loss, actor_loss, actor_counts)

    def _train(
        self, experience, weights=None, noise: tf.Tensor | None = None, phase: int | None = None
    ) -> tf_agent.LossInfo:
        """One update from an `AgentBatch`; `noise` replaces the draws of `target_noise`, [B, A]."""
        if weights is not None:
            raise ValueError("this agent does not weight its samples; allowed: weights=None")
        if noise is None:
            noise = self.target_noise(tf.shape(experience.action))
        info = self.update(experience, noise, phase)
        return tf_agent.LossInfo(info.critic_loss + info.actor_loss, info)

    def _seen(self, observation):
        """Observations as the networks see them, [B, S + G]."""
        return observation if self._encoder is None else self._encoder(observation)

    def _next_seen(self, next_observation):
        """Next observations as targets see them, [B, S + G]."""
        return next_observation if self._encoder is None else self._target_encoder(next_observation)

    def _apply(self, optimizer, gradients, variables):
        gradients = clipped_gradients(gradients, self._clip_gradient_norm)
        optimizer.apply_gradients(zip(gradients, variables))

    def _clipped(self, targets):
        if self._target_q_clipping is None:
            return targets
        return tf.clip_by_value(targets, *self._target_q_clipping)


def _check_numbers(dqda_clipping, residual_phi, actions_regularizer):
    checks.check_number("dqda_clipping", dqda_clipping, 0)
    checks.check_number("residual_phi", residual_phi, 0, 1)
    checks.check_number("actions_regularizer", actions_regularizer, 0)


def _check_functions(actor_net, critic_net, td_errors_loss):
    for part, value, example in (
        ("actor_net", actor_net, "@ddpg_actor_net"),
        ("critic_net", critic_net, "@ddpg_critic_net"),
        ("td_errors_loss", td_errors_loss, "@tf.losses.huber_loss"),
    ):
        if not callable(value):
            raise ValueError(f"{part} = {value!r}; allowed: a function, e.g. {example}")


def _check_limits(target_q_clipping):
    if target_q_clipping is None:
        return
    limits = np.array(target_q_clipping, object)
    are_limits = limits.shape == (2,) and all(map(checks.is_number, limits))
    if not are_limits or not limits[0] <= limits[1]:
        raise ValueError(f"target_q_clipping = {target_q_clipping!r}; allowed: None, (minimum, maximum)")


def _cond(condition, if_true, if_false):
    """`tf.cond`, or a plain choice where the condition is known when the graph is made."""
    if isinstance(condition, bool):
        return if_true() if condition else if_false()
    return tf.cond(condition, if_true, if_false)


def _values(critic_net, inputs):
    return critic_net(inputs, for_critic_loss=True)[0]
