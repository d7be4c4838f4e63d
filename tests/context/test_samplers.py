import gin
import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.context import samplers
from efficient_hrl.context.samplers import (
    BinarySampler,
    ConstantSampler,
    DirectionSampler,
    GaussianSampler,
    RandomSampler,
    ReplaySampler,
    ScheduledSampler,
    TimeSampler,
    ZeroSampler,
    binary_contexts,
    direction_contexts,
    replay_contexts,
    time_contexts,
)
from tests import golden_data

ARRAYS = golden_data.load("samplers")
ORIG_MAXIMUM = np.array((10, 10, 0.5, 1, 1, 1, 1, 0.5, 0.3, 0.5, 0.3, 0.5, 0.3, 0.5, 0.3), np.float32)
SEED = tf.constant([3, 4], tf.int64)


def spec(size):
    return tf.TensorSpec([size], tf.float32)


CONSTANTS = {"constant": [16, 0], "constant3": [0, 27, 4.5]}
DIRECTIONS = {
    "direction_orig": (ORIG_MAXIMUM, 15),
    "direction_xy": (10.0, 2),
    "direction_k2_of_5": (10.0, 2),
    "direction_sampler_fn": (10.0, 2),
}
UNIFORM = {
    "random_maze": (RandomSampler, (-4, -4), (20, 20)),
    "random_fall": (RandomSampler, (-4, -4, 0), (12, 28, 5)),
    "random_scalar": (RandomSampler, -10, 10),
    "direction_orig_nostate": (DirectionSampler, -ORIG_MAXIMUM, ORIG_MAXIMUM),
    "direction_xy_nostate": (DirectionSampler, -10, 10),
}
TIMES = {
    "time_0_10": {"maxval": 10},
    "time_const": {"minval": 7, "maxval": 7},
    "time_step3": {"maxval": 5, "timestep": -3},
}
SCHEDULES = {
    "sched_vec": {"values": [[1, 2], [3, 4], [5, 6]]},
    "sched_scalar": {"values": [1, 2, 3, 4]},
    "sched_inc2": {"values": [1, 2, 3, 4, 5], "scheduler_params": {"inc": 2}},
}
BINARY = {"binary_05": 0.5, "binary_08": 0.8}


def test_every_recorded_case_is_checked():
    checked = {"zero", *CONSTANTS, *DIRECTIONS, *UNIFORM, *TIMES, *SCHEDULES, *BINARY}
    assert {key.split("/")[0] for key in ARRAYS if "/" in key} == checked
    assert {key for key in ARRAYS if "/" not in key} == {"state", "next_state"}


def fix_uniform(monkeypatch, unit):
    """Makes stateless uniform draws return `unit`."""

    def draw(shape, seed, *args, **kwargs):
        assert tuple(shape) == unit.shape
        return tf.constant(unit, tf.float32)

    monkeypatch.setattr(tf.random, "stateless_uniform", draw)


@pytest.mark.parametrize("case", CONSTANTS)
def test_constant_agrees_with_the_recording(case):
    value = CONSTANTS[case]
    contexts, next_contexts = ConstantSampler(spec(len(value)), value=value)(16, SEED)
    np.testing.assert_array_equal(contexts, ARRAYS[f"{case}/out"])
    np.testing.assert_array_equal(next_contexts, ARRAYS[f"{case}/out_next"])


def test_zero_agrees_with_the_recording():
    contexts, next_contexts = ZeroSampler(spec(4))(16, SEED)
    np.testing.assert_array_equal(contexts, ARRAYS["zero/out"])
    np.testing.assert_array_equal(next_contexts, ARRAYS["zero/out_next"])
    assert contexts.dtype == tf.float32


