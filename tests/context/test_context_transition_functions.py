import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.context.context_transition_functions import (
    relative_context_multi_transition_fn,
    relative_context_transition_fn,
)
from tests import golden_data

ARRAYS = golden_data.load("context_transitions")
CASES = {"orig": 15, "xy": 2, "k2_of_15": 2, "img_task": 2}


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
