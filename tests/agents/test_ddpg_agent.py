"""DDPG, and the options that TD3 shares with it, against formulas written slowly."""

import functools

import gin
import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import tensor_spec

from efficient_hrl.agents.ddpg_agent import AgentBatch, DdpgAgent, ddpg_critic_function, ddpg_sample_action
from efficient_hrl.agents.ddpg_networks import ActorNetwork, CriticNetwork
from efficient_hrl.agents.losses import huber_loss
from efficient_hrl.agents.optimizers import adam_optimizer
from efficient_hrl.agents.target_networks import ddpg_update_targets, td3_update_targets
from efficient_hrl.agents.td3_agent import TD3Agent
from efficient_hrl.graph.random_streams import Stream
from efficient_hrl.specifications.level import LevelSpec

OBSERVATION = tensor_spec.TensorSpec([4], tf.float32, "observation")
ACTION = tensor_spec.BoundedTensorSpec([2], tf.float32, np.float32([-1, -1]), np.float32([1, 1]))
AGENTS = (DdpgAgent, TD3Agent)
SIZE = 6
NO_NOISE = tf.zeros([SIZE, 2])


@pytest.fixture(autouse=True)
def taus():
    gin.bind_parameter("ddpg_update_targets.tau", 0.25)
    gin.bind_parameter("td3_update_targets.tau", 0.5)


def make_agent(
    agent_class=DdpgAgent, num_reward_dims=1, target_update_period=1, clip_gradient_norm=0.0, **arguments
):
    agent = agent_class(
        OBSERVATION,
        ACTION,
        learning=LevelSpec(
            1.0, adam_optimizer(1e-2), adam_optimizer(1e-2), target_update_period, clip_gradient_norm
        ),
        actor_net=functools.partial(ActorNetwork, hidden_layers=(8,)),
        critic_net=functools.partial(
            CriticNetwork,
            num_reward_dims=num_reward_dims,
            states_hidden_layers=(8,),
            joint_hidden_layers=(8,),
        ),
        **arguments,
    )
    agent.initialize()
    nets = (agent.actor_net, agent.target_actor_net, *agent.critic_nets, *agent.target_critic_nets)
    for i, net in enumerate(nets):  # all different, and not near zero
        for j, variable in enumerate(net.trainable_variables):
            variable.assign(0.5 * tf.random.stateless_normal(variable.shape, [i, j]))
    return agent


def make_batch(seed=0, dims=()):
    normal = lambda i, *shape: tf.random.stateless_normal([SIZE, *shape], [seed, i])
    discount = tf.random.stateless_uniform([SIZE, *dims], [seed, 9], 0.3, 1.0)
    return AgentBatch(normal(0, 4), tf.tanh(normal(1, 2)), normal(2, *dims), discount, normal(3, 4))


def huber(targets, values):
    error = np.abs(np.array(targets) - np.array(values))
    return np.where(error <= 1.0, error**2 / 2, error - 0.5).mean()


def value(net, states, actions):
    return net((states, actions), for_critic_loss=True)[0].numpy()


