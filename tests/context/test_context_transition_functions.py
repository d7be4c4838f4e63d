import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.context.context_transition_functions import (
    periodic_context_fn,
    relative_context_multi_transition_fn,
    relative_context_transition_fn,
    timer_context_fn,
)
from tests import golden_data

ARRAYS = golden_data.load("context_transitions")
CASES = {"orig": 15, "xy": 2, "k2_of_15": 2, "img_task": 2}
PERIODS = {"p1": 1, "p4": 4}


def test_every_recorded_case_is_checked():
    recorded = {key.rsplit("/", 1)[0] for key in ARRAYS}
    relative = {f"{kind}/{case}" for kind in ("relative", "relative_multi") for case in CASES}
    assert recorded == {*relative, *(f"periodic/{case}" for case in PERIODS), "periodic", "timer"}


@pytest.mark.parametrize("case", CASES)
def test_relative_transition_agrees_with_the_recording(case):
    get = lambda key: ARRAYS[f"relative/{case}/{key}"]
    (goals,) = relative_context_transition_fn(
        [get("context")], None, None, k=CASES[case], state=get("state"), next_state=get("next_state")
    )
    np.testing.assert_array_equal(goals, get("out"))


@pytest.mark.parametrize("case", CASES)
def test_relative_multi_transition_agrees_with_the_recording(case):
    get = lambda key: ARRAYS[f"relative_multi/{case}/{key}"]
    (goals,) = relative_context_multi_transition_fn(
        [get("contexts")], None, None, k=CASES[case], states=get("states")
    )
    np.testing.assert_array_equal(goals, get("out"))


def test_multi_transition_is_the_single_one_applied_step_by_step():
    states = tf.random.stateless_normal([5, 4, 3], [1, 2])
    goal = tf.random.stateless_normal([5, 3], [3, 4])
    (together,) = relative_context_multi_transition_fn([goal], None, None, k=3, states=states)
    one_by_one = goal
    for i in range(4):
        np.testing.assert_allclose(together[:, i], one_by_one, atol=1e-5)
        if i < 3:
            (one_by_one,) = relative_context_transition_fn(
                [one_by_one], None, None, k=3, state=states[:, i], next_state=states[:, i + 1]
            )


@pytest.mark.parametrize("case", PERIODS)
def test_periodic_draws_agree_with_the_recording(case):
    clock = tf.range(12)
    kept = np.tile(ARRAYS["periodic/context"], [12, 1])
    (contexts,) = periodic_context_fn([kept], clock, lambda: [ARRAYS["periodic/fresh"]], period=PERIODS[case])
    np.testing.assert_array_equal(contexts, ARRAYS[f"periodic/{case}/out"])


def test_countdown_agrees_with_the_recording():
    contexts = [tf.zeros([3]), tf.zeros([1])]
    for t, expected in enumerate(ARRAYS["timer/out"]):
        fresh = lambda t=t: [ARRAYS["periodic/fresh"][t], tf.fill([1], 99.0)]
        contexts = timer_context_fn(contexts, tf.constant(t), fresh, period=3)
        np.testing.assert_array_equal(tf.concat(contexts, axis=-1), expected)


def drawn(batch, steps, seed):
    return tf.random.stateless_normal([steps, batch, 2], [seed, 0])


@pytest.mark.parametrize("period", [1, 2, 3])
def test_periodic_draws_are_decided_row_by_row(period):
    old, new = drawn(7, 2, 1)
    clock = np.array([0, 1, 2, 3, 4, 6, 500])
    step = lambda contexts, clock: periodic_context_fn(
        contexts, clock, lambda: [new, 2 * new], period, state=old, next_state=new
    )
    for version in (step, tf.function(step)):
        first, second = version([old, 2 * old], tf.constant(clock))
        for i, t in enumerate(clock):
            source = (new if t % period == 0 else old)[i]
            np.testing.assert_array_equal(first[i], source)
            np.testing.assert_array_equal(second[i], 2 * source)


def test_one_clock_may_serve_a_batch():
    old, new = drawn(3, 2, 2)
    for t in range(4):
        (contexts,) = periodic_context_fn([old], tf.constant(t), lambda: [new], period=2)
        np.testing.assert_array_equal(contexts, [new, old][t % 2])


@pytest.mark.parametrize("timer_index", [0, 1, -2])
def test_countdowns_run_row_by_row_and_start_again_at_the_period(timer_index):
    period, draws = 2, drawn(5, 8, 3).numpy()
    countdown, goals = np.array([0, 2, 1, -1, 0.5], np.float32), draws[0].copy()
    place = timer_index % 2

    def ordered(timers, others):
        return [timers, others] if place == 0 else [others, timers]

    @tf.function
    def step(contexts, fresh):
        sampler_fn = lambda: ordered(tf.fill([5, 1], 99.0), fresh)
        return timer_context_fn(
            contexts, None, sampler_fn, period, timer_index, state=fresh, next_state=fresh
        )

    contexts = ordered(tf.constant(countdown[:, None]), tf.constant(goals))
    for fresh in draws[1:]:
        contexts = step(contexts, tf.constant(fresh))
        for i in range(5):
            if countdown[i] == 0:
                countdown[i], goals[i] = period, fresh[i]
            else:
                countdown[i] -= 1
        np.testing.assert_array_equal(contexts[place], countdown[:, None])
        np.testing.assert_array_equal(contexts[1 - place], goals)
    # Drawn three times in seven steps, once each 3; never from below 0 or from between.
    np.testing.assert_array_equal(countdown, [2, 1, 0, -8, -6.5])


def test_every_element_of_a_wide_countdown_is_set():
    wide = tf.constant([[0.0, 7.0], [1.0, 0.0]])
    (contexts,) = timer_context_fn([wide], None, lambda: [wide], period=4)
    np.testing.assert_array_equal(contexts, [[4, 4], [0, -1]])


@pytest.mark.parametrize(
    "function, arguments, message",
    [
        (
            periodic_context_fn,
            {"period": 0},
            "periodic_context_fn.period = 0; allowed: a whole number from 1",
        ),
        (timer_context_fn, {"period": 0}, "timer_context_fn.period = 0; allowed: a whole number from 1"),
        (timer_context_fn, {"timer_index": 1}, "timer_context_fn.timer_index = 1; allowed: -1 to 0"),
    ],
)
def test_wrong_parameters_are_named(function, arguments, message):
    contexts = [tf.zeros([2, 1])]
    with pytest.raises(ValueError, match=message):
        function(contexts, tf.constant(0), lambda: contexts, **arguments)
