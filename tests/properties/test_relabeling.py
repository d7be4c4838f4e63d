"""Laws of relabelling, for segments of any length and low levels with any weights."""

import functools

import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from efficient_hrl.relabeling import fitness, relabeled_goals
from efficient_hrl.replay import Segment
from tests import tiny_hierarchy

STATE_SIZE, BATCH = 4, 6
MINIMUM, MAXIMUM = np.float32([-10, -1]), np.float32([10, 3])


@functools.cache
def hierarchy(c):
    goals = {"context_ranges": [(MINIMUM, MAXIMUM)]}
    return tiny_hierarchy.hierarchy(state_size=STATE_SIZE, c=c, goals=goals)


def actions_under(low, goals, low_states):
    """What the low level does at every step of segments, [B, c, A]."""
    (goals,) = low.context.multi_transition([goals], low.state_preprocess(low_states))
    return np.stack([low.action(low_states[:, i], [goals[:, i]]) for i in range(low_states.shape[1])], axis=1)


@st.composite
def cases(draw):
    """A hierarchy with drawn weights, segments as they are stored, and draws for candidates."""
    of = hierarchy(draw(st.sampled_from([1, 3, 10])))
    c = of.low.context.meta_action_every_n
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    normal = lambda scale, *shape: scale * rng.standard_normal(shape).astype(np.float32)
    for variable in of.low.actor_net.trainable_variables:
        variable.assign(normal(draw(st.sampled_from([0.1, 1.0])), *variable.shape))
    length = np.array(draw(st.lists(st.integers(1, c), min_size=BATCH, max_size=BATCH)), np.int32)
    # From steps within the goal range to such that leave it at once.
    states = np.cumsum(normal(draw(st.sampled_from([0.1, 1.0, 10.0])), BATCH, c + 1, STATE_SIZE), axis=1)
    next_state = states[np.arange(BATCH), length]
    is_real = np.arange(c) < length[:, None]
    low_states = np.where(is_real[..., None], states[:, :-1], next_state[:, None])
    # Many at the border, where goals with noise are.
    goals = np.clip(normal(10.0, BATCH, 2), MINIMUM, MAXIMUM)
    actions = np.clip(normal(1.0, BATCH, c, 2), -1, 1)
    if draw(st.booleans()):
        actions = actions_under(of.low, tf.constant(goals), tf.constant(low_states))
    segments = Segment(
        state=states[:, 0],
        goal=goals,
        reward=np.zeros(BATCH, np.float32),
        discount=np.ones(BATCH, np.float32),
        next_state=next_state,
        low_states=low_states,
        low_actions=np.where(is_real[..., None], actions, 0),
        length=length,
        target=np.zeros((BATCH, 2), np.float32),
        next_target=np.zeros((BATCH, 2), np.float32),
        bootstrap=np.ones(BATCH, np.float32),
    )
    draws = normal(1.0, *of.inverse_dynamics.draws_shape("sample", BATCH))
    return of, tf.nest.map_structure(tf.constant, segments), draws


def reprs(of, segments):
    f = of.representation
    return f(segments.state), f(segments.next_state), f(segments.low_states)


def relabelled(of, segments, draws):
    goals = relabeled_goals(segments, *reprs(of, segments), of.inverse_dynamics, of.low, draws).goals
    return goals.numpy()


def candidates_for(of, segments, draws):
    return of.inverse_dynamics.candidates(*reprs(of, segments)[:2], segments.goal, draws)


def is_in_range(goals):
    return np.all((goals >= MINIMUM) & (goals <= MAXIMUM))


@given(cases())
def test_the_stored_goal_and_the_change_reached_are_candidates_and_all_are_in_range(case):
    of, segments, draws = case
    candidates = candidates_for(of, segments, draws).numpy()
    assert is_in_range(candidates)
    state_reprs, next_state_reprs, _ = reprs(of, segments)
    reached = np.clip(next_state_reprs - state_reprs, MINIMUM, MAXIMUM)
    for goals in (segments.goal.numpy(), reached):
        assert np.all(np.any(np.all(candidates == goals, axis=-1), axis=0))


@given(cases())
def test_new_goals_are_in_range_and_nothing_fits_better_not_even_the_stored_ones(case):
    of, segments, draws = case
    goals = relabelled(of, segments, draws)
    assert is_in_range(goals)
    others = [segments.goal, *candidates_for(of, segments, draws)]
    scores = fitness(tf.stack([goals, *others]), segments, reprs(of, segments)[2], of.low).numpy()
    # Sums of float32 networks that should be equal differ by less.
    slack = 1e-5 * np.abs(scores[0]) + 1e-9
    assert np.all(scores[0] + slack >= scores[1:])


@given(cases())
def test_what_a_cut_segment_holds_behind_its_end_does_not_change_its_goal(case):
    of, segments, draws = case
    is_real = tf.sequence_mask(segments.length, segments.low_states.shape[1])[..., None]
    other = segments._replace(
        low_states=tf.where(is_real, segments.low_states, -7.0),
        low_actions=tf.where(is_real, segments.low_actions, 5.0),
    )
    np.testing.assert_array_equal(relabelled(of, other, draws), relabelled(of, segments, draws))


@given(cases())
def test_a_low_level_that_acts_as_it_did_finds_a_goal_that_fits_perfectly(case):
    of, segments, draws = case
    actions = actions_under(of.low, segments.goal, segments.low_states)
    segments = segments._replace(low_actions=tf.constant(actions))
    goals = relabelled(of, segments, draws)
    scores = fitness(tf.constant(goals)[None], segments, reprs(of, segments)[2], of.low)
    np.testing.assert_allclose(scores, 0, atol=1e-9)
