"""N simulations of the gather arena stepped together, as a tf-agents batched PyEnvironment."""

import mujoco
import numpy as np

from environments.batched import BatchedMazeEnvironment
from environments.gather import FALL_REWARD, Arena
from environments.tasks import EPISODE_STEPS


class BatchedGatherEnvironment(BatchedMazeEnvironment):
    """`num_envs` independent simulations of one arena.

    Simulation i draws from a generator seeded with `seed + i`, as
    `GatherEnv.reset(seed=seed + i)` does.
    """

    def __init__(
        self,
        maze: Arena,
        num_envs: int,
        seed: int,
        num_threads: int = 1,
        episode_steps: int | None = EPISODE_STEPS,
    ):
        """As for `BatchedMazeEnvironment`."""
        super().__init__(maze, num_envs, seed, num_threads, episode_steps)
        self._objects = self._batch.bind("mocap_pos")
        first, *_, last = maze.object_ids
        self._places = slice(first, last + 1)  # of the objects among the bodies

    def _restart(self, ids):
        super()._restart(ids)
        for i in ids:
            self._put(i, self._maze.draw_objects(self._rngs[i]))

    def _put(self, rows, objects):
        """Puts all objects of some simulations somewhere, metres, [..., n, 3]."""
        self._objects[rows] = self._bodies[rows, self._places] = objects

    def _advance(self, action, ids):
        if self._maze.ends_on_fall:
            before = [array.copy() for array in (self._qpos, self._qvel, self._bodies)]
        super()._advance(action, ids)
        fallen = np.zeros(self._num_envs, bool)
        if self._maze.ends_on_fall and self._unstable.any():
            # The state before is the last one of these episodes, which are not abandoned.
            fallen[:] = self._unstable
            self._put_back(np.flatnonzero(fallen), *before)
            self._unstable[:] = False
        rows = slice(None) if ids is None else ids
        outcome = self._maze.outcome(self._qpos[rows], self._bodies[rows])
        self._put(rows, outcome.objects)
        return np.where(fallen[rows], FALL_REWARD, outcome.reward), outcome.terminated | fallen[rows]

    def _put_back(self, ids, qpos, qvel, bodies):
        """Undoes a step of some simulations."""
        self._batch.reset(ids)
        self._qpos[ids], self._qvel[ids] = qpos[ids], qvel[ids]
        self._batch.forward(ids, stage=mujoco.mjtStage.mjSTAGE_ACC)
        self._bodies[ids] = bodies[ids]
