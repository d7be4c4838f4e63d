"""Replay buffers against lists, over any sequence of what can be done with them."""

from typing import NamedTuple

import hypothesis
import numpy as np
import tensorflow as tf
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from efficient_hrl.replay import CircularBuffer

WHICH = st.integers(0, 1)
SEEDS = st.tuples(st.integers(0, 99), st.integers(0, 99))


class Item(NamedTuple):
    """What is stored: a number, and a next state by which it can be told."""

    number: tf.Tensor
    next_state: tf.Tensor


SPEC = Item(tf.TensorSpec([], tf.int32, "number"), tf.TensorSpec([2], tf.float32, "next_state"))


def items(numbers):
    numbers = np.array(numbers, np.int32)
    return Item(tf.constant(numbers), tf.constant(np.stack([numbers, -numbers], axis=1), tf.float32))


def numbers_of(next_states):
    """The numbers that next states belong to."""
    np.testing.assert_array_equal(next_states[:, 1], -next_states[:, 0])
    return next_states.numpy()[:, 0].astype(int).tolist()


class TwoBuffers(RuleBasedStateMachine):
    """Two buffers of tiny capacities; each has a list of what it should hold."""

    @initialize(capacities=st.tuples(st.integers(1, 6), st.integers(1, 6)))
    def build(self, capacities):
        self.buffers = [CircularBuffer(capacity, f"buffer_{capacity}").build(SPEC) for capacity in capacities]
        self.capacities = capacities
        self.held = [[], []]
        self.added = [0, 0]
        self.number = 1  # so that no item is zero

    def append(self, which, numbers):
        self.held[which] = (self.held[which] + numbers)[-self.capacities[which] :]
        self.added[which] += len(numbers)

    @rule(which=WHICH, mask=st.lists(st.booleans(), min_size=1, max_size=5))
    def add(self, which, mask):
        numbers = list(range(self.number, self.number + len(mask)))
        self.number += len(mask)
        self.buffers[which].add(items(numbers), tf.constant(mask))
        self.append(which, [number for number, chosen in zip(numbers, mask) if chosen])

    @rule(source=WHICH)
    def move(self, source):
        self.buffers[source].move_to(self.buffers[1 - source])
        self.append(1 - source, self.held[source])
        self.held[source], self.added[source] = [], 0

    @rule(seed=SEEDS, size=st.integers(1, 8))
    def sample(self, seed, size):
        seed = tf.constant(seed, tf.int64)
        for buffer, held in zip(self.buffers, self.held):
            if held:
                draws = buffer.sample(size, seed)
                numbers = draws.number.numpy().tolist()
                assert len(numbers) == size and set(numbers) <= set(held)
                assert numbers_of(draws.next_state) == numbers
                np.testing.assert_array_equal(buffer.sample(size, seed).number, numbers)

    @rule(seed=SEEDS, size=st.integers(1, 8))
    def sample_next_states(self, seed, size):
        seed = tf.constant(seed, tf.int64)
        for buffer, held in zip(self.buffers, self.held):
            expected = buffer.sample(size, seed).next_state if held else np.zeros((size, 2))
            np.testing.assert_array_equal(buffer.sample_next_states(size, seed), expected)

    @invariant()
    def buffers_hold_what_the_lists_hold(self):
        for buffer, held, added in zip(self.buffers, self.held, self.added):
            stored = buffer.gather_all()
            assert stored.number.numpy().tolist() == held == numbers_of(stored.next_state)
            assert buffer.num_frames() == len(held)
            assert buffer.num_added == added


TwoBuffers.TestCase.settings = hypothesis.settings(max_examples=40, stateful_step_count=20)
TestTwoBuffers = TwoBuffers.TestCase
