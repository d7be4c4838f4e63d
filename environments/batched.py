"""N simulations stepped together, as a tf-agents batched PyEnvironment.

Physics runs in `mujoco.batch.Batch`, which is bit-identical to N separate
simulations at any number of threads.  Of this package only the files named
`batched*` know tf_agents.
"""

import abc
import contextlib
import json

import mujoco.batch
import numpy as np
from gymnasium.utils import seeding
from tf_agents.environments import py_environment
from tf_agents.specs import array_spec
from tf_agents.trajectories import time_step as ts

from environments.foreign_errors import ForeignError
from environments.instability import NonFiniteError, check_finite, is_calm, unstable
from environments.maze import Maze
from environments.placing import Simulation
from environments.tasks import EPISODE_STEPS


class BatchedEnvironment(py_environment.PyEnvironment):
    """`num_envs` independent environments, each with episodes of its own.

    An episode ends by termination (discount 0), or by a time-out after
    `episode_steps` or by request (discount 1: truncation is not termination).
    The next call of `step` then ignores that environment's action and begins its
    next episode.  An episode whose simulation becomes unstable is abandoned: the
    time step that follows is the first one of another episode, without a last one.

    Attributes:
      episode_steps: steps after which an episode is truncated; None is never.
      unstable_episodes: how many episodes were abandoned so far.
      fault: what a `NonFiniteError` or a `ForeignError` said that was raised, or None;
        TensorFlow passes on the text of errors only.
    """

    def __init__(self, num_envs: int, episode_steps: int | None):
        """Prepares the clocks; no episode has begun yet.

        Args:
          num_envs: N, at least 1.
          episode_steps: steps after which an episode is truncated; None is never.

        Raises:
          ValueError: a number below 1.
        """
        super().__init__(handle_auto_reset=False)
        for name, value in (("num_envs", num_envs), ("episode_steps", episode_steps)):
            is_number = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
            if not (is_number and value >= 1) and not (name == "episode_steps" and value is None):
                raise ValueError(f"{name} = {value!r}; allowed: a whole number from 1")
        self._num_envs = num_envs
        self.episode_steps = episode_steps
        self._steps = np.zeros(num_envs, np.int64)  # of the episode
        self._clock = np.zeros(num_envs, np.int64)  # steps since the last first state, for observations
        self._truncated = np.zeros(num_envs, bool)  # by the environment itself, at the last step
        self._unstable = np.zeros(num_envs, bool)  # at the last step
        self.unstable_episodes = 0
        self.fault = None
        self._begins = np.zeros(num_envs, bool)  # at the next step
        self._goes_on = np.zeros(num_envs, bool)  # that it then begins where the last one ended

    @property
    def batched(self) -> bool:
        return True

    @property
    def batch_size(self) -> int:
        return self._num_envs

    @property
    def keeps_state(self) -> bool:
        """Whether `get_state` holds everything that the future depends on."""
        return True

    @property
    def can_set_context(self) -> bool:
        """Whether there is a method `set_context` that wants to be told of targets."""
        return False

    @abc.abstractmethod
    def seed(self, seed: int) -> None:
        """Reseeds every environment, environment i with `seed + i`; episodes under way go on."""

    @abc.abstractmethod
    def _restart(self, ids: np.ndarray) -> None:
        """Puts environments into a drawn first state."""

    @abc.abstractmethod
    def _advance(self, action: np.ndarray, ids: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Steps environments `ids` (None is all) with action [N, A]; rewards [n] and terminations [n].

        Environments with time-outs of their own mark them in `self._truncated`.
        """

    @abc.abstractmethod
    def _observe(self) -> np.ndarray:
        """Observations of all environments, float32 [N, S]."""

    def end_episodes(self, ends: np.ndarray, goes_on: np.ndarray) -> None:
        """Truncates episodes after the step just taken.

        Args:
          ends: whose, bool [N].
          goes_on: whether the next episode begins in the state in which this one
            ended, instead of a drawn one, bool [N]; only looked at where `ends`.
        """
        self._goes_on |= ends & goes_on & ~self._begins
        self._begins |= ends
        step_type = np.where(self._begins, ts.StepType.LAST, self._current_time_step.step_type)
        self._current_time_step = self._current_time_step._replace(step_type=step_type.astype(np.int32))

    def _reset(self):
        self._restart(np.arange(self._num_envs))
        self._steps[:] = 0
        self._clock[:] = 0
        self._begins[:] = False
        self._goes_on[:] = False
        return ts.restart(self._checked("observation", self._observe()), batch_size=self._num_envs)

    def _checked(self, name, values):
        """Values [N, ...], all of which are finite."""
        with self._noting_faults():
            check_finite(name, values)
        return values

    @contextlib.contextmanager
    def _noting_faults(self):
        try:
            yield
        except (NonFiniteError, ForeignError) as error:
            self.fault = str(error)
            raise

    def _step(self, action):
        self._checked("action", action)
        begins = self._begins
        reward = np.zeros(self._num_envs, np.float32)
        terminated = np.zeros(self._num_envs, bool)
        self._truncated[:] = False
        self._unstable[:] = False
        if begins.any():
            restarts = np.flatnonzero(begins & ~self._goes_on)
            if restarts.size:
                self._restart(restarts)
                self._clock[restarts] = 0
            self._goes_on[:] = False
            self._steps[begins] = 0
            active = np.flatnonzero(~begins)
            if active.size:
                reward[active], terminated[active] = self._advance(action, active)
                self._steps[active] += 1
                self._clock[active] += 1
        else:
            reward[:], terminated[:] = self._advance(action, None)
            self._steps += 1
            self._clock += 1
        if self._unstable.any():
            begins = begins | self._abandon()
            reward[begins], terminated[begins] = 0.0, False
        times_out = self._steps >= (self.episode_steps or np.inf)
        ends = ~begins & (terminated | self._truncated | times_out)
        step_type = np.where(begins, ts.StepType.FIRST, np.where(ends, ts.StepType.LAST, ts.StepType.MID))
        self._begins = ends
        discount = np.where(terminated, 0.0, 1.0).astype(np.float32)
        observation = self._checked("observation", self._observe())
        return ts.TimeStep(step_type.astype(np.int32), self._checked("reward", reward), discount, observation)

    def _abandon(self):
        """Begins anew where the last step has become unstable; says where."""
        ids = np.flatnonzero(self._unstable)
        self.unstable_episodes += len(ids)
        self._restart(ids)
        self._steps[ids] = 0
        self._clock[ids] = 0
        return self._unstable


class BatchedMazeEnvironment(BatchedEnvironment):
    """`num_envs` independent simulations of one maze.

    Simulation i draws from a generator seeded with `seed + i`, as
    `MazeEnv.reset(seed=seed + i)` does.
    """

    def __init__(
        self,
        maze: Maze,
        num_envs: int,
        seed: int,
        num_threads: int = 1,
        episode_steps: int | None = EPISODE_STEPS,
    ):
        """Builds the simulations; no episode has begun yet.

        Args:
          maze: the definition that all of them share.
          num_envs: N, at least 1.
          seed: of the first simulation, a non-negative integer.
          num_threads: physics threads.
          episode_steps: steps after which an episode is truncated; None is never.
        """
        super().__init__(num_envs, episode_steps)
        self._maze = maze
        self.seed(seed)
        self._batch = mujoco.batch.Batch(maze.model, nsim=num_envs, nthread=num_threads)
        self._qpos = self._batch.bind("qpos")
        self._qvel = self._batch.bind("qvel")
        self._ctrl = self._batch.bind("ctrl")
        self._xpos = self._batch.bind("xpos")
        # Where bodies were seen last; read-only in the batch, and not part of its state.
        self._bodies = self._xpos.copy()

    @property
    def maze(self) -> Maze:
        """The definition shared by all simulations."""
        return self._maze

    @property
    def simulation(self) -> Simulation:
        """A copy of what the present observations are made of."""
        arrays = (self._qpos, self._qvel, self._bodies, self._clock)
        return Simulation(*(array.copy() for array in arrays))

    def seed(self, seed: int) -> None:
        self._rngs = [seeding.np_random(seed + i)[0] for i in range(self._num_envs)]

    def observation_spec(self):
        return array_spec.ArraySpec((self._maze.observation_size,), np.float32, "observation")

    def action_spec(self):
        low, high = self._maze.action_low, self._maze.action_high
        return array_spec.BoundedArraySpec(low.shape, np.float32, low, high, "action")

    def _restart(self, ids):
        self._batch.reset(ids)
        for i in ids:
            self._qpos[i], self._qvel[i] = self._maze.first_state(self._rngs[i])
        self._batch.forward(ids, stage=mujoco.mjtStage.mjSTAGE_ACC)
        self._bodies[ids] = self._xpos[ids]

    def _advance(self, action, ids):
        maze = self._maze
        rows = slice(None) if ids is None else ids
        action = np.clip(np.asarray(action, np.float32)[rows], maze.action_low, maze.action_high)
        x_before = self._bodies[rows, maze.torso_id, 0].copy()
        xy_before = self._qpos[rows, :2].copy()
        self._qpos[rows], self._ctrl[rows] = maze.robot.begin_step(self._qpos[rows], action)
        self._batch.step(ids, nstep=maze.robot.frame_skip)
        if not is_calm(self._qvel, self._batch.warning):
            with self._noting_faults():
                self._unstable[:] = unstable(self._qvel, self._batch.warning)
        self._bodies[rows] = self._xpos[rows]
        if maze.robot.is_stopped_by_walls:
            qpos, bodies = self._qpos[rows], self._bodies[rows]
            maze.undo_moves_into_walls(qpos, bodies, xy_before)
            self._qpos[rows], self._bodies[rows] = qpos, bodies
        reward = maze.robot.reward(x_before, self._bodies[rows, maze.torso_id, 0], action, maze.dt)
        return reward, np.zeros(len(action), bool)

    def _observe(self):
        return self._maze.observe(self._qpos, self._qvel, self._bodies, self._clock)

    def get_state(self) -> str:
        """Everything that the future of these simulations depends on, as JSON.

        Numbers are written as hexadecimal bytes, so that they come back bit for bit.
        """
        state = {name: array.tobytes().hex() for name, array in self._arrays().items()}
        state["unstable_episodes"] = self.unstable_episodes
        state["rngs"] = [rng.bit_generator.state for rng in self._rngs]
        now = self._current_time_step
        state["time_step"] = None if now is None else [_hex(x) for x in now[:3]]
        return json.dumps(state)

    def set_state(self, state: str) -> None:
        """Restores what `get_state` of an equally sized environment returned.

        Raises:
          ValueError: the state belongs to another number of simulations or model.
        """
        state = json.loads(state)
        saved = {
            name: np.frombuffer(bytes.fromhex(state[name]), a.dtype) for name, a in self._arrays().items()
        }
        sizes = saved["physics"].size, self._batch.state.size
        if sizes[0] != sizes[1] or len(state["rngs"]) != self._num_envs:
            raise ValueError(
                f"environment state with {len(state['rngs'])} simulations and {sizes[0]} numbers;"
                f" this environment has {self._num_envs} and {sizes[1]}"
            )
        for name, array in self._arrays().items():
            array[:] = saved[name].reshape(array.shape)
        self.unstable_episodes = state["unstable_episodes"]
        for rng, rng_state in zip(self._rngs, state["rngs"]):
            rng.bit_generator.state = rng_state
        if state["time_step"] is None:
            self._current_time_step = None
            return
        kinds = (np.int32, np.float32, np.float32)
        parts = (np.frombuffer(bytes.fromhex(x), kind) for x, kind in zip(state["time_step"], kinds))
        self._current_time_step = ts.TimeStep(*parts, self._observe())

    def _arrays(self):
        """What a state holds beside the generators."""
        return {
            "physics": self._batch.state,
            "bodies": self._bodies,
            "steps": self._steps,
            "clock": self._clock,
            "begins": self._begins,
            "goes_on": self._goes_on,
        }


def _hex(array):
    return np.asarray(array).tobytes().hex()