@pytest.mark.parametrize("case", UNIFORM)
def test_uniform_draws_agree_with_the_recorded_ones(case, monkeypatch):
    sampler_class, low, high = UNIFORM[case]
    recorded = ARRAYS[f"{case}/uniform"]
    unit = (recorded - np.float32(low)) / (np.float32(high) - np.float32(low))
    fix_uniform(monkeypatch, unit)
    sampler = sampler_class(spec(recorded.shape[1]), context_range=(low, high))
    contexts, next_contexts = sampler(16, SEED)
    np.testing.assert_allclose(contexts, ARRAYS[f"{case}/out"], atol=1e-5)
    np.testing.assert_allclose(next_contexts, ARRAYS[f"{case}/out_next"], atol=1e-5)


@pytest.mark.parametrize("case", DIRECTIONS)
def test_directions_agree_with_the_recorded_draws(case):
    half_range, k = DIRECTIONS[case]
    others = ARRAYS["state"][:, 10:15] if case == "direction_sampler_fn" else ARRAYS[f"{case}/uniform"]
    arguments = ARRAYS["state"][:, :k], ARRAYS[f"{case}/perm"], ARRAYS[f"{case}/normal"], half_range
    contexts = direction_contexts(*arguments, others)
    np.testing.assert_allclose(contexts, ARRAYS[f"{case}/out"], atol=1e-6)
    np.testing.assert_array_equal(ARRAYS[f"{case}/out"], ARRAYS[f"{case}/out_next"])
    np.testing.assert_array_equal(direction_contexts(*arguments), contexts[:, :k])


@pytest.mark.parametrize("case", BINARY)
def test_binary_agrees_with_the_recorded_draws(case, monkeypatch):
    uniform, expected = ARRAYS[f"{case}/uniform"], ARRAYS[f"{case}/out"]
    np.testing.assert_array_equal(binary_contexts(uniform, BINARY[case]), expected)
    fix_uniform(monkeypatch, uniform)
    for contexts in BinarySampler(spec(3), probs=BINARY[case])(16, SEED):
        np.testing.assert_array_equal(contexts, expected)


@pytest.mark.parametrize("case", TIMES)
def test_times_agree_with_the_recorded_draws(case, monkeypatch):
    out, out_next = ARRAYS[f"{case}/out"], ARRAYS[f"{case}/out_next"]
    draws = ARRAYS.get(f"{case}/uniform_int", out.astype(np.int32))
    contexts, next_contexts = time_contexts(draws, TIMES[case].get("timestep", -1))
    np.testing.assert_array_equal(contexts, out)
    np.testing.assert_array_equal(next_contexts, out_next)
    if case != "time_const":
        monkeypatch.setattr(tf.random, "stateless_uniform", lambda *args: tf.constant(draws))
    contexts, next_contexts = TimeSampler(spec(1), **TIMES[case])(16, SEED)
    np.testing.assert_array_equal(contexts, out)
    np.testing.assert_array_equal(next_contexts, out_next)
    assert contexts.dtype == next_contexts.dtype == tf.float32


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("case", SCHEDULES)
def test_schedules_agree_with_the_recording(case, compiled):
    sampler = ScheduledSampler(spec(2), **SCHEDULES[case])
    draw = lambda: sampler(3, SEED)
    draw = tf.function(draw) if compiled else draw
    for expected in ARRAYS[f"{case}/out"]:
        for contexts in draw():
            np.testing.assert_array_equal(contexts, expected)


def test_direction_sampler_draws_directions_first_and_uniform_values_after():
    states = tf.constant(ARRAYS["state"])
    sampler = DirectionSampler(spec(5), context_range=(-10, 10), k=2)
    contexts, next_contexts = sampler(16, SEED, states)
    np.testing.assert_array_equal(contexts, next_contexts)
    # Whatever the noise, each direction ends near some state of the batch.
    ends = (contexts[:, :2] + states[:, :2]).numpy()
    distances = np.linalg.norm(ends[:, None] - ARRAYS["state"][None, :, :2], axis=-1)
    assert np.all(distances.min(axis=1) < 5)
    assert np.all(np.abs(contexts[:, 2:]) <= 10)
    np.testing.assert_array_equal(contexts, sampler(16, SEED, states)[0])


