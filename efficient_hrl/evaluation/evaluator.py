"""How well a hierarchy reaches the task's targets, without noise.

All episodes for a target run side by side in an environment of their own.  An episode succeeds when
the last task reward says that the target is nearer than `success_distance` (HIRO's and NORL's
protocol: 5, at the last of 500 steps).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tf_agents.environments import tf_py_environment

from efficient_hrl.evaluation.fits import check_environment_fits, check_success_fn, check_targets
from efficient_hrl.evaluation.kept_weights import Following, KeptWeights
from efficient_hrl.evaluation.result import EvalResult
from efficient_hrl.evaluation.rollout import Rollout, RolloutResult, Targets
from efficient_hrl.evaluation.trajectories import Trajectory, record
from efficient_hrl.hierarchical_policy import (
    GivenTargets,
    HierarchicalPolicy,
    HighLevelGoals,
    SampledGoals,
)
from efficient_hrl.hierarchy import Hierarchy
from efficient_hrl.specifications.run import EvaluationSpec
from environments.batched import BatchedEnvironment
from environments.make_batched import check_hears_targets
from environments.maze_env import MazeEnv

# Keeps evaluation's first states apart from those of training.
_SEED_OFFSET = 1_000_000


class _Subject(NamedTuple):
    """What is evaluated under one name: a mode of samplers, who acts, and episodes of that."""

    mode: str
    policy: HierarchicalPolicy
    rollout: Rollout


class Evaluator:
    """Runs noise-free episodes for every evaluation target.

    Attributes:
      spec: what an evaluation is.
      hierarchy: what is evaluated.
      environment: the task.
      eval_modes: modes of the high level's samplers, one per target.
      success_distance: a success ends nearer to the target than this; None where there is no success.
      kept_weights: which of a run's weights are asked for.
      following: how a run is followed.
    """

    def __init__(
        self,
        spec: EvaluationSpec,
        hierarchy: Hierarchy,
        py_env: BatchedEnvironment,
        seed: int,
        kept_weights: KeptWeights,
        following: Following,
        tuner_hook: Callable | None = None,
    ):
        """Prepares to evaluate.

        Args:
          spec: what an evaluation is.
          hierarchy: what is evaluated.
          py_env: as many environments as there are episodes per target.
          seed: the run's seed.
          kept_weights, following: see the attributes.
          tuner_hook: called after every target with the highest low-level return so far and the
            environment steps.

        Raises:
          ValueError: a mode without sampler, a hierarchy or a measure of success that does not fit,
            or a target that cannot be reached because it is outside the maze or in a wall.
        """
        self.spec = spec
        self.hierarchy = hierarchy
        self.environment = spec.environment
        self.success_distance = spec.success_distance
        self.kept_weights = kept_weights
        self.following = following
        self._tuner_hook = tuner_hook
        self._seed = seed
        self._py_env = py_env
        self._env = tf_py_environment.TFPyEnvironment(py_env)
        check_environment_fits(self._env, hierarchy, spec.environment)
        context = hierarchy.high.context
        self.eval_modes = context.modes_like("eval") if spec.modes == ("eval",) else spec.modes
        check_success_fn(spec.success_fn, self._env, hierarchy)
        check_hears_targets("Context.settable_context", context.settable_context, py_env)
        if isinstance(spec.environment, MazeEnv):
            check_targets(hierarchy.high, self.eval_modes, spec.environment.maze)
        self._subjects = self._build_subjects()

    def close(self) -> None:
        """Closes environments from elsewhere."""
        self._py_env.close()

    @property
    def has_position_targets(self) -> bool:
        """Whether targets are places in a maze, in metres as policies are given them."""
        if not isinstance(self.environment, MazeEnv):
            return False
        context, indices = self.hierarchy.high.context, self.environment.maze.task.indices
        return len(context.specs) == 1 and 0 < context.size == len(indices) and not context.normalizes

    def _build_subjects(self):
        """Name of what is evaluated -> `_Subject`; the low level alone has "_nohrl" behind the mode."""
        subjects = {}
        for mode in self.eval_modes:
            self.hierarchy.high.context.samplers(mode)
            subjects[mode] = self._subject(mode, None)
        for mode in self.eval_modes if self.spec.alone else ():
            self.hierarchy.low.context.samplers(mode)
            subjects[f"{mode}_nohrl"] = self._subject(mode, mode)
        return subjects

    def _subject(self, mode, goal_mode):
        policy = HierarchicalPolicy(
            self._env.time_step_spec(),
            self.hierarchy.low,
            self.hierarchy.high,
            GivenTargets(mode),
            HighLevelGoals(explores=False) if goal_mode is None else SampledGoals(goal_mode),
            explores=False,
            seed=self._seed,
            updates_normalizers=False,
        )
        of = self.spec
        rollout = Rollout(self._env, self._py_env, policy, self.hierarchy, of.gamma, of.success_fn)
        return _Subject(mode, policy, rollout)

    @property
    def simulations(self) -> BatchedEnvironment:
        """Where episodes are run."""
        return self._py_env

    @property
    def fault(self) -> str | None:
        """What was wrong with the numbers of an environment, or None."""
        return self._py_env.fault

    def evaluate(self, env_steps: int, stop: Callable[[], bool] = lambda: False) -> list[EvalResult] | None:
        """Results for every target, or None when `stop` says so in between."""
        results = []
        for name in self._subjects if self.spec.runs_episodes else ():
            if stop():
                return None
            results.append(self.evaluate_target(name, env_steps))
            if self._tuner_hook is not None:
                self._tuner_hook(max(result.low_return for result in results), env_steps)
        return results

    def evaluate_target(self, name: str, env_steps: int) -> EvalResult:
        """Runs all episodes for one target.

        First states depend on the run's seed and on `env_steps` only, not on
        what was evaluated before.

        Args:
          name: one of `eval_modes`, or one with "_nohrl" behind it.
          env_steps: how long the hierarchy has been trained.
        """
        outcome = self._subjects[name].rollout.run(self._targets(name, env_steps))
        return judge(name, outcome, self.success_distance)

    def trajectories(
        self, name: str, env_steps: int, watch: Callable[[], object] = lambda: None
    ) -> list[Trajectory]:
        """The episodes that `evaluate_target` would run with the same arguments, step by step.

        Args:
          name, env_steps: see `evaluate_target`.
          watch: called in every state, see `simulations`.
        """
        targets = self._targets(name, env_steps)
        subject = self._subjects[name]
        tell = None
        if targets.announced:
            tell = lambda: subject.rollout.tell(*(target.numpy() for target in targets.announced))
        return record(
            self._env,
            self._py_env,
            subject.policy,
            name,
            targets.joined,
            subject.rollout.rewards,
            tell,
            watch,
        )

    def _targets(self, name, env_steps):
        """Seeds the environments and draws the episodes' targets."""
        place = self.eval_modes.index(self._subjects[name].mode)
        first = np.random.SeedSequence([self._seed + _SEED_OFFSET, env_steps, place])
        self._py_env.seed(int(first.generate_state(1)[0]))
        context = self.hierarchy.high.context
        seed = tf.constant([self._seed, env_steps], tf.int64)
        mode = self._subjects[name].mode
        drawn, _ = context.sample(mode, self._env.batch_size, seed, updates=False)  # [N, T] each
        announced = tuple(context.unnormalized(drawn)) if context.settable_context else ()
        return Targets(context.merge(drawn), announced)


def judge(name: str, outcome: RolloutResult, success_distance: float | None) -> EvalResult:
    """What the episodes for a target say: shares of those near it, and means of those that were stable.

    Args:
      name: of the target.
      outcome: of N episodes.
      success_distance: near is a reward above minus this; with None shares are NaN.
    """
    found = RolloutResult(*(np.asarray(values) for values in outcome))  # [N] each
    stable = ~np.isneginf(found.success_last)  # [N]
    mean = lambda values: float(values[stable].mean()) if stable.any() else float("nan")
    share = lambda rewards: (
        float("nan") if success_distance is None else float(np.mean(rewards > -success_distance))
    )
    return EvalResult(
        target=name,
        episodes=len(stable),
        success_rate=share(found.success_last),
        reached_rate=share(found.success_best),
        low_return=mean(found.low_return),
        high_return=mean(found.high_return),
        low_last_reward=mean(found.low_last),
        high_last_reward=mean(found.high_last),
        unstable_episodes=int(np.sum(~stable)),
    )
