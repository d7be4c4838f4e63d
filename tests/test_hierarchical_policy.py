import numpy as np
import pytest
import tensorflow as tf
from tf_agents.trajectories import time_step as ts

from efficient_hrl.hierarchical_policy import HierarchicalPolicy
from tests import golden_data

BATCH = 3


def make_policy(method="hiro_repr", target_mode="explore", explore=False, seed=0):
    hierarchy = golden_data.hierarchy(method)
    spec = ts.time_step_spec(golden_data.OBSERVATION_SPEC)
    return hierarchy, HierarchicalPolicy(spec, hierarchy.low, hierarchy.high, target_mode, explore, seed)


def state_at(step, batch=BATCH):
    return tf.random.stateless_normal([batch, 30], [9, step])


def time_step_at(step, first=False, last=False):
    state = state_at(step)
    if first:
        return ts.restart(state, batch_size=BATCH)
    make = ts.truncation if last else ts.transition
    return make(state, tf.zeros([BATCH]), tf.ones([BATCH]))


def run(policy, steps, state=None):
    """Actions of one episode, one PolicyStep per state."""
    state = policy.get_initial_state(BATCH) if state is None else state
    action, made = tf.function(policy.action), []
    for step in range(steps):
        made.append(action(time_step_at(step, first=step == 0), state))
        state = made[-1].state
    return made


def test_goals_are_new_every_ten_steps_and_follow_the_state_in_between():
    hierarchy, policy = make_policy()
    f, steps = hierarchy.representation, run(policy, 25)
    for i, step in enumerate(steps):
        np.testing.assert_array_equal(step.info.clock, i)
        if i % 10 == 0:
            expected = hierarchy.high.action(state_at(i), [step.info.target])
        else:
            expected = steps[i - 1].info.goal + f(state_at(i - 1)) - f(state_at(i))
        np.testing.assert_allclose(step.info.goal, expected, atol=1e-5)
        np.testing.assert_allclose(
            step.action, hierarchy.low.action(state_at(i), [step.info.goal]), atol=1e-5
        )


def test_the_target_lasts_for_the_episode_and_a_new_one_is_drawn_for_the_next():
    _, policy = make_policy()
    first = run(policy, 12)
    second = run(policy, 3, first[-1].state)
    for step in first:
        np.testing.assert_array_equal(step.info.target, first[0].info.target)
    assert np.all(first[0].info.target >= -4) and np.all(first[0].info.target <= 20)
    assert not np.array_equal(second[0].info.target, first[0].info.target)
    np.testing.assert_array_equal(second[0].info.clock, 0)
    # The target is the goal space of the high level only: it differs within the batch.
    assert len(np.unique(first[0].info.target[:, 0])) == BATCH


def test_without_mode_the_target_comes_with_the_policy_state():
    _, policy = make_policy(target_mode=None)
    target = tf.constant([[16.0, 0.0], [16.0, 16.0], [0.0, 16.0]])
    for step in run(policy, 11, policy.get_initial_state(BATCH)._replace(target=target)):
        np.testing.assert_array_equal(step.info.target, target)


def test_without_exploration_equal_states_give_equal_actions():
    _, policy = make_policy(target_mode=None)
    state = policy.get_initial_state(BATCH)
    left = policy.action(time_step_at(0, first=True), state)
    right = policy.action(time_step_at(0, first=True), state._replace(draws=state.draws + 7))
    np.testing.assert_array_equal(left.action, right.action)


@pytest.mark.parametrize("method", golden_data.METHODS)
def test_exploration_stays_in_range_has_the_right_size_and_is_decided_by_seed_and_draws(method):
    hierarchy, policy = make_policy(method, explore=True, seed=1)
    steps = run(policy, 11)
    limit = golden_data.ACTION_SPEC.maximum
    for i, step in enumerate(steps):
        assert np.all(np.abs(step.action) <= limit)
        noise = step.action - hierarchy.low.action(state_at(i), [step.info.goal])
        assert 0.3 < np.std(noise) < 2.0  # N(0, 1)
    spec = hierarchy.high.action_spec
    assert np.all(steps[0].info.goal >= spec.minimum) and np.all(steps[0].info.goal <= spec.maximum)
    again = HierarchicalPolicy(policy.time_step_spec, hierarchy.low, hierarchy.high, "explore", True, seed=1)
    other = HierarchicalPolicy(policy.time_step_spec, hierarchy.low, hierarchy.high, "explore", True, seed=2)
    np.testing.assert_array_equal(run(again, 2)[1].action, steps[1].action)
    assert not np.array_equal(run(other, 2)[1].action, steps[1].action)


def test_the_policy_is_a_function_of_the_weights_as_they_are():
    hierarchy, policy = make_policy(target_mode=None)
    action, state = tf.function(policy.action), policy.get_initial_state(BATCH)
    before = action(time_step_at(0, first=True), state).action
    hierarchy.low.actor_net.variables[-1].assign_add(tf.fill([8], 0.5))
    assert not np.array_equal(before, action(time_step_at(0, first=True), state).action)
