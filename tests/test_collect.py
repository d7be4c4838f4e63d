"""Collection through policy, driver and observers against the recorded traces.

The original spends the first two steps of an episode on resetting and on a zero
goal; the port's episode begins with the step after them.
"""

import functools

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.environments import py_environment, tf_py_environment
from tf_agents.specs import array_spec
from tf_agents.trajectories import time_step as ts

from efficient_hrl.collect import Collector
from efficient_hrl.context.context_transition_functions import (
    periodic_context_fn,
    relative_context_transition_fn,
    timer_context_fn,
)
from efficient_hrl.context.rewards_functions import negative_distance
from efficient_hrl.context.samplers import ConstantSampler, RandomSampler, ScheduledSampler
from efficient_hrl.graph.finite import culprit
from efficient_hrl.hierarchical_policy import GivenTargets, HierarchicalPolicy, HighLevelGoals
from efficient_hrl.observers.segments import TASK_REWARD_SCALE
from efficient_hrl.replay import CircularBuffer, segment_transition_spec
from efficient_hrl.seam import CollectsBlocks, Simulations
from environments.batched import BatchedEnvironment, BatchedMazeEnvironment
from environments.create_maze_env import create_maze_env
from tests import golden_data, tiny_hierarchy
from tests.test_agent import vector_hierarchy

