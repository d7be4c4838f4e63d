import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.context.samplers import (
    ConstantSampler,
    DirectionSampler,
    RandomSampler,
    direction_contexts,
)
from tests import golden_data

ARRAYS = golden_data.load("samplers")
ORIG_MAXIMUM = np.array((10, 10, 0.5, 1, 1, 1, 1, 0.5, 0.3, 0.5, 0.3, 0.5, 0.3, 0.5, 0.3), np.float32)
SEED = tf.constant([3, 4], tf.int64)


def spec(size):
    return tf.TensorSpec([size], tf.float32)


@pytest.mark.parametrize("case, value", [("constant", [16, 0]), ("constant3", [0, 27, 4.5])])
def test_constant_agrees_with_the_recording(case, value):
    contexts, next_contexts = ConstantSampler(spec(len(value)), value=value)(16, SEED)
    np.testing.assert_array_equal(contexts, ARRAYS[f"{case}/out"])
    np.testing.assert_array_equal(next_contexts, ARRAYS[f"{case}/out_next"])


@pytest.mark.parametrize(
    "case, half_range, k",
    [("direction_orig", ORIG_MAXIMUM, 15), ("direction_xy", 10.0, 2), ("direction_k2_of_5", 10.0, 2)],
)
def test_directions_agree_with_the_recorded_draws(case, half_range, k):
    directions = direction_contexts(
        ARRAYS["state"][:, :k], ARRAYS[f"{case}/perm"], ARRAYS[f"{case}/normal"], half_range
    )
    np.testing.assert_allclose(directions, ARRAYS[f"{case}/out"][:, :k], atol=1e-6)
    np.testing.assert_array_equal(ARRAYS[f"{case}/uniform"][:, k:], ARRAYS[f"{case}/out"][:, k:])


def test_direction_sampler_draws_directions_first_and_uniform_values_after():
    states = tf.constant(ARRAYS["state"])
    sampler = DirectionSampler(spec(5), context_range=(-10, 10), k=2)
    contexts, next_contexts = sampler(16, SEED, states)
    np.testing.assert_array_equal(contexts, next_contexts)
    # Whatever the noise, each direction ends near some state of the batch.
    ends = (contexts[:, :2] + states[:, :2]).numpy()
    distances = np.linalg.norm(ends[:, None] - ARRAYS["state"][None, :, :2], axis=-1)
    assert np.all(distances.min(axis=1) < 5)
    assert np.all(np.abs(contexts[:, 2:]) <= 10)
    np.testing.assert_array_equal(contexts, sampler(16, SEED, states)[0])


@pytest.mark.parametrize("sampler_class", [RandomSampler, DirectionSampler])
def test_uniform_draws_fill_the_range(sampler_class):
    sampler = sampler_class(spec(2), context_range=((-4, 0), (20, 1)))
    contexts, next_contexts = sampler(4000, SEED)
    np.testing.assert_array_equal(contexts, next_contexts)
    np.testing.assert_allclose(np.min(contexts, axis=0), [-4, 0], atol=0.05)
    np.testing.assert_allclose(np.max(contexts, axis=0), [20, 1], atol=0.05)
    np.testing.assert_allclose(np.mean(contexts, axis=0), [8, 0.5], rtol=0.05)
    assert not np.array_equal(contexts, sampler(4000, SEED + 1)[0])


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: RandomSampler(spec(2), context_range=((1, 2, 3), (4, 5, 6))), "2 numbers"),
        (lambda: RandomSampler(spec(2), context_range=(1, 0)), "minimum must be <="),
        (lambda: RandomSampler(spec(2), context_range=5), "context_range = 5"),
        (lambda: RandomSampler(spec(2))(3, SEED), "not set"),
        (lambda: ConstantSampler(spec(2)), "value = None"),
        (lambda: ConstantSampler(spec(2), value=[1, 2, 3]), r"\[1, 2, 3\]"),
    ],
)
def test_wrong_ranges_and_values_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
