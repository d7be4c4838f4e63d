"""TD3 (Fujimoto et al. 2018, arXiv 1802.09477) as HIRO and NORL use it.

Single-level learning: nothing here knows of goals or hierarchy.  It differs
from `tf_agents.agents.Td3Agent` in when things happen: on every other update
the actor's gradient is replaced by zero, but Adam is still applied, so that its
momentum goes on moving the weights, and target networks move on the updates in
between.
"""

from collections.abc import Callable
from typing import NamedTuple

import gin
import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.policies import actor_policy, gaussian_policy
from tf_agents.trajectories import time_step as ts

from efficient_hrl.agents.ddpg_networks import ActorNetwork, CriticNetwork
from efficient_hrl.random_streams import Stream, stream_seed

TARGET_NOISE_STDDEV = 0.2  # in action units
TARGET_NOISE_LIMIT = 0.5
ACTOR_PERIOD = 2  # the actor's gradient counts on updates 0, 2, 4, ...


class Td3Batch(NamedTuple):
    """What one update learns from.

    Attributes:
      observation: states with their contexts, [B, S + G].
      action: [B, A].
      reward: [B].
      discount: discount of the next value, gamma included, [B].
      next_observation: [B, S + G].
    """

    observation: tf.Tensor
    action: tf.Tensor
    reward: tf.Tensor
    discount: tf.Tensor
    next_observation: tf.Tensor


class Td3Info(NamedTuple):
    """Losses of one update, float32 scalars.

    Attributes:
      critic_loss: before the update.
      actor_loss: before the update; 0 when the actor's gradient did not count.
      actor_counts: 1 when the actor's gradient counted, else 0.
    """

    critic_loss: tf.Tensor
    actor_loss: tf.Tensor
    actor_counts: tf.Tensor


@gin.configurable("huber_loss", module="tf.losses")
def huber_loss(labels: tf.Tensor, predictions: tf.Tensor, delta: float = 1.0) -> tf.Tensor:
    """Mean Huber loss: x^2 / 2 for |x| <= delta, else delta (|x| - delta / 2); a scalar."""
    error = tf.abs(labels - predictions)
    quadratic = tf.minimum(error, delta)
    return tf.reduce_mean(quadratic * (error - 0.5 * quadratic))


@gin.configurable("AdamOptimizer", module="tf.train")
def adam_optimizer(
    learning_rate: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8
) -> tf.keras.optimizers.legacy.Adam:
    """Adam in TensorFlow 1's form: epsilon is added outside the bias correction.

    The legacy class is chosen on purpose: it is the one whose update rule is
    the fused kernel that the original used.
    """
    return tf.keras.optimizers.legacy.Adam(learning_rate, beta_1=beta1, beta_2=beta2, epsilon=epsilon)


@gin.configurable
def td3_update_targets(network, target_network, tau: float = 1.0) -> None:
    """theta' <- (1 - tau) theta' + tau theta, for every variable of a network."""
    for variable, target in zip(network.variables, target_network.variables):
        target.assign((1.0 - tau) * target + tau * variable)


