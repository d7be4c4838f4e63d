import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.agents.layers import apply_layers
from efficient_hrl.relabeling import (
    InverseDynamics,
    best_candidates,
    fitness,
    relabeled_goals,
)
from tests import golden_data


def recorded(method, batch):
    arrays = golden_data.load(f"relabel_{method}")
    hierarchy = golden_data.hierarchy(method)
    golden_data.load_weights(hierarchy.low.actor_net, arrays, "w/uvf_agent/actor_net")
    if method == "hiro_repr":
        golden_data.load_weights(
            hierarchy.representation.state_net, arrays, "w/state_preprocess/state_process_net"
        )
    get = lambda name: arrays[f"batch{batch}/{name}"]
    return hierarchy, golden_data.segments(arrays, f"batch{batch}"), get


def reprs(hierarchy, segments):
    f = hierarchy.representation
    return f(segments.state), f(segments.next_state), f(segments.low_states)


def relabel(hierarchy, segments, normal, strategy="sample"):
    return relabeled_goals(
        segments,
        *reprs(hierarchy, segments),
        hierarchy.inverse_dynamics,
        hierarchy.low,
        tf.constant(normal),
        strategy,
    ).goals


@pytest.mark.parametrize("method", golden_data.METHODS)
@pytest.mark.parametrize("batch", [0, 1])
def test_candidates_fitness_and_choice_agree_with_the_recording(method, batch):
    hierarchy, segments, get = recorded(method, batch)
    state_reprs, next_state_reprs, low_state_reprs = reprs(hierarchy, segments)
    inverse = hierarchy.inverse_dynamics
    np.testing.assert_array_equal(inverse.minimum, golden_data.load(f"relabel_{method}")["goal_min"])
    candidates = inverse.candidates(state_reprs, next_state_reprs, segments.goal, get("z"))
    np.testing.assert_allclose(candidates, get("candidates"), rtol=1e-5, atol=1e-6)
    (unrolled,) = hierarchy.low.context.multi_transition([candidates], low_state_reprs[None])
    shape = get("unrolled_goals").shape
    np.testing.assert_allclose(tf.reshape(unrolled, shape), get("unrolled_goals"), rtol=1e-4, atol=1e-5)
    scores = fitness(candidates, segments, low_state_reprs, hierarchy.low)
    np.testing.assert_allclose(scores, get("fitness"), rtol=1e-5)
    np.testing.assert_array_equal(np.argmax(scores, axis=0), get("chosen_index"))
    np.testing.assert_allclose(
        relabel(hierarchy, segments, get("z")), get("chosen_goals"), rtol=1e-5, atol=1e-6
    )


def test_log_probabilities_agree_with_the_recording():
    hierarchy, segments, get = recorded("hiro_repr", 0)
    rows = lambda x: np.reshape(np.repeat(x[None], 10, axis=0), [-1, x.shape[-1]])
    log_probs = hierarchy.low.log_probs(
        rows(segments.low_states.numpy()),
        rows(segments.low_actions.numpy()),
        [np.reshape(get("unrolled_goals"), [-1, 2])],
    )
    np.testing.assert_allclose(
        np.reshape(log_probs, get("log_probs").shape), get("log_probs"), rtol=1e-4, atol=1e-9
    )


def test_fitness_is_its_formula_written_slowly():
    hierarchy, segments, get = recorded("hiro_orig", 0)
    candidates = get("candidates")
    scores = fitness(tf.constant(candidates), segments, reprs(hierarchy, segments)[2], hierarchy.low)
    for n, b in ((0, 0), (3, 7), (9, 15)):
        goal, states = candidates[n, b], segments.low_states[b].numpy()
        expected = 0.0
        for i in range(10):
            g = goal + states[0, :15] - states[i, :15]
            mean = hierarchy.low.action(states[i][None], [np.float32(g)[None]]).numpy()[0]
            expected -= np.sum(np.square((segments.low_actions[b, i].numpy() - mean) / 30.0))
        np.testing.assert_allclose(scores[n, b], expected, rtol=1e-4)


def test_steps_beyond_a_cut_segment_do_not_count():
    hierarchy, segments, get = recorded("hiro_repr", 0)
    low_state_reprs = reprs(hierarchy, segments)[2]
    candidates = tf.constant(get("candidates"))
    cut = segments._replace(length=tf.fill([16], 4))
    garbage = tf.concat([segments.low_actions[:, :4], tf.fill([16, 6, 8], 1e6)], axis=1)
    scores = fitness(candidates, cut, low_state_reprs, hierarchy.low)
    np.testing.assert_array_equal(
        scores, fitness(candidates, cut._replace(low_actions=garbage), low_state_reprs, hierarchy.low)
    )
    expected = get("log_probs").reshape(10, 16, 10, 8)[:, :, :4].sum(axis=(2, 3))
    np.testing.assert_allclose(scores, expected, rtol=1e-4)


