"""Both levels against recorded losses, gradients and ten consecutive updates."""

import functools

import gin
import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.agent import DdpgMetaAgent, DdpgUvfAgent, uvf_critic_function
from efficient_hrl.agents.ddpg_agent import AgentBatch
from efficient_hrl.agents.ddpg_networks import CriticNetwork
from efficient_hrl.agents.exploration import NoisyAction, meta_add_noise_fn, uvf_add_noise_fn
from efficient_hrl.context.rewards_functions import diff_rewards, negative_distance
from efficient_hrl.learner import Learner
from efficient_hrl.relabeling import relabeled_goals
from efficient_hrl.specifications.learning import LearningSettings
from tests import golden_data, tiny_hierarchy

# After ten updates, as a share of each network's movement.
MOVEMENT_TOLERANCE = 1e-3
ROUNDINGS = 6  # beginnings an ulp apart


def recorded_low(method):
    arrays = golden_data.load(f"td3_uvf_{method}")
    hierarchy = golden_data.hierarchy(method)
    golden_data.load_agent(hierarchy.low, "uvf_agent", arrays, "w_init")
    if method == "hiro_repr":
        golden_data.load_representation(hierarchy.representation, arrays, "w_init")
    return hierarchy, arrays


def recorded_high(method):
    arrays = golden_data.load(f"td3_meta_{method}")
    hierarchy = golden_data.hierarchy(method)
    golden_data.load_agent(hierarchy.high, "meta_agent", arrays, "w_init")
    golden_data.load_weights(hierarchy.low.actor_net, arrays, "w_init/uvf_agent/actor_net")
    if method == "hiro_repr":
        golden_data.load_representation(hierarchy.representation, arrays, "w_init")
    return hierarchy, arrays


def relabelled(hierarchy, segments, normal):
    f = hierarchy.representation
    goals = relabeled_goals(
        segments,
        f(segments.state),
        f(segments.next_state),
        f(segments.low_states),
        hierarchy.inverse_dynamics,
        hierarchy.low,
        normal,
    ).goals
    return segments._replace(goal=goals)


def check_first_batch(agent, name, batch, arrays):
    np.testing.assert_allclose(batch.observation, arrays["first/merged_states"], atol=1e-6)
    np.testing.assert_allclose(batch.next_observation, arrays["first/merged_next_states"], atol=1e-6)
    np.testing.assert_array_equal(batch.action, arrays["first/actions"])
    np.testing.assert_allclose(batch.reward, arrays["first/rewards"], rtol=1e-5)
    np.testing.assert_allclose(batch.discount, arrays["first/discounts"], rtol=1e-6)
    with tf.GradientTape(persistent=True) as tape:
        critic_loss = agent.actor_critic.critic_loss(batch, arrays["first/noise"])
        actor_loss = agent.actor_critic.actor_loss(batch.observation)
    np.testing.assert_allclose(critic_loss, arrays["first/critic_loss"], rtol=1e-5)
    np.testing.assert_allclose(actor_loss, arrays["first/actor_loss"], rtol=1e-5)
    losses = {"critic_net": critic_loss, "critic_net2": critic_loss, "actor_net": actor_loss}
    for net, loss in losses.items():
        variables = golden_data.network_of(agent, net).variables
        for variable, gradient in zip(variables, tape.gradient(loss, variables)):
            kind = "actor" if net == "actor_net" else "critic"
            expected = arrays[f"first/{kind}_grad/{name}/{net}/{golden_data.recorded_name(variable)}"]
            np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("method", golden_data.METHODS)
def test_low_level_losses_and_gradients(method):
    hierarchy, arrays = recorded_low(method)
    batch = hierarchy.low.learning_batch(golden_data.transitions(arrays, 0))
    check_first_batch(hierarchy.low, "uvf_agent", batch, arrays)