def test_targets_of_ddpg_are_those_of_one_critic_without_noise():
    agent, batch = make_agent(), make_batch()
    assert len(agent.critic_nets) == len(agent.target_critic_nets) == 1
    action = agent.target_actor_net(batch.next_observation)[0]
    expected = batch.reward + batch.discount * value(
        agent.target_critic_nets[0], batch.next_observation, action
    )
    for noise in (NO_NOISE, tf.ones([SIZE, 2])):
        np.testing.assert_allclose(agent.td_targets(batch, noise), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(agent.target_noise([3, 2]), np.zeros([3, 2]))
    loss = huber(expected, value(agent.critic_nets[0], batch.observation, batch.action))
    np.testing.assert_allclose(agent.critic_loss(batch, NO_NOISE), loss, rtol=1e-5)


def test_target_noise_of_td3_is_a_fifth_of_an_action_unit_and_its_streams_own():
    """TD3's target policy smoothing (section 5.3): N(0, 0.2), and clipped at 0.5."""
    streams = (Stream.LOW_TARGET_NOISE, Stream.HIGH_TARGET_NOISE)
    low, high = (make_agent(TD3Agent, seed=3, target_noise_stream=stream) for stream in streams)
    drawn = low.target_noise([50_000, 2])
    np.testing.assert_allclose(np.std(drawn), 0.2, rtol=0.01)
    np.testing.assert_allclose(np.mean(drawn), 0.0, atol=0.003)
    np.testing.assert_array_equal(low.target_noise([50_000, 2]), drawn)
    assert abs(np.corrcoef(np.ravel(drawn), np.ravel(high.target_noise([50_000, 2])))[0, 1]) < 0.02
    low.train_step_counter.assign_add(1)
    assert abs(np.corrcoef(np.ravel(drawn), np.ravel(low.target_noise([50_000, 2])))[0, 1]) < 0.02

    batch = make_batch()
    large = tf.fill([SIZE, 2], 0.9)
    clipped, exact = (low.target_action(batch.next_observation, noise) for noise in (large, 0 * large))
    np.testing.assert_allclose(clipped - exact, np.full([SIZE, 2], 0.5), rtol=1e-5)


@pytest.mark.parametrize("agent_class", AGENTS)
def test_target_values_are_clipped(agent_class):
    batch = make_batch()
    free = make_agent(agent_class).td_targets(batch, NO_NOISE)
    clipped = make_agent(agent_class, target_q_clipping=(-0.1, 0.2)).td_targets(batch, NO_NOISE)
    assert np.min(free) < -0.1 and np.max(free) > 0.2
    np.testing.assert_array_equal(clipped, np.clip(free, np.float32(-0.1), np.float32(0.2)))


def residual_loss(agent, batch, clipping):
    """Written with a loop over critics and samples."""
    actions = agent.actor_net(batch.next_observation)[0]
    losses = []
    for net in agent.critic_nets:
        for i, q in enumerate(value(net, batch.next_observation, actions)):
            y = np.clip(batch.reward[i] + batch.discount[i] * q, *clipping)
            losses.append(huber(y, q))
    return np.mean(losses)


@pytest.mark.parametrize("agent_class", AGENTS)
@pytest.mark.parametrize("clipping", [None, (-0.5, 0.3)])
def test_the_residual_loss_has_its_share(agent_class, clipping):
    phi, batch = 0.3, make_batch()
    agent = make_agent(agent_class, residual_phi=phi, target_q_clipping=clipping)
    plain = make_agent(agent_class, target_q_clipping=clipping)
    residual = residual_loss(agent, batch, clipping or (-np.inf, np.inf))
    expected = (1 - phi) * plain.critic_loss(batch, NO_NOISE) + phi * residual
    np.testing.assert_allclose(agent.critic_loss(batch, NO_NOISE), expected, rtol=1e-5)
    only = make_agent(agent_class, residual_phi=1.0, target_q_clipping=clipping)
    np.testing.assert_allclose(only.critic_loss(batch, NO_NOISE), residual, rtol=1e-5)


@pytest.mark.parametrize("agent_class", AGENTS)
def test_the_residual_loss_has_gradients_through_both_sides(agent_class):
    """The gradient is that of huber(r + (discount - 1) q)."""
    agent, batch = make_agent(agent_class, residual_phi=1.0), make_batch()
    with tf.GradientTape(persistent=True) as tape:
        loss = agent.critic_loss(batch, NO_NOISE)
        actions = agent.actor_net(batch.next_observation)[0]
        inputs = (batch.next_observation, actions)
        values = [net(inputs)[0] for net in agent.critic_nets]
        written = tf.reduce_mean(
            [huber_loss(batch.reward + (batch.discount - 1.0) * q, tf.zeros([SIZE])) for q in values]
        )
    variables = agent.critic_variables
    for left, right in zip(tape.gradient(loss, variables), tape.gradient(written, variables)):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-6)
        assert np.any(left != 0)


