import functools

import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.context.context import Context
from efficient_hrl.context.context_transition_functions import (
    relative_context_multi_transition_fn,
    relative_context_transition_fn,
)
from efficient_hrl.context.samplers import ConstantSampler, RandomSampler

SEED = tf.constant([0, 1], tf.int64)


def reward(value, discount):
    return lambda states, actions, rewards, next_states, contexts: (
        value * tf.ones(len(states)),
        discount * tf.ones(len(states)),
    )


def test_specifications_follow_ranges_and_shapes():
    context = Context(None, [(-10, 10), ((0, 1), (2, 3))], [3, 2])
    assert [spec.shape.as_list() for spec in context.specs] == [[3], [2]]
    np.testing.assert_array_equal(context.specs[0].minimum, [-10] * 3)
    np.testing.assert_array_equal(context.specs[1].maximum, [2, 3])


def test_modes_are_sampled_by_their_samplers():
    context = Context(
        None,
        [((-4, -4), (20, 20))],
        [2],
        samplers={
            "explore": [functools.partial(RandomSampler, context_range=((-4, -4), (20, 20)))],
            "eval1": [functools.partial(ConstantSampler, value=[16, 0])],
        },
    )
    (targets,), (next_targets,) = context.sample("eval1", 3, SEED)
    np.testing.assert_array_equal(targets, [[16, 0]] * 3)
    np.testing.assert_array_equal(next_targets, targets)
    (targets,), _ = context.sample("explore", 50, SEED)
    assert np.std(targets) > 3
    with pytest.raises(ValueError, match="'eval7'.*explore, eval1"):
        context.sample("eval7", 3, SEED)


def test_rewards_are_summed_with_weights_and_discounts_multiplied():
    context = Context(
        None, [(0, 1)], [1], reward_fn=[reward(2.0, 0.5), reward(3.0, 0.5)], reward_weights=[1.0, 10.0]
    )
    states = tf.zeros([4, 2])
    total, discount = context.compute_rewards(states, None, None, states, [tf.zeros([4, 1])])
    np.testing.assert_allclose(total, 32.0)
    np.testing.assert_allclose(discount, 0.25)


def test_without_transition_function_contexts_stay():
    context = Context(None, [(0, 1)], [2])
    goals, states = tf.constant([[1.0, 2.0]]), tf.random.stateless_normal([1, 5, 2], SEED)
    (kept,) = context.transition([goals], states[:, 0], states[:, 1])
    np.testing.assert_array_equal(kept, goals)
    (repeated,) = context.multi_transition([goals], states)
    np.testing.assert_array_equal(repeated, np.tile(goals[:, None], [1, 5, 1]))


def test_transition_functions_are_used():
    context = Context(
        None,
        [(0, 1)],
        [2],
        context_transition_fn=relative_context_transition_fn,
        context_multi_transition_fn=relative_context_multi_transition_fn,
    )
    goals, states = tf.constant([[1.0, 2.0]]), tf.constant([[[0.0, 0.0], [1.0, 1.0]]])
    (moved,) = context.transition([goals], states[:, 0], states[:, 1])
    np.testing.assert_array_equal(moved, [[0.0, 1.0]])
    (unrolled,) = context.multi_transition([goals], states)
    np.testing.assert_array_equal(unrolled, [[[1.0, 2.0], [0.0, 1.0]]])


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"context_ranges": None, "context_shapes": [2]}, "context_ranges = None"),
        ({"context_ranges": [(0, 1)], "context_shapes": [2, 3]}, "one length"),
        ({"context_ranges": [(0, 1, 2)], "context_shapes": [2]}, "minimum, maximum"),
        ({"context_ranges": [((0, 0, 0), (1, 1, 1))], "context_shapes": [2]}, "2 numbers"),
        ({"context_ranges": [(1, 0)], "context_shapes": [2]}, "below its maximum"),
        ({"context_ranges": [(0, 1)], "context_shapes": [2], "meta_action_every_n": 0}, "= 0; allowed: a whole number"),
        ({"context_ranges": [(0, 1)], "context_shapes": [2], "samplers": {"train": []}}, "0 samplers"),
        ({"context_ranges": [(0, 1)], "context_shapes": [2], "reward_weights": [1.0, 2.0]}, "2 entries; allowed: 1"),
    ],
)
def test_contradictions_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Context(None, **arguments)
