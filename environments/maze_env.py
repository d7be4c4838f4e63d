"""A maze with a robot in it, as a gymnasium environment.

`Maze` is the definition (layout x robot, compiled model, observation) and holds
no state.  `MazeEnv` is one running simulation of it; `batched.py` runs many.
"""

import gymnasium
import mujoco
import numpy as np

from environments.layouts import WALL, Layout
from environments.robots import Robot

EPISODE_STEPS = 500
TIME_SCALE = 0.001  # the last observation entry is TIME_SCALE * environment steps so far

_GEOM = mujoco.mjtGeom


class Maze:
    """A layout and a robot, compiled; shared by every simulation of it.

    Attributes:
      model: the compiled `mujoco.MjModel`.
      action_low, action_high: float32 [A].
      observation_size: length of an observation.
    """

    def __init__(self, layout: Layout, robot: Robot):
        self.layout = layout
        self.robot = robot
        self.model = self._spec().compile()
        self.action_low = self.model.actuator_ctrlrange[:, 0].astype(np.float32)
        self.action_high = self.model.actuator_ctrlrange[:, 1].astype(np.float32)
        self.observation_size = robot.nq + robot.nv + 1
        self.dt = self.model.opt.timestep * robot.frame_skip  # seconds per environment step
        self.torso_id = mujoco.mj_name2id(self.model, mujoco.mjtObj.mjOBJ_BODY, "torso")

    def _spec(self) -> mujoco.MjSpec:
        spec = mujoco.MjSpec()
        self.robot.set_defaults(spec)
        world = spec.worldbody
        solid = {"contype": 1, "conaffinity": 1, "condim": 3}
        world.add_geom(
            name="floor", type=_GEOM.mjGEOM_PLANE, size=(40, 40, 40), rgba=(0.8, 0.9, 0.8, 1), **solid
        )
        world.add_light(pos=(0, 0, 30), dir=(0, 0, -1), type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL)
        side = self.robot.cell_size
        for row, column in self.layout.cells_of(WALL):
            x, y = self.layout.centre((row, column), side)
            world.add_geom(
                name=f"block_{row}_{column}",
                type=_GEOM.mjGEOM_BOX,
                pos=(x, y, side / 4),
                size=(side / 2, side / 2, side / 4),
                rgba=(0.4, 0.4, 0.4, 1),
                **solid,
            )
        self.robot.add_to(spec, height=0.0)
        return spec

    def first_state(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draws an episode's first positions and velocities, float64 [nq], [nv].

        The robot's own coordinates are perturbed; everything else has the
        model's default position and no velocity.
        """
        qpos = self.model.qpos0.copy()
        qvel = np.zeros(self.model.nv)
        starts = self.layout.start_cells
        if len(starts) > 1:
            qpos[:2] += self.layout.centre(starts[rng.integers(len(starts))], self.robot.cell_size)
        noise_q, noise_v = self.robot.reset_noise(rng)
        qpos[: self.robot.nq] += noise_q
        qvel[: self.robot.nv] += noise_v
        return qpos, qvel

    def undo_moves_into_walls(self, qpos: np.ndarray, xy_before: np.ndarray) -> np.ndarray:
        """Restores x, y of robots that a step has put into a wall cell.

        Args:
          qpos: positions after the step, float64 [..., nq]; changed in place.
          xy_before: positions before it, [..., 2].

        Returns:
          Which robots were put back, bool [...].
        """
        if not self.robot.is_stopped_by_walls:
            return np.zeros(qpos.shape[:-1], bool)
        hit = self.layout.is_wall(qpos[..., :2], self.robot.cell_size)
        qpos[..., :2] = np.where(hit[..., None], xy_before, qpos[..., :2])
        return hit

    def observe(self, qpos: np.ndarray, qvel: np.ndarray, steps: np.ndarray | int) -> np.ndarray:
        """Observation, float32 [..., observation_size]: robot q, robot v, 0.001 t."""
        nq, nv = self.robot.nq, self.robot.nv
        observation = np.empty((*qpos.shape[:-1], self.observation_size), np.float32)
        observation[..., :nq] = qpos[..., :nq]
        observation[..., nq : nq + nv] = qvel[..., :nv]
        observation[..., -1] = TIME_SCALE * steps
        return observation


class MazeEnv(gymnasium.Env):
    """One robot in one maze.

    Observation: float32 [S]: robot positions (m, rad; the ant's orientation as a
    quaternion), robot velocities (m/s, rad/s), 0.001 x steps so far.  Action:
    float32 [A], clipped to the action space: joint torques in N m for the ant;
    (forward in 0.2 m, turn in rad) for the point.  The reward is the robot's own
    and knows nothing of goals.  An episode never terminates and is truncated
    after 500 steps.
    """

    metadata = {"render_modes": []}

    def __init__(self, maze: Maze):
        self.maze = maze
        self.data = mujoco.MjData(maze.model)
        self.steps = 0
        self.action_space = gymnasium.spaces.Box(maze.action_low, maze.action_high, dtype=np.float32)
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (maze.observation_size,), np.float32)

    def set_state(self, qpos: np.ndarray, qvel: np.ndarray, steps: int = 0) -> np.ndarray:
        """Puts the simulation into a given state, float64 [nq], [nv]; returns its observation."""
        mujoco.mj_resetData(self.maze.model, self.data)
        self.data.qpos[:] = qpos
        self.data.qvel[:] = qvel
        mujoco.mj_forward(self.maze.model, self.data)
        self.steps = steps
        return self._observe()

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed, options=options)
        return self.set_state(*self.maze.first_state(self.np_random)), {}

    def step(self, action):
        maze, data = self.maze, self.data
        action = np.asarray(action, np.float32)
        if action.shape != self.action_space.shape:
            raise ValueError(f"action has shape {action.shape}; this robot takes {self.action_space.shape}")
        action = np.clip(action, maze.action_low, maze.action_high)
        x_before = data.xpos[maze.torso_id, 0]
        xy_before = data.qpos[:2].copy()
        data.qpos[:], data.ctrl[:] = maze.robot.begin_step(data.qpos, action)
        mujoco.mj_step(maze.model, data, maze.robot.frame_skip)
        maze.undo_moves_into_walls(data.qpos, xy_before)
        self.steps += 1
        x_after = data.xpos[maze.torso_id, 0]
        reward = float(maze.robot.reward(x_before, x_after, action, maze.dt))
        return self._observe(), reward, False, self.steps >= EPISODE_STEPS, {}

    def _observe(self):
        return self.maze.observe(self.data.qpos, self.data.qvel, self.steps)