@pytest.mark.parametrize("agent_class", AGENTS)
def test_a_critic_update_moves_neither_the_actor_nor_by_its_targets(agent_class):
    """Online actor and target networks take part in the loss; only critics learn from it."""
    agent = make_agent(agent_class, residual_phi=0.5, target_update_period=1000)
    agent.train_step_counter.assign(1)  # so that the actor's gradient does not count
    still = [agent.actor_net, agent.target_actor_net, *agent.target_critic_nets]
    before = [v.numpy() for net in still for v in net.variables]
    critics = [v.numpy() for v in agent.critic_variables]
    agent.update(make_batch(), NO_NOISE)
    for old, new in zip(before, [v for net in still for v in net.variables]):
        np.testing.assert_array_equal(old, new)
    for old, new in zip(critics, agent.critic_variables):
        assert not np.array_equal(old, new)


def actor_loss_and_gradients(agent, batch):
    with tf.GradientTape() as tape:
        loss = agent.actor_loss(batch.observation)
    return loss, tape.gradient(loss, agent.actor_net.trainable_variables)


@pytest.mark.parametrize("agent_class", AGENTS)
def test_the_size_of_a_batchs_actions_is_regularised_by_one_norm(agent_class):
    weight, batch = 0.7, make_batch()
    plain_loss, plain = actor_loss_and_gradients(make_agent(agent_class), batch)
    agent = make_agent(agent_class, actions_regularizer=weight)
    loss, gradients = actor_loss_and_gradients(agent, batch)
    with tf.GradientTape() as tape:
        actions = agent.actor_net(batch.observation)[0]
    total = np.sqrt(sum(float(a) ** 2 for row in actions for a in row))
    np.testing.assert_allclose(loss, plain_loss + weight * total, rtol=1e-5)
    # d ||a|| / dw = sum a / ||a|| da/dw
    added = tape.gradient(actions, agent.actor_net.trainable_variables, output_gradients=actions / total)
    for without, extra, both in zip(plain, added, gradients):
        np.testing.assert_allclose(both, without + weight * extra, rtol=1e-4, atol=1e-6)


def test_the_regularisers_gradient_is_finite_where_all_actions_are_zero():
    agent = make_agent(actions_regularizer=1.0)
    for variable in agent.actor_net.trainable_variables[-2:]:
        variable.assign(tf.zeros_like(variable))
    loss, gradients = actor_loss_and_gradients(agent, make_batch())
    assert np.isfinite(loss) and all(np.all(np.isfinite(g)) for g in gradients)


@pytest.mark.parametrize("agent_class", AGENTS)
def test_dqda_is_clipped_entry_by_entry(agent_class):
    batch, limit = make_batch(), 0.02
    agent = make_agent(agent_class, dqda_clipping=limit)
    actions = agent.actor_net(batch.observation)[0]
    with tf.GradientTape() as tape:
        tape.watch(actions)
        total = tf.reduce_sum(agent.critic_nets[0]((batch.observation, actions))[0])
    dqda = tape.gradient(total, actions).numpy()
    assert np.any(np.abs(dqda) > limit) and np.any(np.abs(dqda) < limit)
    loss, _ = actor_loss_and_gradients(agent, batch)
    np.testing.assert_allclose(loss, np.mean(np.clip(dqda, -limit, limit) ** 2), rtol=1e-4)
    loss, _ = actor_loss_and_gradients(make_agent(agent_class), batch)
    np.testing.assert_allclose(loss, np.mean(dqda**2), rtol=1e-3)


