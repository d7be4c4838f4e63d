"""Recorded trajectories are the episodes of an evaluation."""

import numpy as np

from environments.placing import observe
from tests.test_eval import TARGETS, TINY_STEPS, point_maze, tiny_evaluator


def test_trajectories_are_the_episodes_that_are_evaluated():
    evaluator = tiny_evaluator()
    result = evaluator.evaluate_target("eval2", 70)
    trajectories = evaluator.trajectories("eval2", 70)
    assert len(trajectories) == 2
    distances = []
    for trajectory in trajectories:
        assert trajectory.target == "eval2"
        assert trajectory.states.shape == (TINY_STEPS + 1, 7)
        np.testing.assert_allclose(trajectory.target_value, TARGETS["eval2"])
        np.testing.assert_array_equal(observe(point_maze().maze, trajectory.simulation), trajectory.states)
        np.testing.assert_allclose(trajectory.xy, trajectory.states[:, :2], atol=1e-6)
        distances.append(np.linalg.norm(trajectory.states[1:, :2] - TARGETS["eval2"], axis=-1))
        np.testing.assert_allclose(trajectory.high_rewards, -distances[-1], rtol=1e-4)
        assert trajectory.actions.shape == (TINY_STEPS, 2)
        np.testing.assert_array_equal(trajectory.clocks, np.arange(TINY_STEPS))
        # Goals are wanted changes of x, y: in between they stay at one place, and the low
        # level is rewarded for being there.
        wanted = trajectory.states[:-1, :2] + trajectory.goals
        c = evaluator.hierarchy.low.context.meta_action_every_n
        np.testing.assert_allclose(wanted, wanted[trajectory.clocks // c * c], atol=1e-4)
        missed = np.linalg.norm(wanted - trajectory.states[1:, :2], axis=-1)
        np.testing.assert_allclose(trajectory.low_rewards, -missed, atol=1e-3)
    np.testing.assert_allclose(result.high_return, -np.sum(distances, axis=1).mean(), rtol=1e-4)
    low_returns = [trajectory.low_rewards.sum() for trajectory in trajectories]
    np.testing.assert_allclose(result.low_return, np.mean(low_returns), rtol=1e-4)
    np.testing.assert_allclose(result.high_last_reward, -np.mean([d[-1] for d in distances]), rtol=1e-4)
    again = evaluator.trajectories("eval2", 70)
    for left, right in zip(trajectories, again):
        np.testing.assert_array_equal(left.states, right.states)


def test_a_trajectory_ends_before_the_step_that_becomes_unstable():
    evaluator = tiny_evaluator()
    whole = evaluator.trajectories("eval1", 70)
    env, steps = evaluator._py_env, 4
    advance, calls = env._advance, iter(range(1, 1000))

    def shaky(action, ids):
        results = advance(action, ids)
        env._unstable[1] |= next(calls) == steps
        return results

    env._advance = shaky
    first, second = evaluator.trajectories("eval1", 70)
    np.testing.assert_array_equal(first.states, whole[0].states)
    np.testing.assert_array_equal(second.states, whole[1].states[:steps])
    for name in ("actions", "goals", "clocks", "low_rewards", "high_rewards"):
        np.testing.assert_array_equal(getattr(second, name), getattr(whole[1], name)[: steps - 1])