@pytest.mark.parametrize("method", golden_data.METHODS)
def test_ten_low_level_updates(method):
    hierarchy, arrays = recorded_low(method)
    low, representation = hierarchy.low, hierarchy.representation
    train, train_representation = tf.function(low.train), tf.function(representation.update)
    for i in range(10):
        batch = low.learning_batch(golden_data.transitions(arrays, i))
        np.testing.assert_allclose(batch.reward, arrays["seq/rewards"][i], rtol=1e-3, atol=1e-4)
        actor_loss = low.actor_critic.actor_loss(batch.observation)
        np.testing.assert_allclose(actor_loss, arrays["seq/actor_loss"][i], rtol=1e-3)
        info = train(golden_data.transitions(arrays, i), noise=tf.constant(arrays["seq/noise"][i]))
        np.testing.assert_allclose(info.extra.critic_loss, arrays["seq/critic_loss"][i], rtol=1e-4)
        total = info.loss
        if representation.trainable_representation:
            meta = lambda name, i=i: tf.constant(arrays[f"meta_batch/{name}"][i])
            repr_info = train_representation(
                meta("states"),
                meta("next_states"),
                meta("low_states"),
                meta("low_actions"),
                tf.constant(arrays["seq/repr_indices"][i]),
            )
            # Single weights part ways where Adam divides a near-zero gradient.
            tolerance = 1e-5 if i == 0 else 1e-3
            np.testing.assert_allclose(repr_info.loss, arrays["seq/repr_loss"][i], rtol=tolerance)
            total += repr_info.loss
        np.testing.assert_allclose(total, arrays["seq/train_op_value"][i], rtol=1e-5 if i == 0 else 1e-3)
        assert low.train_step_counter == arrays["seq/num_updates"][i + 1]
    for net in golden_data.NETWORKS:
        error = golden_data.relative_movement_error(
            golden_data.network_of(low, net), arrays, f"uvf_agent/{net}"
        )
        assert error < MOVEMENT_TOLERANCE, net


def moved_representation(rounding, learning_rate=1e-4, first=0):
    """f and phi after the recorded updates from number `first` to the tenth.

    Args:
      rounding: 0 begins with the recorded weights, any other number with weights of which each is moved
        to a neighbouring float32, up or down, drawn with this seed.
      learning_rate: 1e-4 when it was recorded.
      first: 0 for all ten updates.
    """
    hierarchy, arrays = recorded_low("hiro_repr")
    representation = hierarchy.representation
    representation._optimizer.learning_rate = learning_rate
    draws = np.random.default_rng(rounding)
    for variable in representation.trained_variables if rounding else ():
        towards = np.where(draws.random(variable.shape) < 0.5, -np.inf, np.inf).astype(np.float32)
        variable.assign(np.nextafter(variable.numpy(), towards))
    update = tf.function(representation.update)
    for i in range(first, 10):
        names = ("states", "next_states", "low_states", "low_actions")
        batch = [tf.constant(arrays[f"meta_batch/{name}"][i]) for name in names]
        update(*batch, tf.constant(arrays["seq/repr_indices"][i]))
    return representation, arrays


def has_moved_as_recorded(representation, arrays):
    """Whether f and phi are where the recording ended, up to a share of the way."""
    # f's output bias, and those of units that are active on every sample, cancel in
    # phi - f: their gradients are rounding noise, which Adam blows up to full steps.
    without = ("value/biases", "states/states_2/biases")
    name = "state_preprocess/state_process_net"
    error = golden_data.relative_movement_error(representation.state_net, arrays, name, without)
    phi = golden_data.relative_movement_error(
        representation.embed_net, arrays, "state_preprocess/action_embed_net"
    )
    apart = max(
        np.abs(variable - arrays[f"w_final/{name}/{golden_data.recorded_name(variable)}"]).max()
        for variable in representation.state_net.variables
    )
    return bool(max(error, phi) < MOVEMENT_TOLERANCE and apart < 5e-4)


def test_ten_updates_of_the_representation():
    # Rounding decides whether a unit near zero is on in a ReLU, and a unit that is makes the weights
    # before it go elsewhere: the recording is one of several ends, and so is what this machine computes.
    # One of those that neighbouring weights lead to must be the recorded one.
    assert any(has_moved_as_recorded(*moved_representation(rounding)) for rounding in range(ROUNDINGS))


