import collections
import functools
import json
import math

import gin
import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.context import reward_wrappers, rewards_functions
from efficient_hrl.context.reward_wrappers import potential_rewards, reset_rewards, timed_rewards
from efficient_hrl.context.rewards_functions import (
    binary_indicator,
    cosine_similarity,
    ctrl_rewards,
    diff_distance,
    diff_rewards,
    negative_distance,
    negative_mse,
    plain_rewards,
    state_rewards,
    tanh_similarity,
)
from tests import golden_data

ARRAYS = golden_data.load("rewards")
CASES = json.loads((golden_data.FOLDER / "rewards.json").read_text())["cases"]
RECORDED = {
    "negative_distance": 20,
    "cosine_similarity": 5,
    "diff_distance": 6,
    "binary_indicator": 3,
    "tanh_similarity": 2,
    "negative_mse": 2,
    "ctrl_rewards": 3,
    "diff_rewards": 2,
    "state_rewards": 3,
    "plain_rewards": 1,
    "potential_rewards": 2,
    "timed_rewards": 3,
    "reset_rewards": 6,
}
RESETS = [f"reset_{state}_f{f}_r{r}" for state in ("on", "off") for f, r in ((1, 1), (0, 1), (1, 0))]
# What the recording only calls "<lambda>", and what stood second in the list of contexts.
DISTANCE_XY = functools.partial(negative_distance, state_indices=[0, 1])
INNER_FUNCTIONS = {
    "potential_mse": {"reward_fn": negative_mse},
    "potential_bi": {
        "reward_fn": functools.partial(binary_indicator, state_indices=[0, 1], termination_epsilon=3.0)
    },
    "timed_sparse": {"reward_fn": DISTANCE_XY},
    "timed_dense": {"reward_fn": DISTANCE_XY},
    "timed_vec": {"reward_fn": functools.partial(negative_distance, vectorize=True)},
    **{name: {"reset_reward_function": negative_distance} for name in RESETS},
}
SECOND_CONTEXTS = {
    "dd_weight_index": "weights6",
    "state_weight_index": "weights6",
    "timed_sparse": "timer",
    "timed_dense": "timer",
    "timed_vec": "timer",
}


def function_named(name):
    return getattr(rewards_functions, name, None) or getattr(reward_wrappers, name)


def recorded_call(name, **changes):
    case = CASES[name]
    get = lambda key: ARRAYS[f"in/{case['input']}/{key}"]
    first = ARRAYS[f"in/{name[:-6]}_c0"] if name in RESETS else get("c0")
    contexts = [first] + ([ARRAYS[f"in/{SECOND_CONTEXTS[name]}"]] if case["extra_contexts"] else [])
    actions = None if name == "ctrl_none" else get("actions")
    arguments = get("states"), actions, get("rewards"), get("next_states"), contexts
    params = {**case["params"], **INNER_FUNCTIONS.get(name, {}), **changes}
    return function_named(case["fn"])(*arguments, **params)


