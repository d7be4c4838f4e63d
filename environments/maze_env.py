"""A maze as a gymnasium environment, with or without its target in the observation."""

from collections.abc import Mapping
from typing import Any

import gymnasium
import mujoco
import numpy as np

from environments.instability import unstable
from environments.maze import Maze
from environments.rendering import HEIGHT, WIDTH, MazeCamera, MazeRenderer, check_picture
from environments.tasks import SUCCESS_DISTANCE
from environments.window import Window, has_screen

_TARGET_STREAM = 1  # keeps the draws of targets apart from those of first states


class MazeEnv(gymnasium.Env):
    """One robot in one maze.

    Observation: float32 [S]: robot positions (m, rad; the ant's orientation as a
    quaternion), in Block tasks with the block's x, y, z after the first three
    entries; robot velocities (m/s, rad/s); range readings; top-down view; 0.001 x
    steps so far.  Action: float32 [A], clipped to the action space: joint torques
    in N m for the ant; (forward in 0.2 m, turn in rad) for the point.  The reward
    is the robot's own and knows nothing of targets.  An episode never terminates
    and is truncated after 500 steps (1,000 in the mazes of D4RL).

    Every episode has a target, which `info` tells about and which hierarchies
    ignore: they draw targets of their own.  `info` holds "success" and, under the
    name that other libraries look for, "is_success": whether the distance is
    below 5 m; and "distance" in metres.  An episode whose simulation becomes
    unstable is truncated with the observation before that step and nothing of the robot's own reward, and
    `info` holds "unstable".
    """

    metadata = {"render_modes": ["human", "rgb_array"], "render_fps": 10}

    def __init__(
        self,
        maze: Maze,
        render_mode: str | None = None,
        width: int = WIDTH,
        height: int = HEIGHT,
        camera: str | Mapping[str, Any] = "maze",
    ):
        """Starts a simulation; `reset` begins its first episode.

        Args:
          maze: the definition.
          render_mode: "rgb_array" for pictures; "human" for a window, in which every reset and step is
            shown; or None.
          width, height: of pictures and window, pixels.
          camera: "maze", "robot", or a dictionary, see `MazeCamera`.

        Raises:
          ValueError: unknown render mode, a window where there is no screen, or a picture that is none.
        """
        if render_mode == "human" and not has_screen():
            raise ValueError(
                "render_mode = 'human'; allowed: None, 'rgb_array', because a window needs a screen, and"
                " neither DISPLAY nor WAYLAND_DISPLAY is set"
            )
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render_mode = {render_mode!r}; allowed: None, 'human', 'rgb_array'")
        check_picture(width, height, camera)
        self._picture = (width, height, camera)
        self.maze = maze
        self.render_mode = render_mode
        self.metadata = self.metadata | {"render_fps": round(1 / maze.dt)}
        self.data = mujoco.MjData(maze.model)
        self.steps = 0
        self.episode_steps = maze.task.episode_steps
        self.action_space = gymnasium.spaces.Box(maze.action_low, maze.action_high, dtype=np.float32)
        self.observation_space = _unbounded(maze.observation_size)
        self.target = np.zeros_like(maze.task.low)
        self._target_rng = None
        self._renderer = None

    def set_state(self, qpos: np.ndarray, qvel: np.ndarray, steps: int = 0) -> np.ndarray:
        """Puts the simulation into a given state, float64 [nq], [nv]; returns its observation."""
        qpos, qvel = np.array(qpos), np.array(qvel)  # they may be the simulation's own arrays
        mujoco.mj_resetData(self.maze.model, self.data)
        self.data.qpos[:] = qpos
        self.data.qvel[:] = qvel
        mujoco.mj_forward(self.maze.model, self.data)
        self.steps = steps
        return self._observe()

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begins an episode.

        Args:
          seed: of first states and targets; None goes on with the present draws.
          options: {"target": position [d]} sets the target; without it one is drawn
            from the task's range that is inside the maze and not reached already.

        Returns:
          The first observation and `info`.

        Raises:
          ValueError: an unknown option, or a target outside the maze or in a wall.
        """
        options = dict(options or {})
        target = options.pop("target", None)
        if options:
            raise ValueError(f"reset option {next(iter(options))!r}; allowed: 'target'")
        if target is not None:
            target = self.maze.checked_target(target)
        super().reset(seed=seed)
        if seed is not None or self._target_rng is None:
            self._target_rng = np.random.default_rng([abs(self.np_random_seed), _TARGET_STREAM])
        observation = self.set_state(*self.maze.first_state(self.np_random))
        if target is None:
            target = self.maze.draw_target(self._target_rng, observation)
        self.target = target
        self._show()
        return self._result(observation)

    def step(self, action: np.ndarray) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Acts for one environment step.

        Args:
          action: [A], see the class; it is clipped to the action space.

        Returns:
          Observation, reward, whether the episode terminated, whether it was truncated, and `info`.

        Raises:
          ValueError: an action of another shape, or one that is not finite.
        """
        maze, data = self.maze, self.data
        action = np.asarray(action, np.float32)
        if action.shape != self.action_space.shape:
            raise ValueError(f"action has shape {action.shape}; this robot takes {self.action_space.shape}")
        if not np.isfinite(action).all():
            entry = int(np.flatnonzero(~np.isfinite(action))[0])
            raise ValueError(f"action[{entry}] is {action[entry]}; allowed: finite numbers")
        action = np.clip(action, maze.action_low, maze.action_high)
        x_before = data.xpos[maze.torso_id, 0]
        xy_before = data.qpos[:2].copy()
        before = data.qpos.copy(), data.qvel.copy(), data.xpos.copy()
        data.qpos[:], data.ctrl[:] = maze.robot.begin_step(data.qpos, action)
        mujoco.mj_step(maze.model, data, maze.robot.frame_skip)
        if unstable(data.qvel[None], _warnings(data)).any():
            return self._unstable_step(before)
        maze.undo_moves_into_walls(data.qpos, data.xpos, xy_before)
        self.steps += 1
        reward, terminated = self._judged(x_before, action)
        self._show()
        observation, info = self._result(self._observe())
        return observation, self._reward(observation, reward, info), terminated, self._is_over, info

    def _unstable_step(self, before):
        """What `step` returns when the simulation has become unstable; before it were qpos, qvel, xpos."""
        self._show()
        observation, info = self._result(self.maze.observe(*before, self.steps))
        return observation, self._reward(observation, 0.0, info), False, True, info | {"unstable": True}

    @property
    def _is_over(self):
        """Whether the episode under way has had its steps."""
        return self.episode_steps is not None and self.steps >= self.episode_steps

    def render(self) -> np.ndarray | None:
        """With "rgb_array" a picture of the maze with robot and target, uint8 [height, width, 3].

        Raises:
          OpenGLError: there is no OpenGL; says what to install.
        """
        if self.render_mode == "human":
            self._show()
        if self.render_mode != "rgb_array":
            return None
        if self._renderer is None:
            width, height, camera = self._picture
            self._renderer = MazeRenderer(self.maze, width, height, camera=camera)
        return self._renderer.render(self.data, self.target)

    def _show(self):
        """Shows what is now, if there is to be a window."""
        if self.render_mode != "human":
            return
        if self._renderer is None:
            width, height, camera = self._picture
            self._renderer = Window(self.maze, width, height, MazeCamera(self.maze, camera=camera))
        self._renderer.show(self.data, self.target)

    def close(self) -> None:
        """Closes the window or frees what pictures were drawn with."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def __getstate__(self):
        return self.__dict__ | {"_renderer": None}  # an OpenGL context cannot travel

    def _observe(self):
        return self.maze.observe(self.data.qpos, self.data.qvel, self.data.xpos, self.steps)

    def _result(self, observation):
        distance = float(np.linalg.norm(self.maze.task.achieved(observation) - self.target, axis=-1))
        success = distance < SUCCESS_DISTANCE
        return observation, {"success": success, "is_success": success, "distance": distance}

    def _judged(self, x_before, action):
        """The robot's own reward for the step just taken, and whether the episode terminates."""
        x_after = self.data.xpos[self.maze.torso_id, 0]
        return float(self.maze.robot.reward(x_before, x_after, action, self.maze.dt)), False

    def _reward(self, observation, robot_reward, info):
        del observation, info
        return robot_reward


