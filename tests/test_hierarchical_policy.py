import functools

import gin
import numpy as np
import pytest
import tensorflow as tf
from tf_agents.trajectories import time_step as ts

from efficient_hrl.collect import tell_of_targets
from efficient_hrl.context.samplers import ConstantSampler, RandomSampler, ScheduledSampler
from efficient_hrl.graph.random_streams import Stream, stream_seed
from efficient_hrl.hierarchical_policy import (
    DrawnTargets,
    GivenTargets,
    HierarchicalPolicy,
    HighLevelGoals,
    PretrainingGoals,
    SampledGoals,
)
from tests import golden_data, tiny_hierarchy

BATCH = 3


def make_policy(method="hiro_repr", target_mode="explore", explore=False, seed=0):
    hierarchy = golden_data.hierarchy(method)
    spec = ts.time_step_spec(golden_data.OBSERVATION_SPEC)
    targets = GivenTargets() if target_mode is None else DrawnTargets(target_mode)
    goals = HighLevelGoals(explore)
    return hierarchy, HierarchicalPolicy(spec, hierarchy.low, hierarchy.high, targets, goals, explore, seed)


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
        assert 0.3 < np.std(noise) < 2.0  # N(0, 1) of few numbers
    drawn = policy.noisy_action(
        hierarchy.low,
        Stream.LOW_EXPLORATION,
        tf.repeat(state_at(0)[:1], 20_000, axis=0),
        tf.repeat(steps[0].info.goal[:1], 20_000, axis=0),
        policy.get_initial_state(BATCH).draws[0],
    )
    exact = hierarchy.low.action(state_at(0)[:1], [steps[0].info.goal[:1]])
    np.testing.assert_allclose(np.std(drawn - exact, axis=0), 1.0, rtol=0.03)
    np.testing.assert_allclose(np.mean(drawn - exact, axis=0), 0.0, atol=0.04)
    spec = hierarchy.high.action_spec
    assert np.all(steps[0].info.goal >= spec.minimum) and np.all(steps[0].info.goal <= spec.maximum)
    levels = (hierarchy.low, hierarchy.high)
    again, other = (
        HierarchicalPolicy(
            policy.time_step_spec, *levels, DrawnTargets("explore"), HighLevelGoals(True), True, seed
        )
        for seed in (1, 2)
    )
    np.testing.assert_array_equal(run(again, 2)[1].action, steps[1].action)
    assert not np.array_equal(run(other, 2)[1].action, steps[1].action)


def test_the_policy_is_a_function_of_the_weights_as_they_are():
    hierarchy, policy = make_policy(target_mode=None)
    action, state = tf.function(policy.action), policy.get_initial_state(BATCH)
    before = action(time_step_at(0, first=True), state).action
    hierarchy.low.actor_net.variables[-1].assign_add(tf.fill([8], 0.5))
    assert not np.array_equal(before, action(time_step_at(0, first=True), state).action)


TINY_SPEC = ts.time_step_spec(tf.TensorSpec([7], tf.float32, "observation"))


def tiny_step(step, first):
    state = tf.random.stateless_normal([BATCH, 7], [9, step])
    kind = tf.where(tf.constant(first), ts.StepType.FIRST, ts.StepType.MID)
    return ts.TimeStep(kind, tf.zeros([BATCH]), tf.ones([BATCH]), state)


def policy_of(of, targets, goals=None):
    """A policy that does not explore."""
    return HierarchicalPolicy(
        TINY_SPEC, of.low, of.high, targets, goals or HighLevelGoals(explores=False), explores=False
    )


def run_tiny(policy, firsts, told=None):
    """One PolicyStep per entry of `firsts`, which says where an episode begins, bool [B].

    What environments would be told goes into `told`, where there is such a list.
    """
    state, made = policy.get_initial_state(BATCH), []
    action = tf.function(policy.action)
    for step, first in enumerate(firsts):
        made.append(action(tiny_step(step, first), state))
        state = made[-1].state
        if told is not None:
            tell = lambda *seen: told.append(seen)
            tell_of_targets(tell, policy.high.context, tiny_step(step, first), made[-1])
    return made


