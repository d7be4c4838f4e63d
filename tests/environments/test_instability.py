"""Simulations and numbers that go wrong: what is abandoned, and what stops everything."""

import numpy as np
import pytest

from environments.batched import BatchedMazeEnvironment
from environments.create_maze_env import create_maze_env
from environments.instability import MAX_SPEED, NonFiniteError, check_finite
from environments.maze_env import MazeEnv


def ant_mazes(num_envs, **options):
    return BatchedMazeEnvironment(create_maze_env("AntMaze").maze, num_envs, seed=3, **options)


def zeros(env):
    return np.zeros((env.batch_size, *env.action_spec().shape), np.float32)


@pytest.mark.parametrize("velocity", [2 * MAX_SPEED, 1e9, 1e200, np.inf, np.nan])
def test_an_unstable_episode_is_abandoned_and_counted(velocity, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    env, undisturbed = ant_mazes(3), ant_mazes(3)
    for each in (env, undisturbed):
        each.reset()
        for _ in range(4):
            each.step(zeros(each))
    env._qvel[1, 7] = velocity  # the spin of a leg; some of it is left after a step
    time_step, expected = env.step(zeros(env)), undisturbed.step(zeros(env))
    assert env.unstable_episodes == 1
    np.testing.assert_array_equal(time_step.step_type, [1, 0, 1])
    assert (time_step.reward[1], time_step.discount[1]) == (0.0, 1.0)
    assert np.isfinite(time_step.observation).all() and time_step.observation[1, -1] == 0.0
    for part, same in zip(time_step, expected):  # the others go on as if nothing had happened
        np.testing.assert_array_equal(part[[0, 2]], same[[0, 2]])
    for _ in range(3):
        time_step = env.step(zeros(env))
    np.testing.assert_array_equal(time_step.step_type, [1, 1, 1])
    assert env.unstable_episodes == 1 and env.fault is None
    np.testing.assert_allclose(time_step.observation[:, -1], [0.008, 0.003, 0.008], rtol=1e-6)
    assert list(tmp_path.iterdir()) == []  # no log file of MuJoCo's


def test_fast_is_not_unstable():
    env = ant_mazes(1)
    env.reset()
    env._qvel[0, 7] = 0.5 * MAX_SPEED
    env.step(zeros(env))
    assert env.unstable_episodes == 0


def test_an_abandoned_episode_begins_anew_with_all_its_steps():
    env = ant_mazes(1, episode_steps=5)
    env.reset()
    env.step(zeros(env))
    env._qvel[0, 7] = 1e9
    types = [int(env.step(zeros(env)).step_type[0]) for _ in range(8)]
    assert types == [0, 1, 1, 1, 1, 2, 0, 1]


def test_the_count_is_part_of_the_state():
    env, other = ant_mazes(2), ant_mazes(2)
    env.reset()
    env._qvel[:, 7] = 1e9
    env.step(zeros(env))
    other.set_state(env.get_state())
    assert other.unstable_episodes == 2


def test_an_action_that_is_no_number_stops_everything_and_is_named():
    env = ant_mazes(2)
    env.reset()
    action = zeros(env)
    action[1, 4] = np.nan
    with pytest.raises(NonFiniteError, match=r"^action\[4\] of environment 1 is nan$"):
        env.step(action)
    assert env.fault == "action[4] of environment 1 is nan"


def test_a_state_that_is_no_number_after_the_step_stops_everything_and_is_named(monkeypatch):
    env = ant_mazes(2)
    env.reset()
    step = env._batch.step

    def broken_step(*arguments, **options):
        step(*arguments, **options)
        env._qvel[0, 3] = np.inf

    monkeypatch.setattr(env, "_batch", Broken(env._batch, broken_step))
    with pytest.raises(NonFiniteError, match=r"MuJoCo's qvel\[3\] of environment 0 is inf"):
        env.step(zeros(env))
    assert "qvel" in env.fault


class Broken:
    """A batch of simulations with another way of stepping."""

    def __init__(self, batch, step):
        self._batch = batch
        self.step = step

    def __getattr__(self, name):
        return getattr(self._batch, name)


def test_an_observation_that_is_no_number_stops_everything_and_is_named(monkeypatch):
    env = ant_mazes(2)
    env.reset()
    observe = env._observe

    def broken():
        observation = observe()
        observation[1, 12] = -np.inf
        return observation

    monkeypatch.setattr(env, "_observe", broken)
    with pytest.raises(NonFiniteError, match=r"observation\[12\] of environment 1 is -inf"):
        env.step(zeros(env))
    with pytest.raises(NonFiniteError, match=r"observation\[12\] of environment 1 is -inf"):
        env.reset()


def test_the_first_wrong_number_is_named():
    values = np.zeros((3, 2, 4))
    check_finite("view", values)
    values[2, 0, 3], values[2, 1, 0] = np.nan, np.inf
    with pytest.raises(NonFiniteError, match=r"^view\[0, 3\] of environment 2 is nan$"):
        check_finite("view", values)
    with pytest.raises(NonFiniteError, match="^reward of environment 1 is inf$"):
        check_finite("reward", np.array([0.0, np.inf]))


@pytest.mark.parametrize("velocity", [2 * MAX_SPEED, 1e12, np.nan])
def test_a_gymnasium_episode_that_becomes_unstable_is_truncated_as_it_was(velocity):
    env = MazeEnv(create_maze_env("AntPush").maze)
    env.reset(seed=1)
    before = env.step(env.action_space.high)[0]
    env.data.qvel[9] = velocity
    # A velocity that was set from outside is seen in what the step begins with.
    seen = np.where(np.arange(before.size) == 15 + 9, np.float32(velocity), before)
    observation, reward, terminated, truncated, info = env.step(env.action_space.high)
    np.testing.assert_array_equal(observation, seen)
    assert (reward, terminated, truncated, info["unstable"]) == (0.0, False, True, True)
    observation, info = env.reset()
    assert np.isfinite(observation).all() and "unstable" not in info
    assert not env.step(env.action_space.low)[3]
