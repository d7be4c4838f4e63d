"""Evaluation against a slow rollout in a plain gymnasium environment."""

import functools
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl import eval as evaluation
from efficient_hrl.builder import parameters
from efficient_hrl.configuration.config import load_config, usage_errors
from efficient_hrl.context.context_transition_functions import (
    periodic_context_fn,
    relative_context_transition_fn,
)
from efficient_hrl.context.rewards_functions import negative_distance
from efficient_hrl.context.samplers import ConstantSampler, RandomSampler
from efficient_hrl.errors import UsageError
from efficient_hrl.eval import evaluate
from efficient_hrl.evaluation.tables import results_table
from efficient_hrl.storage.weights import save_weights
from environments.create_maze_env import create_maze_env
from tests import tiny_hierarchy
from tests.test_collect import ScriptedEnvironment

GIN = pathlib.Path(__file__).parent.parent / "gin"
STEPS = 45


@pytest.fixture
def evaluator():
    load_config(
        [str(GIN / "norl_ant_maze.gin")],
        ["evaluate.num_episodes_eval = 2", f"RESET_EPISODE_PERIOD = {STEPS}"],
    )
    return evaluate(seed=0)


def slow_episode(evaluator, first_observation, env, target):
    """Rewards of both levels, step by step."""
    low, high = evaluator.hierarchy.low, evaluator.hierarchy.high
    f = lambda state: low.state_preprocess(state[None])[0].numpy()
    state, low_rewards, high_rewards = first_observation, [], []
    for step in range(STEPS):
        if step % 10 == 0:
            goal = high.action(state[None], [target[None]])[0].numpy()
        action = low.action(state[None], [goal[None]])[0].numpy()
        next_state, _, _, _, _ = env.step(action)
        low_rewards.append(-np.linalg.norm(f(state) + goal - f(next_state)))
        high_rewards.append(-np.linalg.norm(next_state[:2] - target))
        goal = goal + f(state) - f(next_state)
        state = next_state
    return low_rewards, high_rewards


def test_an_evaluation_is_the_slow_rollout(evaluator):
    env_steps, mode = 1234, "eval2"
    result = evaluator.evaluate_target(mode, env_steps)
    assert (result.target, result.episodes) == (mode, 2)
    first = int(np.random.SeedSequence([1_000_000, env_steps, 1]).generate_state(1)[0])
    episodes = []
    for i in range(2):
        env = create_maze_env("AntMaze")
        observation, _ = env.reset(seed=first + i)
        episodes.append(slow_episode(evaluator, observation, env, np.float32([16, 16])))
    low, high = (np.array(rewards) for rewards in zip(*episodes))
    np.testing.assert_allclose(result.low_return, low.sum(axis=1).mean(), rtol=1e-3)
    np.testing.assert_allclose(result.high_return, high.sum(axis=1).mean(), rtol=1e-3)
    np.testing.assert_allclose(result.low_last_reward, low[:, -1].mean(), rtol=1e-3)
    np.testing.assert_allclose(result.high_last_reward, high[:, -1].mean(), rtol=1e-3)
    assert result.success_rate == np.mean(high[:, -1] > -5)
    assert result.reached_rate == np.mean((high > -5).any(axis=1))


def test_an_evaluation_depends_on_seed_and_steps_only(evaluator):
    first = evaluator.evaluate_target("eval1", 100)
    assert evaluator.evaluate_target("eval1", 200) != first
    assert evaluator.evaluate_target("eval1", 100) == first


TARGETS = {"eval1": (8.0, 0.0), "eval2": (8.0, 8.0)}
GOAL = (1.5, -0.5)
TINY_STEPS = 12


def constant(value):
    return functools.partial(ConstantSampler, value=value)


@functools.cache
def point_maze():
    return create_maze_env("PointMaze")


def tiny(c=5, samplers=None, **targets):
    """A hierarchy with constant targets for evaluation, and goals for the low level alone."""
    explore = functools.partial(RandomSampler, context_range=tiny_hierarchy.TARGET_RANGE)
    samplers = samplers or {"explore": explore} | {mode: constant(value) for mode, value in TARGETS.items()}
    goals = {"samplers": {mode: constant(GOAL) for mode in TARGETS}}
    return tiny_hierarchy.hierarchy(c=c, goals=goals, targets={"samplers": samplers} | targets)