# How the recordings call what has another name here.
TRANSITION_NAMES = {"goal": "context", "next_goal": "next_context"}
SEGMENT_NAMES = {"goal": "meta_action", "target": "meta_context", "next_target": "next_meta_context"}

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
        tf_env.time_step_spec(),
        hierarchy.low,
        hierarchy.high,
        GivenTargets(),
        HighLevelGoals(explores=False),
        explores=False,
    )
    low_replay = CircularBuffer(capacity, "agent").build(hierarchy.low.training_data_spec)
    high_replay = CircularBuffer(capacity, "meta").build(hierarchy.high.training_data_spec)
    collector = Collector(tf_env, policy, low_replay, high_replay, steps)
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
                getattr(stored, name),
                arrays[f"replay/{TRANSITION_NAMES.get(name, name)}"][steps],
                rtol=1e-4,
                atol=1e-4,
                err_msg=name,
            )

        # A recorded segment is stored during the step before the next one begins.
        rows = np.flatnonzero((segment_ends >= first) & (segment_ends < end))
        kept = high_replay.gather_all()
        assert high_replay.num_frames() == len(rows)
        lengths = [10] * (len(rows) - 1) + [len(steps) - 10 * (len(rows) - 1)]
        np.testing.assert_array_equal(kept.length, lengths)
        for i, (row, length) in enumerate(zip(rows, lengths)):
            recorded = lambda name, row=row: arrays[f"meta_replay/{SEGMENT_NAMES.get(name, name)}"][row]
            for name in ("state", "goal", "reward", "discount", "next_state"):
                np.testing.assert_allclose(
                    getattr(kept, name)[i],
                    recorded(name),
                    rtol=1e-4,
                    atol=1e-4,
                    err_msg=name,
                )
            for name in ("target", "next_target"):
                np.testing.assert_array_equal(getattr(kept, name)[i], recorded(name))
            for name in ("low_states", "low_actions"):
                np.testing.assert_allclose(
                    getattr(kept, name)[i, :length],
                    recorded(name)[:length],
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
    rewards, _ = hierarchy.low.rewards(transitions.state, transitions.next_state, [transitions.goal])
    np.testing.assert_allclose(finished.low, tf.reduce_sum(rewards), rtol=1e-5)
    collector.returns.reset()
    assert collector.returns.finished().episodes == 0


def test_an_episode_that_was_dropped_is_no_part_of_the_next_ones_return():
    steps = 23
    env = RecordedEnvironment(straight_line(steps), np.zeros(steps))
    hierarchy = golden_data.hierarchy("hiro_orig")
    found = []
    for begins in (1, 2):
        collector, low_replay, _ = collector_on(env, hierarchy, 12)
        for _ in range(begins):
            collector.start()
            collector.collect()
        collector.collect()
        assert low_replay.num_frames() == 11 * begins + 12
        found.append(collector.returns.finished())
    undisturbed, finished = found
    assert finished.episodes == 1
    np.testing.assert_allclose(finished.high, -np.arange(1, steps + 1).sum(), rtol=1e-5)
    np.testing.assert_allclose(finished.low, undisturbed.low, rtol=1e-5)


def test_returns_of_vector_rewards_are_summed_over_dimensions():
    of = vector_hierarchy()
    driver, low_replay, _ = tiny_hierarchy.collector(tiny_hierarchy.point_mazes(1), of, 21, explore=True)
    driver.collect()
    low, finished = low_replay.gather_all(), driver.returns.finished()
    assert finished.episodes == 1 and len(low.state) == 20
    errors = np.abs(low.state[:, :2] + low.goal - low.next_state[:, :2])
    assert np.all(errors.sum(axis=0) > 1)
    np.testing.assert_allclose(finished.low, -errors.sum(), rtol=1e-4)


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


# Observations of a ScriptedEnvironment: whose, which episode, how many steps into it.
WHO, EPISODE, STEP = 4, 5, 6


class ScriptedEnvironment(BatchedEnvironment):
    """Environments that walk along x and terminate after a number of steps of their own."""

    def __init__(self, ids, terminations, episode_steps):
        super().__init__(len(ids), episode_steps)
        self._states = np.zeros([len(ids), 7], np.float32)
        self._states[:, WHO] = ids
        self._states[:, EPISODE] = -1
        self._terminations = np.array(terminations)

    def observation_spec(self):
        return array_spec.ArraySpec((7,), np.float32, "observation")

    def action_spec(self):
        return array_spec.BoundedArraySpec((2,), np.float32, np.full(2, -1.0), np.ones(2), "action")

    def seed(self, seed):
        pass

    def _restart(self, ids):
        self._states[ids, :4] = 0
        self._states[ids, EPISODE] += 1
        self._states[ids, STEP] = 0

    def _advance(self, action, ids):
        ids = np.arange(self._num_envs) if ids is None else ids
        self._states[ids, 0] += 0.1 * self._states[ids, WHO]
        self._states[ids, 1:3] += 0.1 * action[ids]
        self._states[ids, STEP] += 1
        return self._states[ids, STEP], self._states[ids, STEP] >= self._terminations[ids]

    def _observe(self):
        return self._states.copy()


TERMINATIONS = (13, 1000, 10, 4)  # in the middle of a segment, never, at its end, in the first
TIME_OUT = 17
TARGETS = tf.constant([[8.0, 0.0], [8.0, 8.0], [0.0, 8.0], [4.0, 4.0]])


def test_terminations_do_not_bootstrap_time_outs_do_and_episodes_are_kept_apart():
    of = tiny_hierarchy.hierarchy()
    low, high = tiny_hierarchy.collected(
        ScriptedEnvironment(range(4), TERMINATIONS, TIME_OUT), of, 4 * 60, explore=False
    )
    who = low.state[:, WHO].numpy().astype(int)
    np.testing.assert_array_equal(low.next_state[:, WHO], who)
    np.testing.assert_array_equal(low.next_state[:, EPISODE], low.state[:, EPISODE])
    np.testing.assert_array_equal(low.next_state[:, STEP], low.state[:, STEP] + 1)
    np.testing.assert_array_equal(low.reward, low.next_state[:, STEP])
    terminated = low.next_state[:, STEP] == np.array(TERMINATIONS)[who]
    np.testing.assert_array_equal(low.bootstrap, ~terminated.numpy())
    np.testing.assert_array_equal(of.low.learning_batch(low).discount, np.float32(0.99) * low.bootstrap)
    for i, termination in enumerate(TERMINATIONS):
        last = min(termination, TIME_OUT)
        steps = low.next_state[:, STEP].numpy()[who == i]
        assert steps.max() == last and np.sum(steps == last) >= 3
        assert np.all(low.bootstrap.numpy()[who == i][steps == last] == (last == TIME_OUT))

    np.testing.assert_array_equal(high.next_state[:, WHO], high.state[:, WHO])
    np.testing.assert_array_equal(high.next_state[:, EPISODE], high.state[:, EPISODE])
    np.testing.assert_array_equal(high.length, high.next_state[:, STEP] - high.state[:, STEP])
    whose = high.state[:, WHO].numpy().astype(int)
    ends = high.next_state[:, STEP].numpy()
    last = np.minimum(TERMINATIONS, TIME_OUT)[whose]
    np.testing.assert_array_equal(high.discount, ends != last)
    np.testing.assert_array_equal(high.bootstrap, ends != np.array(TERMINATIONS)[whose])
    np.testing.assert_array_equal(of.high.learning_batch(high).discount, np.float32(0.99) * high.bootstrap)
    lengths = {i: sorted({*high.length.numpy()[whose == i].tolist()}) for i in range(4)}
    assert lengths == {0: [3, 10], 1: [7, 10], 2: [10], 3: [4]}


def test_what_collects_is_what_a_run_asks_for():
    env = tiny_hierarchy.point_mazes(2)
    driver, _, _ = tiny_hierarchy.collector(env, tiny_hierarchy.hierarchy(), 4)
    assert isinstance(env, Simulations) and isinstance(driver, CollectsBlocks)


@pytest.mark.parametrize("level", ["low", "high"])
def test_a_reward_that_is_no_number_is_named(level):
    """Of the user's own function, say."""
    wrong = lambda *unused, **unused_too: (tf.fill([4], np.nan), tf.zeros([4]))
    options = {"goals": {"reward_fn": wrong}} if level == "low" else {"targets": {"reward_fn": wrong}}
    of = tiny_hierarchy.hierarchy(**options)
    env = ScriptedEnvironment(range(4), TERMINATIONS, TIME_OUT)
    driver, _, _ = tiny_hierarchy.collector(env, of, 40, explore=False)
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        driver.collect()
    assert culprit(caught.value) == f"the {level} level's reward holds NaN"


BREAKS = (13, 1, 10, 40)  # in the second segment, at once, at a segment's end, never in this time


class ShakyEnvironment(ScriptedEnvironment):
    """In the first episode the simulation becomes unstable at a step of its own."""

    def _advance(self, action, ids):
        results = super()._advance(action, ids)
        self._unstable[:] = (self._states[:, EPISODE] == 0) & (self._states[:, STEP] >= BREAKS)
        return results


def test_an_unstable_step_and_the_segment_that_it_breaks_off_are_never_stored():
    of = tiny_hierarchy.hierarchy()
    env = ShakyEnvironment(range(4), [1000] * 4, TIME_OUT)
    driver, low_replay, high_replay = tiny_hierarchy.collector(env, of, 4 * 56, explore=False)
    driver.collect()
    low, high = low_replay.gather_all(), high_replay.gather_all()
    for stored in (low, high):
        np.testing.assert_array_equal(stored.next_state[:, WHO], stored.state[:, WHO])
        np.testing.assert_array_equal(stored.next_state[:, EPISODE], stored.state[:, EPISODE])
    np.testing.assert_array_equal(low.next_state[:, STEP], low.state[:, STEP] + 1)
    np.testing.assert_array_equal(high.length, high.next_state[:, STEP] - high.state[:, STEP])
    of_first = lambda stored, i: np.all(stored.state.numpy()[:, [WHO, EPISODE]] == [i, 0], axis=1)
    ends_of = lambda stored, chosen: stored.next_state.numpy()[chosen, STEP]
    for i, broken in enumerate(BREAKS):
        last = min(broken - 1, TIME_OUT)
        np.testing.assert_array_equal(ends_of(low, of_first(low, i)), range(1, last + 1))
        ends = [10, 17] if i == 3 else [10] if i == 0 else []
        np.testing.assert_array_equal(ends_of(high, of_first(high, i)), ends)
    # The next episode is whole, from its first goal on.
    second = np.all(high.state.numpy()[:, [WHO, EPISODE]] == [0, 1], axis=1)
    np.testing.assert_array_equal(ends_of(high, second), [10, 17])
    assert env.unstable_episodes == 3

    # Returns are those of whole episodes alone.
    finished = driver.returns.finished()
    whose = low.state.numpy()[:, [WHO, EPISODE]]
    rewards, _ = of.low.rewards(low.state, low.next_state, [low.goal], low.action, low.reward)
    lengths = [np.sum(np.all(whose == own, axis=1)) for own in whose]
    whole = np.equal(lengths, TIME_OUT)
    assert np.sum(whole) / TIME_OUT == int(driver.episodes) == finished.episodes.numpy() > 8
    np.testing.assert_allclose(finished.low, np.sum(rewards.numpy()[whole]), rtol=1e-5)


def test_open_steps_are_those_since_the_last_goal_of_the_episodes_under_way():
    env = ShakyEnvironment(range(4), [1000] * 4, TIME_OUT)
    driver, _, _ = tiny_hierarchy.collector(env, tiny_hierarchy.hierarchy(), 4, explore=False)
    seen = set()
    for _ in range(50):
        driver.collect()
        first_or_within = env.current_time_step()
        steps = first_or_within.observation[:, STEP].astype(int)
        expected = np.where(first_or_within.step_type == 2, 0, steps % 10)
        assert driver.open_steps == np.sum(expected)
        seen.add(tuple(first_or_within.step_type))
    assert len(seen) > 3  # episodes that begin and end while others go on


@pytest.mark.parametrize("knows_segment", [False, True])
@pytest.mark.parametrize("steps", [7, 10])  # in the middle of a segment, at its end
def test_nothing_is_stored_of_steps_that_were_not_complete_when_episodes_were_dropped(knows_segment, steps):
    of = tiny_hierarchy.hierarchy()
    if knows_segment:
        of.low.training_data_spec = segment_transition_spec(7, 2, 2, 10)
    env = ScriptedEnvironment(range(4), [1000] * 4, TIME_OUT)
    driver, *replays = tiny_hierarchy.collector(env, of, 4 * steps, explore=False)
    driver.collect()
    before = [replay.num_frames().numpy() for replay in replays]
    driver.start()
    for _ in range(4):
        driver.collect()
    # One row of the low level's waits for its next goal, or with it all of its segment.
    assert before == [0 if knows_segment else 4 * (steps - 1), 4 * (steps == 10)]
    for replay, count in zip(replays, before):
        stored = replay.gather_all()
        np.testing.assert_array_equal(stored.next_state[:, EPISODE], stored.state[:, EPISODE])
        dropped = stored.state[:, EPISODE] == 0
        assert np.sum(dropped) == count and np.sum(~dropped) > 0


def test_every_episode_begins_with_a_new_target_and_a_new_goal():
    of = tiny_hierarchy.hierarchy()
    low, high = tiny_hierarchy.collected(
        ScriptedEnvironment(range(4), TERMINATIONS, TIME_OUT), of, 4 * 60, explore=False
    )
    targets = {}
    for state, target in zip(high.state.numpy(), high.target.numpy()):
        targets.setdefault((state[WHO], state[EPISODE]), set()).add(tuple(target))
    assert all(len(its) == 1 for its in targets.values())
    assert len(set.union(*targets.values())) == len(targets) > 20
    goals = of.high.action(high.state, [high.target])
    np.testing.assert_allclose(high.goal, goals, atol=1e-4)
    checked = 0
    for state, goal in zip(low.state.numpy(), low.goal.numpy()):
        its = targets.get((state[WHO], state[EPISODE]))
        if state[STEP] == 0 and its is not None:  # of the last episodes no segment is stored yet
            expected = of.high.action(state[None], [np.float32([*its])])[0]
            np.testing.assert_allclose(goal, expected, atol=1e-4)
            checked += 1
    assert checked == len(targets)


@pytest.mark.parametrize("kind", ["scripted", "maze"])
def test_each_of_four_environments_stores_what_it_would_alone(kind):
    of = tiny_hierarchy.hierarchy()
    steps = 45

    def run(ids):
        env = ScriptedEnvironment(ids, [TERMINATIONS[i] for i in ids], TIME_OUT)
        if kind == "maze":
            env = tiny_hierarchy.point_mazes(len(ids), seed=5 + ids[0], episode_steps=TIME_OUT)
        target = tf.gather(TARGETS, ids)
        return tiny_hierarchy.collected(env, of, len(ids) * steps, target=target)

    together = run([0, 1, 2, 3])
    for i in range(4):
        for everyone, own in zip(together, run([i])):
            if kind == "maze":
                mine = tf.nest.map_structure(lambda x, i=i: x[i::4], everyone)
            else:
                (of_mine,) = np.nonzero(everyone.state[:, WHO] == i)
                mine = tf.nest.map_structure(lambda x, of_mine=of_mine: tf.gather(x, of_mine), everyone)
            count = min(len(mine.state), len(own.state))
            # Alone, an environment spends its resets' share of the steps itself.
            assert abs(len(mine.state) - len(own.state)) <= 4 and count >= 4
            cut = [tf.nest.map_structure(lambda x, count=count: x[:count], x) for x in (mine, own)]
            tiny_hierarchy.same(*cut, rtol=1e-4, atol=1e-4)


def next_targets_are_those_of_the_next_segment(high, num_envs):
    """Checks it; returns how many targets were compared."""
    compared = 0
    for i in range(num_envs):
        own = [tf.nest.map_structure(lambda x, j=j: x[j], high) for j in range(i, len(high.state), num_envs)]
        for segment, following in zip(own, own[1:]):
            if segment.discount == 1:
                np.testing.assert_array_equal(segment.next_target, following.target)
                compared += 1
    return compared


def test_targets_drawn_anew_every_few_steps_are_stored_as_the_policy_uses_them():
    transition = functools.partial(periodic_context_fn, period=3)
    of = tiny_hierarchy.hierarchy(c=5, targets={"context_transition_fn": transition})
    _, high = tiny_hierarchy.collected(tiny_hierarchy.point_mazes(2), of, 2 * 61, explore=True, seed=1)
    assert next_targets_are_those_of_the_next_segment(high, 2) == 2 * 9
    assert np.any(high.next_target != high.target, axis=1).all()
    assert np.all(np.abs(high.next_target - 4) <= 6)


@pytest.mark.parametrize("period", [1, 2, 3])
def test_targets_with_a_period_change_with_the_goals(period):
    transition = functools.partial(periodic_context_fn, period=5 * period)
    of = tiny_hierarchy.hierarchy(c=5, targets={"context_transition_fn": transition})
    _, high = tiny_hierarchy.collected(tiny_hierarchy.point_mazes(2), of, 2 * 61, explore=True, seed=1)
    number = np.round(high.state[:, 6].numpy() * 1000).astype(int) // 5  # of a segment in its episode
    changes = np.any(high.next_target != high.target, axis=1)
    goes_on = high.discount.numpy() == 1
    np.testing.assert_array_equal(changes[goes_on], (number[goes_on] + 1) % period == 0)
    assert {*number} == {0, 1, 2, 3}


def test_targets_that_follow_the_state_are_stored_so_that_the_place_stays():
    offset = (3.0, -1.0)
    targets = {
        "samplers": {"explore": functools.partial(ConstantSampler, value=offset)},
        "context_transition_fn": relative_context_transition_fn,
        "reward_fn": functools.partial(negative_distance, relative_context=True, state_indices=[0, 1]),
    }
    of = tiny_hierarchy.hierarchy(c=5, targets=targets)
    _, high = tiny_hierarchy.collected(tiny_hierarchy.point_mazes(2), of, 2 * 61, explore=True)
    assert len(high.state) == 2 * 12
    begins = np.round(high.state[:, 6].numpy() * 1000).astype(int)  # steps since the first state
    np.testing.assert_array_equal(begins, np.repeat([0, 5, 10, 15] * 3, 2))
    # Four segments of each of two environments and three episodes, which all pursue one place.
    one_place = lambda of_first: np.repeat(of_first.reshape(3, 1, 2, 2), 4, axis=1).reshape(-1, 2)
    places = one_place(high.state.numpy()[begins == 0, :2] + np.float32(offset))
    np.testing.assert_allclose(high.state[:, :2] + high.target, places, atol=1e-5)
    np.testing.assert_allclose(high.next_state[:, :2] + high.next_target, places, atol=1e-5)
    moved = np.linalg.norm(high.next_state[:, :2] - high.state[:, :2], axis=1)
    assert np.median(moved) > 0.1
    # So are rewards of every step.
    seen = np.concatenate([high.low_states[:, 1:, :2], high.next_state[:, None, :2]], axis=1)
    distances = np.linalg.norm(seen - places[:, None], axis=-1)
    np.testing.assert_allclose(high.reward, -TASK_REWARD_SCALE * distances.sum(axis=1), rtol=1e-4)


def test_scheduled_targets_within_an_episode_are_stored_as_the_policy_uses_them():
    """One draw per step, whether it is used or not; the stored next target is the one drawn then."""
    sampler = functools.partial(ScheduledSampler, values=[[float(i), -1.0] for i in range(7)])
    transition = functools.partial(periodic_context_fn, period=3)
    targets = {"context_transition_fn": transition, "samplers": {"explore": [sampler]}}
    of = tiny_hierarchy.hierarchy(c=5, targets=targets)
    _, high = tiny_hierarchy.collected(tiny_hierarchy.point_mazes(2), of, 2 * 61, explore=True, seed=1)
    assert next_targets_are_those_of_the_next_segment(high, 2) == 2 * 9
    assert len(np.unique(high.target[:, 0])) > 3


def test_a_countdown_among_the_targets_is_stored_as_the_policy_uses_it():
    place = functools.partial(RandomSampler, context_range=tiny_hierarchy.TARGET_RANGE)
    targets = {
        "context_ranges": [tiny_hierarchy.TARGET_RANGE, (0, 10)],
        "context_shapes": [2, 1],
        "samplers": {"explore": [place, functools.partial(ConstantSampler, value=2)]},
        "context_transition_fn": functools.partial(timer_context_fn, period=4),
    }
    of = tiny_hierarchy.hierarchy(c=5, targets=targets)
    _, high = tiny_hierarchy.collected(tiny_hierarchy.point_mazes(2), of, 2 * 61, explore=True, seed=1)
    assert next_targets_are_those_of_the_next_segment(high, 2) == 2 * 9
    countdown, shown = 2, []
    for _ in range(21):
        shown.append(countdown)
        countdown = 4 if countdown == 0 else countdown - 1
    begins = np.round(high.state[:, 6].numpy() * 1000).astype(int)
    np.testing.assert_array_equal(high.target[:, 2], [shown[t] for t in begins])
    np.testing.assert_array_equal(high.next_target[:, 2], [shown[t + 5] for t in begins])


def test_scheduled_targets_advance_once_per_episode_and_survive_a_checkpoint(tmp_path):
    values = [[float(i), -1.0] for i in range(5)]

    def make():
        sampler = functools.partial(ScheduledSampler, values=values)
        of = tiny_hierarchy.hierarchy(targets={"samplers": {"explore": sampler}})
        return of, tf.train.Checkpoint(**of.high.checkpointed())

    of, checkpoint = make()
    _, high = tiny_hierarchy.collected(tiny_hierarchy.point_mazes(2), of, 2 * 61)
    np.testing.assert_array_equal(high.target[:, 0], np.repeat([1, 2, 3], 4))
    assert of.high.context.samplers("explore")[0].pointer == 4  # the fourth has begun
    path = checkpoint.save(str(tmp_path / "agent"))
    of, checkpoint = make()
    checkpoint.restore(path).assert_existing_objects_matched()
    _, high = tiny_hierarchy.collected(tiny_hierarchy.point_mazes(2), of, 2 * 41)
    np.testing.assert_array_equal(high.target[:, 0], np.repeat([0, 1], 4))
