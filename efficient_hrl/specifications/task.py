"""Where experience comes from."""

import dataclasses

from efficient_hrl.graph.machine import available_cpus
from environments.batched import BatchedEnvironment
from environments.gymnasium_task import GymnasiumTask
from environments.make_batched import make_batched
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

    def simulations(self) -> BatchedEnvironment:
        """N new environments."""
        num_threads = min(self.num_envs, available_cpus())
        return make_batched(self.environment, self.num_envs, self.seed, self.episode_steps, num_threads)
