"""VAE and E2C: their losses against formulas, draws and NumPy, and what they learn."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import tensor_spec

from efficient_hrl.agents.optimizers import adam_optimizer
from efficient_hrl.representations.autoencoder import (
    DecoderNetwork,
    EncoderNetwork,
    Gaussian,
    Transitions,
    draw_transitions,
    kl_to_standard_normal,
)
from efficient_hrl.representations.e2c import EmbedToControl, LocalDynamics, TransitionNetwork, kl_to_diagonal
from efficient_hrl.representations.vae import VariationalAutoencoder
from tests import golden_data, tiny_hierarchy

RNG = np.random.default_rng
SIZES = {
    "encoder_net": functools.partial(EncoderNetwork, hidden_layers=(12,)),
    "decoder_net": functools.partial(DecoderNetwork, hidden_layers=(12,)),
}
CLASSES = {
    VariationalAutoencoder: SIZES,
    EmbedToControl: SIZES | {"transition_net": functools.partial(TransitionNetwork, hidden_layers=(12,))},
}


def made(autoencoder, **arguments):
    specs = (golden_data.OBSERVATION_SPEC, golden_data.ACTION_SPEC, 10)
    return autoencoder(*specs, optimizer=adam_optimizer(1e-2), **CLASSES[autoencoder] | arguments)


def awake(representation):
    """Replaces the tiny first weights of output layers, so that everything matters."""
    for i, variable in enumerate(representation.trained_variables):
        variable.assign(0.3 * tf.random.stateless_normal(variable.shape, [7, i]))
    return representation


def batch(size=16):
    normal = lambda *shape, seed: tf.random.stateless_normal(shape, [3, seed])
    return Transitions(normal(size, 30, seed=0), 20 * normal(size, 8, seed=1), normal(size, 30, seed=2))


def noise(size=16):
    return tf.random.stateless_normal([2, size, 2], [9, 9])


def gaussian_kl(m0, c0, m1, c1):
    """KL(N(m0, c0) || N(m1, c1)) for full covariances, in float64."""
    inverse = np.linalg.inv(c1)
    d = m1 - m0
    log_quotient = np.linalg.slogdet(c1)[1] - np.linalg.slogdet(c0)[1]
    return 0.5 * (np.trace(inverse @ c0) + d @ inverse @ d - len(m0) + log_quotient)


def log_density(x, mean, covariance):
    d = x - mean
    quadratic = np.einsum("ni,ij,nj->n", d, np.linalg.inv(covariance), d)
    return -0.5 * (quadratic + len(mean) * np.log(2 * np.pi) + np.linalg.slogdet(covariance)[1])


def test_divergence_from_the_prior_is_its_formula_and_its_mean_over_draws():
    mean, log_variance = np.array([[0.7, -1.2]], np.float32), np.array([[-1.0, 0.5]], np.float32)
    kl = kl_to_standard_normal(Gaussian(mean, log_variance)).numpy()[0]
    covariance = np.diag(np.exp(log_variance[0].astype(np.float64)))
    np.testing.assert_allclose(kl, gaussian_kl(mean[0], covariance, np.zeros(2), np.eye(2)), rtol=1e-5)
    x = mean[0] + RNG(0).normal(size=(200_000, 2)) * np.exp(0.5 * log_variance[0])
    draws = log_density(x, mean[0], covariance) - log_density(x, np.zeros(2), np.eye(2))
    np.testing.assert_allclose(kl, draws.mean(), atol=5 * draws.std() / np.sqrt(len(draws)))
    assert kl_to_standard_normal(Gaussian(tf.zeros([1, 2]), tf.zeros([1, 2])))[0] == 0


def test_divergence_of_full_from_diagonal_gaussians_is_its_formula_and_its_mean_over_draws():
    rng = RNG(1)
    root = rng.normal(size=(5, 2, 2))
    covariance = root @ root.transpose(0, 2, 1) + 0.1 * np.eye(2)
    mean, other_mean = rng.normal(size=(2, 5, 2))
    other_log = rng.normal(size=(5, 2))
    as32 = lambda x: tf.constant(x, tf.float32)
    kl = kl_to_diagonal(as32(mean), as32(covariance), Gaussian(as32(other_mean), as32(other_log))).numpy()
    others = [np.diag(np.exp(row)) for row in other_log]
    expected = [gaussian_kl(*parts) for parts in zip(mean, covariance, other_mean, others)]
    np.testing.assert_allclose(kl, expected, rtol=1e-4)
    x = rng.multivariate_normal(mean[0], covariance[0], size=200_000)
    draws = log_density(x, mean[0], covariance[0]) - log_density(x, other_mean[0], others[0])
    np.testing.assert_allclose(kl[0], draws.mean(), atol=5 * draws.std() / np.sqrt(len(draws)))


def test_local_dynamics_move_means_and_covariances_as_a_linear_system_does():
    rng = RNG(2)
    v, r = rng.normal(size=(2, 2))
    a, b, o = np.eye(2) + np.outer(v, r), rng.normal(size=(2, 3)), rng.normal(size=2)
    as32 = lambda x: tf.constant(x[None], tf.float32)
    dynamics = LocalDynamics(as32(a), as32(b), as32(o))
    mean, action, variance = rng.normal(size=2), rng.normal(size=3), np.array([0.5, 2.0])
    np.testing.assert_allclose(
        dynamics.moved(as32(mean), as32(action))[0], a @ mean + b @ action + o, rtol=1e-4, atol=1e-5
    )
    covariance = dynamics.covariance(as32(np.log(variance)), 0.3)[0]
    np.testing.assert_allclose(covariance, a @ np.diag(variance) @ a.T + 0.09 * np.eye(2), rtol=1e-4)
    draws = rng.multivariate_normal(mean, np.diag(variance), size=200_000) @ a.T
    draws += 0.3 * rng.normal(size=draws.shape)
    np.testing.assert_allclose(covariance, np.cov(draws.T), rtol=0.02, atol=0.02)


def test_dynamics_are_read_from_the_network_as_v_r_o_and_rows_of_b():
    e2c = awake(made(EmbedToControl))
    latents = tf.random.stateless_normal([4, 2], [1, 1])
    outputs, dynamics = e2c._transition(latents)[0].numpy(), e2c.dynamics(latents)
    for output, a, b, o in zip(outputs, *dynamics):
        np.testing.assert_allclose(a, np.eye(2) + np.outer(output[:2], output[2:4]), rtol=1e-5)
        np.testing.assert_allclose(o, output[4:6])
        np.testing.assert_allclose(b, output[6:].reshape(2, 8))


@pytest.mark.parametrize("images", [False, True])
def test_reconstruction_is_a_gaussian_over_what_can_be_seen(images):
    encoder = functools.partial(SIZES["encoder_net"], images=images)
    vae = awake(made(VariationalAutoencoder, encoder_net=encoder, reconstruction_stddev=0.5))
    states, latents = batch().state, noise()[0]
    seen = slice(2 if images else 0, 29)
    error = (states - vae.decode(latents)).numpy()[:, seen]
    np.testing.assert_allclose(
        vae.reconstruction_loss(states, latents), 0.5 * np.sum(error**2, axis=-1) / 0.25, rtol=1e-4
    )
    entries = 27 if images else 29
    np.testing.assert_allclose(vae.log_constant, entries * np.log(0.5 * np.sqrt(2 * np.pi)))
    # What is hidden changes nothing.
    other = states.numpy()
    other[:, 29] += 5.0
    if images:
        other[:, :2] -= 7.0
    np.testing.assert_array_equal(vae(other), vae(states))
    np.testing.assert_array_equal(
        vae.reconstruction_loss(other, latents), vae.reconstruction_loss(states, latents)
    )
    moved = states.numpy()
    moved[:, 2] += 1.0
    assert np.all(vae(moved) != vae(states))


def test_the_vaes_objective_is_its_parts():
    vae = awake(made(VariationalAutoencoder, beta=3.0))
    steps, normal = batch(), noise()
    info = vae.loss(steps, normal)
    mean, log_variance = np.split(vae.state_net(steps.state)[0].numpy(), 2, axis=-1)
    np.testing.assert_array_equal(vae(steps.state), mean)
    latents = mean + np.exp(0.5 * log_variance) * normal[0].numpy()
    error = (steps.state - vae.decode(latents)).numpy()[:, :29]
    close = 0.5 * np.mean(np.sum(error**2, axis=-1))
    kl = np.mean(0.5 * np.sum(mean**2 + np.exp(log_variance) - log_variance - 1, axis=-1))
    np.testing.assert_allclose(info.close, close, rtol=1e-4)
    np.testing.assert_allclose(info.far, 3.0 * kl, rtol=1e-4)
    np.testing.assert_allclose(info.loss, close + 3.0 * kl, rtol=1e-4)
    np.testing.assert_allclose(info.bound, -close - kl - 14.5 * np.log(2 * np.pi), rtol=1e-4)
    assert np.isnan(info.kl)


def test_e2cs_objective_is_its_parts():
    e2c = awake(made(EmbedToControl, dynamics_weight=0.7, system_noise=0.2))
    steps, normal = batch(), noise()
    info = e2c.loss(steps, normal)
    mean, log_variance = (x.numpy() for x in e2c.encode(steps.state))
    next_mean, next_log = (x.numpy() for x in e2c.encode(steps.next_state))
    z = mean + np.exp(0.5 * log_variance) * normal[0].numpy()
    close = prior = divergence = 0.0
    for i in range(16):
        a, b, o = (x[0].numpy().astype(np.float64) for x in e2c.dynamics(z[i : i + 1]))
        action = steps.action[i].numpy() / 30.0  # the ant's range
        moved = a @ z[i] + b @ action + o + 0.2 * normal[1, i].numpy()
        for state, latent in ((steps.state, z[i]), (steps.next_state, moved)):
            decoded = e2c.decode(tf.constant(latent[None], tf.float32))[0]
            close += 0.5 * np.sum((state[i] - decoded).numpy()[:29] ** 2) / 16
        variance = np.diag(np.exp(log_variance[i]))
        prior += gaussian_kl(mean[i], variance, np.zeros(2), np.eye(2)) / 16
        covariance = a @ variance @ a.T + 0.04 * np.eye(2)
        predicted = a @ mean[i] + b @ action + o
        divergence += gaussian_kl(predicted, covariance, next_mean[i], np.diag(np.exp(next_log[i]))) / 16
    np.testing.assert_allclose(info.close, close, rtol=1e-3)
    np.testing.assert_allclose(info.far, prior + 0.7 * divergence, rtol=1e-3)
    np.testing.assert_allclose(info.loss, close + prior + 0.7 * divergence, rtol=1e-3)
    np.testing.assert_allclose(info.bound, -close - prior - 29 * np.log(2 * np.pi), rtol=1e-3)
    assert np.isnan(info.kl)


def test_e2c_sees_actions_from_the_middle_of_their_range():
    lower, upper = np.full(8, -10, np.float32), np.full(8, 50, np.float32)
    shifted_spec = tensor_spec.BoundedTensorSpec([8], tf.float32, lower, upper, "action")
    shifted = awake(EmbedToControl(golden_data.OBSERVATION_SPEC, shifted_spec, 10, **CLASSES[EmbedToControl]))
    steps, normal = batch(), noise()
    as_wide = awake(made(EmbedToControl)).loss(steps, normal)  # from -30 to 30
    info = shifted.loss(steps._replace(action=steps.action + 20.0), normal)
    np.testing.assert_allclose(info.loss, as_wide.loss, rtol=1e-4)
    assert abs(shifted.loss(steps, normal).loss - as_wide.loss) > 0.1


@pytest.mark.parametrize("autoencoder", CLASSES)
def test_an_update_moves_every_weight_against_its_gradient(autoencoder):
    representation = awake(made(autoencoder))
    before = [v.numpy() for v in representation.trained_variables]
    with tf.GradientTape() as tape:
        loss = representation.loss(batch(), noise()).loss
    gradients = tape.gradient(loss, representation.trained_variables)
    representation.update(batch(), noise())
    # Adam's first step is the learning rate, whatever the size of a gradient.
    for variable, old, gradient in zip(representation.trained_variables, before, gradients):
        large = np.abs(gradient) > 1e-5
        assert large.any(), variable.name
        step = (variable.numpy() - old)[large]
        np.testing.assert_allclose(step, -1e-2 * np.sign(gradient)[large], rtol=0.02, err_msg=variable.name)
    assert representation.updates == 1


def test_clipping_limits_what_the_optimizer_gets():
    representation = awake(made(VariationalAutoencoder, clip_gradient_norm=1e-3))
    norms = []
    representation._optimizer.apply_gradients = lambda pairs: norms.extend(tf.norm(g) for g, _ in pairs)
    representation.update(batch(), noise())
    assert 0 < max(norms) <= 1.001e-3


def test_steps_are_drawn_evenly_from_those_that_a_segment_has():
    count = 4000
    low_states = tf.repeat(tf.range(10.0)[None, :, None], count, axis=0)
    length = tf.where(tf.range(count) % 2 == 0, 10, 3)
    spec = tiny_hierarchy.hierarchy(state_size=1).high.training_data_spec
    zeros = tf.nest.map_structure(lambda s: tf.zeros([count, *s.shape], s.dtype), spec)
    segments = zeros._replace(
        low_states=low_states,
        low_actions=10.0 + tf.repeat(low_states, 2, axis=-1),
        next_state=tf.fill([count, 1], 10.0),
        length=length,
    )
    steps = draw_transitions(segments, tf.constant([1, 2], tf.int64))
    np.testing.assert_array_equal(steps.next_state, steps.state + 1)
    np.testing.assert_array_equal(steps.action, tf.repeat(steps.state + 10, 2, axis=-1))
    drawn = steps.state.numpy()[:, 0]
    for rest, steps_in in ((0, 10), (1, 3)):
        shares = np.bincount(drawn[rest::2].astype(int), minlength=steps_in) / (count / 2)
        assert len(shares) == steps_in
        np.testing.assert_allclose(shares, 1 / steps_in, atol=0.05)


def trained(representation, batches, count):
    """Updates in one compiled loop."""
    update = tf.function(lambda steps, normal: representation.update(steps, normal), autograph=False)
    for i in range(count):
        steps = batches(i)
        update(steps, tf.random.stateless_normal([2, *steps.state.shape[:1], 2], [i, 5]))


def small_specs(size):
    observation = tf.TensorSpec([size], tf.float32)
    return observation, tiny_hierarchy.action_spec(2), 10


def test_a_vae_reaches_the_likelihood_of_a_gaussian_that_it_can_represent():
    """States W u + noise of stddev 0.5 with u ~ N(0, 1) in 2-D: the best bound is their mean log density."""
    mixing = np.array([[2.0, 0.0], [0.0, 1.5], [1.0, 1.0]], np.float32)
    net = functools.partial(EncoderNetwork, zero_time=False, hidden_layers=())
    decoder = functools.partial(DecoderNetwork, hidden_layers=())
    vae = VariationalAutoencoder(
        *small_specs(3), adam_optimizer(1e-2), encoder_net=net, decoder_net=decoder, reconstruction_stddev=0.5
    )

    def states(i, size=256):
        u, e = (tf.random.stateless_normal([size, n], [i, n]) for n in (2, 3))
        return Transitions(tf.matmul(u, mixing, transpose_b=True) + 0.5 * e, u, u)

    trained(vae, states, 600)
    test = states(10**6, 20_000)
    info = vae.loss(test, tf.random.stateless_normal([2, 20_000, 2], [1, 1]))
    covariance = mixing @ mixing.T + 0.25 * np.eye(3)
    best = log_density(test.state.numpy(), np.zeros(3), covariance).mean()
    assert best - 0.1 < info.bound < best + 0.02
    # Collapsed onto its prior it would have reached no more than this.
    alone = log_density(test.state.numpy(), np.zeros(3), 0.25 * np.eye(3)).mean()
    assert info.bound > alone + 1.0


def test_e2c_predicts_the_next_latent_of_a_linear_system():
    """z' = R z + a / 2 with a small rotation, seen through a linear map."""
    angle = 0.3
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    mixing = np.array([[2.0, 0.0], [0.0, 2.0], [1.0, -1.0]], np.float32)
    e2c = EmbedToControl(
        *small_specs(3),
        adam_optimizer(5e-3),
        encoder_net=functools.partial(EncoderNetwork, zero_time=False, hidden_layers=()),
        decoder_net=functools.partial(DecoderNetwork, hidden_layers=()),
        transition_net=functools.partial(TransitionNetwork, hidden_layers=()),
        reconstruction_stddev=0.3,
        dynamics_weight=1.0,
    )

    def steps(i, size=256):
        z = tf.random.stateless_normal([size, 2], [i, 0])
        action = tf.random.stateless_uniform([size, 2], [i, 1], -1.0, 1.0)
        moved = tf.matmul(z, rotation, transpose_b=True) + 0.5 * action
        seen = lambda latent: tf.matmul(latent, mixing, transpose_b=True)
        return Transitions(seen(z), action, seen(moved))

    trained(e2c, steps, 1200)
    test = steps(10**6, 2000)
    now, later = e2c(test.state), e2c(test.next_state)
    predicted = e2c.dynamics(now).moved(now, test.action)
    error = np.mean(np.square(predicted - later))
    stays = np.mean(np.square(now - later))
    assert np.std(now, axis=0).min() > 0.5
    assert error < 0.1 * stays
    without_action = e2c.dynamics(now).moved(now, tf.zeros_like(test.action))
    assert error < 0.2 * np.mean(np.square(without_action - later))


@pytest.mark.parametrize(
    "autoencoder, arguments, message",
    [
        (VariationalAutoencoder, {"beta": -1.0}, "VariationalAutoencoder.beta = -1.0; allowed: 0 or more"),
        (VariationalAutoencoder, {"encoder_net": None}, "encoder_net = None; allowed: a function"),
        (EmbedToControl, {"system_noise": 0}, "system_noise = 0; allowed: a number above 0"),
        (EmbedToControl, {"dynamics_weight": "x"}, "dynamics_weight = 'x'; allowed: 0 or more"),
        (EmbedToControl, {"transition_net": 1}, "transition_net = 1; allowed: a function"),
        (EmbedToControl, {"reconstruction_stddev": 0}, "EmbedToControl.reconstruction_stddev = 0; allowed"),
    ],
)
def test_wrong_arguments_are_refused(autoencoder, arguments, message):
    with pytest.raises(ValueError, match=message):
        made(autoencoder, **arguments)
