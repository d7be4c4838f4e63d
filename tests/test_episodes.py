"""Episodes that end by conditions, in real mazes, against the mazes' own episodes."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.environments import tf_py_environment

from efficient_hrl import cond_fn
from efficient_hrl.cond_fn import ends_episodes, has_conditions
from efficient_hrl.episodes import ConditionedEnvironment, environment_for
from environments.batched import BatchedMazeEnvironment
from environments.create_maze_env import create_maze_env
from tests import tiny_hierarchy
from tests.test_collect import TERMINATIONS, TIME_OUT, ScriptedEnvironment

TARGETS = tf.constant([[8.0, 0.0], [8.0, 8.0], [0.0, 8.0]])
every_20_steps = functools.partial(cond_fn.every_n_steps, n=20)


def with_conditions(**conditions):
    return tiny_hierarchy.hierarchy(low=conditions)


def conditioned(of, num_envs):
    env = environment_for(tiny_hierarchy.point_mazes(num_envs, episode_steps=500), of.low)
    assert isinstance(env, ConditionedEnvironment)
    return env


@pytest.mark.parametrize("num_envs", [1, 3])
def test_conditions_that_count_steps_are_time_outs_bit_for_bit(num_envs):
    steps = 65 * num_envs
    explores = {"explore": True, "seed": 4}
    usual = tiny_hierarchy.collected(
        tiny_hierarchy.point_mazes(num_envs), with_conditions(), steps, **explores
    )
    of = with_conditions(
        reset_episode_cond_fn=every_20_steps,
        reset_env_cond_fn=functools.partial(cond_fn.every_n_episodes, n=1, steps_per_episode=20),
    )
    by_conditions = tiny_hierarchy.collected(conditioned(of, num_envs), of, steps, **explores)
    for left, right in zip(usual, by_conditions):
        tiny_hierarchy.same(left, right)
    low, high = usual
    assert len(low.state) == 64 * num_envs  # the last one is not complete
    np.testing.assert_array_equal(high.length, 10)
    assert len(high.length) == 6 * num_envs


def test_without_a_reset_the_simulation_goes_on_under_new_targets():
    of = with_conditions(reset_episode_cond_fn=every_20_steps)
    low, high = tiny_hierarchy.collected(conditioned(of, 1), of, 61)
    assert len(low.state) == 60 and len(high.state) == 6
    for boundary in (20, 40):
        before, after = low.next_state[boundary - 1], low.state[boundary]
        np.testing.assert_array_equal(before, after)  # and the clock, the time since the last reset
        np.testing.assert_allclose(after[6], 0.001 * boundary, rtol=1e-6)
    np.testing.assert_array_equal(high.discount, [1, 0] * 3)
    np.testing.assert_array_equal(high.bootstrap, 1)
    targets = high.target.numpy()
    np.testing.assert_array_equal(targets[::2], targets[1::2])
    assert len(np.unique(targets[:, 0])) == 3
    # The high level decides anew where an episode begins.
    for i in range(6):
        goal = of.high.action(high.state[i][None], [high.target[i][None]])[0]
        np.testing.assert_allclose(high.goal[i], goal, atol=1e-4)
        np.testing.assert_array_equal(low.goal[10 * i], high.goal[i])


def test_a_reset_after_every_second_episode_leaves_out_every_second_boundary():
    """With an ant: for a point, "fallen" is a heading, which ends nearly all episodes."""
    of = tiny_hierarchy.hierarchy(
        30,
        8,
        low={
            "reset_episode_cond_fn": functools.partial(cond_fn.every_n_steps, n=7),
            "reset_env_cond_fn": functools.partial(cond_fn.every_n_episodes, n=2, steps_per_episode=7),
        },
    )
    maze = create_maze_env("AntMaze").maze
    env = environment_for(BatchedMazeEnvironment(maze, 1, 5), of.low)
    low, high = tiny_hierarchy.collected(env, of, 36)
    np.testing.assert_array_equal(high.length, [7] * 5)
    np.testing.assert_array_equal(high.discount, [0] * 5)
    assert len(np.unique(high.target[:, 0])) == 5
    positions_before, positions_after = low.next_state[6:34:7, :29], low.state[7:35:7, :29]
    goes_on = np.all(positions_before == positions_after, axis=1)
    np.testing.assert_array_equal(goes_on, [False, True, False, True])
    # A drawn first state is within 0.1 of upright rest.
    assert np.all(np.abs(positions_after[~goes_on][:, :2]) <= 0.1)


def test_steps_that_do_not_count_are_not_stored():
    of = with_conditions(step_cond_fn=cond_fn.false_fn)
    driver, low_replay, high_replay = tiny_hierarchy.collector(
        environment_for(tiny_hierarchy.point_mazes(2), of.low), of, 90
    )
    driver.collect()
    assert int(driver.env_steps) == 90 and int(driver.episodes) == 4
    assert low_replay.num_frames() == high_replay.num_frames() == 0


def test_of_every_second_step_a_transition_is_stored_and_of_segments_those_that_end_there():
    of = with_conditions(step_cond_fn=functools.partial(cond_fn.every_n_steps, n=3))
    everything, _ = tiny_hierarchy.collected(tiny_hierarchy.point_mazes(1), with_conditions(), 61)
    env = environment_for(tiny_hierarchy.point_mazes(1), of.low)
    low, high = tiny_hierarchy.collected(env, of, 61)
    # Steps 3, 6, ..., counted over episodes; segments end at steps 10, 20, ..., of which 3 divides two.
    tiny_hierarchy.same(low, tf.nest.map_structure(lambda x: x[2::3], everything))
    np.testing.assert_array_equal(high.state, tf.gather(everything.state, [20, 50]))


def never(agent, state, action, transition_type, environment_steps, num_episodes):
    """A condition of one's own that does not hold, which is not known before it is asked."""
    return tf.zeros_like(transition_type)


