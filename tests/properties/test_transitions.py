"""Laws of context transitions: how goals follow the state, and when contexts are drawn anew."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from efficient_hrl.context.context import Context
from efficient_hrl.context.context_transition_functions import (
    periodic_context_fn,
    relative_context_multi_transition_fn,
    relative_context_transition_fn,
    timer_context_fn,
)

SMALL = st.integers(1, 4)
ROUNDING = {"rtol": 0, "atol": 1e-4}  # of a few float32 sums of numbers up to 100


def numbers(*shape):
    return arrays(np.float32, shape, elements=st.floats(-100, 100, width=32))


@st.composite
def walks(draw, num_states):
    """Goals [B, G], states [B, `num_states`, S] and k of G and S dimensions."""
    batch, goal_size, state_size = draw(SMALL), draw(SMALL), draw(SMALL)
    k = draw(st.integers(1, min(goal_size, state_size)))
    return draw(numbers(batch, goal_size)), draw(numbers(batch, num_states, state_size)), k


def followed(goals, state, next_state, k):
    (goals,) = relative_context_transition_fn([goals], None, None, k, state, next_state)
    return goals.numpy()


@pytest.mark.ci
@given(walks(3))
def test_goals_after_two_steps_are_those_after_one_step_all_the_way(walk):
    goals, states, k = walk
    between = followed(goals, states[:, 0], states[:, 1], k)
    end = followed(between, states[:, 1], states[:, 2], k)
    np.testing.assert_allclose(end, followed(goals, states[:, 0], states[:, 2], k), **ROUNDING)


@given(walks(2))
def test_the_place_that_a_goal_points_to_stays_and_other_dimensions_too(walk):
    goals, states, k = walk
    moved = followed(goals, states[:, 0], states[:, 1], k)
    places = [state[:, :k] + goal[:, :k] for state, goal in ((states[:, 0], goals), (states[:, 1], moved))]
    np.testing.assert_allclose(*places, **ROUNDING)
    np.testing.assert_array_equal(moved[:, k:], goals[:, k:])


@given(walks(1))
def test_goals_stay_while_the_state_does(walk):
    goals, states, k = walk
    np.testing.assert_allclose(followed(goals, states[:, 0], states[:, 0], k), goals, **ROUNDING)


def unrolled(goals, states, k):
    (goals,) = relative_context_multi_transition_fn([goals], None, None, k, states)
    return goals.numpy()


@given(SMALL.flatmap(walks))
def test_the_multi_transition_is_the_single_one_again_and_again(walk):
    goals, states, k = walk
    together = unrolled(goals, states, k)
    assert together.shape == (*states.shape[:2], goals.shape[-1])
    for i in range(states.shape[1]):
        if i > 0:
            goals = followed(goals, states[:, i - 1], states[:, i], k)
        np.testing.assert_allclose(together[:, i], goals, **ROUNDING)


@given(SMALL.flatmap(walks), SMALL)
def test_several_goals_for_one_walk_are_each_carried_along_it(walk, count):
    goals, states, k = walk
    several = np.stack([goals + i for i in range(count)])
    together = unrolled(several, states[None], k)
    for one, alone in zip(together, several):
        np.testing.assert_array_equal(one, unrolled(alone, states, k))


@given(SMALL.flatmap(walks))
def test_contexts_without_a_transition_stay_as_they_are(walk):
    goals, states, _ = walk
    context = Context(None, context_ranges=[(-100, 100)], context_shapes=[goals.shape[-1]])
    (kept,) = context.transition([goals], states[:, 0], states[:, -1])
    np.testing.assert_array_equal(kept, goals)
    (unrolled,) = context.multi_transition([goals], states)
    for i in range(states.shape[1]):
        np.testing.assert_array_equal(unrolled[:, i], goals)


STEPS = 12


def drawn_at(step, batch):
    """Contexts that tell when and for which row they were drawn; those kept from before have step -1."""
    pair = np.stack([np.full(batch, step), np.arange(batch)], axis=1).astype(np.float32)
    return [pair, -pair]


@given(st.lists(st.integers(0, 20), min_size=1, max_size=5), st.integers(1, 6))
def test_periodic_contexts_are_always_those_of_the_last_multiple_of_the_period(clocks, period):
    clocks = np.array(clocks)
    contexts = drawn_at(-1, len(clocks))
    for step in range(STEPS):
        fresh = lambda step=step: drawn_at(step, len(clocks))
        contexts = periodic_context_fn(contexts, tf.constant(clocks + step), fresh, period)
        since = (clocks + step) % period  # steps since the last draw
        np.testing.assert_array_equal(contexts[0][:, 0], np.maximum(step - since, -1))
        np.testing.assert_array_equal(contexts[0][:, 1], np.arange(len(clocks)))
        np.testing.assert_array_equal(contexts[1], -contexts[0])


@given(st.lists(st.integers(-3, 6), min_size=1, max_size=5), st.integers(1, 5), st.integers(-3, 2))
def test_countdowns_draw_at_zero_and_then_once_in_period_plus_one_steps(starts, period, timer_index):
    starts = np.array(starts)
    contexts = drawn_at(-1, len(starts))
    place = timer_index % 3
    contexts.insert(place, starts[:, None].astype(np.float32))
    for step in range(STEPS):

        def fresh(step=step):
            drawn = drawn_at(step, len(starts))
            drawn.insert(place, np.full((len(starts), 1), 99, np.float32))  # which is not looked at
            return drawn

        contexts = timer_context_fn(contexts, None, fresh, period, timer_index)
        others = [context.numpy() for i, context in enumerate(contexts) if i != place]
        for row, start in enumerate(starts):
            has_drawn = 0 <= start <= step
            since = (step - start) % (period + 1)  # steps since the last draw
            assert contexts[place][row, 0] == (period - since if has_drawn else start - step - 1)
            assert others[0][row, 0] == (step - since if has_drawn else -1)
        np.testing.assert_array_equal(others[0][:, 1], np.arange(len(starts)))
        np.testing.assert_array_equal(others[1], -others[0])