def tiny_evaluator(of=None, **arguments):
    usual = {"environment": point_maze(), "num_episodes_eval": 2, "max_steps_per_episode": TINY_STEPS}
    return evaluate(hierarchy=of or tiny(), **usual | arguments)


def slow_rollout(of, step, state, target, steps, c=5, goal=None, follows=False):
    """Rewards of both levels; `step` takes an action and returns the next state.

    Where the target `follows` the state, it is the way to a place.
    """
    low, high = [], []
    alone = goal is not None
    place = np.float32(target) + follows * state[:2]
    for t in range(steps):
        if t % c == 0 and not alone:
            goal = of.high.action(state[None], [(place - follows * state[:2])[None]])[0].numpy()
        action = of.low.action(state[None], [np.float32(goal)[None]])[0].numpy()
        next_state = step(action)
        low.append(-np.linalg.norm(state[:2] + goal - next_state[:2]))
        high.append(-np.linalg.norm(next_state[:2] - place))
        goal = goal + state[:2] - next_state[:2]
        state = next_state
    return np.array(low), np.array(high)


def slow_mazes(evaluator, mode, env_steps, seen=None, **arguments):
    """Rewards of both levels in two mazes of their own, [2, T] each.

    Args:
      evaluator, mode, env_steps: as of an evaluation.
      seen: a list to which the states after every step are added, or None.
      **arguments: for `slow_rollout`.
    """
    seen = [] if seen is None else seen
    index = evaluator.eval_modes.index(mode)
    first = int(np.random.SeedSequence([1_000_000, env_steps, index]).generate_state(1)[0])
    rewards = []
    for i in range(2):
        env = create_maze_env("PointMaze")
        state, _ = env.reset(seed=first + i)

        def step(action, env=env):
            seen.append(env.step(action)[0])
            return seen[-1]

        rewards.append(slow_rollout(evaluator.hierarchy, step, state, TARGETS[mode], TINY_STEPS, **arguments))
    return [np.array(x) for x in zip(*rewards)]


@pytest.mark.parametrize("gamma", [1.0, 0.9])
def test_gamma_discounts_the_returns_and_nothing_else(gamma):
    evaluator = tiny_evaluator(gamma=gamma)
    result = evaluator.evaluate_target("eval2", 70)
    low, high = slow_mazes(evaluator, "eval2", 70)
    weights = gamma ** np.arange(TINY_STEPS)
    np.testing.assert_allclose(result.low_return, (low @ weights).mean(), rtol=1e-3)
    np.testing.assert_allclose(result.high_return, (high @ weights).mean(), rtol=1e-3)
    np.testing.assert_allclose(result.low_last_reward, low[:, -1].mean(), rtol=1e-3)
    np.testing.assert_allclose(result.high_last_reward, high[:, -1].mean(), rtol=1e-3)


def test_a_target_that_is_left_again_was_reached_and_is_no_success():
    _, high = slow_mazes(tiny_evaluator(), "eval2", 70)
    nearest, last = high.max(axis=1), high[:, -1]
    passes = np.argmax(nearest - last)  # the episode that has moved away most
    assert nearest[passes] > last[passes]
    between = -(nearest[passes] + last[passes]) / 2
    result = tiny_evaluator(success_distance=float(between)).evaluate_target("eval2", 70)
    assert result.reached_rate == np.mean(nearest > -between)
    assert result.success_rate == np.mean(last > -between)
    assert result.reached_rate > result.success_rate