def test_under_conditions_that_never_hold_an_environments_own_episodes_are_stored_as_without():
    stored = []
    for conditions in ({}, {"reset_env_cond_fn": never}):
        of = with_conditions(**conditions)
        env = environment_for(ScriptedEnvironment(range(4), TERMINATIONS, TIME_OUT), of.low)
        assert isinstance(env, ConditionedEnvironment) is bool(conditions)
        stored.append(tiny_hierarchy.collected(env, of, 4 * 40, explore=True, seed=4))
    for without, under in zip(*stored):
        tiny_hierarchy.same(without, under)
        assert {*under.bootstrap.numpy()} == {0, 1}
    _, high = stored[1]
    assert np.any((high.discount == 0) & (high.bootstrap == 1))  # and time-outs


def far_away(agent, state, action, transition_type, environment_steps, num_episodes):
    """A condition that each environment meets at another time."""
    return tf.norm(state[:, :2], axis=-1) > 0.9


def rows(items):
    """Everything in items as one row per item."""
    return np.concatenate([np.reshape(x, [len(x), -1]) for x in tf.nest.flatten(items)], axis=1)


def test_an_environment_that_ends_its_episode_leaves_the_others_alone():
    of = with_conditions(reset_env_cond_fn=far_away)  # which ends the episode, too
    kernel = of.low.actor_net.trainable_variables[-1]
    kernel.assign([1.0, 0.1])  # forward, in a wide curve

    def run(num_envs, seed, target, steps):
        py_env = tiny_hierarchy.point_mazes(num_envs, seed, episode_steps=500)
        return tiny_hierarchy.collected(environment_for(py_env, of.low), of, steps, target=target)

    together = run(3, 5, TARGETS, 3 * 60)
    alone = [run(1, 5 + i, TARGETS[i : i + 1], 75) for i in range(3)]
    for kind, fewest in ((0, 50), (1, 5)):
        found = 0
        everyone = rows(together[kind])
        for i in range(3):
            own = rows(alone[i][kind])
            distances = np.abs(own[:, None] - everyone[None]).max(axis=-1).min(axis=1)
            (missing,) = np.nonzero(distances > 1e-3)
            count = missing[0] if missing.size else len(own)
            assert count >= fewest
            assert missing.size == len(own) - count  # an unbroken beginning of it
            found += count
        assert found == len(everyone)
    ends = [tuple(np.flatnonzero(low.state[:, 6] == 0)) for low, _ in alone]
    assert len(set(ends)) == 3 and all(len(end) >= 2 for end in ends)
    for low, _ in alone:
        # Conditions see the state before a step: it is an episode's last one that is far away.
        (begins,) = np.nonzero(low.state[:, 6] == 0)
        meets = np.linalg.norm(low.state[: begins[-1], :2], axis=1) > 0.9
        np.testing.assert_array_equal(np.flatnonzero(meets), begins[1:] - 1)
        first = low.state.numpy()[low.state[:, 6] == 0]
        assert np.all(np.abs(first[:, :2]) <= 0.1)  # drawn, not the place where the last one ended
        assert len(np.unique(first[:, 0])) == len(first)