def test_chosen_goals_stay_in_range_and_never_fit_worse_than_the_stored_ones():
    hierarchy, segments, get = recorded("hiro_orig", 1)
    inverse, low_state_reprs = hierarchy.inverse_dynamics, reprs(hierarchy, segments)[2]
    chosen = relabel(hierarchy, segments, get("z"))
    assert np.all(chosen >= inverse.minimum) and np.all(chosen <= inverse.maximum)
    stored = tf.clip_by_value(segments.goal, inverse.minimum, inverse.maximum)
    scores = fitness(tf.stack([chosen, stored]), segments, low_state_reprs, hierarchy.low).numpy()
    assert np.all(scores[0] >= scores[1])


def test_strategy_none_keeps_the_stored_goals():
    hierarchy, segments, _ = recorded("hiro_orig", 0)
    normal = np.zeros(hierarchy.inverse_dynamics.draws_shape(None, 16), np.float32)
    np.testing.assert_array_equal(relabel(hierarchy, segments, normal, None), segments.goal)


def test_strategy_fun_is_one_narrow_draw_around_the_change_reached_and_not_clipped():
    hierarchy, segments, _ = recorded("hiro_repr", 0)
    shape = hierarchy.inverse_dynamics.draws_shape("FuN", 16)
    normal = 20 * np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    state_reprs, next_state_reprs, _ = reprs(hierarchy, segments)
    expected = next_state_reprs - state_reprs + 0.1 * 10 * normal[0]
    assert np.max(np.abs(expected)) > 10  # outside of the goal range
    np.testing.assert_allclose(relabel(hierarchy, segments, normal, "FuN"), expected, rtol=1e-5, atol=1e-6)


def test_of_two_candidates_none_is_drawn():
    hierarchy, segments, _ = recorded("hiro_orig", 0)
    pair = InverseDynamics(hierarchy.low.context.specs[0], num_samples=2)
    before, after, _ = reprs(hierarchy, segments)
    normal = tf.zeros(pair.draws_shape("sample", 16))
    reached, stored = pair.candidates(before, after, segments.goal, normal)
    np.testing.assert_array_equal(reached, np.clip(after - before, pair.minimum, pair.maximum))
    np.testing.assert_array_equal(stored, np.clip(segments.goal, pair.minimum, pair.maximum))


def test_unknown_strategies_and_too_few_candidates_are_refused():
    hierarchy, segments, get = recorded("hiro_repr", 0)
    with pytest.raises(ValueError, match="'best'; allowed: 'sample', 'FuN', None"):
        relabel(hierarchy, segments, get("z"), "best")
    with pytest.raises(ValueError, match="num_samples = 1"):
        InverseDynamics(hierarchy.low.context.specs[0], num_samples=1)


def drawn(method, n, seed):
    """Recorded segments with candidates drawn anew, some far away and two of them equal."""
    hierarchy, segments, _ = recorded(method, 0)
    state_reprs, next_state_reprs, low_state_reprs = reprs(hierarchy, segments)
    size = hierarchy.inverse_dynamics.minimum.shape[0]
    normal = 2.0 * tf.random.stateless_normal([n - 2, *segments.goal.shape[:1], size], [seed, 0])
    candidates = hierarchy.inverse_dynamics.candidates(state_reprs, next_state_reprs, segments.goal, normal)
    candidates = tf.concat([candidates, candidates[1:2]], axis=0)
    return hierarchy.low, segments, low_state_reprs, candidates


def acting_low(low, seed):
    """A low level whose actions depend on its goals, as a trained one's do."""
    for i, variable in enumerate(low.actor_net.trainable_variables):
        scale = 1.0 if variable.shape.rank == 2 else 0.1
        variable.assign(
            scale * tf.random.stateless_normal(variable.shape, [seed, i]) / variable.shape[0] ** 0.5
        )
    return low


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("method", golden_data.METHODS)
def test_giving_candidates_up_early_does_not_change_the_choice(method, trained):
    for seed in range(5):
        low, segments, low_state_reprs, candidates = drawn(method, 10, seed)
        if trained:
            acting_low(low, seed)
        lengths = tf.constant(np.random.default_rng(seed).integers(1, 11, len(segments.length)), tf.int32)
        for length in (segments.length, lengths):
            cut = segments._replace(length=length)
            scores = fitness(candidates, cut, low_state_reprs, low).numpy()
            chosen = best_candidates(candidates, cut, low_state_reprs, low).numpy()
            best = np.take_along_axis(scores, chosen[None], axis=0)[0]
            # Of equal candidates either is right.
            np.testing.assert_allclose(best, scores.max(axis=0), rtol=1e-5)


