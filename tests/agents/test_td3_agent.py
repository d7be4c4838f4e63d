"""Parts of TD3 that recordings cannot show; the recordings are checked in tests/test_agent.py."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import tensor_spec

from efficient_hrl.agents.ddpg_agent import AgentBatch
from efficient_hrl.agents.ddpg_networks import ActorNetwork, CriticNetwork
from efficient_hrl.agents.losses import huber_loss
from efficient_hrl.agents.optimizers import adam_optimizer
from efficient_hrl.agents.target_networks import td3_update_targets
from efficient_hrl.agents.td3_agent import TD3Agent
from efficient_hrl.specifications.level import LevelSpec

OBSERVATION = tensor_spec.TensorSpec([4], tf.float32, "observation")
ACTION = tensor_spec.BoundedTensorSpec([2], tf.float32, np.float32([-1, -1]), np.float32([1, 1]))


def make_agent(clip_gradient_norm=0.0, **arguments):
    agent = TD3Agent(
        OBSERVATION,
        ACTION,
        learning=LevelSpec(1.0, adam_optimizer(1e-3), adam_optimizer(1e-3), 2, clip_gradient_norm),
        actor_net=functools.partial(ActorNetwork, hidden_layers=(16,)),
        critic_net=functools.partial(CriticNetwork, states_hidden_layers=(16,), joint_hidden_layers=(16,)),
        **arguments,
    )
    agent.initialize()
    for net in (agent.actor_net, agent.critic_nets[0], agent.critic_nets[1]):
        net.variables[-2].assign(tf.random.stateless_normal(net.variables[-2].shape, [7, 7]))
    return agent


def make_batch(size=8, seed=0):
    normal = lambda i, *shape: tf.random.stateless_normal([size, *shape], [seed, i])
    return AgentBatch(normal(0, 4), normal(1, 2), normal(2), tf.fill([size], 0.99), normal(3, 4))


@pytest.mark.parametrize("delta", [0.5, 1.0])
def test_huber_loss_is_its_definition(delta):
    targets, values = np.float32([0, 0, 0, 0]), np.float32([0.1, -0.6, 1.0, 3.0])
    error = np.abs(targets - values)
    expected = np.where(error <= delta, error**2 / 2, delta * (error - delta / 2)).mean()
    np.testing.assert_allclose(huber_loss(targets, values, delta), expected, rtol=1e-6)


def test_adam_adds_epsilon_outside_the_bias_correction():
    optimizer, variable = adam_optimizer(0.1, 0.9, 0.999, epsilon=0.5), tf.Variable([1.0])
    gradients = [2.0, -1.0, 0.5]
    m = v = 0.0
    expected = 1.0
    for t, gradient in enumerate(gradients, start=1):
        optimizer.apply_gradients([(tf.constant([gradient]), variable)])
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        expected -= 0.1 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 0.5)
    np.testing.assert_allclose(variable, [expected], rtol=1e-5)


def test_initialised_targets_equal_their_networks():
    agent = TD3Agent(OBSERVATION, ACTION)
    agent.initialize()
    pairs = [(agent.actor_net, agent.target_actor_net), (agent.critic_nets[1], agent.target_critic_nets[1])]
    for net, target in pairs:
        for variable, copy in zip(net.variables, target.variables):
            np.testing.assert_array_equal(variable, copy)


def test_soft_update_moves_by_tau():
    agent = make_agent()
    net, target = agent.actor_net, agent.target_actor_net
    before = [v.numpy() for v in target.variables]
    td3_update_targets(net, target, tau=0.25)
    for old, variable, copy in zip(before, net.variables, target.variables):
        np.testing.assert_allclose(copy, 0.75 * old + 0.25 * variable.numpy(), atol=1e-6)


def test_targets_take_the_smaller_value_of_a_noisy_unclipped_action():
    agent, batch = make_agent(), make_batch()
    noise = tf.fill([8, 2], 3.0)  # clipped to 0.5, which leads out of the action range
    action = agent.target_actor_net(batch.next_observation)[0] + 0.5
    values = [
        net((batch.next_observation, action))[0]
        for net in (agent.target_critic_nets[0], agent.target_critic_nets[1])
    ]
    expected = batch.reward + 0.99 * np.minimum(*values)
    np.testing.assert_allclose(agent.td_targets(batch, noise), expected, rtol=1e-5)


def test_target_values_can_be_clipped():
    batch = make_batch()
    targets = make_agent(target_q_clipping=(-0.1, 0.2)).td_targets(batch, tf.zeros([8, 2]))
    assert np.min(targets) >= -0.1 - 1e-6 and np.max(targets) <= 0.2 + 1e-6


@pytest.mark.parametrize("clipping", [0.0, 0.01])
def test_actor_gradient_is_that_of_the_summed_values(clipping):
    """d loss / dw = -2 / (B A) sum dQ/da da/dw, written out with a Jacobian."""
    agent, batch = make_agent(dqda_clipping=clipping), make_batch()
    variable = agent.actor_net.variables[0]
    with tf.GradientTape() as tape:
        loss = agent.actor_loss(batch.observation)
    gradient = tape.gradient(loss, variable)
    with tf.GradientTape() as tape:
        action = agent.actor_net(batch.observation)[0]
    jacobian = tape.jacobian(action, variable).numpy()  # [B, A, in, out]
    with tf.GradientTape() as tape:
        tape.watch(action)
        total = tf.reduce_sum(agent.critic_nets[0]((batch.observation, action))[0])
    dqda = tape.gradient(total, action).numpy()
    if clipping:
        dqda = np.clip(dqda, -clipping, clipping)
    expected = -2.0 / dqda.size * np.einsum("ba,baio->io", dqda, jacobian)
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-6)


def test_gated_updates_move_the_actor_by_momentum_alone_and_targets_move_in_between():
    agent = make_agent()
    update = tf.function(agent.update)
    moves = []
    for i in range(4):
        before = [v.numpy() for v in (*agent.actor_net.variables, *agent.target_actor_net.variables)]
        info = update(make_batch(seed=i), tf.zeros([8, 2]))
        after = [v.numpy() for v in (*agent.actor_net.variables, *agent.target_actor_net.variables)]
        changed = [not np.array_equal(a, b) for a, b in zip(before, after)]
        half = len(changed) // 2
        moves.append((bool(info.actor_counts), all(changed[:half]), any(changed[half:])))
    assert moves == [(True, True, False), (False, True, True), (True, True, False), (False, True, True)]
    assert agent.train_step_counter == 4


def test_gradient_norms_can_be_limited():
    free, limited = make_agent(), make_agent(clip_gradient_norm=1e-12)
    for agent in (free, limited):
        agent.update(make_batch(), tf.zeros([8, 2]))
    # Adam's first step has the learning rate's size unless the gradient vanishes beside epsilon.
    step = lambda agent: np.max(
        np.abs(agent.critic_nets[0].variables[0] - agent.target_critic_nets[0].variables[0])
    )
    assert step(free) > 5e-4
    assert step(limited) < 5e-6