ALL, NONE, ONLY_SECOND = [True] * 3, [False] * 3, [False, True, False]


def test_several_contexts_reach_the_high_level_joined_and_the_environment_one_by_one():
    class Halved:
        def __init__(self, zeros):
            del zeros

        def update_apply(self, x):
            return x / 2

        apply = update_apply

        def unapply(self, x):
            return 2 * x

    targets = {
        "context_ranges": [tiny_hierarchy.TARGET_RANGE, (0, 1)],
        "context_shapes": [2, 1],
        "normalizers": [Halved, None],
        "samplers": {
            "explore": [
                functools.partial(RandomSampler, context_range=(6, 10)),
                functools.partial(RandomSampler, context_range=(0, 1)),
            ]
        },
        "settable_context": True,
    }
    of, told = tiny_hierarchy.hierarchy(targets=targets), []
    assert of.high.context.settable_context
    policy = policy_of(of, DrawnTargets("explore"))
    steps = run_tiny(policy, [ALL, NONE, ONLY_SECOND, NONE], told)
    shown = [step.info.target.numpy() for step in steps]
    assert shown[0].shape == (BATCH, 3) and np.all(shown[0][:, :2] >= 3) and np.all(shown[0][:, :2] <= 5)
    goal = of.high.action(tiny_step(0, ALL).observation, [shown[0]])
    np.testing.assert_allclose(steps[0].info.goal, goal, atol=1e-5)
    # Told where an episode begins, of contexts before normalisation.
    assert [seen[0].tolist() for seen in told] == [ALL, ONLY_SECOND]
    for seen, target, rows in ((told[0], shown[0], [0, 1, 2]), (told[1], shown[2], [1])):
        first, places, others = seen
        np.testing.assert_allclose(places[rows], 2 * target[rows, :2], rtol=1e-6)
        np.testing.assert_array_equal(others[rows], target[rows, 2:])
    np.testing.assert_array_equal(shown[1], shown[0])
    np.testing.assert_array_equal(shown[2][[0, 2]], shown[0][[0, 2]])
    assert not np.any(shown[2][1] == shown[0][1])
    np.testing.assert_array_equal(shown[3], shown[2])


def test_without_episodes_that_begin_nothing_is_told_and_no_list_goes_on():
    of, told = (
        tiny_hierarchy.hierarchy(
            targets={"samplers": {"explore": functools.partial(ScheduledSampler, values=[0, 1, 2, 3])}}
        ),
        [],
    )
    policy = policy_of(of, DrawnTargets("explore"))
    steps = run_tiny(policy, [ALL, NONE, NONE, ONLY_SECOND], told)
    assert [step.info.target[1, 0] for step in steps] == [1, 1, 1, 2]
    assert [step.info.target[0, 0] for step in steps] == [1, 1, 1, 1]
    assert len(told) == 2


def test_the_low_level_alone_follows_goals_of_its_own_samplers():
    goals = {
        "samplers": {"eval": functools.partial(ScheduledSampler, values=[[0, 0], [5, 1], [7, 2], [9, 3]])}
    }
    of = tiny_hierarchy.hierarchy(c=2, goals=goals)
    policy = policy_of(of, GivenTargets(), SampledGoals("eval"))
    steps = run_tiny(policy, [ALL, NONE, NONE, NONE, ONLY_SECOND])
    goal = np.float32([[5, 1]] * BATCH)
    for i, step in enumerate(steps):
        state = tiny_step(i, NONE).observation
        if i > 0:
            goal = goal + tiny_step(i - 1, NONE).observation[:, :2].numpy() - state[:, :2].numpy()
        if i == 4:
            goal[1] = [7, 2]
        np.testing.assert_allclose(step.info.goal, goal, atol=1e-5)
        np.testing.assert_allclose(step.action, of.low.action(state, [step.info.goal]), atol=1e-5)