def test_a_target_that_follows_the_state_is_the_way_to_a_place():
    reward = functools.partial(negative_distance, relative_context=True, state_indices=[0, 1])
    of = tiny(context_transition_fn=relative_context_transition_fn, reward_fn=reward)
    evaluator, seen = tiny_evaluator(of), []
    low, high = slow_mazes(evaluator, "eval2", 70, seen, follows=True)
    result = evaluator.evaluate_target("eval2", 70)
    np.testing.assert_allclose(result.low_return, low.sum(axis=1).mean(), rtol=1e-3)
    np.testing.assert_allclose(result.high_return, high.sum(axis=1).mean(), rtol=1e-4)
    np.testing.assert_allclose(result.high_last_reward, high[:, -1].mean(), rtol=1e-4)
    # The place is not the target itself, and the way to it not always the same one.
    absolute = -np.linalg.norm(np.array(seen)[:, :2] - TARGETS["eval2"], axis=1).reshape(2, -1)
    assert abs(absolute[:, -1].mean() / result.high_last_reward - 1) > 1e-3
    assert abs(high[:, -1].mean() + np.linalg.norm(TARGETS["eval2"])) > 0.1


def test_a_success_function_sees_the_state_after_a_step_and_decides_about_success_alone():
    plain, seen = tiny_evaluator(), []
    slow_mazes(plain, "eval2", 70, seen)
    rewards = -np.abs(np.array(seen)[:, 0].reshape(2, TINY_STEPS) + 0.5)
    # One episode is too far away at its end, and not yet a step before.
    distance = float(-rewards[:, -1].mean())
    assert np.mean(rewards[:, -2] > -distance) == 1.0
    near = lambda s, a, r, n, c: (-tf.abs(n[:, 0] + 0.5), tf.ones_like(n[:, 0]))
    evaluator = tiny_evaluator(success_fn=near, success_distance=distance)
    result = evaluator.evaluate_target("eval2", 70)
    assert result.success_rate == np.mean(rewards[:, -1] > -distance) == 0.5
    assert result.reached_rate == np.mean((rewards > -distance).any(axis=1)) == 1.0
    without = plain.evaluate_target("eval2", 70)
    for name in ("low_return", "high_return", "low_last_reward", "high_last_reward"):
        np.testing.assert_allclose(getattr(result, name), getattr(without, name), rtol=1e-5, err_msg=name)


def becomes_unstable(monkeypatch, env, after):
    """Of two environments the second one becomes unstable, once, in the step after `after` others."""
    advance, calls = env._advance, iter(range(1000))

    def shaky(action, ids):
        results = advance(action, ids)
        env._unstable[1] = next(calls) == after
        return results

    monkeypatch.setattr(env, "_advance", shaky)


def test_an_episode_that_becomes_unstable_ends_there_and_is_a_failure(monkeypatch):
    evaluator = tiny_evaluator(success_distance=1000.0)  # else everything is a success
    low, high = slow_mazes(evaluator, "eval2", 70)
    assert evaluator.evaluate_target("eval2", 70).success_rate == 1.0
    steps = 4
    becomes_unstable(monkeypatch, evaluator._py_env, after=steps)
    result = evaluator.evaluate_target("eval2", 70)
    assert (result.success_rate, result.unstable_episodes) == (0.5, 1)
    np.testing.assert_allclose(result.high_return, high[0].sum(), rtol=1e-3)
    np.testing.assert_allclose(result.low_last_reward, low[0, -1], rtol=1e-3)


@pytest.mark.parametrize(
    "step, share",
    [
        (0, 0.0),  # only the first state of the episode after the failure
        (2, 1.0),  # both episodes, one of them before it fails
        (5, 0.5),  # the step that fails is none
        (7, 0.5),  # only the other one: what follows the failure is no part of the episode
    ],
)
def test_an_episode_that_becomes_unstable_has_reached_what_it_reached_before(monkeypatch, step, share):
    clock = lambda s, a, r, n, c: (-tf.abs(1000.0 * n[:, -1] - step), tf.ones_like(n[:, 0]))
    evaluator = tiny_evaluator(success_fn=clock, success_distance=0.5)
    becomes_unstable(monkeypatch, evaluator._py_env, after=4)
    result = evaluator.evaluate_target("eval2", 70)
    assert (result.reached_rate, result.unstable_episodes) == (share, 1)


