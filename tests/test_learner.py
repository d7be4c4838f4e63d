"""The compiled learning call against its parts, called one by one."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.ablations.random_goals import with_random_goals
from efficient_hrl.context.rewards_functions import plain_rewards
from efficient_hrl.context.samplers import DirectionSampler, RandomSampler
from efficient_hrl.graph.random_streams import Stream, stream_seed
from efficient_hrl.learner import Learner
from efficient_hrl.relabeling import fitness, relabeled_goals
from efficient_hrl.replay import CircularBuffer
from efficient_hrl.representations.estimators import (
    DonskerVaradhanEstimator,
    InfoNceEstimator,
    JensenShannonEstimator,
    LogMeanExpEstimator,
    ReplayEstimator,
)
from efficient_hrl.specifications.learning import LearningSettings
from tests import golden_data, tiny_hierarchy

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
        segments = segments._replace(goal=tf.roll(segments.goal, 1, axis=0))
        high.add(segments, tf.fill([16], True))
    return hierarchy, low, high


def weights_of(hierarchy):
    """Network -> its weights, and the learned prior, each as one vector."""
    nets = {
        f"{side} {name}": golden_data.network_of(level, name).variables
        for side, level in (("low", hierarchy.low), ("high", hierarchy.high))
        for name in golden_data.NETWORKS
    }
    f = hierarchy.representation
    if f.trainable_representation:
        nets |= {"f": f.state_net.variables, "phi": f.embed_net.variables, "prior": [f.prior]}
    return {name: np.concatenate([v.numpy().ravel() for v in its]) for name, its in nets.items()}


def assert_moved_alike(before, left, right):
    """Of every network the weights have moved, by the same, but for a small part of the way.

    Adam divides gradients that are rounding noise, so that single weights may part by a few steps.
    """
    assert left.keys() == right.keys() == before.keys()
    for name, begin in before.items():
        way = np.linalg.norm(right[name] - begin)
        assert way > 0 or "target" in name, name
        assert np.linalg.norm(left[name] - right[name]) <= 0.02 * way, name


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
    goals = relabeled_goals(segments, *reprs, inverse, low, normal, strategy).goals
    high.train(segments._replace(goal=goals))
    for _ in range(low_updates):
        low.train(low_replay.sample(BATCH, seed(Stream.LOW_REPLAY, low.train_step_counter)))
        if f.trainable_representation:
            batch = high_replay.sample(BATCH, seed(Stream.REPRESENTATION_REPLAY, f.updates))
            steps = f.draw_steps(BATCH, seed(Stream.REPRESENTATION_STEP, f.updates))
            f.update(batch.state, batch.next_state, batch.low_states, batch.low_actions, steps)


@pytest.mark.parametrize(
    "method, strategy",
    [
        ("hiro_repr", "sample"),
        ("hiro_orig", None),
        pytest.param("hiro_orig", "sample", marks=pytest.mark.ci),
        pytest.param("hiro_orig", "FuN", marks=pytest.mark.ci),
    ],
)
def test_one_call_is_its_updates_in_the_stated_order(method, strategy):
    together = filled_hierarchy(method)
    learner = Learner(*together, LearningSettings(BATCH, strategy), SEED)
    by_hand = filled_hierarchy(method)
    before = weights_of(by_hand[0])
    for _ in range(2):
        learner.learn(tf.constant(3))
        learn_by_hand(*by_hand, 3, strategy)
    assert_moved_alike(before, weights_of(together[0]), weights_of(by_hand[0]))
    assert together[0].low.train_step_counter == 6 and together[0].high.train_step_counter == 2


@pytest.mark.parametrize("period", [1, 2, 5])  # the last one is not unrolled
def test_the_high_level_is_updated_first_and_then_the_low_level_and_the_representation_in_turn(period):
    hierarchy, low, high = filled_hierarchy("hiro_repr")
    hierarchy.low.actor_critic.target_update_period = period
    learner = Learner(hierarchy, low, high, LearningSettings(BATCH, None), SEED)
    traced = []

    def traces(name):
        update = getattr(learner, f"update_{name}")

        def spy(*arguments):
            traced.append(name)
            return update(*arguments)

        return spy

    for name in ("high", "low", "representation"):
        setattr(learner, f"update_{name}", traces(name))
    learner.learn.get_concrete_function(tf.constant(3))
    # Of each loop one step is traced: a whole period of updates, and one of those that are left.
    pairs = {1: 1, 2: 2 + 1, 5: 1}[period]
    assert traced == ["high", *["low", "representation"] * pairs]


@pytest.mark.parametrize(
    "period, begun",
    [
        (2, 1),
        *(pytest.param(*case, marks=pytest.mark.ci) for case in [(1, 0), (2, 0), (3, 0), (3, 2), (5, 0)]),
    ],
)
def test_updates_in_whole_periods_are_the_updates_one_by_one(period, begun):
    together, one_by_one = filled_hierarchy("hiro_repr"), filled_hierarchy("hiro_repr")
    for hierarchy, *_ in (together, one_by_one):
        hierarchy.low.actor_critic.target_update_period = period
    before = weights_of(one_by_one[0])
    learners = [Learner(*parts, LearningSettings(BATCH, None), SEED) for parts in (together, one_by_one)]
    for learner in learners:
        for _ in range(begun):
            learner.update_low()
    learners[0].learn(tf.constant(5))
    learners[1].update_high()
    for _ in range(5):
        learners[1].update_low()
        learners[1].update_representation()
    assert together[0].low.train_step_counter == begun + 5
    assert_moved_alike(before, weights_of(together[0]), weights_of(one_by_one[0]))
    counts = [learner.checkpointed()["low_actor_updates"].numpy() for learner in learners]
    assert counts[0] == counts[1] == sum(i % period == 0 for i in range(begun + 5))
    losses = [learner.mean_losses() for learner in learners]
    for name, value in losses[0].items():
        # The bound is a small difference of large numbers.
        atol = 1e-3 if name == "representation_bound" else 0.0
        np.testing.assert_allclose(value, losses[1][name], rtol=1e-4, atol=atol, err_msg=name)


@pytest.mark.ci
@pytest.mark.parametrize(
    "estimator",
    [
        ReplayEstimator(50),
        LogMeanExpEstimator(50),
        DonskerVaradhanEstimator(50),
        InfoNceEstimator(),
        JensenShannonEstimator(50),
    ],
)
def test_every_estimator_learns_within_the_compiled_call(estimator):
    hierarchy, low, high = filled_hierarchy("hiro_repr")
    f = hierarchy.representation
    f._estimator = estimator
    before = [variable.numpy() for variable in [*f.trained_variables, *estimator.state]]
    learner = Learner(hierarchy, low, high, LearningSettings(BATCH, None), SEED)
    learner.learn(tf.constant(2))
    after = [variable.numpy() for variable in [*f.trained_variables, *estimator.state]]
    assert all(not np.array_equal(*pair) for pair in zip(before, after))
    means = learner.mean_losses()
    bound, kl = means["representation_bound"], means["representation_kl"]
    assert np.isfinite(bound) and 0 < kl < 20
    # What a restart needs is in the checkpoint.
    assert {v.ref() for v in estimator.variables} <= {v.ref() for v in f.variables}


def test_sets_of_replay_states_are_independent_and_those_of_the_low_level():
    hierarchy, low, high = filled_hierarchy("hiro_repr")
    learner = Learner(hierarchy, low, high, LearningSettings(BATCH, None), SEED)
    stored = {state.tobytes() for state in low.gather_all().next_state.numpy()}
    numerators, denominators = learner._draw_replay_states(2, 200)
    rows = [[state.tobytes() for state in states.numpy()] for states in (numerators, denominators)]
    assert set(rows[0]) | set(rows[1]) == stored
    # 200 draws from 48: equal by chance in one place of 48.
    assert sum(a == b for a, b in zip(*rows)) < 20
    hierarchy.representation.updates.assign_add(1)
    assert not np.array_equal(learner._draw_replay_states(2, 200)[0], numerators)


@pytest.mark.ci
def test_strategies_show_the_high_level_different_goals():
    results = []
    for strategy in ("sample", "FuN", None):
        hierarchy, low, high = filled_hierarchy("hiro_orig")
        learner = Learner(hierarchy, low, high, LearningSettings(BATCH, strategy), SEED)
        learner.learn(tf.constant(1))
        results.append(learner.mean_losses()["high_critic_loss"])
    assert len(set(results)) == 3


def test_mean_losses_are_means_since_the_last_call():
    hierarchy, low, high = filled_hierarchy("hiro_repr")
    learner = Learner(hierarchy, low, high, LearningSettings(BATCH), SEED)
    assert all(np.isnan(value) for value in learner.mean_losses().values())
    batch = low.sample(BATCH, stream_seed(SEED, Stream.LOW_REPLAY, tf.constant(0)))
    actor_loss = hierarchy.low.actor_critic.actor_loss(hierarchy.low.learning_batch(batch).observation)
    learner.learn(tf.constant(2))
    losses = learner.mean_losses()
    # The second update's actor gradient does not count, and so neither does its loss.
    np.testing.assert_allclose(losses["low_actor_loss"], actor_loss, rtol=1e-4)
    parts = losses["representation_close_loss"] + losses["representation_far_loss"]
    np.testing.assert_allclose(losses["representation_loss"], parts, rtol=1e-5)
    assert losses["low_critic_loss"] > 0 and losses["high_critic_loss"] > 0
    assert all(np.isnan(value) for value in learner.mean_losses().values())


@pytest.mark.parametrize("method", golden_data.METHODS)
def test_shares_of_relabelled_goals_are_those_of_the_best_fitness(method):
    hierarchy, low, high = filled_hierarchy(method)
    learner = Learner(hierarchy, low, high, LearningSettings(BATCH), SEED)
    assert all(np.isnan(share) for share in learner.relabeling_shares().values())
    f, inverse, counts = hierarchy.representation, hierarchy.inverse_dynamics, [0, 0, 0]
    for update in range(6):
        segments = learner.draw_segments()
        normal = tf.random.stateless_normal(
            inverse.draws_shape("sample", BATCH), stream_seed(SEED, Stream.RELABELING, update)
        )
        candidates = inverse.candidates(f(segments.state), f(segments.next_state), segments.goal, normal)
        scores = fitness(candidates, segments, f(segments.low_states), hierarchy.low).numpy()
        for best in np.argmax(scores, axis=0):
            counts[{8: 1, 9: 2}.get(best, 0)] += 1
        learner.update_high()
    assert min(counts) > 0 and sum(counts) == 6 * BATCH
    shares = learner.relabeling_shares()
    assert list(shares) == ["relabel_sampled", "relabel_reached", "relabel_stored"]
    np.testing.assert_allclose(list(shares.values()), np.array(counts) / sum(counts))
    assert all(np.isnan(share) for share in learner.relabeling_shares().values())


@pytest.mark.parametrize("strategy", ["FuN", None])
def test_strategies_without_candidates_have_no_shares(strategy):
    learner = Learner(*filled_hierarchy("hiro_orig"), LearningSettings(BATCH, strategy), SEED)
    learner.update_high()
    assert all(np.isnan(share) for share in learner.relabeling_shares().values())


def test_unknown_strategies_are_refused():
    with pytest.raises(ValueError, match="'best'; allowed"):
        Learner(*filled_hierarchy("hiro_orig"), LearningSettings(BATCH, "best"), SEED)


def directions(size=2):
    return functools.partial(DirectionSampler, context_range=(-10, 10), k=size)


def collected_hierarchy(**parts):
    """A hierarchy for PointMaze and what it has collected with drawn targets."""
    of = tiny_hierarchy.hierarchy(**parts)
    env = tiny_hierarchy.point_mazes(2)
    driver, low_replay, high_replay = tiny_hierarchy.collector(env, of, 2 * 61, explore=True, seed=2)
    driver.collect()
    return of, low_replay, high_replay


def seen_batches(agent):
    """A list that fills with the batches that an agent is trained with."""
    seen, train = [], agent.train

    def spy(batch, **arguments):
        seen.append(batch)
        return train(batch, **arguments)

    agent.train = spy
    return seen


def test_goals_may_be_drawn_from_the_train_sampler():
    of, low_replay, high_replay = collected_hierarchy(goals={"samplers": {"train": directions()}})
    learner = Learner(of, low_replay, high_replay, LearningSettings(BATCH, relabel_contexts=True), SEED)
    seen, high_seen = seen_batches(of.low), seen_batches(of.high)
    for update in range(2):
        stored = low_replay.sample(BATCH, stream_seed(SEED, Stream.LOW_REPLAY, update))
        (contexts,), (next_contexts,) = of.low.context.sample(
            "train", BATCH, stream_seed(SEED, Stream.LOW_CONTEXTS, update), stored.state, stored.next_state
        )
        learner.update_low()
        expected = stored._replace(goal=contexts, next_goal=next_contexts)
        tiny_hierarchy.same(seen[-1], expected)
        assert not np.any(seen[-1].goal == stored.goal)
        # Rewards follow the new goals, on states as they are.
        error = stored.state[:, :2] + contexts - stored.next_state[:, :2]
        batch = of.low.learning_batch(seen[-1])
        np.testing.assert_allclose(batch.reward, -np.linalg.norm(error, axis=1), rtol=1e-4)
    learner.update_high()
    np.testing.assert_array_equal(
        high_seen[0].target,
        high_replay.sample(BATCH, stream_seed(SEED, Stream.HIGH_REPLAY, 0)).target,
    )


def test_targets_may_be_drawn_from_the_train_sampler_and_rewards_stay_the_stored_ones():
    samplers = {
        "explore": functools.partial(RandomSampler, context_range=tiny_hierarchy.TARGET_RANGE),
        "train": functools.partial(RandomSampler, context_range=(20, 21)),
    }
    of, low_replay, high_replay = collected_hierarchy(targets={"samplers": samplers})
    learner = Learner(of, low_replay, high_replay, LearningSettings(BATCH, meta_relabel_contexts=True), SEED)
    seen, low_seen = seen_batches(of.high), seen_batches(of.low)
    stored = high_replay.sample(BATCH, stream_seed(SEED, Stream.HIGH_REPLAY, 0))
    seed = stream_seed(SEED, Stream.HIGH_CONTEXTS, 0)
    (targets,), _ = of.high.context.sample("train", BATCH, seed, stored.state, stored.next_state)
    usual = Learner(of, low_replay, high_replay, LearningSettings(BATCH), SEED).relabeled(stored).goals
    learner.update_high()
    # Goals are relabelled first, and as without new targets.
    expected = stored._replace(goal=usual, target=targets, next_target=targets)
    tiny_hierarchy.same(seen[0], expected)
    assert np.all(targets >= 20) and np.all(stored.target <= 10)
    batch = of.high.learning_batch(seen[0])
    np.testing.assert_array_equal(batch.reward, stored.reward)
    np.testing.assert_array_equal(batch.observation[:, 7:], targets)
    learner.update_low()
    tiny_hierarchy.same(low_seen[0], low_replay.sample(BATCH, stream_seed(SEED, Stream.LOW_REPLAY, 0)))


@pytest.mark.parametrize(
    "argument", [{"relabel_contexts": True}, {"meta_relabel_contexts": True}, {"random_goal_share": 0.5}]
)
def test_drawing_contexts_needs_a_train_sampler(argument):
    with pytest.raises(ValueError, match="no context sampler for mode 'train'"):
        Learner(*collected_hierarchy(), LearningSettings(BATCH, **argument), SEED)


@pytest.mark.parametrize("repeats", [0, 1, 2])
def test_whole_batches_are_repeated(repeats):
    hierarchy, low, high = filled_hierarchy("hiro_repr")
    learner = Learner(hierarchy, low, high, LearningSettings(BATCH, None, repeat_size=repeats), SEED)
    low_seen, high_seen, representation_seen = seen_batches(hierarchy.low), seen_batches(hierarchy.high), []
    update = hierarchy.representation.update

    def spy(*arguments):
        representation_seen.append(arguments)
        return update(*arguments)

    hierarchy.representation.update = spy
    learner.update_low()
    learner.update_high()
    learner.update_representation()
    tiles = lambda x: np.concatenate([x] * (repeats + 1), axis=0)
    for seen, replay, stream in ((low_seen, low, Stream.LOW_REPLAY), (high_seen, high, Stream.HIGH_REPLAY)):
        stored = replay.sample(BATCH, stream_seed(SEED, stream, 0))
        for left, right in zip(tf.nest.flatten(seen[0]), tf.nest.flatten(stored)):
            np.testing.assert_array_equal(left, tiles(right))
    stored = high.sample(BATCH, stream_seed(SEED, Stream.REPRESENTATION_REPLAY, 0))
    *batch, steps, _ = representation_seen[0]
    for left, right in zip(batch, (stored.state, stored.next_state, stored.low_states, stored.low_actions)):
        np.testing.assert_array_equal(left, tiles(right))
    assert steps.shape == [(repeats + 1) * BATCH]


def test_repeated_batches_are_relabelled_sample_by_sample_and_work_compiled():
    samplers = {"samplers": {"train": directions()}}
    of, low_replay, high_replay = collected_hierarchy(goals=samplers)
    arguments = {"relabel_contexts": True, "repeat_size": 1, "reward_scale_factor": 0.5}
    learner = Learner(of, low_replay, high_replay, LearningSettings(BATCH, **arguments), SEED)
    seen, high_seen = seen_batches(of.low), seen_batches(of.high)
    learner.update_low()
    learner.update_high()
    assert not np.any(seen[0].goal[:BATCH] == seen[0].goal[BATCH:])
    assert np.any(high_seen[0].goal[:BATCH] != high_seen[0].goal[BATCH:])
    learner.learn(tf.constant(3))
    assert all(np.isfinite(v) for k, v in learner.mean_losses().items() if "representation" not in k)


def test_stored_rewards_are_scaled_and_distances_are_not():
    hierarchies = {
        "plain": collected_hierarchy(goals={"reward_fn": plain_rewards}),
        "distance": collected_hierarchy(),
    }
    for name, (of, low_replay, high_replay) in hierarchies.items():
        # PointMaze rewards nothing: these do.
        low_replay.add(low_replay.gather_all()._replace(reward=tf.range(1.0, 121.0)), tf.fill([120], True))
        batches = {}
        for factor in (1.0, -2.5):
            learner = Learner(
                of, low_replay, high_replay, LearningSettings(BATCH, None, reward_scale_factor=factor), SEED
            )
            of.low.train_step_counter.assign(0)
            of.high.train_step_counter.assign(0)
            seen, high_seen = seen_batches(of.low), seen_batches(of.high)
            learner.update_low()
            learner.update_high()
            batches[factor] = of.low.learning_batch(seen[0]), of.high.learning_batch(high_seen[0])
        (low, high), (low_scaled, high_scaled) = batches[1.0], batches[-2.5]
        np.testing.assert_array_equal(low.action, low_scaled.action)
        assert np.any(low.reward != 0) and np.all(high.reward != 0)
        factor = -2.5 if name == "plain" else 1.0
        np.testing.assert_allclose(low_scaled.reward, factor * low.reward, rtol=1e-6)
        np.testing.assert_allclose(high_scaled.reward, -2.5 * high.reward, rtol=1e-6)


def test_only_the_low_level_keeps_to_its_window():
    of, low_replay, high_replay = collected_hierarchy()
    newest = low_replay.gather_all().state.numpy()[-5:]
    learner = Learner(of, low_replay, high_replay, LearningSettings(BATCH, None, low_replay_window=5), SEED)
    seen, high_seen = seen_batches(of.low), seen_batches(of.high)
    for _ in range(4):
        learner.update_low()
    drawn = np.concatenate([batch.state for batch in seen])
    at = np.argmax((drawn[:, None] == newest).all(axis=-1), axis=1)
    np.testing.assert_array_equal(drawn, newest[at])
    assert set(at) == set(range(5))
    learner.update_high()
    stored = high_replay.sample(BATCH, stream_seed(SEED, Stream.HIGH_REPLAY, 0))
    np.testing.assert_array_equal(high_seen[0].state, stored.state)


def test_a_share_of_the_low_level_s_goals_is_random():
    of, low_replay, high_replay = collected_hierarchy(goals={"samplers": {"train": directions()}})
    learner = Learner(of, low_replay, high_replay, LearningSettings(BATCH, None, random_goal_share=0.5), SEED)
    seen = seen_batches(of.low)
    stored = [low_replay.sample(BATCH, stream_seed(SEED, Stream.LOW_REPLAY, update)) for update in range(20)]
    for _ in stored:
        learner.update_low()
    replaced = [np.any(new.goal != old.goal, axis=1) for new, old in zip(seen, stored)]
    assert 0.35 < np.mean(replaced) < 0.65 and 0 < np.mean(replaced[0]) < 1
    for new, old, chosen in zip(seen, stored, replaced):
        rest = [batch._replace(goal=(), next_goal=()) for batch in (new, old)]
        tiny_hierarchy.same(*rest)
        np.testing.assert_array_equal(new.next_goal[~chosen], old.next_goal[~chosen])
        # The goal at the next state is what is left of the new one, and the reward follows it.
        left = new.goal + new.state[:, :2] - new.next_state[:, :2]
        np.testing.assert_allclose(new.next_goal[chosen], left[chosen], rtol=1e-5, atol=1e-5)
        reward = of.low.learning_batch(new).reward
        np.testing.assert_allclose(reward, -np.linalg.norm(left, axis=1), rtol=1e-4)


def test_all_goals_are_random_with_a_share_of_one_and_new_in_every_update():
    of, low_replay, _ = collected_hierarchy(goals={"samplers": {"train": directions()}})
    batch = low_replay.sample(BATCH, stream_seed(SEED, Stream.LOW_REPLAY, 0))
    goals = [with_random_goals(batch, of.low, 1.0, tf.constant([SEED, i], tf.int64)).goal for i in (0, 1)]
    assert not np.any(goals[0] == batch.goal) and not np.any(goals[0] == goals[1])