@pytest.mark.parametrize(
    "fault", [{"learning_rate": 1.01e-4}, pytest.param({"first": 1}, marks=pytest.mark.ci)]
)
def test_rounding_does_not_hide_faults_of_the_representation(fault):
    ends = [moved_representation(rounding, **fault) for rounding in range(ROUNDINGS)]
    assert not any(has_moved_as_recorded(*end) for end in ends)


@pytest.mark.parametrize("method", golden_data.METHODS)
def test_high_level_losses_and_gradients(method):
    hierarchy, arrays = recorded_high(method)
    # Its own draws were not recorded, but the goals that came of them were.
    goals = tf.constant(arrays["first/actions"])
    segments = golden_data.segments(arrays, "batch", 0)._replace(goal=goals)
    check_first_batch(hierarchy.high, "meta_agent", hierarchy.high.learning_batch(segments), arrays)


@pytest.mark.parametrize("method", golden_data.METHODS)
def test_ten_relabelled_high_level_updates(method):
    hierarchy, arrays = recorded_high(method)
    high = hierarchy.high

    @tf.function
    def train(segments, normal, noise):
        segments = relabelled(hierarchy, segments, normal)
        return segments.goal, high.train(segments, noise=noise)

    for i in range(10):
        goals, info = train(
            golden_data.segments(arrays, "batch", i),
            tf.constant(arrays["seq/relabel_z"][i]),
            tf.constant(arrays["seq/noise"][i]),
        )
        np.testing.assert_array_equal(goals, arrays["seq/used_actions"][i])
        np.testing.assert_allclose(info.extra.critic_loss, arrays["seq/critic_loss"][i], rtol=1e-4)
        np.testing.assert_allclose(info.loss, arrays["seq/train_op_value"][i], rtol=1e-4)
    for net in golden_data.NETWORKS:
        error = golden_data.relative_movement_error(
            golden_data.network_of(high, net), arrays, f"meta_agent/{net}"
        )
        assert error < MOVEMENT_TOLERANCE, net


def test_training_without_given_noise_is_decided_by_seed_and_counter():
    arrays = golden_data.load("td3_uvf_hiro_orig")
    losses = []
    for _ in range(2):
        hierarchy, _ = recorded_low("hiro_orig")
        batch = golden_data.transitions(arrays, 0)
        losses.append([float(hierarchy.low.train(batch).loss) for _ in range(3)])
    assert losses[0] == losses[1]
    assert len(set(losses[0])) == 3


def test_noise_is_added_in_action_units_and_clipped():
    action_fn = lambda states, contexts: tf.constant([[29.0] * 8])
    noisy = NoisyAction(action_fn, golden_data.ACTION_SPEC, stddev=2.0, clip=True)
    np.testing.assert_array_equal(noisy(None, None, tf.fill([1, 8], -3.0)), [[23.0] * 8])
    np.testing.assert_array_equal(noisy(None, None, tf.fill([1, 8], 3.0)), [[30.0] * 8])
    free = NoisyAction(action_fn, golden_data.ACTION_SPEC, stddev=2.0, clip=False)
    np.testing.assert_array_equal(free(None, None, tf.fill([1, 8], 3.0)), [[35.0] * 8])
    with pytest.raises(ValueError, match="stddev = -1"):
        NoisyAction(action_fn, golden_data.ACTION_SPEC, stddev=-1, clip=True)


BATCH = 6


def states(seed=0, size=7):
    return tf.random.stateless_normal([BATCH, size], [5, seed])


def random_experience(spec, bootstrap=None):
    """A batch of transitions or segments whose numbers mean nothing."""
    flat = [
        tf.random.stateless_normal([BATCH, *s.shape], [6, i])
        if s.dtype == tf.float32
        else tf.fill([BATCH], 10)
        for i, s in enumerate(tf.nest.flatten(spec))
    ]
    bootstrap = tf.ones([BATCH]) if bootstrap is None else tf.constant(bootstrap, tf.float32)
    return tf.nest.pack_sequence_as(spec, flat)._replace(bootstrap=bootstrap)


