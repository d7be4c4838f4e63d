"""Estimators on a Gaussian pair: x ~ N(0, 1), y = r x + sqrt(1 - r^2) e, whose information is known."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.agents.optimizers import adam_optimizer
from efficient_hrl.replay import Segment
from efficient_hrl.representations.distances import Distance, HuberDistance, SquaredL2Distance
from efficient_hrl.representations.estimators import (
    DonskerVaradhanEstimator,
    Embeddings,
    FifoEstimator,
    InfoNceEstimator,
    JensenShannonEstimator,
    LogMeanExpEstimator,
    ReplayEstimator,
    log_mean_exp,
)
from efficient_hrl.representations.representation import (
    ActionEmbedNetwork,
    StatePreprocess,
    StatePreprocessNetwork,
    log_mean_similarity,
)

R = 0.9
INFORMATION = -0.5 * np.log(1 - R**2)  # 0.830 nats
NORMALISED = [FifoEstimator, ReplayEstimator, LogMeanExpEstimator, InfoNceEstimator]
ALL = [*NORMALISED, DonskerVaradhanEstimator, JensenShannonEstimator]


def log_ratio(x, y):
    """log p(y | x) / p(y)."""
    return INFORMATION - (y - R * x) ** 2 / (2 * (1 - R**2)) + y**2 / 2


def pairs(count, seed):
    x, noise = tf.unstack(tf.random.stateless_normal([2, count, 1], [seed, 0]))
    return x, R * x + np.sqrt(1 - R**2) * noise


class TrueDistance(Distance):
    """-T of the best possible T(x, y), plus any function of x."""

    def __init__(self, shift=lambda x: 0.0 * x):
        self._shift = shift

    def __call__(self, left, right):
        return -(log_ratio(left, right) + self._shift(left))[..., 0]

    def pairwise(self, left, right):
        return self(left[:, None], right[None])


def estimate(estimator, distance, count=1500, replay_count=1500):
    x, y = pairs(count, 1)
    replay = tuple(pairs(replay_count, seed)[1] for seed in (2, 3))[: estimator.num_replay_batches]
    prior = tf.concat([y, pairs(4000, 4)[1]], axis=0)
    log_prior = tf.reduce_logsumexp(-distance.pairwise(x, prior), axis=-1) - np.log(len(prior))
    return estimator(Embeddings(x, y[:, None], tf.ones([1]), y, replay, log_prior), distance)


@pytest.mark.parametrize("make", [*NORMALISED, DonskerVaradhanEstimator])
def test_bound_of_the_true_ratio_is_the_information(make):
    # 1,500 samples of T with standard deviation 0.9: a standard error of 0.023.
    np.testing.assert_allclose(estimate(make(), TrueDistance()).bound, INFORMATION, atol=0.07)


@pytest.mark.parametrize("make", NORMALISED)
def test_what_depends_on_x_alone_cancels_in_normalised_bounds(make):
    shifted = estimate(make(), TrueDistance(lambda x: 0.3 * x - 1)).bound
    np.testing.assert_allclose(shifted, estimate(make(), TrueDistance()).bound, atol=1e-4)


def test_what_depends_on_x_alone_weakens_donsker_varadhans_bound():
    shifted = estimate(DonskerVaradhanEstimator(), TrueDistance(lambda x: x)).bound
    # E[x] - log E[exp(x)] = -1/2
    np.testing.assert_allclose(shifted, INFORMATION - 0.5, atol=0.12)


def test_jensen_shannons_bound_of_the_true_ratio_is_twice_the_divergence():
    density = lambda x: np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)

    grid = np.linspace(-7, 7, 701)
    x, y = np.meshgrid(grid, grid)
    product, ratio = density(x) * density(y), np.exp(log_ratio(x, y))
    mean = (1 + ratio) / 2
    terms = product * (ratio * np.log(ratio / mean) - np.log(mean))
    twice_divergence = terms.sum() * (grid[1] - grid[0]) ** 2
    found = estimate(JensenShannonEstimator(offset=0.0), TrueDistance()).bound
    np.testing.assert_allclose(found, twice_divergence, atol=0.03)


def test_info_nce_cannot_show_more_than_the_logarithm_of_the_batch():
    far_apart = tf.range(6.0)[:, None] * 100
    batch = Embeddings(far_apart, far_apart[:, None], tf.ones([1]), far_apart, (), None)
    np.testing.assert_allclose(InfoNceEstimator()(batch, HuberDistance()).bound, np.log(6), rtol=1e-5)


def random_batch(estimator, steps=3, count=5):
    draw = lambda seed, *shape: tf.random.stateless_normal([*shape, 2], [seed, 9])
    futures = draw(1, count, steps)
    weights = tf.constant([0.2, 0.3, 0.5])[:steps] / sum([0.2, 0.3, 0.5][:steps])
    replay = tuple(draw(seed, 7) for seed in (2, 3))[: estimator.num_replay_batches]
    phi = draw(0, count)
    log_prior = log_mean_similarity(phi, draw(5, 9), HuberDistance())
    return Embeddings(phi, futures, weights, futures[:, 1], replay, log_prior)


def slow_parts(batch, own_term, other_term):
    """Means over samples of sum_k weight_k own_term(T_ik, i) and of other_term(T_i of all replay states)."""
    phi, futures, weights = (np.asarray(x, float) for x in (batch.phi, batch.futures, batch.weights))
    similarity = lambda a, b: -2 * np.sum(np.where(abs(a - b) <= 0.1, (a - b) ** 2 / 0.2, abs(a - b) - 0.05))
    close, far = 0.0, 0.0
    for i in range(len(phi)):
        for k in range(len(weights)):
            close += weights[k] * own_term(similarity(phi[i], futures[i, k])) / len(phi)
        far += other_term(i, lambda state, i=i: similarity(phi[i], np.asarray(state, float))) / len(phi)
    return close, far


def test_losses_are_their_formulas_written_slowly():
    softplus = lambda t: np.log(1 + np.exp(t))
    batch = random_batch(ReplayEstimator())
    replay, log_prior, drawn = batch.replay, batch.log_prior.numpy(), batch.drawn
    mean = np.mean

    def ratio(i, t):
        return mean([np.exp(t(s)) for s in replay[0]]) / mean([np.exp(t(s)) for s in replay[1]])

    cases = [
        (ReplayEstimator(), lambda t: -t, ratio),
        (LogMeanExpEstimator(), lambda t: -t, lambda i, t: np.log(mean([np.exp(t(s)) for s in replay[0]]))),
        (
            FifoEstimator(),
            lambda t: -t,
            # The first sample has no negative; the mean is over the others.
            lambda i, t: (i > 0) * np.exp(t(drawn[i - 1]) - log_prior[i]) * 5 / 4,
        ),
        (
            JensenShannonEstimator(offset=0.7),
            lambda t: softplus(-(t + 0.7)),
            lambda i, t: mean([softplus(t(s) + 0.7) for s in replay[0]]),
        ),
    ]
    for estimator, own_term, other_term in cases:
        own = batch._replace(replay=replay[: estimator.num_replay_batches])
        found = estimator(own, HuberDistance())
        close, far = slow_parts(batch, own_term, other_term)
        name = type(estimator).__name__
        np.testing.assert_allclose(found.close, close, rtol=1e-4, err_msg=name)
        np.testing.assert_allclose(found.far, far, rtol=1e-4, err_msg=name)
        np.testing.assert_allclose(found.loss, close + far, rtol=1e-4, err_msg=name)


def test_info_nce_is_a_cross_entropy_written_slowly():
    batch = random_batch(InfoNceEstimator())
    t = lambda a, b: -float(HuberDistance()(a, b))
    loss = 0.0
    for i in range(5):
        for k, weight in enumerate(batch.weights.numpy()):
            own = np.exp(t(batch.phi[i], batch.futures[i, k]))
            others = [np.exp(t(batch.phi[i], batch.drawn[j])) for j in range(5) if j != i]
            loss -= weight * np.log(own / (own + sum(others))) / 5
    found = InfoNceEstimator()(batch, HuberDistance())
    np.testing.assert_allclose(found.loss, loss, rtol=1e-4)
    np.testing.assert_allclose(found.bound, np.log(5) - loss, rtol=1e-4)


def test_moving_average_divides_the_gradient():
    estimator = DonskerVaradhanEstimator(decay=0.75)
    average = None
    for seed in range(3):
        batch = random_batch(estimator)
        batch = batch._replace(phi=batch.phi + 0.1 * seed)
        with tf.GradientTape() as tape:
            tape.watch(batch.phi)
            found = estimator(batch, HuberDistance())
        similarities = -HuberDistance().pairwise(batch.phi, batch.replay[0]).numpy().astype(float)
        now = np.exp(similarities).mean()
        average = now if average is None else 0.75 * average + 0.25 * now
        np.testing.assert_allclose(found.far, now / average, rtol=1e-4)
        np.testing.assert_allclose(found.bound, -found.close - np.log(now), rtol=1e-4, atol=1e-5)
        with tf.GradientTape() as slow_tape:
            slow_tape.watch(batch.phi)
            pairwise = HuberDistance().pairwise(batch.phi, batch.replay[0])
            slow = tf.reduce_mean(tf.exp(-pairwise)) / average + found_close(batch)
        expected = slow_tape.gradient(slow, batch.phi)
        np.testing.assert_allclose(tape.gradient(found.loss, batch.phi), expected, rtol=1e-3, atol=1e-5)
        for variable, value in zip(estimator.state, found.state):
            variable.assign(value)


def found_close(batch):
    distances = HuberDistance()(batch.phi[:, None], batch.futures)
    return tf.reduce_mean(tf.reduce_sum(distances * batch.weights, axis=-1))


def test_equation_8_has_the_logarithms_gradient_where_both_sets_are_one():
    batch = random_batch(ReplayEstimator())
    same = batch._replace(replay=(batch.replay[0], batch.replay[0]))
    gradients = []
    for estimator in (ReplayEstimator(), LogMeanExpEstimator()):
        own = same._replace(replay=same.replay[: estimator.num_replay_batches])
        with tf.GradientTape() as tape:
            tape.watch([own.phi, *own.replay])
            loss = estimator(own, HuberDistance()).loss
        gradients.append(tape.gradient(loss, own.phi))
    np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-6)


def learner(estimator, all_steps=False):
    spec, action_spec = tf.TensorSpec([1], tf.float32), tf.TensorSpec([1], tf.float32)
    return StatePreprocess(
        spec,
        action_spec,
        1,
        optimizer=adam_optimizer(3e-3),
        trainable=True,
        state_preprocess_net=functools.partial(
            StatePreprocessNetwork, num_output_dims=3, states_hidden_layers=(64,), zero_time=False
        ),
        action_embed_net=functools.partial(
            ActionEmbedNetwork, num_output_dims=3, hidden_layers=(64,), zero_time=False
        ),
        distance=SquaredL2Distance(),
        estimator=estimator,
        all_steps=all_steps,
    )


def learned_information(estimator, updates, batch=128):
    """What a trained f and phi tell of the information, on fresh pairs."""
    tf.keras.utils.set_random_seed(1)
    representation = learner(estimator)
    empty = dict.fromkeys(Segment._fields)

    @functools.partial(tf.function, autograph=False)
    def update(seed):
        x, noise = tf.unstack(tf.random.stateless_normal([2, batch, 1], tf.stack([seed, 1])))
        segments = Segment(
            **empty
            | {
                "state": x,
                "next_state": R * x + np.sqrt(1 - R**2) * noise,
                "low_states": x[:, None],
                "low_actions": tf.zeros([batch, 1, 1]),
            }
        )
        draw = lambda sets, size: tuple(
            tf.random.stateless_normal([size, 1], tf.stack([seed, 2 + i])) for i in range(sets)
        )
        return representation.learn(segments, tf.stack([seed, 9]), draw).bound

    for i in range(updates):
        update(tf.constant(i, tf.int64))
    x, y = pairs(3000, 11)
    phi = representation.inverse_goal(x, tf.zeros([3000, 1, 1]))
    own = -representation.distance(phi, representation(y))
    others = -representation.distance.pairwise(phi, representation(pairs(3000, 12)[1]))
    if isinstance(estimator, tuple(NORMALISED)):
        return float(tf.reduce_mean(own - tf.reduce_logsumexp(others, axis=-1) + np.log(3000)))
    return float(tf.reduce_mean(own) - tf.reduce_logsumexp(others) + 2 * np.log(3000))


@pytest.mark.parametrize("make", ALL)
def test_a_trained_representation_tells_the_information(make):
    assert abs(learned_information(make(), updates_of(make)) - INFORMATION) < 0.1


def updates_of(make):
    """Those whose T must be the true ratio itself, and not up to what depends on x, learn more slowly."""
    return 700 if issubclass(make, tuple(NORMALISED)) else 1500


def nothing_far(make):
    """Broken: nothing drives embeddings apart."""

    class NothingFar(make):
        def __call__(self, embeddings, distance):
            found = super().__call__(embeddings, distance)
            return found._replace(loss=found.close)

    return NothingFar


class OwnFutures(LogMeanExpEstimator):
    """Broken: the other states are the batch's own futures, each compared with its own phi."""

    def __call__(self, embeddings, distance):
        own = -distance(embeddings.phi, embeddings.drawn)
        found = super().__call__(embeddings, distance)
        return found._replace(loss=found.close + log_mean_exp(own))


