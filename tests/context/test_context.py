import functools
import types

import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.context.context import Context
from efficient_hrl.context.context_transition_functions import (
    relative_context_multi_transition_fn,
    relative_context_transition_fn,
)
from efficient_hrl.context.rewards_functions import plain_rewards
from efficient_hrl.context.samplers import ConstantSampler, RandomSampler, ReplaySampler, ZeroSampler
from efficient_hrl.replay import CircularBuffer, transition_spec

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
        (
            {"context_ranges": [(0, 1)], "context_shapes": [2], "meta_action_every_n": 0},
            "= 0; allowed: a whole number",
        ),
        ({"context_ranges": [(0, 1)], "context_shapes": [2], "samplers": {"train": []}}, "0 samplers"),
        (
            {"context_ranges": [(0, 1)], "context_shapes": [2], "reward_weights": [1.0, 2.0]},
            "2 entries; allowed: 1",
        ),
    ],
)
def test_contradictions_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Context(None, **arguments)


def vector_reward(values, discounts):
    """Rewards [B, R], discounts [B, R] or [B]."""
    return lambda states, actions, rewards, next_states, contexts: (
        tf.tile([values], [len(states), 1]),
        tf.tile([discounts], [len(states), 1])
        if isinstance(discounts, list)
        else tf.fill([len(states)], discounts),
    )


def several(**arguments):
    """Contexts of 2, 1 and 3 numbers."""
    return Context(None, [(-10, 10), (0, 1), (0, 5)], [2, 1, 3], **arguments)


