"""Both levels against recorded losses, gradients and ten consecutive updates."""

import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.agent import NoisyAction
from efficient_hrl.relabeling import sample_best_meta_actions
from tests import golden_data

# After ten updates, as a share of each network's movement.
MOVEMENT_TOLERANCE = 1e-3


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
    goals = sample_best_meta_actions(
        segments,
        f(segments.state),
        f(segments.next_state),
        f(segments.low_states),
        hierarchy.inverse_dynamics,
        hierarchy.low,
        normal,
    )
    return segments._replace(meta_action=goals)


def check_first_batch(agent, name, batch, arrays):
    np.testing.assert_allclose(batch.observation, arrays["first/merged_states"], atol=1e-6)
    np.testing.assert_allclose(batch.next_observation, arrays["first/merged_next_states"], atol=1e-6)
    np.testing.assert_array_equal(batch.action, arrays["first/actions"])
    np.testing.assert_allclose(batch.reward, arrays["first/rewards"], rtol=1e-5)
    np.testing.assert_allclose(batch.discount, arrays["first/discounts"], rtol=1e-6)
    with tf.GradientTape(persistent=True) as tape:
        critic_loss = agent.critic_loss(batch, arrays["first/noise"])
        actor_loss = agent.actor_loss(batch.observation)
    np.testing.assert_allclose(critic_loss, arrays["first/critic_loss"], rtol=1e-5)
    np.testing.assert_allclose(actor_loss, arrays["first/actor_loss"], rtol=1e-5)
    losses = {"critic_net": critic_loss, "critic_net2": critic_loss, "actor_net": actor_loss}
    for net, loss in losses.items():
        variables = getattr(agent, net).variables
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
        actor_loss = low.actor_loss(batch.observation)
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
        error = golden_data.relative_movement_error(getattr(low, net), arrays, f"uvf_agent/{net}")
        assert error < MOVEMENT_TOLERANCE, net
    if representation.trainable_representation:
        # f's output bias, and those of units that are active on every sample, cancel in
        # phi - f: their gradients are rounding noise, which Adam blows up to full steps.
        without = ("value/biases", "states/states_2/biases")
        error = golden_data.relative_movement_error(
            representation.state_net, arrays, "state_preprocess/state_process_net", without
        )
        assert error < MOVEMENT_TOLERANCE
        for variable in representation.state_net.variables:
            name = f"w_final/state_preprocess/state_process_net/{golden_data.recorded_name(variable)}"
            np.testing.assert_allclose(variable, arrays[name], atol=5e-4)
        error = golden_data.relative_movement_error(
            representation.embed_net, arrays, "state_preprocess/action_embed_net"
        )
        assert error < MOVEMENT_TOLERANCE


@pytest.mark.parametrize("method", golden_data.METHODS)
def test_high_level_losses_and_gradients(method):
    hierarchy, arrays = recorded_high(method)
    segments = golden_data.segments(arrays, "batch", 0)
    segments = relabelled(hierarchy, segments, tf.constant(arrays["seq/relabel_z"][0]))
    check_first_batch(hierarchy.high, "meta_agent", hierarchy.high.learning_batch(segments), arrays)


@pytest.mark.parametrize("method", golden_data.METHODS)
def test_ten_relabelled_high_level_updates(method):
    hierarchy, arrays = recorded_high(method)
    high = hierarchy.high

    @tf.function
    def train(segments, normal, noise):
        segments = relabelled(hierarchy, segments, normal)
        return segments.meta_action, high.train(segments, noise=noise)

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
        error = golden_data.relative_movement_error(getattr(high, net), arrays, f"meta_agent/{net}")
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


def test_sample_weights_are_refused():
    hierarchy, arrays = recorded_low("hiro_orig")
    with pytest.raises(ValueError, match="weights=None"):
        hierarchy.low.train(golden_data.transitions(arrays, 0), weights=tf.ones([16]))


def test_noise_is_added_in_action_units_and_clipped():
    action_fn = lambda states, contexts: tf.constant([[29.0] * 8])
    noisy = NoisyAction(action_fn, golden_data.ACTION_SPEC, stddev=2.0, clip=True)
    np.testing.assert_array_equal(noisy(None, None, tf.fill([1, 8], -3.0)), [[23.0] * 8])
    np.testing.assert_array_equal(noisy(None, None, tf.fill([1, 8], 3.0)), [[30.0] * 8])
    free = NoisyAction(action_fn, golden_data.ACTION_SPEC, stddev=2.0, clip=False)
    np.testing.assert_array_equal(free(None, None, tf.fill([1, 8], 3.0)), [[35.0] * 8])
    with pytest.raises(ValueError, match="stddev = -1"):
        NoisyAction(action_fn, golden_data.ACTION_SPEC, stddev=-1, clip=True)
