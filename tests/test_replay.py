import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.replay import CircularBuffer, segment_spec, transition_spec

SPEC = (tf.TensorSpec([], tf.int32, "number"), tf.TensorSpec([2], tf.float32, "pair"))


def items(numbers):
    numbers = tf.constant(numbers, tf.int32)
    return numbers, tf.cast(tf.stack([numbers, -numbers], axis=1), tf.float32)


def test_buffer_agrees_with_a_list_that_forgets_its_oldest_items():
    buffer = CircularBuffer(7).build(SPEC)
    model, rng, number = [], np.random.default_rng(0), 0
    add = tf.function(buffer.add)
    for _ in range(40):
        mask = rng.random(3) < 0.5
        numbers = np.arange(number, number + 3)
        number += 3
        add(items(numbers), tf.constant(mask))
        model = (model + list(numbers[mask]))[-7:]
        stored, pairs = buffer.gather_all()
        np.testing.assert_array_equal(stored, model)
        np.testing.assert_array_equal(pairs, np.reshape([[n, -n] for n in model], [-1, 2]))
        assert buffer.num_frames() == len(model)
    assert buffer.num_added > 40


def test_samples_are_uniform_over_what_is_stored_and_decided_by_the_seed():
    buffer = CircularBuffer(10).build(SPEC)
    for start in range(0, 12, 3):
        buffer.add(items(range(start, start + 3)), tf.constant([True] * 3))
    draws, pairs = buffer.sample(20000, tf.constant([5, 6], tf.int64))
    np.testing.assert_array_equal(pairs[:, 1], -tf.cast(draws, tf.float32))
    counts = np.bincount(draws, minlength=12)
    assert np.all(counts[:2] == 0)  # overwritten
    np.testing.assert_allclose(counts[2:], 2000, rtol=0.1)
    np.testing.assert_array_equal(draws, buffer.sample(20000, tf.constant([5, 6], tf.int64))[0])
    assert not np.array_equal(draws, buffer.sample(20000, tf.constant([5, 7], tf.int64))[0])


def test_two_buffers_work_in_one_compiled_loop():
    """The base class would wait for ever here: its critical sections share a name."""
    first, second = (CircularBuffer(5, scope).build(SPEC) for scope in ("agent", "meta"))

    @tf.function
    def fill():
        for i in tf.range(4):
            for buffer in (first, second):
                buffer.add((i[None], tf.zeros([1, 2])), tf.constant([True]))

    fill()
    assert first.num_frames() == 4 and second.num_frames() == 4


def test_specifications_have_the_documented_shapes():
    transition = transition_spec(30, 8, 2)
    assert transition.next_state.shape == [30] and transition.next_goal.shape == [2]
    segment = segment_spec(30, 8, 2, 3, 10)
    assert segment.low_states.shape == [10, 30] and segment.low_actions.shape == [10, 8]
    assert segment.goal.shape == [2] and segment.next_target.shape == [3]


@pytest.mark.parametrize("size", [0, -5, 1.5, "many"])
def test_impossible_sizes_are_named(size):
    with pytest.raises(ValueError, match=f"buffer_size = {size!r}"):
        CircularBuffer(size)


@pytest.mark.parametrize("added, window", [(4, 6), (9, 6), (25, 6), (25, 10), (25, 1), (6, 6)])
def test_a_window_holds_the_newest_items_all_of_them_and_no_others(added, window):
    buffer = CircularBuffer(10).build(SPEC)
    for number in range(added):
        buffer.add(items([number]), tf.constant([True]))
    draws, _ = buffer.sample(20000, tf.constant([5, 6], tf.int64), window)
    size = min(added, window)
    counts = np.bincount(draws, minlength=added)
    assert np.all(counts[: added - size] == 0)
    np.testing.assert_allclose(counts[added - size :], 20000 / size, rtol=0.1)


def test_without_a_window_rows_are_those_of_the_plain_draw():
    buffer, seed = CircularBuffer(10).build(SPEC), tf.constant([5, 6], tf.int64)
    buffer.add(items(range(8)), tf.fill([8], True))
    rows = tf.random.stateless_uniform([50], seed, 0, tf.constant(8, tf.int64), tf.int64)
    np.testing.assert_array_equal(buffer.sample(50, seed)[0], rows)