def test_candidates_are_given_up_early():
    low, segments, low_state_reprs, candidates = drawn("hiro_orig", 10, 0)
    acting_low(low, 0)
    rows, log_probs = [], low.log_probs

    def counting(states, *arguments):
        rows.append(len(states))
        return log_probs(states, *arguments)

    low.log_probs = counting
    best_candidates(candidates, segments, low_state_reprs, low)
    assert len(rows) == 6 and sum(rows) < 0.8 * candidates.shape[0] * candidates.shape[1] * 10


def test_kinds_of_chosen_goals_are_those_of_the_best_fitness():
    found = []
    for seed in range(4):
        low, segments, low_state_reprs, _ = drawn("hiro_orig", 4, seed)
        acting_low(low, seed)
        hierarchy, *_ = recorded("hiro_orig", 0)
        inverse = InverseDynamics(low.context.specs[0], num_samples=4)
        state_reprs, next_state_reprs, _ = reprs(hierarchy, segments)
        normal = tf.random.stateless_normal(inverse.draws_shape("sample", 16), [seed, 1])
        chosen = relabeled_goals(
            segments, state_reprs, next_state_reprs, low_state_reprs, inverse, low, normal
        )
        candidates = inverse.candidates(state_reprs, next_state_reprs, segments.goal, normal)
        best = np.argmax(fitness(candidates, segments, low_state_reprs, low), axis=0)
        np.testing.assert_array_equal(chosen.kinds, [{2: 1, 3: 2}.get(index, 0) for index in best])
        found += list(best)
    assert set(found) == {0, 1, 2, 3}


def test_of_equal_goals_the_stored_one_counts_and_then_the_change_reached():
    hierarchy, segments, get = recorded("hiro_orig", 0)
    inverse, far = hierarchy.inverse_dynamics, 1e6 * np.ones_like(get("z"))
    far[1:] = 0  # one sample beyond a corner of the range, the others where the change is
    f = reprs(hierarchy, segments)
    kinds = lambda stored, next_reprs, normal: relabeled_goals(
        segments._replace(goal=tf.broadcast_to(stored, segments.goal.shape)),
        *(f[0], next_reprs, f[2], inverse, hierarchy.low, tf.constant(normal)),
    ).kinds.numpy()
    everywhere = np.abs(far) * 0 + 1e6  # all beyond it
    assert set(kinds(inverse.maximum, f[1], everywhere)) <= {1, 2}
    assert set(kinds(inverse.minimum, f[1] + 1e6, everywhere)) <= {1, 2}
    np.testing.assert_array_equal(kinds(inverse.maximum, f[1] + 1e6, everywhere), 2)
    assert 0 not in kinds(inverse.minimum, f[1], np.zeros_like(far))


@pytest.mark.parametrize("c", [1, 3])
def test_short_segments_are_relabelled_too(c):
    low, segments, low_state_reprs, candidates = drawn("hiro_orig", 6, 1)
    acting_low(low, 1)
    cut = segments._replace(
        low_states=segments.low_states[:, :c],
        low_actions=segments.low_actions[:, :c],
        length=tf.minimum(segments.length, c),
    )
    scores = fitness(candidates, cut, low_state_reprs[:, :c], low).numpy()
    chosen = best_candidates(candidates, cut, low_state_reprs[:, :c], low).numpy()
    np.testing.assert_allclose(np.take_along_axis(scores, chosen[None], 0)[0], scores.max(0), rtol=1e-5)


def test_bfloat16_is_near_float32_and_needs_dense_layers():
    low, segments, low_state_reprs, candidates = drawn("hiro_orig", 10, 2)
    acting_low(low, 2)
    states, goals = segments.state, [segments.goal]
    exact, rough = low.action(states, goals), low.action(states, goals, tf.bfloat16)
    assert rough.dtype == tf.float32 and np.any(exact != rough)
    np.testing.assert_allclose(exact, rough, atol=0.05 * np.ptp(exact))
    scores = fitness(candidates, segments, low_state_reprs, low).numpy()
    chosen = best_candidates(candidates, segments, low_state_reprs, low, tf.bfloat16).numpy()
    best = np.take_along_axis(scores, chosen[None], axis=0)[0]
    np.testing.assert_allclose(best, scores.max(axis=0), rtol=0.05)
    with pytest.raises(ValueError, match="'float16'; allowed: 'float32', 'bfloat16'"):
        InverseDynamics(golden_data.hierarchy("hiro_orig").low.context.specs[0], dtype="float16")
    with pytest.raises(
        ValueError, match="'bfloat16' needs dense layers alone; allowed: .*normalizer_fn = None"
    ):
        apply_layers([tf.keras.layers.LayerNormalization()], exact, tf.bfloat16)
