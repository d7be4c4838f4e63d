"""A whole run, and an evaluation: the parts, and when what happens."""

import dataclasses
import functools
import math
from collections.abc import Callable

from efficient_hrl.replay import CircularBuffer
from efficient_hrl.specifications.hierarchy import HierarchySpec
from efficient_hrl.specifications.learning import LearningSettings
from efficient_hrl.specifications.task import TaskSpec
from efficient_hrl.update_schedule import UpdateSchedule
from environments.gymnasium_task import GymnasiumTask
from environments.maze_env import MazeEnv


@dataclasses.dataclass(frozen=True)
class ReplaySpec:
    """Capacities: of the transitions the low level learns from, and of the high level's segments."""

    low: CircularBuffer
    high: CircularBuffer


@dataclasses.dataclass(frozen=True)
class PhaseSpec:
    """With what a run begins, and which level learns when.

    Attributes:
      load_path: weights with which low level and representation begin, or None.
      pretrain_steps: environment steps in which the low level learns alone and after which it is
        frozen; None for both levels all the time.
    """

    load_path: str | None
    pretrain_steps: int | None


@dataclasses.dataclass(frozen=True)
class Periods:
    """Environment steps between what a run does by the clock; 0 is never."""

    evaluation: int
    checkpoint: int
    policy: int
    log: int


@dataclasses.dataclass(frozen=True)
class Kept:
    """What stays of what a run writes.

    Attributes:
      checkpoints: how many, the newest.
      nth_checkpoint: which of those written by the clock stay for good beside them; 0 is none.
      policies: how many weights, the newest; None is all.
      policy_folder: where they are, inside the run's.
    """

    checkpoints: int
    nth_checkpoint: int
    policies: int | None
    policy_folder: str


@dataclasses.dataclass(frozen=True)
class EvaluationSpec:
    """What an evaluation is.

    Attributes:
      environment: the task.
      num_episodes: per target.
      episode_steps: environment steps after which an episode is truncated.
      modes: modes of the high level's samplers, one per target; ("eval",) stands for all whose
        names begin so.
      alone: whether the low level is evaluated alone as well, with goals from its own samplers.
      gamma: discount of the returns that are reported, per environment step.
      success_distance: success is a last reward of `success_fn` above minus this; None where there is
        no success.
      success_fn: the reward function that decides about success; None is the task's own.
      runs_episodes: whether to run any.
    """

    environment: MazeEnv | GymnasiumTask
    num_episodes: int
    episode_steps: int
    modes: tuple[str, ...]
    alone: bool = False
    gamma: float = 1.0
    success_distance: float | None = 5.0
    success_fn: Callable | None = None
    runs_episodes: bool = True


@dataclasses.dataclass(frozen=True)
class TrainingSpec:
    """A training run.

    Attributes:
      task, hierarchy, replay, learning, phases: its parts.
      schedule: when updates are due.
      total_steps: environment steps of the whole run.
      collects_beside_learning: whether a block is collected while the updates for the block before
        it are made, see `collecting_beside_learning`.
      periods, kept: of its clocks, and what stays of what it writes.
      should_stop_early: () -> whether to stop, asked before every block.
      deterministic_ops: whether TensorFlow uses only operations whose results never vary.
    """

    task: TaskSpec
    hierarchy: HierarchySpec
    replay: ReplaySpec
    learning: LearningSettings
    phases: PhaseSpec
    schedule: UpdateSchedule
    total_steps: int
    collects_beside_learning: bool
    periods: Periods
    kept: Kept
    should_stop_early: Callable[[], bool]
    deterministic_ops: bool

    def with_seed(self, seed: int) -> "TrainingSpec":
        """The same with another seed."""
        return dataclasses.replace(self, task=dataclasses.replace(self.task, seed=seed))

    @functools.cached_property
    def steps_per_block(self) -> int:
        """Environment steps in a block, over all environments."""
        num_envs = self.task.num_envs
        return num_envs * math.ceil(self.schedule.period / num_envs)
