"""The gather arena as a gymnasium environment."""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from environments.gather import APPLES, FALL_REWARD, Arena
from environments.maze_env import MazeEnv


class GatherEnv(MazeEnv):
    """One robot among apples and bombs.

    Observation: float32 [S]: robot positions and velocities as in `MazeEnv`, 10 apple readings, 10
    bomb readings, 0.001 x steps so far.  Actions are those of `MazeEnv`.  Reward: +1 for every apple
    and -1 for every bomb that the robot has come nearer to than 1 m, which then is gone.  An episode
    terminates when nothing is left and is truncated after 500 steps; with `Arena.ends_on_fall` it
    terminates with -10 when the ant falls, or the simulation becomes unstable.

    There is no target and so no success.  `info` holds "apples" and "bombs", how many were taken in
    this episode, and "unstable" as in `MazeEnv`.
    """

    def __init__(self, maze: Arena, render_mode: str | None = None, **picture: Any):
        """Starts a simulation; `reset` begins its first episode.

        Args:
          maze: the definition.
          render_mode: None, "rgb_array" or "human".
          **picture: width, height, camera, as for `MazeEnv`.

        Raises:
          ValueError: unknown render mode, or a picture that cannot be.
        """
        super().__init__(maze, render_mode, **picture)
        self.target = None
        self._taken = np.zeros(len(maze.object_ids), bool)  # in this episode

    def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None):
        """Begins an episode.

        Args:
          seed: of first states and places of objects; None goes on with the present draws.
          options: None or {}.

        Raises:
          ValueError: an option.
        """
        if options:
            raise ValueError(f"reset option {next(iter(options))!r}; allowed: none")
        gymnasium.Env.reset(self, seed=seed)
        self.set_state(*self.maze.first_state(self.np_random))
        self._taken[:] = False
        observation = self.place_objects(self.maze.draw_objects(self.np_random))
        self._show()
        return self._result(observation)

    def place_objects(self, objects: np.ndarray) -> np.ndarray:
        """Puts all objects somewhere, apples first, metres, [n, 3]; returns what is observed then.

        The rest of the simulation stays as the last step has left it.  What is below the floor is gone.
        """
        model, data, ids = self.maze.model, self.data, self.maze.object_ids
        data.mocap_pos[:] = data.xpos[ids] = data.geom_xpos[model.body_geomadr[ids]] = objects
        return self._observe()

    def _unstable_step(self, before):
        if not self.maze.ends_on_fall:
            return super()._unstable_step(before)
        self.steps += 1
        observation, *_, info = super()._unstable_step(before)
        return observation, FALL_REWARD, True, False, info

    def _judged(self, x_before, action):
        del x_before, action
        outcome = self.maze.outcome(self.data.qpos, self.data.xpos)
        self.place_objects(outcome.objects)
        self._taken |= outcome.taken
        return float(outcome.reward), bool(outcome.terminated)

    def _result(self, observation):
        apples, bombs = (int(kind.sum()) for kind in np.split(self._taken, [APPLES]))
        return observation, {"apples": apples, "bombs": bombs}
