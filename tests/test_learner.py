"""The compiled learning call against its parts, called one by one."""

import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.learner import Learner
from efficient_hrl.random_streams import Stream, stream_seed
from efficient_hrl.relabeling import sample_best_meta_actions
from efficient_hrl.replay import CircularBuffer
from tests import golden_data

BATCH = 8
SEED = 3


def filled_hierarchy(method):
    """A hierarchy with recorded weights, and buffers that hold recorded batches."""
    arrays = golden_data.load(f"td3_uvf_{method}")
    meta = golden_data.load(f"td3_meta_{method}")
    hierarchy = golden_data.hierarchy(method)
    golden_data.load_agent(hierarchy.low, "uvf_agent", arrays, "w_init")
    golden_data.load_agent(hierarchy.high, "meta_agent", meta, "w_init")
    if method == "hiro_repr":
        golden_data.load_representation(hierarchy.representation, arrays, "w_init")
    low = CircularBuffer(100).build(hierarchy.low.training_data_spec)
    high = CircularBuffer(100).build(hierarchy.high.training_data_spec)
    for i in range(3):
        low.add(golden_data.transitions(arrays, i), tf.fill([16], True))
        segments = golden_data.segments(meta, "batch", i)
        # Goals of other samples, so that the stored goal is not the best explanation.
        segments = segments._replace(meta_action=tf.roll(segments.meta_action, 1, axis=0))
        high.add(segments, tf.fill([16], True))
    return hierarchy, low, high


def variables(hierarchy):
    nets = [
        getattr(agent, name) for agent in (hierarchy.low, hierarchy.high) for name in golden_data.NETWORKS
    ]
    values = [v.numpy() for net in nets for v in net.variables]
    if hierarchy.representation.trainable_representation:
        values += [v.numpy() for v in hierarchy.representation.trained_variables]
        values.append(hierarchy.representation.prior.numpy())
    return values


def learn_by_hand(hierarchy, low_replay, high_replay, low_updates, strategy):
    """The stated order: high level, then low level and representation in turn."""
    low, high, f = hierarchy.low, hierarchy.high, hierarchy.representation
    inverse = hierarchy.inverse_dynamics
    seed = lambda stream, counter: stream_seed(SEED, stream, counter)
    segments = high_replay.sample(BATCH, seed(Stream.HIGH_REPLAY, high.train_step_counter))
    normal = tf.random.stateless_normal(
        inverse.draws_shape(strategy, BATCH), seed(Stream.RELABELING, high.train_step_counter)
    )
    reprs = (f(segments.state), f(segments.next_state), f(segments.low_states))
    goals = sample_best_meta_actions(segments, *reprs, inverse, low, normal, strategy)
    high.train(segments._replace(meta_action=goals))
    for _ in range(low_updates):
        low.train(low_replay.sample(BATCH, seed(Stream.LOW_REPLAY, low.train_step_counter)))
        if f.trainable_representation:
            batch = high_replay.sample(BATCH, seed(Stream.REPRESENTATION_REPLAY, f.updates))
            steps = f.draw_steps(BATCH, seed(Stream.REPRESENTATION_STEP, f.updates))
            f.update(batch.state, batch.next_state, batch.low_states, batch.low_actions, steps)


@pytest.mark.parametrize(
    "method, strategy",
    [("hiro_repr", "sample"), ("hiro_orig", "sample"), ("hiro_orig", "FuN"), ("hiro_orig", None)],
)
def test_one_call_is_its_updates_in_the_stated_order(method, strategy):
    together = filled_hierarchy(method)
    learner = Learner(*together, BATCH, SEED, strategy)
    by_hand = filled_hierarchy(method)
    for _ in range(2):
        learner.learn(tf.constant(3))
        learn_by_hand(*by_hand, 3, strategy)
    for left, right in zip(variables(together[0]), variables(by_hand[0])):
        # Adam divides gradients that are rounding noise: single weights, biases above all,
        # may part by a few steps.
        np.testing.assert_allclose(left, right, atol=2e-3)
        assert left.ndim == 1 or np.mean(np.abs(left - right) > 1e-5) < 0.05
    assert together[0].low.train_step_counter == 6 and together[0].high.train_step_counter == 2


def test_strategies_show_the_high_level_different_goals():
    results = []
    for strategy in ("sample", "FuN", None):
        hierarchy, low, high = filled_hierarchy("hiro_orig")
        learner = Learner(hierarchy, low, high, BATCH, SEED, strategy)
        learner.learn(tf.constant(1))
        results.append(learner.mean_losses()["high_critic_loss"])
    assert len(set(results)) == 3


def test_mean_losses_are_means_since_the_last_call():
    hierarchy, low, high = filled_hierarchy("hiro_repr")
    learner = Learner(hierarchy, low, high, BATCH, SEED)
    assert all(np.isnan(value) for value in learner.mean_losses().values())
    batch = low.sample(BATCH, stream_seed(SEED, Stream.LOW_REPLAY, tf.constant(0)))
    actor_loss = hierarchy.low.actor_loss(hierarchy.low.learning_batch(batch).observation)
    learner.learn(tf.constant(2))
    losses = learner.mean_losses()
    # The second update's actor gradient does not count, and so neither does its loss.
    np.testing.assert_allclose(losses["low_actor_loss"], actor_loss, rtol=1e-4)
    parts = losses["representation_close_loss"] + losses["representation_far_loss"]
    np.testing.assert_allclose(losses["representation_loss"], parts, rtol=1e-5)
    assert losses["low_critic_loss"] > 0 and losses["high_critic_loss"] > 0
    assert all(np.isnan(value) for value in learner.mean_losses().values())


def test_unknown_strategies_are_refused():
    with pytest.raises(ValueError, match="'best'; allowed"):
        Learner(*filled_hierarchy("hiro_orig"), BATCH, SEED, "best")