class NotDivided(DonskerVaradhanEstimator):
    """Broken: the gradient of the expectation itself, and not of its logarithm."""

    def __call__(self, embeddings, distance):
        found = super().__call__(embeddings, distance)
        mean = tf.reduce_mean(tf.exp(-distance.pairwise(embeddings.phi, embeddings.replay[0])))
        return found._replace(loss=found.close + mean)


class WrongSign(LogMeanExpEstimator):
    """Broken: other states are drawn near."""

    def __call__(self, embeddings, distance):
        found = super().__call__(embeddings, distance)
        return found._replace(loss=found.close - found.far)


@pytest.mark.parametrize("make", [*map(nothing_far, ALL), OwnFutures, NotDivided, WrongSign])
def test_a_broken_estimator_does_not_tell_the_information(make):
    assert not abs(learned_information(make(), updates_of(make)) - INFORMATION) < 0.1


@pytest.mark.parametrize("make", ALL)
def test_every_step_at_once_is_the_mean_over_drawn_steps(make):
    """With one future per sample and k drawn, the mean over k of the losses is the loss on all."""
    estimator = make()
    batch = random_batch(estimator)
    together = estimator(batch, HuberDistance()).loss
    losses = [
        estimator(
            batch._replace(futures=batch.futures[:, k : k + 1], weights=tf.ones([1])), HuberDistance()
        ).loss
        for k in range(3)
    ]
    np.testing.assert_allclose(together, np.dot(batch.weights, losses), rtol=1e-4)
