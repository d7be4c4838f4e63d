"""N mazes stepped together, as a tf-agents batched PyEnvironment.

The only file here that knows tf_agents.  Physics runs in `mujoco.batch.Batch`,
which is bit-identical to N separate simulations at any number of threads.
"""

import json

import mujoco.batch
import numpy as np
from gymnasium.utils import seeding
from tf_agents.environments import py_environment
from tf_agents.specs import array_spec
from tf_agents.trajectories import time_step as ts

from environments.maze_env import EPISODE_STEPS, Maze


class BatchedMazeEnvironment(py_environment.PyEnvironment):
    """`num_envs` independent simulations of one maze.

    Every simulation starts its episode at the same time and ends it after 500
    steps by a time-out: the last step has discount 1, because truncation is not
    termination.  The next call of `step` then ignores its action and begins new
    episodes.  Simulation i draws from a generator seeded with `seed + i`, as
    `MazeEnv.reset(seed=seed + i)` does.
    """

    def __init__(
        self, maze: Maze, num_envs: int, seed: int, num_threads: int = 1, episode_steps: int = EPISODE_STEPS
    ):
        """Builds the simulations; no episode has begun yet.

        Args:
          maze: the definition that all of them share.
          num_envs: N, at least 1.
          seed: of the first simulation, a non-negative integer.
          num_threads: physics threads.
          episode_steps: steps after which an episode is truncated.
        """
        super().__init__(handle_auto_reset=True)
        if num_envs < 1:
            raise ValueError(f"num_envs = {num_envs}; allowed: 1 or more")
        if episode_steps < 1:
            raise ValueError(f"episode_steps = {episode_steps}; allowed: 1 or more")
        self._maze = maze
        self._num_envs = num_envs
        self._episode_steps = episode_steps
        self.seed(seed)
        self._batch = mujoco.batch.Batch(maze.model, nsim=num_envs, nthread=num_threads)
        self._qpos = self._batch.bind("qpos")
        self._qvel = self._batch.bind("qvel")
        self._ctrl = self._batch.bind("ctrl")
        self._xpos = self._batch.bind("xpos")
        self._torso_x = np.zeros(num_envs)  # as the last call left it, for the next reward
        self._ones = np.ones(num_envs, np.float32)  # discounts
        kinds = (ts.StepType.MID, ts.StepType.LAST)
        self._step_types = {int(kind): np.full(num_envs, kind, np.int32) for kind in kinds}
        self._steps = 0

    @property
    def batched(self) -> bool:
        return True

    @property
    def batch_size(self) -> int:
        return self._num_envs

    @property
    def maze(self) -> Maze:
        """The definition shared by all simulations."""
        return self._maze

    def seed(self, seed: int) -> None:
        """Reseeds every simulation, simulation i with `seed + i`; episodes under way go on."""
        self._rngs = [seeding.np_random(seed + i)[0] for i in range(self._num_envs)]

    def observation_spec(self):
        return array_spec.ArraySpec((self._maze.observation_size,), np.float32, "observation")

    def action_spec(self):
        low, high = self._maze.action_low, self._maze.action_high
        return array_spec.BoundedArraySpec(low.shape, np.float32, low, high, "action")

    def _reset(self):
        self._batch.reset()
        for i, rng in enumerate(self._rngs):
            self._qpos[i], self._qvel[i] = self._maze.first_state(rng)
        self._batch.forward(stage=mujoco.mjtStage.mjSTAGE_ACC)
        self._torso_x = self._xpos[:, self._maze.torso_id, 0].copy()
        self._steps = 0
        return ts.restart(self._observe(), batch_size=self._num_envs)

    def _step(self, action):
        maze = self._maze
        action = np.clip(np.asarray(action, np.float32), maze.action_low, maze.action_high)
        x_before = self._torso_x
        xy_before = self._qpos[:, :2].copy()
        self._qpos[:], self._ctrl[:] = maze.robot.begin_step(self._qpos, action)
        self._batch.step(nstep=maze.robot.frame_skip)
        maze.undo_moves_into_walls(self._qpos, xy_before)
        self._torso_x = self._xpos[:, maze.torso_id, 0].copy()
        self._steps += 1
        reward = maze.robot.reward(x_before, self._torso_x, action, maze.dt).astype(np.float32)
        if self._steps >= self._episode_steps:
            return self._time_step(ts.StepType.LAST, reward)
        return self._time_step(ts.StepType.MID, reward)

    def _time_step(self, step_type, reward):
        # Built directly: every environment step comes by here, and the arrays that
        # `ts.transition` would make anew are always the same.
        return ts.TimeStep(self._step_types[int(step_type)], reward, self._ones, self._observe())

    def _observe(self):
        return self._maze.observe(self._qpos, self._qvel, self._steps)

    def get_state(self) -> str:
        """Everything that the future of these simulations depends on, as JSON.

        Physics states are written as hexadecimal bytes, so that they come back
        bit for bit.
        """
        now = self._current_time_step
        return json.dumps(
            {
                "physics": self._batch.state.tobytes().hex(),
                "torso_x": self._torso_x.tobytes().hex(),
                "rngs": [rng.bit_generator.state for rng in self._rngs],
                "steps": self._steps,
                "reward": None if now is None else now.reward.astype(np.float32).tobytes().hex(),
            }
        )

    def set_state(self, state: str) -> None:
        """Restores what `get_state` of an equally sized environment returned.

        Raises:
          ValueError: the state belongs to another number of simulations or model.
        """
        state = json.loads(state)
        physics = np.frombuffer(bytes.fromhex(state["physics"]), np.float64)
        if physics.size != self._batch.state.size or len(state["rngs"]) != self._num_envs:
            raise ValueError(
                f"environment state with {len(state['rngs'])} simulations and {physics.size} numbers;"
                f" this environment has {self._num_envs} and {self._batch.state.size}"
            )
        self._batch.state[:] = physics.reshape(self._batch.state.shape)
        for rng, rng_state in zip(self._rngs, state["rngs"]):
            rng.bit_generator.state = rng_state
        self._torso_x = np.frombuffer(bytes.fromhex(state["torso_x"]), np.float64)
        self._steps = state["steps"]
        if state["reward"] is None:
            self._current_time_step = None
            return
        reward = np.frombuffer(bytes.fromhex(state["reward"]), np.float32)
        if self._steps == 0:
            self._current_time_step = ts.restart(self._observe(), batch_size=self._num_envs)
        elif self._steps >= self._episode_steps:
            self._current_time_step = self._time_step(ts.StepType.LAST, reward)
        else:
            self._current_time_step = self._time_step(ts.StepType.MID, reward)