def test_a_restored_collector_goes_on_with_the_conditions_counters(tmp_path):
    of = with_conditions(
        reset_episode_cond_fn=every_20_steps,
        reset_env_cond_fn=functools.partial(cond_fn.every_n_episodes, n=3, steps_per_episode=20),
    )

    def make():
        env = conditioned(of, 2)
        driver, low_replay, high_replay = tiny_hierarchy.collector(env, of, 2 * 33, explore=True)
        parts = tf.train.Checkpoint(collector=driver, low=low_replay, high=high_replay)
        return env.pyenv, driver, (low_replay, high_replay), parts

    py_env, driver, buffers, parts = make()
    driver.collect()
    path, state = parts.save(str(tmp_path / "half")), py_env.get_state()
    driver.collect()
    expected = [buffer.gather_all() for buffer in buffers]

    py_env, driver, buffers, parts = make()
    parts.restore(path).assert_existing_objects_matched()
    py_env.set_state(state)
    driver.collect()
    for left, right in zip(expected, buffers):
        tiny_hierarchy.same(left, right.gather_all())

    py_env, driver, buffers, parts = make()
    parts.restore(path)
    py_env.set_state(state)
    for variable in driver._env.variables().values():
        variable.assign(tf.zeros_like(variable))
    driver.collect()  # what would happen if they were lost
    with pytest.raises(AssertionError):
        tiny_hierarchy.same(expected[0], buffers[0].gather_all())


def test_counters_count_real_steps_and_episodes_begun():
    of = with_conditions(reset_episode_cond_fn=functools.partial(cond_fn.every_n_steps, n=4))
    env = conditioned(of, 2)
    env.reset()
    kinds, actions = [], tf.zeros([2, 2])
    for _ in range(11):
        kinds.append(env.step(actions).step_type.numpy().tolist())
    assert [k[0] for k in kinds] == [1, 1, 1, 2, 0, 1, 1, 1, 2, 0, 1]
    assert all(k[0] == k[1] for k in kinds)
    assert env.variables()["steps"].numpy().tolist() == [9, 9]
    assert env.variables()["episodes"].numpy().tolist() == [3, 3]


def test_acting_depends_on_critics_where_conditions_ask_them():
    critics = lambda of: {variable.ref() for net in of.low.critic_nets for variable in net.variables}
    acting = lambda of: {variable.ref() for variable in of.acting_variables}
    of = with_conditions(reset_episode_cond_fn=cond_fn.q_too_small)
    assert critics(of) and critics(of) <= acting(of)
    of = with_conditions()
    assert acting(of) and not critics(of) & acting(of)


def test_which_environment_an_agent_collects_in():
    py_env = tiny_hierarchy.point_mazes(1, episode_steps=30)
    usual = with_conditions().low
    assert not has_conditions(usual) and not ends_episodes(usual)
    env = environment_for(py_env, usual)
    assert isinstance(env, tf_py_environment.TFPyEnvironment) and not isinstance(env, ConditionedEnvironment)
    stores_less = with_conditions(step_cond_fn=cond_fn.every_n_steps).low
    assert has_conditions(stores_less) and not ends_episodes(stores_less)
    assert isinstance(environment_for(py_env, stores_less), ConditionedEnvironment)
    assert py_env.episode_steps == 30

    def env_restart(*arguments):  # one's own, which happens to be named as the default one
        return cond_fn.true_fn(*arguments)

    namesake = with_conditions(reset_episode_cond_fn=env_restart).low
    assert has_conditions(namesake) and ends_episodes(namesake)
    decides = with_conditions(reset_episode_cond_fn=every_20_steps).low
    assert has_conditions(decides) and ends_episodes(decides)
    assert isinstance(environment_for(py_env, decides), ConditionedEnvironment)
    assert py_env.episode_steps is None