def test_the_low_level_alone_has_goals_of_its_own_samplers():
    evaluator = tiny_evaluator(evaluate_nohrl=True)
    results = evaluator.evaluate(70)
    assert [r.target for r in results] == ["eval1", "eval2", "eval1_nohrl", "eval2_nohrl"]
    low, high = slow_mazes(evaluator, "eval2", 70, goal=GOAL)
    np.testing.assert_allclose(results[3].low_return, low.sum(axis=1).mean(), rtol=1e-3)
    np.testing.assert_allclose(results[3].high_return, high.sum(axis=1).mean(), rtol=1e-3)
    assert results[3].low_return != results[1].low_return
    assert results[:2] == tiny_evaluator(evaluator.hierarchy).evaluate(70)


def test_the_low_level_alone_needs_samplers_of_the_same_modes():
    samplers = {"eval3": constant((8.0, 0.0))}
    assert tiny_evaluator(tiny(samplers=samplers)).eval_modes == ("eval3",)
    with pytest.raises(ValueError, match="'eval3'; Context.samplers has eval1, eval2"):
        tiny_evaluator(tiny(samplers=samplers), evaluate_nohrl=True)


def test_the_default_mode_stands_for_all_that_begin_so():
    of = tiny()
    assert tiny_evaluator(of).eval_modes == ("eval1", "eval2")
    assert tiny_evaluator(of, eval_modes=["eval2"]).eval_modes == ("eval2",)
    exactly = tiny(samplers={"eval": constant((8.0, 0.0))})
    assert tiny_evaluator(exactly).eval_modes == ("eval",)
    with pytest.raises(ValueError, match="'eval7'"):
        tiny_evaluator(of, eval_modes=["eval7"])
    with pytest.raises(ValueError, match="no context sampler for mode 'eval'"):
        tiny_evaluator(tiny(samplers={"explore": constant((8.0, 0.0))}))


def test_the_tuner_hook_hears_the_highest_return_so_far_after_every_target():
    heard = []
    evaluator = tiny_evaluator(tuner_hook=lambda *arguments: heard.append(arguments))
    results = evaluator.evaluate(70)
    returns = [result.low_return for result in results]
    assert heard == [(returns[0], 70), (max(returns), 70)]


def test_without_summaries_nothing_is_run():
    evaluator = tiny_evaluator(generate_summaries=False, tuner_hook=lambda *_: pytest.fail("called"))
    assert evaluator.evaluate(70) == []
    assert results_table([]).startswith("target")


def test_an_evaluation_can_be_stopped_between_targets():
    evaluator, answers = tiny_evaluator(), iter([False, True])
    assert evaluator.evaluate(70, stop=lambda: next(answers)) is None


def test_kept_weights_are_found_by_name_or_range(tmp_path):
    of = tiny()
    for steps in (100, 2000, 300):
        save_weights(tmp_path / "kept", of.weights(), steps)
    paths = lambda **arguments: tiny_evaluator(of, policy_save_dir="kept", **arguments).kept_weights.paths(
        tmp_path
    )
    assert paths() == []
    names = lambda **arguments: [path.name for path in paths(**arguments)]
    assert names(checkpoint_path="policy-300") == ["policy-300"]
    assert names(checkpoint_range=(100, 300)) == ["policy-100", "policy-300"]
    assert names(checkpoint_range=(101, 5000)) == ["policy-300", "policy-2000"]
    assert names(checkpoint_range=(0, 5000), checkpoint_path="policy-100") == ["policy-100"]
    assert paths(checkpoint_path="policy-100") == [tmp_path / "kept" / "policy-100"]
    known = "kept holds policy-100, policy-300, policy-2000"
    with pytest.raises(ValueError, match=f"checkpoint_path = 'policy-1'; .*{known}"):
        paths(checkpoint_path="policy-1")
    with pytest.raises(ValueError, match=rf"checkpoint_range = \(301, 400\); .*{known}"):
        paths(checkpoint_range=(301, 400))
    with pytest.raises(ValueError, match="policy holds none"):
        tiny_evaluator(of, checkpoint_path="policy-100").kept_weights.paths(tmp_path)


@pytest.mark.parametrize("target", [(100.0, 0.0), (0.0, 4.0), (-3.0, 0.0)])
def test_targets_outside_of_the_maze_or_in_a_wall_are_refused_in_one_line(target):
    of = tiny(samplers={"eval1": constant((8.0, 0.0)), "eval2": constant(target)})
    message = "^eval2/ConstantSampler.value: target .* is outside PointMaze or in a wall; .*$"
    with pytest.raises(UsageError, match=message) as error, usage_errors():
        tiny_evaluator(of)
    assert len(str(error.value).splitlines()) == 1
    assert tiny_evaluator(of, eval_modes=["eval1"]).eval_modes == ("eval1",)