@pytest.mark.parametrize("agent_class", AGENTS)
def test_vector_rewards_are_learned_dimension_by_dimension_and_the_actor_weights_them(agent_class):
    dims = 3
    agent, batch = make_agent(agent_class, num_reward_dims=dims), make_batch(dims=(dims,))
    action = agent.target_actor_net(batch.next_observation)[0]
    next_values = [value(net, batch.next_observation, action) for net in agent.target_critic_nets]
    losses = []
    for net in agent.critic_nets:
        values = value(net, batch.observation, batch.action)
        for i in range(SIZE):
            for r in range(dims):
                lowest = min(float(next_value[i, r]) for next_value in next_values)
                y = float(batch.reward[i, r]) + float(batch.discount[i, r]) * lowest
                losses.append(huber(y, values[i, r]))
    np.testing.assert_allclose(agent.critic_loss(batch, NO_NOISE), np.mean(losses), rtol=1e-5)

    loss, _ = actor_loss_and_gradients(agent, batch)
    actions = agent.actor_net(batch.observation)[0]
    with tf.GradientTape() as tape:
        tape.watch(actions)
        values, _ = agent.critic_nets[0]((batch.observation, actions), for_critic_loss=True)
        weighted = tf.reduce_sum(values * tf.abs(batch.observation[:, -dims:]))
    np.testing.assert_allclose(loss, np.mean(tape.gradient(weighted, actions).numpy() ** 2), rtol=1e-3)
    info = agent.update(batch, NO_NOISE)
    assert np.isfinite(info.critic_loss) and np.isfinite(info.actor_loss)


@pytest.mark.parametrize("critic_dims, dims, message", [(1, (2,), "1; allowed: 2"), (3, (), "3; allowed: 1")])
def test_critics_and_rewards_of_different_dimensions_are_refused(critic_dims, dims, message):
    agent = make_agent(num_reward_dims=critic_dims)
    with pytest.raises(ValueError, match=f"ddpg_critic_net.num_reward_dims = {message}"):
        agent.critic_loss(make_batch(dims=dims), NO_NOISE)


