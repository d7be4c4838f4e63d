"""Evaluation against a slow rollout in a plain gymnasium environment."""

import pathlib

import numpy as np
import pytest

from efficient_hrl.config import load_config
from efficient_hrl.eval import Evaluator
from environments.create_maze_env import create_maze_env

GIN = pathlib.Path(__file__).parent.parent / "gin"
STEPS = 45


@pytest.fixture
def evaluator():
    load_config(
        [str(GIN / "norl_ant_maze.gin")],
        ["evaluate.num_episodes_eval = 2", f"RESET_EPISODE_PERIOD = {STEPS}"],
    )
    return Evaluator(seed=0)


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


def test_an_evaluation_depends_on_seed_and_steps_only(evaluator):
    first = evaluator.evaluate_target("eval1", 100)
    assert evaluator.evaluate_target("eval1", 200) != first
    assert evaluator.evaluate_target("eval1", 100) == first