@pytest.mark.parametrize("steps, share", [(0, 1.0), (1e6, 0.8), (5e5, 0.8**0.5), (3.2e6, 0.5), (1e8, 0.5)])
def test_noise_decays_with_the_steps_down_to_one_half(steps, share):
    counter = tf.Variable(int(steps), dtype=tf.int64)
    action_fn = lambda states, contexts: tf.zeros([1, 8])
    for make in (uvf_add_noise_fn, meta_add_noise_fn):
        noisy = make(action_fn, golden_data.ACTION_SPEC, stddev=2.0, global_step=counter)
        np.testing.assert_allclose(noisy(None, None, tf.ones([1, 8])), [[2.0 * share] * 8], rtol=1e-5)


def test_debug_prints_actions_without_and_with_noise(capfd):
    action_fn = lambda states, contexts: tf.fill([1, 8], 1.5)
    quiet = uvf_add_noise_fn(action_fn, golden_data.ACTION_SPEC)
    quiet(None, None, tf.ones([1, 8]))
    assert capfd.readouterr().err == ""
    loud = uvf_add_noise_fn(action_fn, golden_data.ACTION_SPEC, stddev=100.0, debug=True)
    loud(None, None, tf.ones([1, 8]))
    printed = capfd.readouterr().err
    assert "action [[1.5 " in printed and "with noise [[101.5 " in printed  # before clipping


def test_gin_may_turn_clipping_of_the_low_level_off():
    gin.parse_config("uvf_add_noise_fn.clip = False\nmeta_add_noise_fn.stddev = 50.0")
    made = tiny_hierarchy.hierarchy()
    normal = tf.fill([BATCH, 2], 3.0)
    noisy = made.low.noisy_action(states(), [tf.zeros([BATCH, 2])], normal)
    np.testing.assert_allclose(noisy - made.low.action(states(), [tf.zeros([BATCH, 2])]), normal, rtol=1e-5)
    assert np.all(made.high.noisy_action(states(), [tf.zeros([BATCH, 2])], normal) == 10.0)


@pytest.mark.parametrize("high_class", [None, DdpgMetaAgent])
@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_actions_reg_is_the_mean_l1_size_of_goals_from_k_on(k, high_class):
    goals = {"context_ranges": [(-10, 10)], "context_shapes": [3]}
    chosen = {} if high_class is None else {"high_class": high_class}
    plain = tiny_hierarchy.hierarchy(goals=goals, **chosen).high
    agent = tiny_hierarchy.hierarchy(goals=goals, high={"actions_reg": 0.25, "k": k}, **chosen).high
    for to, source in zip((agent.actor_net, agent.critic_nets[0]), (plain.actor_net, plain.critic_nets[0])):
        for variable, value in zip(to.variables, source.variables):
            variable.assign(value)
    observation = states(size=9)
    outputs = agent.actor_net(observation)[0].numpy()
    added = np.mean([sum(abs(x) for x in row[k:]) for row in outputs])
    results = []
    for one in (agent, plain):
        with tf.GradientTape() as tape:
            results.append(one.actor_critic.policy_loss(AgentBatch(observation, *[None] * 4), None))
        results.append(tape.gradient(results[-1], one.actor_net.trainable_variables[-1]))
    loss, gradient, plain_loss, plain_gradient = results
    np.testing.assert_allclose(loss, plain_loss + 0.25 * added, rtol=1e-5)
    # The output bias b: goal = 10 tanh(h + b)
    slopes = 10 * (1 - (outputs / 10) ** 2) * np.sign(outputs) * (np.arange(3) >= k)
    np.testing.assert_allclose(gradient - plain_gradient, 0.25 * slopes.mean(axis=0), rtol=1e-3, atol=1e-5)