@pytest.mark.parametrize("agent_class, tau", [(DdpgAgent, 0.25), (TD3Agent, 0.5)])
def test_each_agent_moves_its_targets_by_its_own_tau(agent_class, tau):
    agent = make_agent(agent_class, target_update_period=1)
    pairs = [
        (agent.actor_net, agent.target_actor_net),
        *zip(agent.critic_nets, agent.target_critic_nets, strict=True),
    ]
    before = [v.numpy() for _, target in pairs for v in target.variables]
    agent.update(make_batch(), NO_NOISE)
    online = [v.numpy() for net, _ in pairs for v in net.variables]
    after = [v.numpy() for _, target in pairs for v in target.variables]
    for old, source, new in zip(before, online, after):
        np.testing.assert_allclose(new, (1 - tau) * old + tau * source, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("tau", [-0.1, 1.5])
@pytest.mark.parametrize(
    "agent_class, update", [(DdpgAgent, ddpg_update_targets), (TD3Agent, td3_update_targets)]
)
def test_rates_outside_of_0_to_1_are_refused_at_once(agent_class, update, tau):
    agent = make_agent(agent_class)
    with pytest.raises(ValueError, match=f"update_targets.tau = {tau}; allowed: 0 to 1"):
        update(agent.actor_net, agent.target_actor_net, tau=tau)
    gin.bind_parameter(f"{update.__name__}.tau", tau)
    with pytest.raises(ValueError, match=f"tau = {tau}"):
        make_agent(agent_class)


@pytest.mark.parametrize("agent_class", AGENTS)
@pytest.mark.parametrize(
    "period, counts, moves",
    [(1, [0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]), (2, [0, 2, 4], [1, 3, 5]), (3, [0, 3], [2, 5])],
)
def test_updates_that_count_for_the_actor_and_those_that_move_targets(agent_class, period, counts, moves):
    agent = make_agent(agent_class, target_update_period=period)
    update = tf.function(agent.update)
    counted, moved = [], []
    for i in range(6):
        before = agent.target_critic_nets[0].variables[0].numpy()
        actor_before = agent.target_actor_net.variables[0].numpy()
        info = update(make_batch(seed=i), NO_NOISE)
        assert bool(info.actor_counts) == bool(info.actor_loss != 0)
        if info.actor_counts:
            counted.append(i)
        if not np.array_equal(before, agent.target_critic_nets[0].variables[0]):
            moved.append(i)
        assert np.array_equal(actor_before, agent.target_actor_net.variables[0]) == (i not in moved)
    assert (counted, moved) == (counts, moves)


class RecordingOptimizer:
    """Keeps the gradients that it is given."""

    def __init__(self):
        self.gradients = []

    def apply_gradients(self, pairs):
        self.gradients += [gradient.numpy() for gradient, _ in pairs]

    def _create_all_weights(self, variables):
        pass


@pytest.mark.parametrize("agent_class", AGENTS)
def test_the_norm_of_each_variables_gradient_is_limited_on_its_own(agent_class):
    batch, gradients = make_batch(), {}
    for limit in (0.0, 0.3):
        agent = make_agent(agent_class, clip_gradient_norm=limit)
        agent._critic_optimizer, agent._actor_optimizer = RecordingOptimizer(), RecordingOptimizer()
        agent.update(batch, NO_NOISE)
        gradients[limit] = agent._critic_optimizer.gradients + agent._actor_optimizer.gradients
    norms = [np.linalg.norm(g) for g in gradients[0.0]]
    assert min(norms) < 0.3 < max(norms)
    for norm, free, limited in zip(norms, gradients[0.0], gradients[0.3], strict=True):
        np.testing.assert_allclose(limited, free * min(1.0, 0.3 / norm), rtol=1e-4, atol=1e-9)


def test_sampled_actions_have_noise_in_action_units_and_stay_in_range():
    actions, normal = tf.constant([[0.5, -0.9]]), tf.constant([[1.0, -1.0]])
    np.testing.assert_allclose(ddpg_sample_action(actions, ACTION, normal, stddev=0.25), [[0.75, -1.0]])
    np.testing.assert_allclose(ddpg_sample_action(actions, ACTION, normal), [[1.0, -1.0]])


def test_sample_weights_are_refused():
    with pytest.raises(ValueError, match="weights=None"):
        make_agent().train(make_batch(), weights=tf.ones([SIZE]))


def test_the_critic_function_sums_weighted_reward_dimensions():
    values = np.float32([[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(ddpg_critic_function(values, None), [6, 15])
    np.testing.assert_array_equal(ddpg_critic_function(values, None, weights=[1.0, 0.0, -1.0]), [-2, -2])
    np.testing.assert_array_equal(ddpg_critic_function(values[:, 0], None), [1, 4])
    np.testing.assert_array_equal(ddpg_critic_function(values[:, 0], None, weights=2.0), [2, 8])


def test_the_actor_follows_the_critic_function():
    batch = make_batch()
    plain, _ = actor_loss_and_gradients(make_agent(), batch)
    gin.bind_parameter("ddpg_critic_function.weights", 3.0)
    weighted, _ = actor_loss_and_gradients(make_agent(), batch)
    np.testing.assert_allclose(weighted, 9.0 * plain, rtol=1e-3)


@pytest.mark.parametrize("agent_class", AGENTS)
@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"dqda_clipping": -1.0}, "dqda_clipping = -1.0; allowed: 0 or more"),
        ({"residual_phi": -0.1}, "residual_phi = -0.1; allowed: 0 to 1"),
        ({"residual_phi": 1.1}, "residual_phi = 1.1; allowed: 0 to 1"),
    ],
)
def test_numbers_outside_their_range_are_refused(agent_class, arguments, message):
    with pytest.raises(ValueError, match=message):
        make_agent(agent_class, **arguments)


@pytest.mark.parametrize("selector", ["DdpgAgent", "TD3Agent"])
def test_gin_binds_options_under_the_originals_names(selector):
    gin.parse_config(f"{selector}.residual_phi = 0.5")
    assert make_agent(TD3Agent)._residual_phi == 0.5
    assert make_agent(DdpgAgent)._residual_phi == (0.5 if selector == "DdpgAgent" else 0.0)
    with pytest.raises((ValueError, TypeError), match="residual_fi"):
        gin.parse_config(f"{selector}.residual_fi = 0.5")
        make_agent(TD3Agent)
