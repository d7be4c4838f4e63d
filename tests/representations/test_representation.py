import functools

import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.representations.distances import HuberDistance
from efficient_hrl.representations.estimators import Embeddings, FifoEstimator, LogMeanExpEstimator
from efficient_hrl.representations.representation import (
    PRIOR_SIZE,
    ActionEmbedNetwork,
    StatePreprocess,
    StatePreprocessNetwork,
    log_mean_similarity,
    step_probabilities,
)
from tests import golden_data

NETS = golden_data.load("nets")
FLAGS = [(images, zero_time) for images in (False, True) for zero_time in (False, True)]


@pytest.mark.parametrize("images, zero_time", FLAGS)
def test_f_agrees_with_the_recording(images, zero_time):
    case = f"state_preprocess_images{images:d}_zerotime{zero_time:d}"
    net = StatePreprocessNetwork(
        golden_data.OBSERVATION_SPEC, 2, (16, 12), zero_time=zero_time, images=images
    )
    net.create_variables()
    golden_data.load_weights(net, NETS, f"{case}/w")
    embedding, _ = net(NETS[f"{case}/in/states"])
    np.testing.assert_allclose(embedding, NETS[f"{case}/out"], rtol=1e-5, atol=1e-6)


def test_f_of_a_sequence_agrees_with_the_recording():
    case = "state_preprocess_batch3d"
    net = StatePreprocessNetwork(golden_data.OBSERVATION_SPEC, 2, (16, 12))
    net.create_variables()
    golden_data.load_weights(net, NETS, f"{case}/w")
    embedding, _ = net(NETS[f"{case}/in/states"])
    assert embedding.shape == (4, 10, 2)
    np.testing.assert_allclose(embedding, NETS[f"{case}/out"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("images, zero_time", FLAGS)
def test_phis_network_agrees_with_the_recording(images, zero_time):
    case = f"action_embed_images{images:d}_zerotime{zero_time:d}"
    spec = (tf.TensorSpec([80], tf.float32), golden_data.OBSERVATION_SPEC)
    net = ActionEmbedNetwork(spec, 2, (24, 20), zero_time=zero_time, images=images)
    net.create_variables()
    golden_data.load_weights(net, NETS, f"{case}/w")
    embedding, _ = net((NETS[f"{case}/in/actions"], NETS[f"{case}/in/states"]))
    np.testing.assert_allclose(embedding, NETS[f"{case}/out"], rtol=1e-5, atol=1e-6)


def test_phis_network_without_states_and_with_one_dimension():
    net = ActionEmbedNetwork((tf.TensorSpec([80], tf.float32), None), 1, (24, 20))
    embedding, _ = net((tf.random.stateless_normal([5, 80], [1, 2]),))
    assert embedding.shape == (5,)


@pytest.mark.parametrize("call", range(3))
def test_objective_its_parts_gradients_and_buffer_agree_with_the_recording(call):
    arrays = golden_data.load("repr_loss")
    representation = golden_data.representation()
    golden_data.load_representation(representation, arrays, "w")
    get = lambda name: tf.constant(arrays[f"call{call}/{name}"])
    representation.prior.assign(get("all_embed_before"))
    with tf.GradientTape() as tape:
        info, prior = representation.loss(
            get("states"), get("next_states"), get("low_states"), get("low_actions"), get("indices")
        )
    np.testing.assert_allclose(info.embeddings, get("embed2"), rtol=1e-5, atol=1e-6)
    phi = representation.inverse_goal(get("states"), get("low_actions"))
    np.testing.assert_allclose(phi, get("embed1") + get("action_embed"), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(info.close, get("close"), rtol=1e-5)
    np.testing.assert_allclose(info.far, get("far"), rtol=1e-5)
    np.testing.assert_allclose(info.loss, get("loss"), rtol=1e-5)
    np.testing.assert_allclose(info.prior_log_probs, get("lse") - np.log(1024), rtol=1e-5)
    np.testing.assert_allclose(info.log_ratios, get("repr_log_probs"), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(prior, get("all_embed_after"), rtol=1e-5, atol=1e-6)
    variables = representation.trained_variables
    nets = ["state_process_net"] * 6 + ["action_embed_net"] * 6
    for net, variable, gradient in zip(nets, variables, tape.gradient(info.loss, variables)):
        expected = get(f"grad/state_preprocess/{net}/{golden_data.recorded_name(variable)}")
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)


def slow_distance(z):
    total = 0.0
    for x in np.abs(np.asarray(z, np.float64)):
        total += x * x / 2 if x <= 0.1 else 0.1 * (x - 0.05)
    return 2.0 * total / 0.1


def test_objective_is_its_formula_written_slowly():
    phi = tf.random.stateless_normal([6, 2], [0, 1])
    embeddings = tf.random.stateless_normal([6, 2], [2, 3])
    prior = tf.random.stateless_normal([64, 2], [4, 5])
    p, e, q = phi.numpy(), embeddings.numpy(), prior.numpy()
    log_prior = [np.log(np.mean([np.exp(-slow_distance(x - y)) for y in q])) for x in p]
    np.testing.assert_allclose(
        log_mean_similarity(phi, prior, HuberDistance()), log_prior, rtol=1e-4, atol=1e-5
    )
    batch = Embeddings(
        phi, embeddings[:, None], tf.ones([1]), embeddings, (), tf.constant(log_prior, tf.float32)
    )
    estimate = FifoEstimator()(batch, HuberDistance())
    close = np.mean([slow_distance(x - y) for x, y in zip(p, e)])
    far = np.mean([np.exp(-slow_distance(p[i] - e[i - 1]) - log_prior[i]) for i in range(1, 6)])
    np.testing.assert_allclose(estimate.close, close, rtol=1e-4)
    np.testing.assert_allclose(estimate.far, far, rtol=1e-4)
    np.testing.assert_allclose(estimate.loss, close + far, rtol=1e-4)
    np.testing.assert_allclose(estimate.bound, -close - np.mean(log_prior), rtol=1e-4, atol=1e-5)


def test_step_probabilities_weight_the_last_step_a_hundredfold():
    probabilities = step_probabilities(10)
    np.testing.assert_allclose(probabilities.sum(), 1.0)
    np.testing.assert_allclose(probabilities[1] / probabilities[0], 0.99)
    np.testing.assert_allclose(probabilities[9] / probabilities[8], 0.99 * 100)


def test_drawn_steps_follow_their_probabilities():
    representation = golden_data.representation()
    steps = representation.draw_steps(20000, tf.constant([1, 2], tf.int64))
    frequencies = np.bincount(steps, minlength=10) / 20000
    np.testing.assert_allclose(frequencies, step_probabilities(10), atol=0.005)


def test_target_of_step_k_is_the_state_k_plus_one_steps_later():
    representation = golden_data.representation()
    # The first state entry tells time; f is made to return it.
    low_states = tf.tile(tf.range(10.0)[None, :, None], [10, 1, 30])
    next_states = tf.fill([10, 30], 10.0)
    representation._net = lambda states: (states[..., :2], ())
    info, _ = representation.loss(
        low_states[:, 0], next_states, low_states, tf.zeros([10, 10, 8]), tf.range(10, dtype=tf.int64)
    )
    np.testing.assert_array_equal(info.embeddings[:, 0], np.arange(1.0, 11.0))


def random_segments(count=6):
    draw = lambda seed, *shape: tf.random.stateless_normal([count, *shape], [seed, 1])
    return draw(0, 30), draw(1, 30), draw(2, 10, 30), draw(3, 10, 8)


def test_every_step_at_once_is_the_weighted_mean_over_drawn_steps():
    tf.keras.utils.set_random_seed(0)
    representation = golden_data.representation()
    representation._estimator = LogMeanExpEstimator()
    replay = (tf.random.stateless_normal([9, 30], [8, 8]),)
    loss = lambda steps: representation.loss(*random_segments(), steps, replay)[0]
    each = [loss(tf.fill([6], k)) for k in range(10)]
    representation._step_weights = tf.constant(step_probabilities(10), tf.float32)
    together = loss(tf.range(6))
    for part in ("loss", "close", "far", "bound"):
        expected = np.dot(step_probabilities(10), [getattr(info, part) for info in each])
        np.testing.assert_allclose(getattr(together, part), expected, rtol=1e-4, atol=1e-6, err_msg=part)
    # What enters the FIFO is still one drawn step per sample.
    np.testing.assert_allclose(together.embeddings[3], each[3].embeddings[3], rtol=1e-5)


@pytest.mark.parametrize("all_steps", [False, True])
def test_divergence_is_that_of_the_fifos_states_written_slowly(all_steps):
    tf.keras.utils.set_random_seed(0)
    representation = golden_data.representation()
    representation.prior.assign(0.3 * tf.random.stateless_normal(representation.prior.shape, [7, 7]))
    if all_steps:
        representation._step_weights = tf.constant(step_probabilities(10), tf.float32)
    batch = random_segments()
    info, prior = representation.loss(*batch, tf.range(6))
    phi = representation.inverse_goal(batch[0], batch[3]).numpy()
    total = 0.0
    for i in range(6):
        weights = np.array([np.exp(-slow_distance(phi[i] - e)) for e in prior.numpy()])
        total -= np.log(weights[1024 - 6 + i] / weights.sum()) / 6
    np.testing.assert_allclose(info.kl, total, rtol=1e-4)
    assert info.kl > 0


def test_update_moves_weights_and_the_fifo():
    tf.keras.utils.set_random_seed(0)  # some first weights leave a unit without gradient
    representation = golden_data.representation()
    before = [v.numpy() for v in representation.trained_variables]
    states = tf.random.stateless_normal([16, 30], [0, 0])
    representation.update(
        states,
        -states,
        tf.random.stateless_normal([16, 10, 30], [1, 1]),
        tf.random.stateless_normal([16, 10, 8], [2, 2]),
        tf.zeros([16], tf.int64),
    )
    assert all(not np.array_equal(b, v) for b, v in zip(before, representation.trained_variables))
    np.testing.assert_array_equal(representation.prior[: PRIOR_SIZE - 16], 0)
    assert np.all(np.any(representation.prior[PRIOR_SIZE - 16 :] != 0, axis=1))
    assert representation.updates == 1


def test_untrained_representation_keeps_leading_entries():
    states = tf.random.stateless_normal([3, 10, 30], [0, 0])
    specs = (golden_data.OBSERVATION_SPEC, golden_data.ACTION_SPEC, 10)
    np.testing.assert_array_equal(StatePreprocess(*specs, ndims=15)(states), states[..., :15])


def test_an_untrained_representation_fills_up_with_zeros_what_a_state_does_not_have():
    states = tf.random.stateless_normal([3, 10, 30], [0, 0])
    specs = (golden_data.OBSERVATION_SPEC, golden_data.ACTION_SPEC, 10)
    zeros = np.zeros([3, 10, 4])
    filled = np.concatenate([states, zeros], axis=-1)
    np.testing.assert_array_equal(StatePreprocess(*specs, ndims=34)(states), filled)
    chosen = np.concatenate([states.numpy()[..., [7, 2]], zeros], axis=-1)
    np.testing.assert_array_equal(StatePreprocess(*specs, ndims=6, state_indices=[7, 2])(states), chosen)


def test_dimensions_beside_a_network_are_its_own():
    specs = (golden_data.OBSERVATION_SPEC, golden_data.ACTION_SPEC, 10)
    states = tf.zeros([3, 10, 30])
    net = functools.partial(StatePreprocessNetwork, states_hidden_layers=(4,), num_output_dims=3)
    assert StatePreprocess(*specs, ndims=3, state_preprocess_net=net)(states).shape[-1] == 3
    with pytest.raises(ValueError, match="ndims = 2 with .* gives 3 dimensions; allowed: None, 3"):
        StatePreprocess(*specs, ndims=2, state_preprocess_net=net)
    np.testing.assert_array_equal(StatePreprocess(*specs)(states), states)


def test_training_without_networks_is_refused():
    with pytest.raises(ValueError, match="StatePreprocess.state_preprocess_net"):
        StatePreprocess(golden_data.OBSERVATION_SPEC, golden_data.ACTION_SPEC, 10, trainable=True)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"distance": HuberDistance}, r"distance = .*; allowed: @HuberDistance\(\), @L2Distance"),
        ({"estimator": "mine"}, r"estimator = 'mine'; allowed: @FifoEstimator\(\), @ReplayEstimator"),
        ({"all_steps": 1}, "all_steps = 1; allowed: True, False"),
    ],
)
def test_wrong_choices_are_refused(arguments, message):
    with pytest.raises(ValueError, match=f"StatePreprocess.{message}"):
        StatePreprocess(golden_data.OBSERVATION_SPEC, golden_data.ACTION_SPEC, 10, **arguments)


def test_clipping_limits_what_the_optimizer_gets():
    representation = golden_data.representation()
    norms = []
    representation._optimizer.apply_gradients = lambda pairs: norms.extend(tf.norm(g) for g, _ in pairs)
    states = tf.random.stateless_normal([16, 30], [0, 0])
    batch = (
        states,
        -states,
        tf.random.stateless_normal([16, 10, 30], [1, 1]),
        tf.random.stateless_normal([16, 10, 8], [2, 2]),
        tf.zeros([16], tf.int64),
    )
    representation.update(*batch)
    assert max(norms) > 1e-3
    norms.clear()
    representation._clip_gradient_norm = 1e-3
    representation.update(*batch)
    assert 0 < max(norms) <= 1.001e-3