class GoalMazeEnv(MazeEnv):
    """The same maze for goal-conditioned learners, e.g. with hindsight relabelling.

    Observation: a dictionary of "observation" as in `MazeEnv`, "achieved_goal" and
    "desired_goal", float32 [d], positions in metres.  Reward: minus the distance
    between the two.
    """

    def __init__(
        self,
        maze: Maze,
        render_mode: str | None = None,
        width: int = WIDTH,
        height: int = HEIGHT,
        camera: str | Mapping[str, Any] = "maze",
    ):
        super().__init__(maze, render_mode, width, height, camera)
        goal_space = _unbounded(len(maze.task.indices))
        self.observation_space = gymnasium.spaces.Dict(
            observation=self.observation_space, achieved_goal=goal_space, desired_goal=goal_space
        )

    def compute_reward(self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: Any) -> np.ndarray:
        """Minus the distance in metres; [..., d], [..., d] -> [...]; `info` is not used."""
        del info
        return -np.linalg.norm(np.subtract(achieved_goal, desired_goal), axis=-1)

    def compute_terminated(self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: Any) -> bool:
        """Never."""
        del achieved_goal, desired_goal, info
        return False

    def compute_truncated(self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: Any) -> bool:
        """Whether the episode under way has had its steps, or `info` says that it became unstable."""
        del achieved_goal, desired_goal
        return self._is_over or bool(info and info.get("unstable"))

    def _result(self, observation):
        observation, info = super()._result(observation)
        achieved = self.maze.task.achieved(observation)
        goals = {"achieved_goal": achieved, "desired_goal": self.target.copy()}
        return {"observation": observation} | goals, info

    def _reward(self, observation, robot_reward, info):
        del robot_reward
        return float(self.compute_reward(observation["achieved_goal"], observation["desired_goal"], info))


def _warnings(data):
    """MuJoCo's warnings as `Batch.warning` has them, [1, kinds, 2]."""
    return np.stack([data.warning.lastinfo, data.warning.number], axis=-1)[None]


def _unbounded(size):
    return gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float32)
