"""Evaluation: how well a hierarchy reaches the task's targets, without noise.

All episodes for a target run side by side in an environment of their own.  An
episode succeeds when the last task reward says that the target is nearer than
`success_distance` (HIRO's and NORL's protocol: 5, at the last of 500 steps).
"""

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

import gin
import numpy as np
import tensorflow as tf
from tf_agents.environments import tf_py_environment

from efficient_hrl.hierarchical_policy import HierarchicalPolicy
from efficient_hrl.hierarchy import Hierarchy, build_hierarchy
from environments.batched import BatchedMazeEnvironment
from environments.maze_env import EPISODE_STEPS, MazeEnv

# Keeps evaluation's first states apart from those of training.
_SEED_OFFSET = 1_000_000


class EvalResult(NamedTuple):
    """Outcome for one target; rewards are means over episodes.

    Attributes:
      target: name of the evaluation mode.
      episodes: how many.
      success_rate: share of successful episodes, 0 to 1.
      low_return, high_return: sums of rewards over an episode, of each level;
        the high level's are task rewards per environment step, not scaled.
      low_last_reward, high_last_reward: at the last step.
    """

    target: str
    episodes: int
    success_rate: float
    low_return: float
    high_return: float
    low_last_reward: float
    high_last_reward: float


@gin.configurable("evaluate")
class Evaluator:
    """Runs noise-free episodes for every evaluation target."""

    def __init__(
        self,
        hierarchy: Hierarchy | None = None,
        environment: MazeEnv | None = None,
        agent_class: Callable | None = None,
        meta_agent_class: Callable | None = None,
        state_preprocess_class: Callable | None = None,
        num_episodes_eval: int = 10,
        eval_modes: Sequence[str] = ("eval",),
        max_steps_per_episode: int | None = None,
        success_distance: float = 5.0,
        seed: int = 0,
    ):
        """Builds the evaluation environment and, if none is given, a hierarchy to load into.

        Args:
          hierarchy: what to evaluate; None builds one from the classes.
          environment: the task.
          agent_class, meta_agent_class, state_preprocess_class: see `build_hierarchy`.
          num_episodes_eval: episodes per target.
          eval_modes: modes of the high level's samplers, one per target.
          max_steps_per_episode: length of an episode; None is 500.
          success_distance: success is a last task reward above minus this.
          seed: the run's seed.

        Raises:
          ValueError: no environment, no episodes, or a mode without sampler.
        """
        if not isinstance(environment, MazeEnv):
            raise ValueError(f"evaluate.environment = {environment!r}; allowed: @create_maze_env()")
        if (
            isinstance(num_episodes_eval, bool)
            or not isinstance(num_episodes_eval, int)
            or num_episodes_eval < 1
        ):
            raise ValueError(
                f"evaluate.num_episodes_eval = {num_episodes_eval!r}; allowed: a whole number from 1"
            )
        if not isinstance(success_distance, (int, float)) or not success_distance > 0:
            raise ValueError(f"evaluate.success_distance = {success_distance!r}; allowed: a number above 0")
        if not eval_modes:
            raise ValueError(f"evaluate.eval_modes = {eval_modes!r}; allowed: at least one mode")
        self._py_env = BatchedMazeEnvironment(
            environment.maze,
            num_episodes_eval,
            seed,
            num_threads=os.cpu_count() or 1,
            episode_steps=EPISODE_STEPS if max_steps_per_episode is None else max_steps_per_episode,
        )
        self._env = tf_py_environment.TFPyEnvironment(self._py_env)
        if hierarchy is None:
            hierarchy = build_hierarchy(
                self._env, agent_class, meta_agent_class, state_preprocess_class, seed=seed
            )
        self.hierarchy = hierarchy
        self.eval_modes = tuple(eval_modes)
        for mode in self.eval_modes:
            hierarchy.high.context.samplers(mode)
        self._success_distance = success_distance
        self._seed = seed
        self._policy = HierarchicalPolicy(
            self._env.time_step_spec(), hierarchy.low, hierarchy.high, target_mode=None, explore=False
        )

    def evaluate_target(self, mode: str, env_steps: int) -> EvalResult:
        """Runs all episodes for one target.

        First states depend on the run's seed and on `env_steps` only, not on
        what was evaluated before.

        Args:
          mode: one of `eval_modes`.
          env_steps: how long the hierarchy has been trained.
        """
        first = np.random.SeedSequence([self._seed + _SEED_OFFSET, env_steps, self.eval_modes.index(mode)])
        self._py_env.seed(int(first.generate_state(1)[0]))
        num_episodes = self._env.batch_size
        (targets,), _ = self.hierarchy.high.context.sample(
            mode, num_episodes, tf.constant([self._seed, env_steps], tf.int64)
        )
        low_return, low_last, high_return, high_last = (x.numpy() for x in self._rollout(targets))
        return EvalResult(
            target=mode,
            episodes=num_episodes,
            success_rate=float(np.mean(high_last > -self._success_distance)),
            low_return=float(low_return.mean()),
            high_return=float(high_return.mean()),
            low_last_reward=float(low_last.mean()),
            high_last_reward=float(high_last.mean()),
        )

    @tf.function
    def _rollout(self, targets):
        """One episode in every environment; returns and last rewards of both levels, [N] each."""
        low_agent, high_agent = self.hierarchy.low, self.hierarchy.high
        time_step = self._env.reset()
        policy_state = self._policy.get_initial_state(self._env.batch_size)._replace(target=targets)
        zeros = tf.zeros([self._env.batch_size])
        low_return, low_reward, high_return, high_reward = zeros, zeros, zeros, zeros
        while not tf.reduce_all(time_step.is_last()):
            action_step = self._policy.action(time_step, policy_state)
            policy_state = action_step.state
            next_time_step = self._env.step(action_step.action)
            states = (time_step.observation, next_time_step.observation)
            low_reward, _ = low_agent.rewards(*states, [action_step.info.goal])
            high_reward, _ = high_agent.rewards(*states, [action_step.info.target])
            low_return += low_reward
            high_return += high_reward
            time_step = next_time_step
        return low_return, low_reward, high_return, high_reward


def results_table(results: Sequence[EvalResult]) -> str:
    """Results as an aligned text table."""
    header = (
        "target",
        "episodes",
        "success",
        "task return",
        "last task reward",
        "low return",
        "last low reward",
    )
    rows = [
        (
            r.target,
            str(r.episodes),
            f"{r.success_rate:.2f}",
            f"{r.high_return:.1f}",
            f"{r.high_last_reward:.2f}",
            f"{r.low_return:.1f}",
            f"{r.low_last_reward:.2f}",
        )
        for r in results
    ]
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in [header, *rows]]
    return "\n".join(lines)