def test_direction_sampler_takes_other_dimensions_from_sampler_fn():
    states = tf.constant(ARRAYS["state"])
    sampler = DirectionSampler(spec(5), context_range=(-10, 10), k=2)
    others = states[:, 10:15]
    contexts, next_contexts = sampler(16, SEED, states, states, sampler_fn=lambda: others)
    np.testing.assert_array_equal(contexts[:, 2:], others[:, 2:])
    np.testing.assert_array_equal(contexts[:, :2], sampler(16, SEED, states)[0][:, :2])
    np.testing.assert_array_equal(contexts, next_contexts)
    without_states, _ = sampler(16, SEED, sampler_fn=lambda: others)
    np.testing.assert_array_equal(without_states, sampler(16, SEED)[0])


def test_no_gradient_flows_from_directions_into_states():
    states = tf.constant(ARRAYS["state"])
    sampler = DirectionSampler(spec(5), context_range=(-10, 10), k=2)
    with tf.GradientTape() as tape:
        tape.watch(states)
        contexts, _ = sampler(16, SEED, states, states, sampler_fn=lambda: states[:, :5])
    assert tape.gradient(contexts, states) is None


@pytest.mark.parametrize("sampler_class", [RandomSampler, DirectionSampler])
def test_uniform_draws_fill_the_range(sampler_class):
    sampler = sampler_class(spec(2), context_range=((-4, 0), (20, 1)))
    contexts, next_contexts = sampler(4000, SEED)
    np.testing.assert_array_equal(contexts, next_contexts)
    np.testing.assert_allclose(np.min(contexts, axis=0), [-4, 0], atol=0.05)
    np.testing.assert_allclose(np.max(contexts, axis=0), [20, 1], atol=0.05)
    np.testing.assert_allclose(np.mean(contexts, axis=0), [8, 0.5], rtol=0.05)
    assert not np.array_equal(contexts, sampler(4000, SEED + 1)[0])


@pytest.mark.parametrize("probs", [0.0, 0.3, 1.0, [0.1, 0.9]])
def test_binary_sampler_gives_ones_with_the_remaining_probability(probs):
    contexts, _ = BinarySampler(spec(2), probs=probs)(5000, SEED)
    assert set(np.unique(contexts)) <= {0.0, 1.0}
    np.testing.assert_allclose(np.mean(contexts, axis=0), np.broadcast_to(1 - np.array(probs), 2), atol=0.03)


def test_times_are_whole_numbers_below_maxval():
    contexts, next_contexts = TimeSampler(spec(1), minval=2, maxval=6, timestep=-3)(500, SEED)
    values, counts = np.unique(contexts, return_counts=True)
    np.testing.assert_array_equal(values, [2, 3, 4, 5])
    assert np.all(counts > 80)
    np.testing.assert_array_equal(next_contexts, np.maximum(contexts - 3, 0))
    later, after = TimeSampler(spec(1), minval=2, maxval=6, timestep=1)(500, SEED)
    np.testing.assert_array_equal(after, later + 1)


def replay(batch_size, seed):
    """Rows whose column i holds values in [10 i, 10 i + 1)."""
    return tf.random.stateless_uniform([batch_size, 4], seed) + [0.0, 10.0, 20.0, 30.0]


@pytest.mark.parametrize(
    "size, params, columns",
    [
        (4, {}, [0, 1, 2, 3]),
        (2, {"state_indices": [3, 1]}, [3, 1]),
        (3, {"override_indices": [2]}, [0, 1, None]),
        (3, {"override_indices": [3, 0]}, [None, 1, 2]),
        (2, {"override_indices": [3], "state_indices": [3, 2], "prefetch_queue_capacity": 0}, [None, 2]),
    ],
)
def test_replay_sampler_cuts_and_overrides_columns(size, params, columns):
    sampler = ReplaySampler(spec(size), context_range=(-3, -1), **params)
    sampler.set_replay(replay)
    for draw in (sampler, tf.function(sampler)):
        contexts, next_contexts = draw(300, SEED)
        np.testing.assert_array_equal(contexts, next_contexts)
        assert contexts.shape == (300, size)
        for values, column in zip(contexts.numpy().T, columns):
            low, high = (-3, -1) if column is None else (10 * column, 10 * column + 1)
            assert low <= values.min() < low + 0.1 * (high - low)
            assert high - 0.1 * (high - low) < values.max() <= high
    assert not np.array_equal(contexts, sampler(300, SEED + 1)[0])