def test_actions_reg_counts_together_with_the_actors_gradient():
    agent = tiny_hierarchy.hierarchy(high={"actions_reg": 0.25, "k": 0}).high
    experience = random_experience(agent.training_data_spec)
    losses = [float(agent.train(experience).extra.actor_loss) for _ in range(4)]
    assert [loss > 0 for loss in losses] == [True, False, True, False]


def test_uvf_critic_function_takes_values_as_they_are_or_asks_a_function():
    values, contexts = tf.constant([1.0, 2.0]), [tf.ones([2, 3]), tf.ones([2, 1])]
    np.testing.assert_array_equal(uvf_critic_function(values, None, contexts), values)
    seen = []

    def critic_fn(*arguments):
        seen.append(arguments)
        return -arguments[0]

    np.testing.assert_array_equal(uvf_critic_function(values, "states", contexts, critic_fn), -values)
    assert seen == [(values, "states", contexts)]


@pytest.mark.parametrize("low_class", [None, DdpgUvfAgent])
def test_the_actors_follow_uvf_critic_function_and_not_that_of_ddpg(low_class):
    chosen = {} if low_class is None else {"low_class": low_class}
    agent = tiny_hierarchy.hierarchy(**chosen).low
    observation = states(size=9)
    plain = agent.actor_critic.actor_loss(observation).numpy()
    gin.bind_parameter("ddpg_critic_function.weights", 3.0)
    np.testing.assert_array_equal(agent.actor_critic.actor_loss(observation), plain)
    shapes = []

    def critic_fn(values, states, contexts):
        shapes.append((values.shape, states.shape, [c.shape for c in contexts]))
        return 2.0 * values

    gin.bind_parameter("uvf_critic_function.critic_fn", critic_fn)
    np.testing.assert_allclose(agent.actor_critic.actor_loss(observation), 4.0 * plain, rtol=1e-3)
    assert shapes == [([BATCH], [BATCH, 7], [[BATCH, 2]])]
    gin.bind_parameter(
        "uvf_critic_function.critic_fn", lambda values, states, contexts: values * states[:, 0]
    )
    actions = agent.actor_net(observation)[0]
    with tf.GradientTape() as tape:
        tape.watch(actions)
        total = tf.reduce_sum(agent.critic_nets[0]((observation, actions))[0] * observation[:, 0])
    dqda = tape.gradient(total, actions).numpy()
    np.testing.assert_allclose(
        agent.actor_critic.actor_loss(observation), np.mean(dqda**2), rtol=1e-3, atol=1e-12
    )


# A base class's binding reaches every agent that derives from it.
@pytest.mark.parametrize(
    "selector, reached",
    [
        ("UvfAgent", (True, False, False)),
        ("TD3Agent", (True, True, False)),
        ("DdpgAgent", (True, True, True)),
        ("UvfAgentCore", (True, False, True)),
        ("MetaAgent", (False, True, False)),
        ("DdpgUvfAgent", (False, False, True)),
    ],
)
def test_bindings_of_base_classes_reach_the_agents(selector, reached):
    gin.parse_config(f"{selector}.residual_phi = 0.25", skip_unknown=False)
    made = tiny_hierarchy.hierarchy()
    ddpg = tiny_hierarchy.hierarchy(low_class=DdpgUvfAgent).low
    phis = [agent.actor_critic._residual_phi for agent in (made.low, made.high, ddpg)]
    assert phis == [0.25 if is_reached else 0.0 for is_reached in reached]


def test_the_nearest_class_wins():
    gin.parse_config("UvfAgent.residual_phi = 0.1\nTD3Agent.residual_phi = 0.2\nDdpgAgent.residual_phi = 0.3")
    made = tiny_hierarchy.hierarchy(low_class=DdpgUvfAgent)
    assert (made.low.actor_critic._residual_phi, made.high.actor_critic._residual_phi) == (0.3, 0.2)
    assert tiny_hierarchy.hierarchy().low.actor_critic._residual_phi == 0.1


