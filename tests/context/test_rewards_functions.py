import json

import numpy as np
import pytest

from efficient_hrl.context.rewards_functions import negative_distance
from tests import golden_data

ARRAYS = golden_data.load("rewards")
CASES = json.loads((golden_data.FOLDER / "rewards.json").read_text())["cases"]
NEGATIVE_DISTANCE = [name for name, case in CASES.items() if case["fn"] == "negative_distance"]


@pytest.mark.parametrize("name", NEGATIVE_DISTANCE)
def test_negative_distance_agrees_with_the_recording(name):
    case = CASES[name]
    get = lambda key: ARRAYS[f"in/{case['input']}/{key}"]
    rewards, discounts = negative_distance(
        get("states"), get("actions"), get("rewards"), get("next_states"), [get("c0")], **case["params"]
    )
    expected = ARRAYS[f"out/{name}/rewards"]
    assert rewards.shape == expected.shape
    np.testing.assert_allclose(rewards, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(discounts, ARRAYS[f"out/{name}/discounts"])


def test_every_recorded_negative_distance_is_checked():
    assert len(NEGATIVE_DISTANCE) == 20


def test_reaching_a_goal_exactly_gives_discount_zero():
    state = np.array([[1.0, 2.0]], np.float32)
    reward, discount = negative_distance(state, None, None, state, [state])
    np.testing.assert_allclose(reward, -1e-5, rtol=1e-3)
    np.testing.assert_array_equal(discount, 0.0)


def test_unknown_norm_is_refused():
    state = np.zeros((1, 2), np.float32)
    with pytest.raises(ValueError, match="'L3'; allowed: 'L1', 'L2'"):
        negative_distance(state, None, None, state, [state], norm="L3")