@pytest.mark.parametrize("name", CASES)
def test_rewards_agree_with_the_recording(name):
    rewards, discounts = recorded_call(name)
    expected = ARRAYS[f"out/{name}/rewards"]
    assert rewards.shape == expected.shape
    assert rewards.dtype == discounts.dtype == tf.float32
    np.testing.assert_allclose(rewards, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(discounts, ARRAYS[f"out/{name}/discounts"])


def test_every_recorded_case_is_checked():
    assert {key.split("/")[1] for key in ARRAYS if key.startswith("out/")} == set(CASES)
    assert collections.Counter(case["fn"] for case in CASES.values()) == RECORDED
    assert {name for name, case in CASES.items() if case["extra_contexts"]} == set(SECOND_CONTEXTS)
    wrappers = ("potential_rewards", "timed_rewards", "reset_rewards")
    assert {name for name, case in CASES.items() if case["fn"] in wrappers} == set(INNER_FUNCTIONS)


def test_reset_state_may_be_given_once_for_all_rows():
    for name in RESETS:
        together = recorded_call(name, reset_state=ARRAYS["in/reset_state6"][0].tolist())
        np.testing.assert_array_equal(together, recorded_call(name))


# Slow versions for one row: state s, action a, reward r, next state n, first and second context g, w.
def unit(x):
    return x / math.sqrt(sum(x**2)) if any(x) else x


def l1(x, weights):
    return sum(math.sqrt(w * d * d + 1e-10) for w, d in zip(weights, x))


def l2(x):
    return math.sqrt(sum(d * d for d in x) + 1e-10)


def slow_tanh(s, a, r, n, g, w):
    return 1 - math.tanh(0.3 * np.mean([(0.5 * y - 2 * z) ** 2 for y, z in zip(n, g)])), 1


def slow_negative_mse(s, a, r, n, g, w):
    return -np.mean([(0.5 * y - 2 * z) ** 2 for y, z in zip(n, g)]), 1


def slow_cosine(s, a, r, n, g, w):
    goal = g[[0, 2]] * [1, -2] * abs(g[[3, 1]])
    return 0.5 + sum(unit((n - s)[[1, 3]]) * unit(goal)), 1


def slow_projection(s, a, r, n, g, w):
    return sum((n - s) * g), 1


def slow_diff_l1(s, a, r, n, g, w):
    before, after = l1(2 * s - 0.5 * g, w), l1(2 * n - 0.5 * g, w)
    return 3 * (before - after), after > 4


def slow_diff_l2(s, a, r, n, g, w):
    root = np.sqrt([1, 2])
    before, after = l2((s[[0, 3]] - g[[2, 1]]) * root), l2((n[[0, 3]] - g[[2, 1]]) * root)
    return before - after, after > 1.5


def slow_indicator(s, a, r, n, g, w):
    return -1 + (l2(n - g) <= 2), 1


def slow_state(s, a, r, n, g, w):
    x = n[[3, 0, 1, 2]] + [0.5, 1, 1, 1]
    return 2 * w[0] * x[0] - sum(w[1:] * x[1:]), 1


def slow_potential(s, a, r, n, g, w):
    after = l2(s + g - n)
    return -0.9 * after + l2(g), after > 1e-4


DISTANCE_TO_SECOND = functools.partial(
    lambda s, a, r, n, c, **params: negative_distance(s, a, r, n, c[1:], **params), termination_epsilon=1.5
)
SLOW = {
    "tanh": (
        tanh_similarity,
        {"mse_scale": 0.3, "state_scales": 0.5, "goal_scales": [2, 2, 2, 2]},
        slow_tanh,
    ),
    "mse": (negative_mse, {"state_scales": np.full(4, 0.5), "goal_scales": 2.0}, slow_negative_mse),
    "cosine": (
        cosine_similarity,
        {
            "state_indices": [1, 3],
            "goal_indices": [0, 2],
            "weight_vector": [1, -2],
            "weight_index": [3, 1],
            "offset": 0.5,
            "state_scales": 9.0,
            "goal_scales": 9.0,
            "reward_scales": 9.0,
        },
        slow_cosine,
    ),
    "projection": (cosine_similarity, {"normalize_states": False, "normalize_goals": False}, slow_projection),
    "diff_l1": (
        diff_distance,
        {
            "norm": "L1",
            "weight_index": 1,
            "state_scales": 2.0,
            "goal_scales": 0.5,
            "reward_scales": 3.0,
            "termination_epsilon": 4.0,
        },
        slow_diff_l1,
    ),
    "diff_l2": (
        diff_distance,
        {
            "weight_vector": [1, 2],
            "state_indices": [0, 3],
            "goal_indices": [2, 1],
            "termination_epsilon": 1.5,
        },
        slow_diff_l2,
    ),
    "indicator": (binary_indicator, {"termination_epsilon": 2.0, "offset": -1}, slow_indicator),
    "plain": (plain_rewards, {}, lambda s, a, r, n, g, w: (r, 1)),
    "control": (ctrl_rewards, {"reward_scales": 0.1}, lambda s, a, r, n, g, w: (-0.1 * sum(a * a), 1)),
    "differences": (diff_rewards, {"goal_index": -1}, lambda s, a, r, n, g, w: (n - w, np.ones(4))),
    "state": (
        state_rewards,
        {
            "weight_index": 1,
            "state_indices": [3, 0, 1, 2],
            "weight_vector": [2, -1],
            "offset_vector": [0.5, 1],
        },
        slow_state,
    ),
    "potential": (
        potential_rewards,
        {"gamma": 0.9, "reward_fn": functools.partial(negative_distance, relative_context=True)},
        slow_potential,
    ),
}


def random_inputs(rows=40):
    rng = np.random.default_rng(7)
    draw = lambda *shape: rng.normal(size=[rows, *shape]).astype(np.float32)
    return draw(4), draw(3), draw(), draw(4), [draw(4), np.abs(draw(4))]


def check_against_slow(function, params, slow, inputs):
    *inputs, contexts = inputs
    expected = [slow(*row) for row in zip(*inputs, *contexts)]
    discounts = np.array([discount for _, discount in expected], np.float32)
    call = lambda *arguments: function(*arguments, **params)
    for version in (call, tf.function(call)):
        found = version(*inputs, contexts)
        np.testing.assert_allclose(found[0], [reward for reward, _ in expected], rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(found[1], discounts)
    return discounts


@pytest.mark.parametrize("case", SLOW)
def test_rewards_are_the_formula_for_each_row(case):
    discounts = check_against_slow(*SLOW[case], random_inputs())
    if case.startswith("diff_l"):
        assert 0 < np.mean(discounts) < 1


@pytest.mark.parametrize("dense", [False, True])
def test_timed_rewards_count_and_end_when_the_timer_has_run_out(dense):
    states, actions, rewards, next_states, (timer, goals) = random_inputs()
    timer = np.sign(timer[:, :1])
    timer[:3] = 0

    def slow(s, a, r, n, t, g):
        distance = l2(n - g)
        ended = t[0] <= 0
        return -distance if dense or ended else 0, distance > 1.5 and not ended

    params = {"reward_fn": DISTANCE_TO_SECOND, "timer_index": 0, "dense": dense}
    inputs = states, actions, rewards, next_states, [timer, goals]
    discounts = check_against_slow(timed_rewards, params, slow, inputs)
    assert 0 < np.mean(discounts) < 1


@pytest.mark.parametrize("resetting", [False, True])
def test_reset_rewards_are_decided_by_one_number_for_all_rows(resetting):
    states, actions, rewards, next_states, contexts = random_inputs()
    contexts[1][0, 0] = resetting
    target = np.array([1, 2, 0, -1], np.float32)

    def inner(s, a, r, n, c):
        np.testing.assert_array_equal(c[1].shape, contexts[1].shape)
        return negative_distance(s, a, r, n, c, termination_epsilon=3.0)

    def slow(s, a, r, n, g, w):
        return (-l2(n - target), l2(n - target) > 3) if resetting else (r, 1)

    params = {"reset_index": 1, "reset_state": target, "reset_reward_function": inner}
    check_against_slow(reset_rewards, params, slow, (states, actions, rewards, next_states, contexts))


def test_potential_rewards_give_no_actions_and_keep_a_relative_goal_in_place():
    calls = []

    def potential(states, actions, rewards, next_states, contexts):
        calls.append((states, actions, next_states))
        return negative_distance(states, actions, rewards, next_states, contexts, relative_context=True)

    state, next_state, goal = (np.array([[x, 0.0]], np.float32) for x in (1, 2, 5))
    reward, _ = potential_rewards(
        state, np.ones((1, 1)), None, next_state, [goal], gamma=0.5, reward_fn=potential
    )
    np.testing.assert_allclose(reward, 0.5 * -4 + 5)
    assert [actions for _, actions, _ in calls] == [None, None]
    np.testing.assert_array_equal([c[0][0, 0] for c in calls], [1, 1])
    np.testing.assert_array_equal([c[2][0, 0] for c in calls], [2, 1])


def test_similarity_of_no_movement_is_zero_with_a_finite_gradient():
    state, goal = tf.zeros([1, 2]), tf.ones([1, 2])
    with tf.GradientTape() as tape:
        tape.watch(state)
        reward, _ = cosine_similarity(state, None, None, state, [goal])
    np.testing.assert_array_equal(reward, [0.0])
    assert np.all(np.isfinite(tape.gradient(reward, state)))


def test_reaching_a_goal_exactly():
    state = np.array([[1.0, 2.0]], np.float32)
    reward, discount = negative_distance(state, None, None, state, [state])
    np.testing.assert_allclose(reward, -1e-5, rtol=1e-3)
    np.testing.assert_array_equal(discount, 0.0)
    np.testing.assert_array_equal(diff_distance(state, None, None, state, [state]), [[0.0], [0.0]])
    np.testing.assert_array_equal(binary_indicator(state, None, None, state, [state]), [[1.0], [1.0]])


def test_gin_knows_every_function_by_its_own_name():
    for name in RECORDED:
        assert gin.get_configurable(name) is function_named(name)


STATE = np.zeros((3, 2), np.float32)


@pytest.mark.parametrize(
    "function, params, message",
    [
        (negative_distance, {"norm": "L3"}, r"negative_distance.norm = 'L3'; allowed: 'L1', 'L2'"),
        (
            negative_distance,
            {"reward_scales": [1.0, 2.0]},
            r"reward_scales = \[1.0, 2.0\]; allowed: a number\n",
        ),
        (diff_distance, {"norm": "L3"}, r"diff_distance.norm = 'L3'; allowed: 'L1', 'L2'"),
        (diff_distance, {"weight_index": 1}, r"diff_distance.weight_index = 1; allowed: -1 to 0"),
        (diff_distance, {"weight_index": [0, 1]}, r"weight_index = \[0, 1\]; allowed: -1 to 0"),
        (diff_rewards, {"goal_index": 2}, r"diff_rewards.goal_index = 2; allowed: -1 to 0"),
        (state_rewards, {"weight_index": -2}, r"state_rewards.weight_index = -2; allowed: -1 to 0"),
        (
            state_rewards,
            {"weight_vector": [1, 2, 3]},
            r"weight_vector = \[1.0, 2.0, 3.0\]; allowed: .*1 to 2",
        ),
        (state_rewards, {"offset_vector": []}, r"offset_vector = \[\]; allowed: a number or 1 to 2 numbers"),
        (plain_rewards, {}, r"plain_rewards.rewards = None; allowed: the environment's"),
        (potential_rewards, {}, r"potential_rewards.reward_fn = None; allowed: a reward function"),
        (timed_rewards, {}, r"timed_rewards.reward_fn = None; allowed: a reward function"),
        (timed_rewards, {"reward_fn": negative_mse}, r"timer_index = -1, a context of 2 .*allowed: one of 1"),
        (timed_rewards, {"reward_fn": negative_mse, "timer_index": 1}, r"timer_index = 1; allowed: -1 to 0"),
        (reset_rewards, {"reset_index": 1}, r"reset_rewards.reset_index = 1; allowed: -1 to 0"),
        (reset_rewards, {"reset_state": [0, 0]}, r"reset_reward_function = None; allowed: a reward function"),
        (
            reset_rewards,
            {"reset_reward_function": negative_mse},
            r"reset_state = None; allowed: 2 numbers, or as many for each of 3 rows",
        ),
        (
            reset_rewards,
            {"reset_reward_function": negative_mse, "reset_state": [0.0, 0.0, 0.0]},
            r"reset_state = 'shape \[3\]'; allowed: 2 numbers",
        ),
    ],
)
def test_wrong_parameters_are_named(function, params, message):
    with pytest.raises(ValueError, match=message):
        function(STATE, None, None, STATE, [STATE], **params)


@pytest.mark.parametrize(
    "function",
    [
        tanh_similarity,
        negative_mse,
        negative_distance,
        cosine_similarity,
        diff_distance,
        binary_indicator,
        diff_rewards,
    ],
)
@pytest.mark.parametrize("state_size, goal_size", [(1, 2), (2, 1)])
def test_states_and_goals_of_different_sizes_are_not_compared_by_repeating(function, state_size, goal_size):
    state, goal = np.zeros((3, state_size), np.float32), np.zeros((3, goal_size), np.float32)
    message = f"{function.__name__} compares {state_size} entries of the state with {goal_size} of the goal"
    with pytest.raises(ValueError, match=message):
        function(state, None, None, state, [goal])


@pytest.mark.parametrize(
    "function, factor",
    [
        (tanh_similarity, "state_scales"),
        (negative_mse, "goal_scales"),
        (functools.partial(negative_distance, vectorize=True), "reward_scales"),
        (negative_distance, "weight_vector"),
        (cosine_similarity, "weight_vector"),
        (diff_distance, "weight_vector"),
        (diff_distance, "state_scales"),
    ],
)
def test_factors_are_one_or_as_many_as_the_goal_has_entries(function, factor):
    for fits in (2.0, [2.0, 3.0]):
        function(STATE, None, None, STATE, [STATE], **{factor: fits})
    with pytest.raises(ValueError, match=rf"\.{factor} = \[2.0\]; allowed: a number or 2 numbers"):
        function(STATE, None, None, STATE, [STATE], **{factor: [2.0]})