class TD3Agent(tf_agent.TFAgent):
    """Twin critics, a delayed actor, smoothed targets."""

    def __init__(
        self,
        time_step_spec: ts.TimeStep,
        action_spec,
        training_data_spec=None,
        critic_optimizer: tf.keras.optimizers.legacy.Optimizer | None = None,
        actor_optimizer: tf.keras.optimizers.legacy.Optimizer | None = None,
        gamma: float = 1.0,
        target_update_period: int = 1,
        clip_gradient_norm: float = 0.0,
        exploration_stddev: float = 1.0,
        actor_net: Callable = ActorNetwork,
        critic_net: Callable = CriticNetwork,
        td_errors_loss: Callable = huber_loss,
        dqda_clipping: float = 0.0,
        target_q_clipping: tuple[float, float] | None = None,
        debug_summaries: bool = False,
        seed: int = 0,
        target_noise_stream: Stream = Stream.LOW_TARGET_NOISE,
        name: str = "td3_agent",
    ):
        """Builds the six networks.

        Args:
          time_step_spec: its observation is [S + G].
          action_spec: a BoundedTensorSpec, shape [A].
          training_data_spec: what `train` takes; None is `Td3Batch`.
          critic_optimizer, actor_optimizer: one for both critics, one for the actor;
            None for an agent that only acts.
          gamma: discount per update step of this level.
          target_update_period: target networks move on updates period - 1, 2 period - 1, ...
          clip_gradient_norm: limit for the global norm of each gradient; 0 is none.
          exploration_stddev: of the collect policy's Gaussian noise, in action units.
          actor_net: makes the actor from (observation spec, action spec).
          critic_net: makes a critic from ((observation spec, action spec)).
          td_errors_loss: (targets, values) -> scalar.
          dqda_clipping: limit for each entry of dQ/da; 0 is none.
          target_q_clipping: (minimum, maximum) of target values, or None.
          debug_summaries: accepted as in the original; has no effect.
          seed: the run's seed, for the noise of target actions.
          target_noise_stream: its random stream.
          name: name of the agent.
        """
        observation_spec = time_step_spec.observation
        make_critic = lambda critic_name: critic_net((observation_spec, action_spec), name=critic_name)
        self.actor_net = actor_net(observation_spec, action_spec, name="actor_net")
        self.critic_net = make_critic("critic_net")
        self.critic_net2 = make_critic("critic_net2")
        self.target_actor_net = actor_net(observation_spec, action_spec, name="target_actor_net")
        self.target_critic_net = make_critic("target_critic_net")
        self.target_critic_net2 = make_critic("target_critic_net2")
        self._online_and_target = (
            (self.actor_net, self.target_actor_net),
            (self.critic_net, self.target_critic_net),
            (self.critic_net2, self.target_critic_net2),
        )
        for pair in self._online_and_target:
            for net in pair:
                net.create_variables()
        self._critic_optimizer = critic_optimizer
        self._actor_optimizer = actor_optimizer
        self._gamma = gamma
        self._target_update_period = target_update_period
        self._clip_gradient_norm = clip_gradient_norm
        self._td_errors_loss = td_errors_loss
        self._dqda_clipping = dqda_clipping
        self._target_q_clipping = target_q_clipping
        self._seed = seed
        self._target_noise_stream = target_noise_stream
        if training_data_spec is None:
            scalar = tf.TensorSpec([], tf.float32)
            training_data_spec = Td3Batch(observation_spec, action_spec, scalar, scalar, observation_spec)
        policy = actor_policy.ActorPolicy(time_step_spec, action_spec, self.actor_net, clip=False)
        super().__init__(
            time_step_spec,
            action_spec,
            policy=policy,
            collect_policy=gaussian_policy.GaussianPolicy(policy, scale=exploration_stddev, clip=True),
            train_sequence_length=None,
            num_outer_dims=1,
            training_data_spec=training_data_spec,
            debug_summaries=debug_summaries,
            train_step_counter=tf.Variable(0, dtype=tf.int64, trainable=False, name=f"{name}_updates"),
        )

    @property
    def critic_variables(self) -> list[tf.Variable]:
        """Trainable variables of both critics."""
        return [*self.critic_net.trainable_variables, *self.critic_net2.trainable_variables]

    def checkpointed(self) -> dict:
        """What a checkpoint must hold of this agent, by name."""
        return {
            **{net.name: net for pair in self._online_and_target for net in pair},
            "critic_optimizer": self._critic_optimizer,
            "actor_optimizer": self._actor_optimizer,
            "updates": self.train_step_counter,
        }

    def _initialize(self):
        for online, target in self._online_and_target:
            td3_update_targets(online, target)  # only to fail early when tau is wrong
            td3_update_targets(online, target, tau=1.0)
        # Slots exist before the first update, so that a checkpoint can fill them.
        if self._critic_optimizer is not None:
            self._critic_optimizer._create_all_weights(self.critic_variables)
        if self._actor_optimizer is not None:
            self._actor_optimizer._create_all_weights(self.actor_net.trainable_variables)

    def td_targets(self, batch: Td3Batch, noise: tf.Tensor) -> tf.Tensor:
        """r + discount * min(Q1', Q2')(s', mu'(s') + clip(noise)), [B].

        Args:
          batch: what to learn from.
          noise: N(0, 0.2) draws in action units, [B, A]; clipped to +-0.5 here.
            The noisy action is not clipped to the action range.
        """
        next_action, _ = self.target_actor_net(batch.next_observation)
        next_action += tf.clip_by_value(noise, -TARGET_NOISE_LIMIT, TARGET_NOISE_LIMIT)
        inputs = (batch.next_observation, next_action)
        q1, _ = self.target_critic_net(inputs)
        q2, _ = self.target_critic_net2(inputs)
        targets = batch.reward + batch.discount * tf.minimum(q1, q2)
        if self._target_q_clipping is not None:
            targets = tf.clip_by_value(targets, *self._target_q_clipping)
        return tf.stop_gradient(targets)

    def critic_loss(self, batch: Td3Batch, noise: tf.Tensor) -> tf.Tensor:
        """TD error loss, averaged over both critics; a scalar."""
        targets = self.td_targets(batch, noise)
        inputs = (batch.observation, batch.action)
        q1, _ = self.critic_net(inputs)
        q2, _ = self.critic_net2(inputs)
        return 0.5 * (self._td_errors_loss(targets, q1) + self._td_errors_loss(targets, q2))

    def actor_loss(self, observation: tf.Tensor) -> tf.Tensor:
        """Mean over batch and action dimensions of (stop(dQ/da + a) - a)^2.

        Its gradient is -2 / (B A) dQ/da da/dw, with dQ/da that of the sum of the
        first critic's values over the batch.
        """
        action, _ = self.actor_net(observation)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(action)
            value, _ = self.critic_net((observation, action))
        dqda = tape.gradient(value, action)
        if self._dqda_clipping > 0:
            dqda = tf.clip_by_value(dqda, -self._dqda_clipping, self._dqda_clipping)
        return tf.reduce_mean(tf.math.squared_difference(tf.stop_gradient(dqda + action), action))

    def td3_batch(self, experience) -> Td3Batch:
        """What TD3 learns from stored experience; here the experience is that already."""
        return experience

    def _train(self, experience, weights=None, noise: tf.Tensor | None = None) -> tf_agent.LossInfo:
        """One update; `noise` replaces the target actions' N(0, 0.2) draws, [B, A]."""
        if weights is not None:
            raise ValueError("this agent does not weight its samples; allowed: weights=None")
        batch = self.td3_batch(experience)
        if noise is None:
            seed = stream_seed(self._seed, self._target_noise_stream, self.train_step_counter)
            noise = TARGET_NOISE_STDDEV * tf.random.stateless_normal(tf.shape(batch.action), seed)
        info = self.update(batch, noise)
        return tf_agent.LossInfo(info.critic_loss + info.actor_loss, info)

    def update(self, batch: Td3Batch, noise: tf.Tensor) -> Td3Info:
        """One update: actor gradient, critic step, actor step, target networks.

        The actor's gradient uses the critic as it was before its step.

        Args:
          batch: what to learn from.
          noise: N(0, 0.2) draws for the target actions, [B, A].
        """
        updates = self.train_step_counter
        actor_variables = self.actor_net.trainable_variables

        def actor_gradient():
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(actor_variables)
                loss = self.actor_loss(batch.observation)
            return [loss, 1.0, *tape.gradient(loss, actor_variables)]

        def no_actor_gradient():
            return [0.0, 0.0, *(tf.zeros_like(v) for v in actor_variables)]

        counts = tf.equal(updates % ACTOR_PERIOD, 0)
        actor_loss, actor_counts, *actor_gradients = tf.cond(counts, actor_gradient, no_actor_gradient)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.critic_variables)
            critic_loss = self.critic_loss(batch, noise)
        critic_gradients = tape.gradient(critic_loss, self.critic_variables)
        self._apply(self._critic_optimizer, critic_gradients, self.critic_variables)
        self._apply(self._actor_optimizer, actor_gradients, actor_variables)
        updates.assign_add(1)
        if tf.equal(updates % self._target_update_period, 0):
            for online, target in self._online_and_target:
                td3_update_targets(online, target)
        return Td3Info(critic_loss, actor_loss, actor_counts)

    def _apply(self, optimizer, gradients, variables):
        if self._clip_gradient_norm > 0:
            gradients, _ = tf.clip_by_global_norm(gradients, self._clip_gradient_norm)
        optimizer.apply_gradients(zip(gradients, variables))
