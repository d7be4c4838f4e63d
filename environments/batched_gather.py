"""N simulations of the gather arena stepped together, as a tf-agents batched PyEnvironment."""

from environments.batched import BatchedMazeEnvironment
from environments.gather import Arena
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
        super()._advance(action, ids)
        rows = slice(None) if ids is None else ids
        outcome = self._maze.outcome(self._qpos[rows], self._bodies[rows])
        self._put(rows, outcome.objects)
        return outcome.reward, outcome.terminated
