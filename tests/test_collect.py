"""Collection through policy, driver and observers against the recorded traces.

The original spends the first two steps of an episode on resetting and on a zero
goal; the port's episode begins with the step after them.
"""

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.environments import py_environment, tf_py_environment
from tf_agents.specs import array_spec
from tf_agents.trajectories import time_step as ts

from efficient_hrl.collect import TASK_REWARD_SCALE, Collector
from efficient_hrl.hierarchical_policy import HierarchicalPolicy
from efficient_hrl.replay import CircularBuffer
from environments.batched import BatchedMazeEnvironment
from environments.create_maze_env import create_maze_env
from tests import golden_data

TRACES = ("collect_trace", "collect_trace_repr_p40")


class RecordedEnvironment(py_environment.PyEnvironment):
    """Plays recorded observations and rewards; actions have no effect."""

    def __init__(self, observations, rewards, action_spec=golden_data.ACTION_SPEC):
        super().__init__()
        self._observations = observations.astype(np.float32)
        self._rewards = rewards.astype(np.float32)
        self._action_spec = action_spec
        self._t = 0

    def observation_spec(self):
        return array_spec.ArraySpec(self._observations.shape[1:], np.float32, "observation")

    def action_spec(self):
        spec = self._action_spec
        return array_spec.BoundedArraySpec(spec.shape.as_list(), np.float32, spec.minimum, spec.maximum)

    def _reset(self):
        self._t = 0
        return ts.restart(self._observations[0])

    def _step(self, action):
        if self._current_time_step.is_last():
            return self.reset()
        self._t += 1
        reward = self._rewards[self._t - 1]
        if self._t == len(self._rewards):
            return ts.truncation(self._observations[self._t], reward)
        return ts.transition(self._observations[self._t], reward)


def collector_on(env, hierarchy, steps, capacity=200):
    """A noise-free collector whose targets come from the policy state."""
    tf_env = tf_py_environment.TFPyEnvironment(env)
    policy = HierarchicalPolicy(
        tf_env.time_step_spec(), hierarchy.low, hierarchy.high, target_mode=None, explore=False
    )
    low_replay = CircularBuffer(capacity, "agent").build(hierarchy.low.training_data_spec)
    high_replay = CircularBuffer(capacity, "meta").build(hierarchy.high.training_data_spec)
    collector = Collector(tf_env, policy, hierarchy.low, hierarchy.high, low_replay, high_replay, steps)
    collector.start()
    return collector, low_replay, high_replay


def recorded_hierarchy(trace):
    arrays = golden_data.load(trace)
    learned = "repr" in trace
    hierarchy = golden_data.hierarchy(
        "hiro_repr" if learned else "hiro_orig", (300, 300), ((100, 100), (400, 300))
    )
    golden_data.load_weights(hierarchy.low.actor_net, arrays, "w/uvf_agent/actor_net")
    golden_data.load_weights(hierarchy.high.actor_net, arrays, "w/meta_agent/actor_net")
    if learned:
        golden_data.load_weights(
            hierarchy.representation.state_net, arrays, "w/state_preprocess/state_process_net"
        )
    return hierarchy


def recorded_episodes(arrays):
    """(first, end) of the real steps of every complete episode."""
    resets = np.flatnonzero(arrays["step/episode_reset"])
    return [(reset + 2, following) for reset, following in zip(resets, resets[1:])]


@pytest.mark.parametrize("trace", TRACES)
def test_goals_transitions_and_segments_agree_with_the_recorded_trace(trace):
    arrays = golden_data.load(trace)
    hierarchy = recorded_hierarchy(trace)
    segment_ends = np.flatnonzero(arrays["step/meta_step_cond"])
    checked_segments = 0
    for episode, (first, end) in enumerate(recorded_episodes(arrays)):
        steps = np.arange(first, end)
        observations = np.concatenate([arrays["step/state"][steps], arrays["step/next_state"][end - 1 : end]])
        env = RecordedEnvironment(observations, arrays["step/env_reward"][steps])
        # One step more than the episode has: the policy acts on the last state too.
        collector, low_replay, high_replay = collector_on(env, hierarchy, len(steps) + 1)
        collector._policy_state.target.assign(arrays["meta_context_samples"][episode][None])
        collector.collect()

        stored = low_replay.gather_all()
        assert low_replay.num_frames() == len(steps)
        np.testing.assert_array_equal(stored.bootstrap, 1.0)
        for name in stored._fields[:-1]:
            np.testing.assert_allclose(
                getattr(stored, name), arrays[f"replay/{name}"][steps], rtol=1e-4, atol=1e-4, err_msg=name
            )

        # A recorded segment is stored during the step before the next one begins.
        rows = np.flatnonzero((segment_ends >= first) & (segment_ends < end))
        kept = high_replay.gather_all()
        assert high_replay.num_frames() == len(rows)
        lengths = [10] * (len(rows) - 1) + [len(steps) - 10 * (len(rows) - 1)]
        np.testing.assert_array_equal(kept.length, lengths)
        for i, (row, length) in enumerate(zip(rows, lengths)):
            for name in ("state", "meta_action", "reward", "discount", "next_state"):
                np.testing.assert_allclose(
                    getattr(kept, name)[i],
                    arrays[f"meta_replay/{name}"][row],
                    rtol=1e-4,
                    atol=1e-4,
                    err_msg=name,
                )
            for name in ("meta_context", "next_meta_context"):
                np.testing.assert_array_equal(getattr(kept, name)[i], arrays[f"meta_replay/{name}"][row])
            for name in ("low_states", "low_actions"):
                np.testing.assert_allclose(
                    getattr(kept, name)[i, :length],
                    arrays[f"meta_replay/{name}"][row][:length],
                    rtol=1e-4,
                    atol=1e-3,
                    err_msg=name,
                )
            assert np.all(kept.low_actions[i, length:] == 0)
            assert np.all(kept.low_states[i, length:] == kept.next_state[i])
            checked_segments += 1
    assert checked_segments >= 12


