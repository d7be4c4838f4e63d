import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.representations.distances import (
    CosineDistance,
    HuberDistance,
    L2Distance,
    SquaredL2Distance,
)


def slow_huber(x, kappa):
    x = abs(x)
    return (x * x / 2 if x <= kappa else kappa * (x - kappa / 2)) / kappa


DISTANCES = [
    (HuberDistance(), lambda a, b: 2 * sum(slow_huber(x, 0.1) for x in a - b)),
    (HuberDistance(3.0, 0.5), lambda a, b: 3 * sum(slow_huber(x, 0.5) for x in a - b)),
    (L2Distance(1.5), lambda a, b: 1.5 * np.linalg.norm(a - b)),
    (SquaredL2Distance(0.5), lambda a, b: 0.5 * np.sum((a - b) ** 2)),
    (CosineDistance(4.0), lambda a, b: 4 * (1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b))),
]


@pytest.mark.parametrize("distance, slow", DISTANCES)
def test_distances_are_their_definition(distance, slow):
    left = tf.random.stateless_normal([4, 3], [0, 1]) * 0.3
    right = tf.random.stateless_normal([5, 3], [2, 3]) * 0.3
    expected = [[slow(a, b) for b in right.numpy().astype(float)] for a in left.numpy().astype(float)]
    np.testing.assert_allclose(distance.pairwise(left, right), expected, rtol=1e-4)
    np.testing.assert_allclose(distance(left[:, None], right[None]), expected, rtol=1e-4)


@pytest.mark.parametrize("distance, slow", DISTANCES)
def test_gradients_are_finite_everywhere(distance, slow):
    for left, right in (([1.0, 2.0], [1.0, 2.0]), ([0.0, 0.0], [1.0, 0.0]), ([0.0, 0.0], [0.0, 0.0])):
        left, right = tf.constant([left]), tf.constant([right])
        for measure in (distance, distance.pairwise):
            with tf.GradientTape() as tape:
                tape.watch(left)
                value = measure(left, right)
            assert np.isfinite(value).all() and np.isfinite(tape.gradient(value, left)).all()
            assert np.all(value.numpy() >= 0)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: HuberDistance(scale=0), "HuberDistance.scale = 0; allowed: a number above 0"),
        (lambda: HuberDistance(kappa=-1), "HuberDistance.kappa = -1; allowed: a number above 0"),
        (lambda: CosineDistance(scale="x"), "CosineDistance.scale = 'x'; allowed"),
    ],
)
def test_wrong_values_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
