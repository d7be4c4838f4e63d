"""Linear readout and rank correlation against closed forms and slow versions."""

import numpy as np
import pytest

from efficient_hrl.figures.embedding_numbers import embedding_distances, rank_correlation, readout_r2


def trajectories(seed, count=3, size=4, noise=0.0):
    """Embeddings whose linear readout is known, and what it gives."""
    rng = np.random.default_rng(seed)
    weights = np.random.default_rng(99).normal(size=[size, 2])
    parts = []
    for _ in range(count):
        embeddings = rng.normal(size=[100, size])
        parts.append((embeddings, embeddings @ weights + [3.0, -1.0] + noise * rng.normal(size=[100, 2])))
    return parts


def test_what_is_linear_is_read_exactly_even_from_collinear_dimensions_of_any_unit():
    np.testing.assert_allclose(readout_r2(trajectories(0), trajectories(1)), 1.0)
    wide = lambda parts: [
        (np.concatenate([1e4 * e, e, 0 * e], axis=1).astype(np.float32), y) for e, y in parts
    ]
    np.testing.assert_allclose(readout_r2(wide(trajectories(0)), wide(trajectories(1))), 1.0, atol=1e-5)


def test_r2_is_that_of_the_normal_equations():
    train, held_out = trajectories(0, noise=1.0), trajectories(1, noise=1.0)
    x, y = (np.concatenate(parts) for parts in zip(*train))
    x_other, y_other = (np.concatenate(parts) for parts in zip(*held_out))
    ones = lambda values: np.concatenate([values, np.ones([len(values), 1])], axis=1)
    weights = np.linalg.solve(ones(x).T @ ones(x), ones(x).T @ y)
    errors = ((ones(x_other) @ weights - y_other) ** 2).sum(axis=0)
    expected = 1 - errors / ((y_other - y_other.mean(axis=0)) ** 2).sum(axis=0)
    np.testing.assert_allclose(readout_r2(train, held_out), expected, rtol=1e-6)


def test_an_embedding_that_says_nothing_gives_no_more_than_the_mean():
    train, held_out = trajectories(0), trajectories(1)
    constant = lambda parts: [(np.full_like(e, 7.0), y) for e, y in parts]
    r2 = readout_r2(constant(train), constant(held_out))
    means = [np.concatenate([y for _, y in parts]).mean(axis=0) for parts in (train, held_out)]
    spread = np.concatenate([y for _, y in held_out]).var(axis=0)
    np.testing.assert_allclose(r2, -((means[0] - means[1]) ** 2) / spread, rtol=1e-6)


def test_what_does_not_vary_has_no_r2():
    still = [(e, y * [1, 0] + [0, 5]) for e, y in trajectories(1)]
    first, second = readout_r2(trajectories(0), still)
    assert first == pytest.approx(1.0) and np.isnan(second)


def slow_ranks(values):
    return np.array([sum(v < x for v in values) + (sum(v == x for v in values) - 1) / 2 for x in values])


def test_rank_correlation_is_spearmans():
    rng = np.random.default_rng(0)
    left, right = rng.permutation(30), rng.permutation(30)
    n, d2 = 30, np.sum((left - right) ** 2.0)
    assert rank_correlation(np.exp(left / 5), right**3) == pytest.approx(1 - 6 * d2 / (n * (n**2 - 1)))
    assert rank_correlation(left, np.exp(left)) == pytest.approx(1.0)
    assert rank_correlation(left, -left) == pytest.approx(-1.0)


def test_ties_share_their_mean_rank():
    rng = np.random.default_rng(0)
    left, right = rng.integers(0, 5, 40), rng.integers(0, 5, 40)
    expected = np.corrcoef(slow_ranks(left), slow_ranks(right))[0, 1]
    assert rank_correlation(left, right) == pytest.approx(expected)


def test_pairs_that_are_not_finite_do_not_count():
    left = np.array([[1.0, 2.0, np.inf], [3.0, np.nan, 4.0]])
    right = np.array([[1.0, 2.0, 0.0], [5.0, 0.0, 4.0]])
    assert rank_correlation(left, right) == pytest.approx(rank_correlation([1, 2, 3, 4], [1, 2, 5, 4]))
    assert np.isnan(rank_correlation([1.0, np.inf], [1.0, 2.0]))
    assert np.isnan(rank_correlation([1.0, 1.0], [1.0, 2.0]))


def test_distances_of_embeddings():
    embeddings = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    np.testing.assert_allclose(
        embedding_distances(embeddings, np.array([0, 2])), [[0, 5, 1], [1, 18**0.5, 0]]
    )