@pytest.mark.parametrize("trace", TRACES)
def test_rewards_of_both_levels_agree_with_the_recorded_trace(trace):
    arrays = golden_data.load(trace)
    hierarchy = recorded_hierarchy(trace)
    real = ~arrays["step/episode_reset"]
    states = (arrays["step/state"][real], arrays["step/next_state"][real])
    low, _ = hierarchy.low.rewards(*states, [arrays["step/tr_context"][real]])
    np.testing.assert_allclose(low, arrays["step/context_reward"][real], rtol=1e-4, atol=1e-5)
    episode = np.cumsum(arrays["step/episode_reset"])[real] - 1
    high, _ = hierarchy.high.rewards(*states, [arrays["meta_context_samples"][episode]])
    np.testing.assert_allclose(high, arrays["step/meta_reward"][real], rtol=1e-5)


def straight_line(steps):
    """Observations of a robot that moves one metre along x per step."""
    observations = np.zeros((steps + 1, 30), np.float32)
    observations[:, 0] = np.arange(steps + 1)
    return observations


def test_returns_of_finished_episodes_are_sums_of_rewards_per_step():
    steps = 23
    hierarchy = golden_data.hierarchy("hiro_orig")
    env = RecordedEnvironment(straight_line(steps), np.zeros(steps))
    collector, low_replay, high_replay = collector_on(env, hierarchy, steps + 1)
    collector.collect()
    finished = collector.returns.finished()
    assert finished.episodes == 1
    distances = np.arange(1, steps + 1)  # from a target at the origin
    np.testing.assert_allclose(finished.high, -distances.sum(), rtol=1e-5)
    stored = high_replay.gather_all()
    np.testing.assert_allclose(tf.reduce_sum(stored.reward), -TASK_REWARD_SCALE * distances.sum(), rtol=1e-5)
    transitions = low_replay.gather_all()
    rewards, _ = hierarchy.low.rewards(transitions.state, transitions.next_state, [transitions.context])
    np.testing.assert_allclose(finished.low, tf.reduce_sum(rewards), rtol=1e-5)
    collector.returns.reset()
    assert collector.returns.finished().episodes == 0


def test_segments_and_transitions_never_cross_an_episode():
    steps = 7
    hierarchy = golden_data.hierarchy("hiro_orig")
    env = RecordedEnvironment(straight_line(steps), np.zeros(steps))
    collector, low_replay, high_replay = collector_on(env, hierarchy, 5)
    for _ in range(9):
        collector.collect()
    assert int(collector.env_steps) == 45
    assert int(collector.episodes) == 45 // steps
    transitions = low_replay.gather_all()
    np.testing.assert_array_equal(transitions.next_state[:, 0], transitions.state[:, 0] + 1)
    stored = high_replay.gather_all()
    np.testing.assert_array_equal(stored.length, [steps] * (45 // steps))
    np.testing.assert_array_equal(stored.discount, 0.0)
    np.testing.assert_array_equal(stored.state[:, 0], 0.0)
    np.testing.assert_array_equal(stored.next_state[:, 0], steps)


def test_an_episode_that_is_a_multiple_of_c_ends_in_a_full_segment():
    """The shipped case, 500 steps and c = 10, in small."""
    steps = 20
    hierarchy = golden_data.hierarchy("hiro_orig")
    env = RecordedEnvironment(straight_line(steps), np.zeros(steps))
    collector, low_replay, high_replay = collector_on(env, hierarchy, 2 * steps + 1)
    collector.collect()
    stored = high_replay.gather_all()
    np.testing.assert_array_equal(stored.length, [10] * 4)
    np.testing.assert_array_equal(stored.discount, [1, 0, 1, 0])
    np.testing.assert_array_equal(stored.state[:, 0], [0, 10, 0, 10])
    np.testing.assert_array_equal(stored.next_state[:, 0], [10, 20, 10, 20])
    np.testing.assert_array_equal(stored.low_states[1, :, 0], np.arange(10, 20))
    assert low_replay.num_frames() == 2 * steps


def test_three_environments_together_store_what_each_would_alone():
    hierarchy = golden_data.hierarchy("hiro_orig")
    maze = create_maze_env("AntMaze").maze
    targets = tf.constant([[16.0, 0.0], [16.0, 16.0], [0.0, 16.0]])
    steps = 24

    def collected(num_envs, seed, target):
        env = BatchedMazeEnvironment(maze, num_envs, seed, episode_steps=13)
        collector, low_replay, high_replay = collector_on(env, hierarchy, num_envs * steps)
        collector._policy_state.target.assign(target)
        collector.collect()
        assert int(collector.env_steps) == num_envs * steps
        return low_replay.gather_all(), high_replay.gather_all()

    low, high = collected(3, 5, targets)
    for i in range(3):
        low_alone, high_alone = collected(1, 5 + i, targets[i : i + 1])
        for together, alone in ((low, low_alone), (high, high_alone)):
            for name in together._fields:
                own = getattr(together, name)[i::3]
                np.testing.assert_allclose(own, getattr(alone, name), rtol=1e-4, atol=1e-4, err_msg=name)
    np.testing.assert_array_equal(high.length[::3], [10, 3, 10])
