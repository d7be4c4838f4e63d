"""Where experience comes from."""

import dataclasses

from environments.gymnasium_task import GymnasiumTask
from environments.maze_env import MazeEnv


@dataclasses.dataclass(frozen=True)
class TaskSpec:
    """Where experience comes from.

    Attributes:
      environment: the task's definition.
      num_envs: N, environments that collect side by side.
      episode_steps: environment steps after which an episode is truncated.
      seed: of the whole run.
    """

    environment: MazeEnv | GymnasiumTask
    num_envs: int
    episode_steps: int
    seed: int
