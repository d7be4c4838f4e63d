"""The random policy: what an untrained agent achieves, and how fast the environment is."""

import copy
import functools
import time
from collections.abc import Callable
from typing import Any

import gin
import numpy as np

from efficient_hrl.checks import check_above_0, check_function, check_whole
from efficient_hrl.evaluation.tables import text_table
from efficient_hrl.graph.machine import available_cpus
from efficient_hrl.graph.memory import check_copies
from environments.create_maze_env import create_maze_env
from environments.make_batched import check_environment, episode_limit, make_batched
from environments.maze_env import MazeEnv
from environments.tasks import SUCCESS_DISTANCE

_ACTION_STREAM = 2  # keeps actions apart from first states and targets


@gin.configurable("run_random")
class RandomPolicyRun:
    """Episodes of uniform random actions, all side by side.

    The actions do not depend on a target, so the same episodes are judged by all
    targets of the task: as evaluation judges them, at the distance and after the steps that
    `evaluate` is bound to.  Where `evaluate.success_fn` judges, which needs an agent, no
    success is told.
    """

    def __init__(
        self,
        environment: Any = None,
        num_episodes: int = 50,
        max_steps_per_episode: int | None = None,
        seed: int = 0,
    ):
        """Builds the environments.

        Args:
          environment: the task; None is the one that evaluation or training is bound to,
            or else what `create_maze_env` makes.
          num_episodes: how many.
          max_steps_per_episode: their length; None is that of evaluation, or else the environment's own
            limit, or 500.
          seed: of first states, actions and targets.

        Raises:
          ValueError: no environment, numbers below 1, or a distance that is none.
          MemoryError: more episodes than there is memory for.
        """
        check_whole("run_random.num_episodes", num_episodes)
        name = "run_random.environment"
        if environment is None:
            name, environment = _bound_environment()
        check_environment(name, environment)
        name = "run_random.max_steps_per_episode"
        if max_steps_per_episode is None:
            name = "evaluate.max_steps_per_episode"
            max_steps_per_episode = _bound(name)
        if max_steps_per_episode is not None:
            check_whole(name, max_steps_per_episode)
        self._environment = environment
        self._success_distance = _success_distance()
        self._seed = seed
        self._env = make_batched(
            environment,
            num_episodes,
            seed,
            episode_limit(environment, max_steps_per_episode),
            num_threads=available_cpus(),
            check_fits=functools.partial(
                check_copies, "run_random.num_episodes", "environments side by side"
            ),
        )

    def close(self) -> None:
        """Closes environments from elsewhere."""
        self._env.close()

    def run(self, announce: Callable[[str], None]) -> None:
        """Acts, and announces a table of returns and successes and the speed."""
        env, num_envs = self._env, self._env.batch_size
        rng = np.random.default_rng([self._seed, _ACTION_STREAM])
        spec = env.action_spec()
        targets = self._targets(rng, num_envs)
        own_return = np.zeros(num_envs)
        returns = {name: np.zeros(num_envs) for name in targets}
        last = {name: np.zeros(num_envs) for name in targets}
        runs, stable, steps = np.ones(num_envs, bool), np.ones(num_envs, bool), 0
        env.reset()
        began = time.perf_counter()
        while runs.any():
            action = rng.uniform(spec.minimum, spec.maximum, (num_envs, *spec.shape)).astype(np.float32)
            time_step = env.step(action)
            stable &= ~(runs & time_step.is_first())
            runs &= stable
            steps += int(runs.sum())
            own_return += np.where(runs, time_step.reward, 0.0)
            for name, target in targets.items():
                achieved = self._environment.maze.task.achieved(time_step.observation)
                reward = -np.linalg.norm(achieved - target, axis=-1)
                returns[name] += np.where(runs, reward, 0.0)
                last[name] = np.where(runs, reward, last[name])
            runs &= ~time_step.is_last()
        seconds = time.perf_counter() - began

        # An unstable episode is a failure, and no part of the means.
        mean = lambda values: values[stable].mean() if stable.any() else np.nan
        rows = [("environment's own", str(num_envs), "", f"{mean(own_return):.1f}", "")]
        for name in targets:
            success = self._success(stable, last[name])
            figures = (success, f"{mean(returns[name]):.1f}", f"{mean(last[name]):.2f}")
            rows.append((name, str(num_envs), *figures))
        announce(text_table(("reward", "episodes", "success", "return", "last reward"), rows))
        if not stable.all():
            announce(f"{np.sum(~stable)} episodes were abandoned because their simulation became unstable")
        announce(f"{steps:,} environment steps, {steps / seconds:.0f} steps/s")

    def _success(self, stable, last):
        """The success rate of last rewards [N] in words, nothing where there is no success."""
        if self._success_distance is None:
            return ""
        return f"{np.mean(stable & (last > -self._success_distance)):.2f}"

    def _targets(self, rng, num_envs):
        """Name -> targets, [N or 1, d]; those of training first, then those of evaluation."""
        if not isinstance(self._environment, MazeEnv) or not self._environment.maze.task.indices:
            return {}
        task = self._environment.maze.task
        what = "block" if self._environment.maze.layout.observes_blocks else "robot"
        targets = {f"{what} to training targets": task.draw(rng, num_envs)}
        for target in task.evaluation_targets:
            targets[f"{what} to ({', '.join(f'{x:g}' for x in target)})"] = target[None]
        return targets


def _bound_environment():
    """Name and value of the environment that evaluation, or else training, is bound to."""
    for name in ("evaluate.environment", "train_uvf.environment"):
        if (environment := _bound(name)) is not None:
            return name, environment
    return "create_maze_env", create_maze_env()


def _success_distance():
    """Metres of evaluation's success; None where there is no success, or where a function tells it."""
    success_fn = _bound("evaluate.success_fn")
    check_function("evaluate.success_fn", success_fn)
    if success_fn is not None:
        return None
    distance = _bound("evaluate.success_distance", SUCCESS_DISTANCE)
    if distance is not None:
        check_above_0("evaluate.success_distance", distance)
    return distance


def _bound(name, otherwise=None):
    """The value of a gin binding, `otherwise` where there is none."""
    try:
        value = gin.query_parameter(name)
    except ValueError:
        return otherwise
    return copy.deepcopy(value)  # of a gin reference with brackets: what calling it returns