def test_targets_that_are_no_positions_are_not_looked_at():
    """The two numbers are a heading and a time, which may be anything."""
    reward = lambda states, actions, rewards, next_states, contexts: (
        -tf.norm(next_states[:, 2:4] - contexts[0], axis=1),
        tf.ones([len(states)]),
    )
    assert tiny_evaluator(tiny(samplers={"eval1": constant((100.0, 0.0))}, reward_fn=reward)).eval_modes


def test_episodes_count_until_their_own_end(monkeypatch):
    lengths, ids = (4, 9, 30), (1, 2, 3)
    make = lambda: ScriptedEnvironment(ids, lengths, episode_steps=TINY_STEPS)
    monkeypatch.setattr(evaluation, "make_batched", lambda *arguments, **others: make())
    monkeypatch.setitem(parameters.EVALUATE, "environment", lambda *arguments: None)
    of = tiny()
    evaluator = evaluate(hierarchy=of, environment="scripted", gamma=0.9)
    result = evaluator.evaluate_target("eval1", 0)
    expected = []
    for i, length in zip(ids, lengths):
        env = ScriptedEnvironment((i,), (length,), episode_steps=TINY_STEPS)
        first = env.reset().observation[0]
        step = lambda action, env=env: env.step(action[None]).observation[0]
        steps = min(length, TINY_STEPS)
        rewards = slow_rollout(of, step, first, TARGETS["eval1"], steps)
        expected.append([x for r in rewards for x in (r @ 0.9 ** np.arange(steps), r[-1])])
    means = np.mean(expected, axis=0)
    found = (result.low_return, result.low_last_reward, result.high_return, result.high_last_reward)
    np.testing.assert_allclose(found, means, rtol=1e-3)
    assert result.episodes == 3
    assert result.success_rate == np.mean([x[3] > -5 for x in expected])


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"gamma": 1.1}, "evaluate.gamma = 1.1; allowed: 0 to 1"),
        ({"eval_modes": ()}, r"evaluate.eval_modes = \(\); allowed"),
        ({"num_episodes_eval": 0}, "num_episodes_eval = 0"),
        ({"success_distance": -1}, "success_distance = -1; allowed: None, a number above 0"),
        ({"checkpoint_range": (1, 2, 3)}, r"checkpoint_range = \(1, 2, 3\); allowed: None, \(first, last\)"),
        ({"generate_videos": True}, "generate_videos = True is not available"),
        ({"eval_model_rollout": True}, "eval_model_rollout = True is not available"),
        ({"checkpoint_dir": "a"}, "checkpoint_dir = 'a'; the run's folder is given by --root_dir"),
        ({"eval_dir": "a"}, "eval_dir = 'a'"),
        ({"environment": None}, "evaluate.environment = None"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        tiny_evaluator(**arguments)


class Counting:
    """A normaliser that counts what it has learned from."""

    def __init__(self, zeros):
        del zeros
        self.learned = tf.Variable(0)

    def update_apply(self, x):
        self.learned.assign_add(1)
        return x

    def apply(self, x):
        return x

    unapply = apply


def test_evaluations_leave_normalizers_as_they_are():
    made = []

    def make(zeros):
        made.append(Counting(zeros))
        return made[-1]

    goals = {
        "normalizers": [make],
        "samplers": {"eval": functools.partial(RandomSampler, context_range=(-1, 1))},
    }
    targets = {
        "normalizers": [make],
        "samplers": {"eval": functools.partial(RandomSampler, context_range=(0, 1))},
        "context_transition_fn": functools.partial(periodic_context_fn, period=3),
    }
    of = tiny_hierarchy.hierarchy(goals=goals, targets=targets)
    tiny_evaluator(of, evaluate_nohrl=True, eval_modes=("eval",)).evaluate(0)
    assert [int(normalizer.learned) for normalizer in made] == [0] * len(made) and made
