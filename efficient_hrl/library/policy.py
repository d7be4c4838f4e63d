"""A trained policy that acts in a gymnasium environment, step by step."""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import tensorflow as tf

from efficient_hrl.errors import UsageError
from environments.gymnasium_task import GymnasiumTask
from environments.maze_env import MazeEnv


class Policy:
    """Chooses actions without noise, for one episode at a time.

    Attributes:
      description: sizes, limits, environment and targets, see `describe_policy` and docs/export.md.
      targets: the evaluation's targets by name, [T]; without those that each episode draws.
      goal: what the low level pursued in the last step, [G]; None before the first one.
      is_new_goal: whether the high level gave it in that step.
    """

    def __init__(
        self, module: tf.Module, description: Mapping[str, Any], environment: MazeEnv | GymnasiumTask
    ):
        """Remembers `exported_policy`, its description, and what it was trained in."""
        self.description = dict(description)
        known = {name: value for name, value in description["targets"].items() if value is not None}
        self.targets = {name: np.array(value, np.float32) for name, value in known.items()}
        self.goal, self.is_new_goal = None, False
        self._module = module
        self._environment = environment
        self._target, self._memory, self._steps = None, None, 0

    def make_environment(self, **options: Any) -> gymnasium.Env:
        """A new environment like the one that it was trained in.

        Args:
          **options: for `gymnasium.make`, e.g. render_mode="rgb_array".
        """
        about = self.description["environment"]
        # The description holds kwargs as JSON; those of an environment from elsewhere may be no JSON.
        is_own = isinstance(self._environment, MazeEnv)
        own = about.get("kwargs", {}) if is_own else self._environment.env_kwargs
        return gymnasium.make(about["id"], **{**own, **options})

    def begin(self, target: np.ndarray) -> None:
        """Begins an episode.

        Args:
          target: where to go, [T], e.g. x and y in metres.

        Raises:
          UsageError: not T finite numbers.
        """
        size = self.description["target_size"]
        try:
            array = np.asarray(target, np.float32)
        except (TypeError, ValueError):
            array = np.full([0], np.nan)
        if array.shape != (size,) or not np.isfinite(array).all():
            raise UsageError(f"target = {target!r}; allowed: {size} finite numbers")
        self._target, self._memory, self._steps = array, self._module.initial_memory(1), 0
        self.goal, self.is_new_goal = None, False

    def act(self, observation: Any) -> np.ndarray:
        """The action for an observation of the environment, float32 [A].

        Args:
          observation: as `reset` or `step` gave it, in the order of an episode.

        Raises:
          UsageError: no episode was begun; or an observation of another size, or not finite.
        """
        if self._target is None:
            raise UsageError("no episode; call begin(target) first, whenever the environment is reset")
        state, size = self._state(observation), self.description["state_size"]
        if state.shape != (size,) or not np.isfinite(state).all():
            raise UsageError(f"an observation of shape {state.shape}; allowed: {size} finite numbers")
        first = np.array([self._steps == 0])
        step = self._module.act(state[None], self._target[None], first, **self._memory)
        self._memory = {name: step[name] for name in self._memory}
        self._steps += 1
        self.goal = step["goal"][0].numpy()
        self.is_new_goal = bool(step["is_new_goal"][0])
        return step["action"][0].numpy()

    def _state(self, observation):
        """What the hierarchy sees of an observation, [S]."""
        if isinstance(self._environment, GymnasiumTask):
            return self._environment.state(observation, self._steps)
        if isinstance(observation, Mapping):  # of a maze with goals
            observation = observation["observation"]
        return np.asarray(observation, np.float32)
