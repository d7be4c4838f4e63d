"""Many gather arenas stepped together are those stepped alone."""

import numpy as np
import pytest

from environments.batched_gather import BatchedGatherEnvironment
from environments.create_gather_env import GATHER_ENVIRONMENTS, make_gather_env
from environments.make_batched import make_batched
from tests.environments.test_batched import actions_for
from tests.environments.towards import towards_the_nearest

NAMES = tuple(GATHER_ENVIRONMENTS)
SEED = 5


def assert_step_is_alone(batch, singles, action):
    time_step = batch.step(action)
    results = [env.step(a) for env, a in zip(singles, action)]
    np.testing.assert_array_equal(time_step.observation, [r[0] for r in results])
    np.testing.assert_array_equal(time_step.reward, np.float32([r[1] for r in results]))
    np.testing.assert_array_equal(time_step.discount, [0.0 if r[2] else 1.0 for r in results])
    return time_step, results


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("num_threads", [1, 2])
def test_a_batch_is_bit_identical_to_single_environments(name, num_threads):
    singles = [make_gather_env(name) for _ in range(3)]
    batch = make_batched(singles[0], 3, SEED, 60, num_threads)
    assert isinstance(batch, BatchedGatherEnvironment)
    time_step = batch.reset()
    np.testing.assert_array_equal(
        time_step.observation, [env.reset(seed=SEED + i)[0] for i, env in enumerate(singles)]
    )
    taken = 0.0
    for action in actions_for(batch, 60, 3):
        if name == "PointGather":
            action = towards_the_nearest(singles)
        time_step, results = assert_step_is_alone(batch, singles, action)
        taken += np.abs(time_step.reward).sum()
    assert time_step.is_last().all() and (taken > 5 or name == "AntGather")
    simulation = batch.simulation
    for row, env in enumerate(singles):
        ids = env.maze.object_ids
        np.testing.assert_array_equal(simulation.xpos[row, ids], env.data.xpos[ids])
    time_step = batch.step(action)
    assert time_step.is_first().all()
    np.testing.assert_array_equal(time_step.observation, [env.reset()[0] for env in singles])


def test_an_episode_terminates_alone_and_the_next_one_begins_with_all_objects():
    singles = [make_gather_env("PointGather") for _ in range(2)]
    batch = make_batched(singles[0], 2, SEED, None)
    batch.reset()
    for i, env in enumerate(singles):
        env.reset(seed=SEED + i)
    ended = [None, None]
    for _ in range(1500):
        action = towards_the_nearest(singles)
        _, results = assert_step_is_alone(batch, singles, action)
        if any(r[2] for r in results):
            ended = [r[2] for r in results]
            break
    assert sorted(ended) == [False, True]
    over = ended.index(True)
    assert singles[over].step(action[over])[4] == {"apples": 8, "bombs": 8}
    time_step = batch.step(action)
    np.testing.assert_array_equal(time_step.is_first(), ended)
    np.testing.assert_array_equal(time_step.observation[over], singles[over].reset()[0])
    other = 1 - over
    np.testing.assert_array_equal(time_step.observation[other], singles[other].step(action[other])[0])


def test_a_fall_terminates_in_a_batch_too():
    ends, goes_on = (
        make_batched(make_gather_env("AntGather", ends_on_fall=falls), 3, SEED, 400)
        for falls in (True, False)
    )
    for batch, fallen in ((ends, [False, True, False]), (goes_on, [False] * 3)):
        batch.reset()
        batch._qpos[1, 2] = 2.0
        time_step = batch.step(np.zeros((3, 8), np.float32))
        assert time_step.observation[1, 2] > 1.0 > time_step.observation[0, 2]
        np.testing.assert_array_equal(time_step.reward, -10.0 * np.array(fallen))
        np.testing.assert_array_equal(time_step.discount == 0, fallen)
        np.testing.assert_array_equal(time_step.is_last(), fallen)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stop_at", [0, 13, 25])
def test_state_saved_anywhere_continues_bit_for_bit(name, stop_at):
    env = make_gather_env(name)
    first = make_batched(env, 2, SEED, 20)
    first.reset()
    actions = actions_for(first, 60, 2)
    actions[..., 0] = np.abs(actions[..., 0])  # points go somewhere
    for action in actions[:stop_at]:
        first.step(action)
    second = make_batched(env, 2, SEED + 100, 20)
    second.set_state(first.get_state())
    for left, right in zip(first.current_time_step(), second.current_time_step()):
        np.testing.assert_array_equal(left, right)
    for action in actions[stop_at:]:
        for left, right in zip(first.step(action), second.step(action)):
            np.testing.assert_array_equal(left, right)


def test_an_abandoned_episode_gives_way_to_one_with_all_objects():
    batch = make_batched(make_gather_env("AntGather"), 2, SEED, None)
    batch.reset()
    batch._qvel[1, 0] = 1e6
    time_step = batch.step(np.zeros((2, 8), np.float32))
    np.testing.assert_array_equal(time_step.is_first(), [False, True])
    assert batch.unstable_episodes == 1 and time_step.reward[1] == 0
    assert (batch.simulation.xpos[:, batch.maze.object_ids, 2] > 0).all()


def test_an_unstable_episode_is_a_fall_where_falls_end_it():
    singles = [make_gather_env("AntGather", ends_on_fall=True) for _ in range(3)]
    batch = make_batched(singles[0], 3, SEED, None)
    batch.reset()
    for i, env in enumerate(singles):
        env.reset(seed=SEED + i)
    resting = np.zeros((3, 8), np.float32)
    assert_step_is_alone(batch, singles, resting)
    batch._qvel[1, 0] = singles[1].data.qvel[0] = 1e6
    time_step, results = assert_step_is_alone(batch, singles, resting)
    np.testing.assert_array_equal(time_step.is_last(), [False, True, False])
    assert time_step.reward[1] == -10 and results[1][4]["unstable"] and batch.unstable_episodes == 0
    # The next episode is one like any other; those of the others have gone on.
    time_step = batch.step(resting)
    np.testing.assert_array_equal(time_step.is_first(), [False, True, False])
    np.testing.assert_array_equal(time_step.observation[1], singles[1].reset()[0])
    assert (batch.simulation.xpos[:, batch.maze.object_ids, 2] > 0).all()