def test_several_contexts_are_joined_and_taken_apart_again():
    context = several()
    assert context.size == 6
    contexts = [tf.random.stateless_normal([4, size], [0, size]) for size in (2, 1, 3)]
    merged = context.merge(contexts)
    assert merged.shape == [4, 6]
    np.testing.assert_array_equal(merged[:, 3:], contexts[2])
    for left, right in zip(context.split(merged), contexts, strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_context_without_a_shape_has_that_of_a_state():
    env = types.SimpleNamespace(observation_spec=lambda: tf.TensorSpec([7], tf.float32))
    assert [spec.shape[0] for spec in Context(env, [(0, 1), (0, 1)], [None, 2]).specs] == [7, 2]


def test_every_context_has_a_sampler_and_a_seed_of_its_own():
    ranges = [(0, 1), (10, 11), (20, 21)]
    samplers = [functools.partial(RandomSampler, context_range=limits) for limits in ranges]
    context = several(samplers={"train": samplers})
    contexts, next_contexts = context.sample("train", 50, SEED)
    for i, (drawn, following) in enumerate(zip(contexts, next_contexts, strict=True)):
        assert drawn.shape == [50, (2, 1, 3)[i]]
        assert np.all(drawn >= 10 * i) and np.all(drawn <= 10 * i + 1)
        np.testing.assert_array_equal(drawn, following)
    assert not np.allclose(contexts[0][:, 0], contexts[1][:, 0] - 10)
    again = several(samplers={"train": samplers}).sample("train", 50, SEED)[0]
    np.testing.assert_array_equal(again[2], contexts[2])


def test_a_single_sampler_class_needs_no_list_and_only_serves_one_context():
    single = {"train": functools.partial(ConstantSampler, value=0.5)}
    (drawn,), _ = Context(None, [(0, 1)], [2], samplers=single).sample("train", 3, SEED)
    np.testing.assert_array_equal(drawn, np.full([3, 2], 0.5))
    with pytest.raises(ValueError, match=r"samplers\['train'\] has 1 samplers; allowed: 3"):
        several(samplers=single)
    with pytest.raises(ValueError, match=r"samplers\['train'\] = \['name'\]; allowed: sampler classes"):
        Context(None, [(0, 1)], [2], samplers={"train": "name"})


def test_samplers_see_states():
    class SeeingSampler(ConstantSampler):
        def __call__(self, batch_size, seed, state=None, next_state=None):
            return state, next_state

    context = Context(None, [(0, 1)], [2], samplers={"train": functools.partial(SeeingSampler, value=0)})
    states, next_states = tf.ones([3, 2]), tf.zeros([3, 2])
    (drawn,), (following,) = context.sample("train", 3, SEED, states, next_states)
    assert drawn is states and following is next_states


def test_modes_are_found_by_their_beginnings():
    samplers = {name: functools.partial(ConstantSampler, value=0) for name in ("eval2", "train", "eval1")}
    context = Context(None, [(0, 1)], [2], samplers=samplers)
    assert context.modes_like("eval") == ("eval2", "eval1")
    assert context.modes_like("test") == ("test",)


def test_replay_samplers_of_every_mode_draw_from_the_replay_that_is_set():
    states = np.arange(40, dtype=np.float32).reshape(10, 4)
    samplers = {
        mode: [
            functools.partial(ReplaySampler, state_indices=[2, 0]),
            functools.partial(ConstantSampler, value=0),
            functools.partial(ReplaySampler, state_indices=[1, 2, 3]),
        ]
        for mode in ("train", "explore")
    }
    context = several(samplers=samplers)
    with pytest.raises(ValueError, match="no replay"):
        context.sample("train", 4, SEED)
    spec = transition_spec(4, 1, 1)
    replay = CircularBuffer(20).build(spec)
    fields = {
        name: tf.zeros([10, *getattr(spec, name).shape], getattr(spec, name).dtype) for name in spec._fields
    }
    replay.add(spec._replace(**fields)._replace(next_state=states), tf.fill([10], True))
    context.set_replay(replay.sample_next_states)
    for mode in samplers:
        (first, zero, third), _ = context.sample(mode, 30, SEED)
        rows = (first[:, 1].numpy() / 4).astype(int)
        np.testing.assert_array_equal(first, states[rows][:, [2, 0]])
        assert len(set(rows)) > 5
        rows = ((third[:, 0].numpy() - 1) / 4).astype(int)
        np.testing.assert_array_equal(third, states[rows][:, 1:])
        np.testing.assert_array_equal(zero, np.zeros([30, 1]))


class DrawsItself(RandomSampler):
    def set_replay(self, draw_next_states):
        self.draw_next_states = draw_next_states


def test_a_sampler_of_ones_own_is_given_the_replay():
    made = []

    def own(*args, **kwargs):
        made.append(DrawsItself(*args, context_range=(-1, 1), **kwargs))
        return made[-1]

    context = Context(None, [(-1, 1)], [2], samplers={"train": [own]})
    draw = object()
    context.set_replay(draw)
    assert context.reads_replay and [sampler.draw_next_states for sampler in made] == [draw]
    others = {"train": [functools.partial(RandomSampler, context_range=(-1, 1))]}
    assert not Context(None, [(-1, 1)], [2], samplers=others).reads_replay
    reads = {"train": [functools.partial(ReplaySampler, state_indices=[0])]}
    assert Context(None, [(-1, 1)], [1], samplers=reads).reads_replay


class Doubling:
    """A normaliser that counts what it was asked."""

    def __init__(self, zeros):
        assert not np.any(zeros)
        self.size, self.updates, self.applied = zeros.shape[0], 0, 0

    def update_apply(self, x):
        self.updates += 1
        return 2.0 * x

    def apply(self, x):
        self.applied += 1
        return 2.0 * x + 1.0

    def unapply(self, x):
        return x / 2.0


def test_drawn_contexts_are_normalized_and_told_as_they_were_drawn():
    made = []

    def make(zeros):
        made.append(Doubling(zeros))
        return made[-1]

    samplers = [functools.partial(ConstantSampler, value=i + 1) for i in range(3)]
    context = several(samplers={"train": samplers}, normalizers=[None, make, make])
    assert [normalizer.size for normalizer in made] == [1, 3]
    contexts, next_contexts = context.sample("train", 2, SEED)
    assert [c[0, 0] for c in contexts] == [1, 4, 6]
    assert [c[0, 0] for c in next_contexts] == [1, 5, 7]
    assert [(n.updates, n.applied) for n in made] == [(1, 1), (1, 1)]
    assert [c[0, 0] for c in context.unnormalized(contexts)] == [1, 2, 3]
    contexts, _ = context.sample("train", 2, SEED, updates=False)
    assert [c[0, 0] for c in contexts] == [1, 5, 7]
    assert [(n.updates, n.applied) for n in made] == [(1, 3), (1, 3)]


@pytest.mark.parametrize("discounts", [0.5, [0.5] * 4, [[0.5, 0.5]] * 4])
def test_discounts_are_a_number_one_for_each_row_or_as_the_rewards(discounts):
    vector = tf.rank(tf.constant(discounts)) == 2
    own = lambda states, *others: (tf.zeros([4, 2] if vector else [4]), tf.constant(discounts))
    states = tf.zeros([4, 2])
    _, discount = Context(None, [(-1, 1)], [1], reward_fn=own).compute_rewards(
        states, None, None, states, [tf.zeros([4, 1])]
    )
    np.testing.assert_array_equal(discount, np.full([4, 2] if vector else [4], 0.5))


def test_numbers_count_in_every_dimension_of_vector_rewards():
    context = Context(
        None,
        [(0, 1)],
        [1],
        reward_fn=[
            reward(2.0, 0.5),
            vector_reward([1.0, 3.0, 5.0], [1.0, 0.0, 1.0]),
            vector_reward([0.0] * 3, 0.5),
        ],
        reward_weights=[10.0, 1.0, 1.0],
    )
    states = tf.zeros([3, 2])  # as many as reward dimensions
    total, discount = context.compute_rewards(states, None, None, states, [tf.zeros([3, 1])])
    np.testing.assert_allclose(total, [[21, 23, 25]] * 3)
    np.testing.assert_allclose(discount, [[0.25, 0, 0.25]] * 3)


def test_a_vector_of_one_reward_is_a_number():
    context = Context(None, [(0, 1)], [1], reward_fn=[vector_reward([2.0], [0.5]), reward(1.0, 0.5)])
    states = tf.zeros([4, 2])
    total, discount = context.compute_rewards(states, None, None, states, [tf.zeros([4, 1])])
    assert total.shape == discount.shape == [4]
    np.testing.assert_allclose(total, 3.0)
    np.testing.assert_allclose(discount, 0.25)


def test_a_missing_reward_function_is_named():
    with pytest.raises(ValueError, match="Context.reward_fn is not set"):
        several().compute_rewards(None, None, None, None, [])


@pytest.mark.parametrize("index", [1, -2])
def test_one_context_may_be_the_discount(index):
    context = several(gamma_index=index)
    gammas = tf.constant([[0.5], [0.9], [0.0]])
    contexts = [tf.zeros([3, 2]), gammas, tf.ones([3, 3])]
    reward_discount = tf.constant([1.0, 0.0, 1.0])
    np.testing.assert_allclose(context.discount(0.99, reward_discount, contexts), [0.5, 0.0, 0.0])
    vectors = tf.constant([[1.0, 0.0, 1.0]] * 3)  # as many samples as reward dimensions
    np.testing.assert_allclose(
        context.discount(0.99, vectors, contexts), [[0.5, 0, 0.5], [0.9, 0, 0.9], [0, 0, 0]]
    )
    np.testing.assert_allclose(several().discount(0.99, reward_discount, contexts), [0.99, 0, 0.99])


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"state_indices": [None]}, "Context.state_indices has 1 entries; allowed: 3, one per context"),
        ({"variable_indices": [0] * 4}, "Context.variable_indices has 4 entries; allowed: 3"),
        ({"normalizers": [None]}, "Context.normalizers has 1 entries; allowed: 3"),
        ({"gamma_index": 3}, "Context.gamma_index = 3; allowed: None, 0 to 2"),
        ({"gamma_index": -4}, "Context.gamma_index = -4"),
    ],
)
def test_lists_must_have_an_entry_per_context(arguments, message):
    with pytest.raises(ValueError, match=message):
        several(**arguments)
    several(state_indices=[None] * 3, variable_indices=[0] * 3, normalizers=[None] * 3, timers="anything")