def test_changing_targets_of_a_kept_one_come_from_a_mode_of_their_own():
    def renewing(contexts, timer, sampler_fn, state, next_state):
        return [tf.where((timer == 2)[:, None], sampler_fn()[0], contexts[0])]

    samplers = {"eval1": functools.partial(ConstantSampler, value=[3.0, 4.0])}
    of = tiny_hierarchy.hierarchy(targets={"samplers": samplers, "context_transition_fn": renewing})
    policy = policy_of(of, GivenTargets("eval1"))
    shown = [step.info.target.numpy().tolist()[0] for step in run_tiny(policy, [ALL, NONE, NONE, NONE])]
    assert shown == [[0, 0], [0, 0], [3, 4], [3, 4]]


MANY, STDDEV = 4000, 0.7


def first_decisions(goals, explores, samplers=None):
    """The first step of many episodes: the hierarchy, goals [MANY, 2], and noise of goals and of actions.

    Noise [n, 2] is that of the n episodes in which no goal can be clipped.
    """
    gin.parse_config(f"meta_add_noise_fn.stddev = {STDDEV}\nuvf_add_noise_fn.clip = False")
    of = tiny_hierarchy.hierarchy(goals={"samplers": samplers} if samplers else None)
    policy = HierarchicalPolicy(TINY_SPEC, of.low, of.high, DrawnTargets("explore"), goals, explores, seed=3)
    state = tf.random.stateless_normal([MANY, 7], [9, 9])
    step = policy.action(ts.restart(state, batch_size=MANY), policy.get_initial_state(MANY))
    given = of.high.action(state, [step.info.target])
    far_from_the_range = np.all(np.abs(given) < 10 - 5 * STDDEV, axis=1)
    assert np.sum(far_from_the_range) > 1000
    noise = step.info.goal - given, step.action - of.low.action(state, [step.info.goal])
    return of, step.info.goal, *(np.array(part)[far_from_the_range] for part in noise)


def assert_goals_have_the_high_levels_noise(noise):
    np.testing.assert_allclose(noise.std(axis=0), STDDEV, rtol=0.08)
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=0.08)
    assert abs(np.corrcoef(noise.T)[0, 1]) < 0.1


def test_the_high_level_explores_with_noise_of_its_own():
    _, _, of_goals, of_actions = first_decisions(HighLevelGoals(explores=True), explores=True)
    assert_goals_have_the_high_levels_noise(of_goals)
    np.testing.assert_allclose(of_actions.std(axis=0), 1.0, rtol=0.08)
    assert np.abs(np.corrcoef(of_goals.T, of_actions.T)[:2, 2:]).max() < 0.1


def test_after_pretraining_the_high_level_explores_and_the_frozen_low_level_does_not():
    is_on = tf.Variable(False)
    samplers = {"explore": functools.partial(ConstantSampler, value=[3.0, 4.0])}
    _, _, of_goals, of_actions = first_decisions(PretrainingGoals(is_on), is_on, samplers)
    assert_goals_have_the_high_levels_noise(of_goals)
    np.testing.assert_allclose(of_actions, 0, atol=1e-6)


def test_while_pretraining_goals_are_sampled_and_the_low_level_explores():
    is_on = tf.Variable(True)
    samplers = {"explore": functools.partial(RandomSampler, context_range=(4, 6))}
    of, goals, _, of_actions = first_decisions(PretrainingGoals(is_on), is_on, samplers)
    ((drawn,), _) = of.low.context.sample("explore", MANY, stream_seed(3, Stream.GOALS, 0))
    np.testing.assert_array_equal(goals, drawn)
    np.testing.assert_allclose(of_actions.std(axis=0), 1.0, rtol=0.08)
