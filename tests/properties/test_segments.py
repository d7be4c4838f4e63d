"""What is collected never crosses an episode, however long episodes are and however they end."""

import functools

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tf_agents.specs import array_spec

from environments.batched import BatchedEnvironment
from tests import tiny_hierarchy

NUM_ENVS, TIME_OUT = 3, 9
WHO, EPISODE, STEP = range(3)  # of an observation
STEPS = 40  # of a call of `collect`, all environments together


class PlannedEnvironment(BatchedEnvironment):
    """Environments whose episodes end as planned; observations tell whose, which one and how far.

    Attributes:
      acted: per environment and episode the actions that were taken.
    """

    def __init__(self):
        super().__init__(NUM_ENVS, TIME_OUT)
        self.plan([[(1, False)]] * NUM_ENVS)

    def plan(self, plans):
        """Begins anew with (length, whether it terminates) of episodes per environment, which recur."""
        self._plans = plans
        self.acted = [[] for _ in plans]

    def end_of(self, who, episode):
        """Length of an episode and whether it terminates."""
        plan = self._plans[who]
        length, terminates = plan[episode % len(plan)]
        return min(length, TIME_OUT), terminates and length <= TIME_OUT

    def observation_spec(self):
        return array_spec.ArraySpec((3,), np.float32, "observation")

    def action_spec(self):
        return array_spec.BoundedArraySpec((2,), np.float32, np.full(2, -1.0), np.ones(2), "action")

    def seed(self, seed):
        pass

    def _restart(self, ids):
        for i in ids:
            self.acted[i].append([])

    def _advance(self, action, ids):
        ids = np.arange(NUM_ENVS) if ids is None else ids
        terminated = np.zeros(len(ids), bool)
        for row, i in enumerate(ids):
            self.acted[i][-1].append(np.array(action[i]))
            length, terminates = self.end_of(i, len(self.acted[i]) - 1)
            is_over = len(self.acted[i][-1]) == length
            terminated[row] = is_over and terminates
            self._truncated[i] = is_over and not terminates
        return self._observe()[ids, STEP], terminated

    def _observe(self):
        return np.array([(i, len(of) - 1, len(of[-1])) for i, of in enumerate(self.acted)], np.float32)


@functools.cache
def collecting(c):
    """An environment, a collector and both buffers, which all examples share because tracing is slow."""
    env = PlannedEnvironment()
    of = tiny_hierarchy.hierarchy(state_size=3, c=c)
    return env, *tiny_hierarchy.collector(env, of, STEPS, explore=True)


PLANS = st.lists(
    st.lists(st.tuples(st.integers(1, TIME_OUT + 3), st.booleans()), min_size=1, max_size=4),
    min_size=NUM_ENVS,
    max_size=NUM_ENVS,
)


def collected(c, plans, calls):
    """The environment, and what is stored after some calls."""
    env, collector, *replays = collecting(c)
    env.plan(plans)
    for replay in replays:
        replay.clear()
    collector.start()
    for _ in range(calls):
        collector.collect()
    return env, *(tf.nest.map_structure(np.array, replay.gather_all()) for replay in replays)


def of_environment(stored, who):
    """What one environment has stored, in order."""
    return tf.nest.map_structure(lambda x: x[stored.state[:, WHO] == who], stored)


def states(who, episode, steps):
    return np.array([(who, episode, step) for step in steps], np.float32).reshape(-1, 3)


COUNTED = hypothesis.settings(max_examples=25)


@pytest.mark.parametrize("c", [1, 4])
@COUNTED
@given(PLANS, st.integers(1, 3))
def test_transitions_are_the_steps_of_every_episode_one_by_one(c, plans, calls):
    env, low, _ = collected(c, plans, calls)
    for who in range(NUM_ENVS):
        stored, row = of_environment(low, who), 0
        for episode, actions in enumerate(env.acted[who]):
            length, terminates = env.end_of(who, episode)
            # The last step of all has no next goal yet.
            for step in range(len(actions) - (episode == len(env.acted[who]) - 1)):
                np.testing.assert_array_equal(stored.state[row], (who, episode, step))
                np.testing.assert_array_equal(stored.next_state[row], (who, episode, step + 1))
                np.testing.assert_array_equal(stored.action[row], actions[step])
                assert stored.reward[row] == step + 1
                assert stored.bootstrap[row] == stored.discount[row]
                assert (stored.bootstrap[row] == 0) == (terminates and step + 1 == length)
                row += 1
        assert row == len(stored.state)


@pytest.mark.parametrize("c", [1, 4])
@COUNTED
@given(PLANS, st.integers(1, 3))
def test_segments_tile_every_episode_and_end_with_it(c, plans, calls):
    env, _, high = collected(c, plans, calls)
    for who in range(NUM_ENVS):
        stored, row = of_environment(high, who), 0
        for episode, actions in enumerate(env.acted[who]):
            end, terminates = env.end_of(who, episode)
            for first in range(0, len(actions), c):
                last = min(first + c, end)
                if last > len(actions):
                    continue  # under way
                length = last - first
                assert stored.length[row] == length
                np.testing.assert_array_equal(stored.state[row], (who, episode, first))
                np.testing.assert_array_equal(stored.next_state[row], (who, episode, last))
                visited = states(who, episode, [*range(first, last)] + [last] * (c - length))
                np.testing.assert_array_equal(stored.low_states[row], visited)
                np.testing.assert_array_equal(stored.low_actions[row, :length], actions[first:last])
                np.testing.assert_array_equal(stored.low_actions[row, length:], 0)
                assert stored.discount[row] == (last != end)
                assert stored.bootstrap[row] == (not (terminates and last == end))
                row += 1
        assert row == len(stored.state)