def test_a_task_without_a_target_has_an_empty_context():
    context = Context(
        None,
        [((), ())],
        [0],
        samplers={
            "explore": [ZeroSampler],
            "train": [functools.partial(RandomSampler, context_range=((), ()))],
        },
        reward_fn=plain_rewards,
    )
    assert context.size == 0
    for mode in ("explore", "train"):
        (drawn,), (following,) = context.sample(mode, 5, SEED)
        assert drawn.shape == following.shape == (5, 0)
    states = tf.zeros([5, 3])
    assert context.merge([drawn]).shape == (5, 0)
    assert [part.shape for part in context.split(tf.zeros([5, 0]))] == [(5, 0)]
    assert context.transition([drawn], states, states)[0].shape == (5, 0)
    assert context.multi_transition([drawn], tf.zeros([5, 4, 3]))[0].shape == (5, 4, 0)
    given = tf.constant([1.0, -1.0, 0.0, 2.0, 5.0])
    reward, discount = context.compute_rewards(states, None, given, states, [drawn])
    np.testing.assert_array_equal(reward, given)
    np.testing.assert_array_equal(discount, np.ones(5))


@pytest.mark.parametrize("size", [0, -1, 1.0, True, "2"])
def test_sizes_that_are_none_are_refused(size):
    words = r"context_shapes\[0\] = .*; allowed: None, a whole number from 1, or 0"
    with pytest.raises(ValueError, match=words):
        Context(None, [(0, 1)], [size])