def test_columns_are_replaced_before_states_are_cut():
    states = np.arange(8.0).reshape(2, 4)
    uniform = np.array([[-1.0, -2.0], [-3.0, -4.0]])
    np.testing.assert_array_equal(
        replay_contexts(states, uniform, override_indices=[3, 1], state_indices=[3, 0]), [[-1, 0], [-3, 4]]
    )
    np.testing.assert_array_equal(
        replay_contexts(states, uniform, override_indices=[3, 1], size=3), [[0, -2, 2], [4, -4, 6]]
    )
    np.testing.assert_array_equal(replay_contexts(states, state_indices=[2, 2]), [[2, 2], [6, 6]])
    np.testing.assert_array_equal(states, np.arange(8.0).reshape(2, 4))


@pytest.mark.parametrize(
    "make",
    [
        lambda: RandomSampler(spec(1), context_range=(-1, 1)),
        lambda: DirectionSampler(spec(1), context_range=(-1, 1), k=1),
        lambda: BinarySampler(spec(1)),
        lambda: TimeSampler(spec(1), maxval=100),
    ],
)
def test_equal_seeds_give_equal_contexts_compiled_or_not(make):
    sampler, states = make(), tf.random.stateless_normal([50, 1], SEED)
    # The batch size is sometimes known only when the graph runs.
    compiled = tf.function(lambda size, seed: sampler(size, seed, states, states))
    first = sampler(50, SEED, states, states)
    for one, two in zip(first, compiled(tf.constant(50), SEED)):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first[0], sampler(50, SEED + 1, states, states)[0])


def test_the_place_in_a_schedule_is_saved():
    sampler = ScheduledSampler(spec(1), values=[1, 2, 3], scheduler_params={"inc": 0})
    assert [sampler(1, SEED)[0].numpy().item() for _ in range(4)] == [2, 3, 1, 2]
    assert sampler.variables == (sampler.pointer,)
    assert sampler.trainable_variables == ()
    holder = tf.Module()
    holder.samplers = {"train": [sampler]}
    assert holder.variables == (sampler.pointer,)


def test_gin_binds_own_and_common_parameters():
    gin.parse_config("""
        BaseSampler.k = 5
        goals/DirectionSampler.context_range = (-1, 1)
        list/ScheduledSampler.values = [1, 2]
        list/ScheduledSampler.scope = "a/list"
    """)
    scheduled = gin.get_configurable("list/ScheduledSampler")(spec(1))
    assert (scheduled.scope, scheduled.name) == ("a/list", "a_list")
    sampler = gin.get_configurable("goals/DirectionSampler")(spec(6))
    states = 100 * tf.random.stateless_normal([20, 6], SEED)
    spread = np.std(sampler(20, SEED, states, states)[0], axis=0)
    assert np.all(spread[:5] > 10) and spread[5] < 1
    for name in ("Base", "Zero", "Binary", "Random", "Scheduled", "Replay", "Time", "Constant", "Direction"):
        assert gin.get_configurable(f"{name}Sampler") is getattr(samplers, f"{name}Sampler")


