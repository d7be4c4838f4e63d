"""Replay ratios against a simulation that takes one environment step at a time."""

import itertools

import pytest

from efficient_hrl.update_schedule import UpdateSchedule


def simulated(initial, low_round, low_updates, high_period, steps):
    """(environment step, low-level updates so far) of every high-level update, and all low-level updates.

    The first high-level update is due as learning begins, others one by one at
    regular numbers of steps, not more often than there are rounds.  A round of low-level
    updates has its fixed number of steps, from the beginning of learning on, and is
    made with the high-level update at whose following interval's end it is complete.
    """
    period = max(low_round, high_period)
    high, low, rounds_made = [], 0, 0
    next_high = initial
    for step in range(1, steps + 1):
        if step != next_high:
            continue
        high.append((step, low))
        next_high += period
        learned_until = next_high - initial  # steps for which rounds are made now
        complete = 0
        while (complete + 1) * low_round <= learned_until:
            complete += 1
        low += (complete - rounds_made) * low_updates
        rounds_made = complete
    return high, low


def run(schedule, steps, block, done=0, low=0, first=0):
    """What a trainer does that collects blocks of steps and then asks."""
    high = []
    for env_steps in range(first + block, steps + 1, block):
        for _ in range(schedule.high_updates_due(env_steps, done)):
            high.append((env_steps, low))
            low += schedule.low_updates(done)
            done += 1
    return high, low, done


SETTINGS = [
    (50, 1, 1, 10),  # the shipped ratios
    (7, 1, 3, 4),
    (12, 2, 1, 10),
    (10, 3, 2, 10),  # not a multiple
    (9, 4, 1, 7),
    (10, 10, 5, 10),
    (10, 12, 2, 5),  # a round is longer than the high level's period
    (1, 25, 1, 10),
]


@pytest.mark.parametrize("setting", SETTINGS)
def test_one_step_at_a_time_is_the_simulation(setting):
    high, low = simulated(*setting, steps=400)
    made, made_low, _ = run(UpdateSchedule(*setting), 400, block=1)
    assert (made, made_low) == (high, low)


@pytest.mark.parametrize("setting, block", list(itertools.product(SETTINGS, [3, 10, 16])))
def test_blocks_of_steps_make_the_same_updates_at_their_ends(setting, block):
    steps = 16 * 30 // block * block
    high, low = simulated(*setting, steps=steps)
    made, made_low, _ = run(UpdateSchedule(*setting), steps, block)
    assert [(-(-step // block) * block, low_before) for step, low_before in high] == made
    assert low == made_low


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("stop_at", [5, 50, 173])
def test_a_run_that_is_resumed_makes_the_same_updates(setting, stop_at):
    schedule = UpdateSchedule(*setting)
    whole = run(schedule, 400, block=1)
    first, low, done = run(schedule, stop_at, block=1)
    rest, low, done = run(UpdateSchedule(*setting), 400, 1, done, low, first=stop_at)
    assert (first + rest, low, done) == whole


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_ratios_in_the_long_run(setting):
    """Per environment step after the first: updates / round of the low level, 1 / period of the high."""
    initial, low_round, low_updates, high_period = setting
    steps = 30_000
    _, low, high = run(UpdateSchedule(*setting), initial + steps, block=10)
    assert abs(low / (steps / low_round * low_updates) - 1) < 0.01
    assert abs(high / (steps / max(high_period, low_round)) - 1) < 0.01


def test_nothing_is_due_before_learning_begins():
    schedule = UpdateSchedule(50, 1, 1, 10)
    assert [schedule.high_updates_due(steps, 0) for steps in (0, 49, 50, 59, 60)] == [0, 0, 1, 1, 2]
    assert schedule.high_updates_due(60, 2) == 0


@pytest.mark.parametrize(
    "low_round, low_updates, high_period", [*itertools.product((1, 3, 10), (1, 2), (1, 7, 10))]
)
def test_high_updates_are_known_from_the_low_ones_that_go_with_them(low_round, low_updates, high_period):
    schedule = UpdateSchedule(50, low_round, low_updates, high_period)
    low = 0
    for high in range(40):
        assert schedule.high_updates_beside(low) == high
        low += schedule.low_updates(high)