@pytest.mark.parametrize(
    "selector", ["UvfAgent", "TD3Agent", "DdpgAgent", "UvfAgentCore", "MetaAgentCore", "MetaAgent"]
)
def test_misspelt_bindings_are_refused(selector):
    with pytest.raises((ValueError, TypeError), match="residual_fi"):
        gin.parse_config(f"{selector}.residual_fi = 0.25")
        tiny_hierarchy.hierarchy()


def test_bindings_of_the_cores_own_parameters_reach_both_ways_of_learning():
    gin.parse_config(
        """
        UvfAgentCore.reset_episode_cond_fn = @every_n_steps
        every_n_steps.n = 3
        MetaAgentCore.actions_reg = 0.5
        MetaAgentCore.k = 1
        """
    )
    for chosen in ({}, {"low_class": DdpgUvfAgent, "high_class": DdpgMetaAgent}):
        made = tiny_hierarchy.hierarchy(**chosen)
        assert made.low.reset_episode_cond_fn.__name__ == "every_n_steps"
        assert (made.high._actions_reg, made.high._k) == (0.5, 1)


def vector_hierarchy(low_class=None):
    """Low-level rewards of two dimensions, weighted by the goal's."""
    critic = functools.partial(
        CriticNetwork, num_reward_dims=2, states_hidden_layers=(8,), joint_hidden_layers=(8,)
    )
    chosen = {} if low_class is None else {"low_class": low_class}
    goals = {"reward_fn": functools.partial(negative_distance, relative_context=True, vectorize=True)}
    return tiny_hierarchy.hierarchy(low={"critic_net": critic}, goals=goals, **chosen)