def with_replay(size, **params):
    sampler = ReplaySampler(spec(size), **params)
    sampler.set_replay(replay)
    return sampler


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: RandomSampler(spec(2), context_range=((1, 2, 3), (4, 5, 6))), "2 numbers"),
        (lambda: RandomSampler(spec(2), context_range=(1, 0)), "minimum must be <="),
        (lambda: RandomSampler(spec(2), context_range=5), "context_range = 5"),
        (lambda: RandomSampler(spec(2))(3, SEED), "not set"),
        (lambda: ConstantSampler(spec(2))(3, SEED), "value is not set"),
        (lambda: ConstantSampler(spec(2), value=[1, 2, 3]), r"\[1, 2, 3\]"),
        (lambda: BinarySampler(spec(2), probs=1.5), r"BinarySampler.probs = 1.5; allowed: .* in \[0, 1\]"),
        (lambda: BinarySampler(spec(2), probs=[0, 0.5, 1]), r"probs = \[0, 0.5, 1\]; allowed: .*2 numbers"),
        (lambda: ScheduledSampler(spec(2)), "ScheduledSampler.values = None; allowed: a list"),
        (lambda: ScheduledSampler(spec(2), values=[]), r"values = \[\]; allowed: a list of at least 1"),
        (
            lambda: ScheduledSampler(spec(2), values=[[1, 2, 3]]),
            r"values = \[1, 2, 3\]; allowed: .*2 numbers",
        ),
        (
            lambda: ScheduledSampler(spec(2), values=[1], scheduler="random"),
            "scheduler = 'random'; allowed: 'cycle'",
        ),
        (
            lambda: ScheduledSampler(spec(2), values=[1], scheduler_params={"step": 2}),
            r"scheduler_params = {'step': 2}; allowed: {'inc': an integer}",
        ),
        (
            lambda: ScheduledSampler(spec(2), values=[1], scheduler_params={"inc": 0.5}),
            r"scheduler_params = {'inc': 0.5}; allowed: {'inc': an integer}",
        ),
        (lambda: TimeSampler(spec(2)), r"shape \[2\]; allowed: \[1\]"),
        (lambda: TimeSampler(spec(1), minval=5, maxval=4), "minval = 5; allowed: up to maxval, which is 4"),
        (lambda: ReplaySampler(spec(4))(3, SEED), "ReplaySampler has no replay; call set_replay"),
        (lambda: with_replay(2, state_indices=[0]), r"state_indices = \[0\]; allowed: 2 columns"),
        (lambda: with_replay(2)(3, SEED), "state_indices = None and states of 4 .*the 2 columns"),
        (
            lambda: with_replay(5, override_indices=[0], context_range=(0, 1))(3, SEED),
            "state_indices = None and states of 4 .*the 5 columns",
        ),
        (
            lambda: with_replay(2, state_indices=[0, 4])(3, SEED),
            r"state_indices = \[0, 4\]; allowed: columns 0 to 3",
        ),
        (
            lambda: with_replay(2, override_indices=[-1], context_range=(0, 1))(3, SEED),
            r"override_indices = \[-1\]; allowed: columns 0 to 3",
        ),
        (lambda: with_replay(2, override_indices=[1]), "context_range = None with override_indices"),
        (
            lambda: with_replay(2, override_indices=[1], context_range=((0, 1), (2, 3))),
            r"context_range = \(\(0, 1\), \(2, 3\)\) with override_indices",
        ),
    ],
)
def test_wrong_ranges_and_values_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_gaussian_contexts_have_the_range_s_middle_and_a_share_of_its_width_and_stay_in_it():
    minimum, maximum = np.array([-10, 2], np.float32), np.array([10, 6], np.float32)
    contexts, next_contexts = GaussianSampler(spec(2), context_range=(minimum, maximum), stddev=0.5)(
        9000, SEED
    )
    np.testing.assert_array_equal(contexts, next_contexts)
    normal = tf.random.stateless_normal([9000, 2], SEED).numpy()
    expected = np.clip([0, 4] + 0.5 * np.array([10, 2]) * normal, minimum, maximum)
    np.testing.assert_allclose(contexts, expected, rtol=1e-5, atol=1e-5)
    assert np.any(contexts == minimum) and np.any(contexts == maximum)  # two deviations away
    np.testing.assert_allclose(np.median(np.abs(contexts - [0, 4]), axis=0), [3.37, 0.674], rtol=0.05)


def test_gaussian_contexts_need_a_range():
    with pytest.raises(ValueError, match="GaussianSampler.context_range is not set; allowed"):
        GaussianSampler(spec(2))