@pytest.mark.parametrize(
    "gives, message",
    [
        (lambda s: tf.zeros([4]), "reward function own gives no pair; allowed: "),
        (lambda s: (tf.zeros([4]),), "reward function own gives no pair"),
        (lambda s: None, "reward function own gives no pair"),
        (
            lambda s: (tf.zeros([4], tf.float64), tf.ones([4])),
            "reward function own gives rewards of float64; allowed: float32",
        ),
        (lambda s: (tf.zeros([4]), s[:, 0] < 0), "own gives discounts of bool; allowed: float32"),
        (
            lambda s: (tf.reduce_sum(s), tf.ones([4])),
            r"own gives rewards of shape \(\) for B = 4 transitions; allowed: \[B\] or \[B, R\]",
        ),
        (lambda s: (tf.zeros([2]), tf.ones([2])), r"rewards of shape \(2,\) for B = 4 transitions"),
        (lambda s: (tf.zeros([4, 1, 1]), tf.ones([4])), r"rewards of shape \(4, 1, 1\)"),
        (
            lambda s: (tf.zeros([4]), tf.ones([4, 1])),
            r"own gives discounts of shape \(4, 1\) for rewards of \(4,\); allowed: a number, \[B\], or",
        ),
        (lambda s: (tf.zeros([4]), tf.ones([1])), r"discounts of shape \(1,\) for rewards of \(4,\)"),
    ],
)
def test_a_reward_function_of_ones_own_is_told_what_it_must_give(gives, message):
    def own(states, actions, rewards, next_states, contexts):
        return gives(states)

    states = tf.zeros([4, 2])
    context = Context(None, [(-1, 1)], [1], reward_fn=own)
    with pytest.raises(ValueError, match=message):
        context.compute_rewards(states, None, None, states, [tf.zeros([4, 1])])