@pytest.mark.parametrize("low_class", [None, DdpgUvfAgent])
def test_vector_rewards_from_replay_to_update(low_class):
    made = vector_hierarchy(low_class)
    low = made.low
    bootstrap = [1, 0, 1, 1, 0, 1]
    experience = random_experience(low.training_data_spec, bootstrap)
    batch = low.learning_batch(experience)
    assert batch.reward.shape == batch.discount.shape == [BATCH, 2]
    error = experience.state[:, :2] + experience.goal - experience.next_state[:, :2]
    np.testing.assert_allclose(batch.reward, -np.abs(error), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(batch.discount, 0.99 * np.float32(bootstrap)[:, None] * np.ones(2), rtol=1e-6)
    target = low.actor_critic.td_targets(batch, tf.zeros([BATCH, 2]))
    np.testing.assert_allclose(target.numpy()[[1, 4]], batch.reward.numpy()[[1, 4]])
    # The actor maximises sum_r |goal_r| Q_r.
    actions = low.actor_net(batch.observation)[0]
    with tf.GradientTape() as tape:
        tape.watch(actions)
        values, _ = low.critic_nets[0]((batch.observation, actions), for_critic_loss=True)
        total = tf.reduce_sum(values * tf.abs(experience.goal))
    dqda = tape.gradient(total, actions).numpy()
    np.testing.assert_allclose(
        low.actor_critic.actor_loss(batch.observation), np.mean(dqda**2), rtol=1e-3, atol=1e-12
    )

    low_replay, high_replay = tiny_hierarchy.buffers(made)
    low_replay.add(experience, tf.fill([BATCH], True))
    high_replay.add(random_experience(made.high.training_data_spec), tf.fill([BATCH], True))
    learner = Learner(made, low_replay, high_replay, LearningSettings(4), 0)
    learner.learn(tf.constant(2))
    assert np.isfinite(learner.mean_losses()["low_critic_loss"])


def test_vector_rewards_without_such_a_critic_are_refused():
    goals = {"reward_fn": functools.partial(negative_distance, relative_context=True, vectorize=True)}
    low = tiny_hierarchy.hierarchy(goals=goals).low
    batch = low.learning_batch(random_experience(low.training_data_spec))
    with pytest.raises(ValueError, match="num_reward_dims = 1; allowed: 2"):
        low.actor_critic.critic_loss(batch, tf.zeros([BATCH, 2]))


def test_vector_rewards_of_the_high_level_are_refused():
    reward_fn = functools.partial(diff_rewards, state_indices=[0, 1])
    high = tiny_hierarchy.hierarchy(targets={"reward_fn": reward_fn}).high
    with pytest.raises(ValueError, match="meta/Context.reward_fn gives 2 rewards per step"):
        high.learning_batch(random_experience(high.training_data_spec))


def test_terminations_do_not_bootstrap_and_stored_discounts_play_no_part():
    made = tiny_hierarchy.hierarchy()
    bootstrap = [1, 0, 1, 1, 0, 1]
    for agent in (made.low, made.high):
        experience = random_experience(agent.training_data_spec, bootstrap)
        batch = agent.learning_batch(experience)
        np.testing.assert_allclose(batch.discount, 0.99 * np.float32(bootstrap), rtol=1e-6)
        again = agent.learning_batch(experience._replace(discount=tf.zeros([BATCH])))
        np.testing.assert_array_equal(again.discount, batch.discount)


@pytest.mark.parametrize(
    "goals, message",
    [
        ({"context_ranges": [(-1, 1)] * 2, "context_shapes": [2, 2]}, "2 ranges; the low level allows 1"),
        ({"meta_action_every_n": None}, "meta_action_every_n is not set"),
    ],
)
def test_goals_that_the_low_level_cannot_pursue_are_refused(goals, message):
    with pytest.raises(ValueError, match=message):
        tiny_hierarchy.hierarchy(goals=goals)


@pytest.mark.parametrize("level, context", [("low", "goal"), ("high", "target")])
def test_observations_hold_what_is_pursued_and_next_ones_what_is_pursued_next(level, context):
    agent = getattr(tiny_hierarchy.hierarchy(), level)
    experience = random_experience(agent.training_data_spec)
    pursued, pursued_next = (getattr(experience, name) for name in (context, f"next_{context}"))
    assert not np.any(pursued == pursued_next)
    batch = agent.learning_batch(experience)
    joined = lambda state, its: np.concatenate([state, its], axis=1)
    np.testing.assert_array_equal(batch.observation, joined(experience.state, pursued))
    np.testing.assert_array_equal(batch.next_observation, joined(experience.next_state, pursued_next))


ARRIVES, LEAVES = 0, 1  # rows of a batch; in the others neither state is where the level wants to be


def experience_around_the_goal(agent, context):
    """Transitions of one row that ends where the level wants to be, one that begins there, and others."""
    experience = random_experience(agent.training_data_spec)
    state, next_state, pursued = (
        getattr(experience, name).numpy() for name in ("state", "next_state", context)
    )
    origin = state if context == "goal" else np.zeros_like(state)  # goals are changes of x, y
    next_state[ARRIVES, :2] = origin[ARRIVES, :2] + pursued[ARRIVES]
    pursued[LEAVES] = state[LEAVES, :2] - origin[LEAVES, :2]
    distance = np.linalg.norm(origin[:, :2] + pursued - next_state[:, :2], axis=1)
    assert np.all((distance > 0.1) == (np.arange(BATCH) != ARRIVES))
    return experience._replace(state=state, next_state=next_state, **{context: pursued})


@pytest.mark.parametrize("gamma_index", [None, 0])
@pytest.mark.parametrize("level, context", [("low", "goal"), ("high", "target")])
def test_where_a_reward_ends_at_the_goal_nothing_follows_the_step_that_arrives(level, context, gamma_index):
    ends = functools.partial(
        negative_distance,
        termination_epsilon=0.1,
        relative_context=level == "low",
        state_indices=[0, 1] if level == "high" else None,
    )
    part = {f"{context}s": {"reward_fn": ends, "gamma_index": gamma_index}}
    agent = getattr(tiny_hierarchy.hierarchy(**part), level)
    experience = experience_around_the_goal(agent, context)
    # Discounts that a context holds stand in the first entry of its tensor.
    gamma = 0.99 if gamma_index is None else getattr(experience, context)[:, 0]
    expected = gamma * np.float32(np.arange(BATCH) != ARRIVES)
    np.testing.assert_allclose(agent.learning_batch(experience).discount, expected, rtol=1e-6)
