"""N instances of an environment from elsewhere, as a tf-agents batched PyEnvironment."""

import contextlib
import json
from collections.abc import Callable

import numpy as np
from tf_agents.specs import array_spec

from environments.batched import BatchedEnvironment
from environments.foreign_errors import ForeignError, foreign_errors
from environments.gymnasium_task import GymnasiumTask, outcome_of
from environments.resident_memory import Growth, unchecked


class BatchedGymnasiumEnvironment(BatchedEnvironment):
    """`num_envs` instances, stepped one after another; each ends its episodes when it does.

    What such an environment is made of is not known here, so its state cannot be
    kept: after a stop every instance begins a new episode.
    """

    def __init__(
        self,
        task: GymnasiumTask,
        num_envs: int,
        seed: int,
        episode_steps: int | None = None,
        check_fits: Callable[[int, int], None] = unchecked,
    ):
        """Makes the instances; no episode has begun yet.

        Args:
          task: which environment.
          num_envs: N, at least 1.
          seed: of the first instance; instance i has `seed + i`.
          episode_steps: steps after which an episode is truncated, if the environment
            has not ended it before; None leaves it to the environment.
          check_fits: (how many more, bytes of each) -> None; raises where there is no room.
        """
        super().__init__(num_envs, episode_steps)
        self._task = task
        self._envs = []
        self._make(check_fits)
        self._all_steps = 0
        self._seed = seed
        self.seed(seed)
        first = self._envs[0]
        sample = task.state(first.observation_space.sample(), 0)
        self._states = np.zeros((num_envs, len(sample)), np.float32)
        self._action_space = first.action_space

    def _make(self, check_fits=unchecked, **kwargs):
        growth = Growth(self._num_envs, check_fits)
        try:
            for made in range(1, self._num_envs + 1):
                with foreign_errors(self._task.env_id):
                    self._envs.append(self._task.make(**kwargs))
                growth.check(made)
        except Exception:
            with contextlib.suppress(ForeignError):
                self.close()
            raise

    def open_view(self) -> None:
        """Makes all instances anew, so that they can be asked for pictures.

        Raises:
          ValueError: the environment has no such pictures.
          ForeignError: the instances cannot be made so.
        """
        modes = self._envs[0].metadata.get("render_modes") or ()
        if "rgb_array" not in modes:
            known = ", ".join(map(str, modes)) or "none"
            raise ValueError(
                f"{self._task.env_id} gives no pictures (its render_modes: {known});"
                " allowed: an environment with render_mode='rgb_array'"
            )
        self.close()
        self._make(render_mode="rgb_array")

    def picture(self) -> np.ndarray:
        """What the first instance looks like, red, green, blue, uint8 [height, width, 3].

        Raises:
          ForeignError: it cannot be drawn; or what it gives is no picture.
        """
        with self._asking():
            picture = self._envs[0].render()
            shape = np.shape(picture)
            if len(shape) != 3 or shape[-1] != 3 or np.asarray(picture).dtype != np.uint8 or 0 in shape:
                raise ForeignError(
                    f"{self._task.env_id}: render() gives {type(picture).__name__} of shape {list(shape)};"
                    " allowed: a NumPy array, uint8 [height, width, 3]"
                )
        return picture

    def close(self) -> None:
        """Closes all instances.

        Raises:
          ForeignError: one of them cannot be closed; the others are.
        """
        with foreign_errors(self._task.env_id), contextlib.ExitStack() as stack:
            while self._envs:
                stack.callback(self._envs.pop().close)

    @contextlib.contextmanager
    def _asking(self):
        """Around every call of the environment's own code."""
        with self._noting_faults(), foreign_errors(self._task.env_id):
            yield

    def _keep(self, i, observation, steps):
        """Makes a state of an observation."""
        state = self._told_of(self._task.state, observation, steps)
        if state.shape != self._states.shape[1:]:
            raise ForeignError(
                f"{self._task.env_id}: an observation makes a state of {len(state)} numbers; its"
                f" observation_space makes one of {self._states.shape[1]}"
            )
        self._states[i] = state

    def _told_of(self, function, *given):
        """What our `function` makes of what the environment gives; what is wrong with that is told of it."""
        try:
            return function(*given)
        except ValueError as error:
            raise ForeignError(f"{self._task.env_id}: {error}") from None

    @property
    def keeps_state(self) -> bool:
        return False

    @property
    def can_set_context(self) -> bool:
        """Whether the environment wants to be told of targets."""
        return hasattr(self._envs[0].unwrapped, "set_context")

    def set_context(self, which: np.ndarray, *contexts: np.ndarray) -> None:
        """Tells instances `which`, bool [N], of their targets, [N, T] each."""
        for i in np.flatnonzero(which):
            with self._asking():
                self._envs[i].unwrapped.set_context(*(context[i] for context in contexts))

    def seed(self, seed: int) -> None:
        self._seeds = {i: seed + i for i in range(self._num_envs)}

    def observation_spec(self):
        return array_spec.ArraySpec(self._states.shape[1:], np.float32, "observation")

    def action_spec(self):
        space = self._action_space
        low, high = space.low.astype(np.float32), space.high.astype(np.float32)
        return array_spec.BoundedArraySpec(space.shape, np.float32, low, high, "action")

    def _restart(self, ids):
        for i in ids:
            with self._asking():
                observation, _ = self._envs[i].reset(seed=self._seeds.pop(i, None))
                self._keep(i, observation, 0)

    def _advance(self, action, ids):
        ids = np.arange(self._num_envs) if ids is None else ids
        self._all_steps += len(ids)
        space = self._action_space
        rewards, terminations = np.zeros(len(ids), np.float32), np.zeros(len(ids), bool)
        for row, i in enumerate(ids):
            # A copy inside the range: some environments object to rounding, some write to it.
            clipped = np.clip(action[i], space.low, space.high).astype(space.dtype)
            with self._asking():
                outcome = self._told_of(outcome_of, self._envs[i].step(clipped))
                self._keep(i, outcome.observation, self._clock[i] + 1)
            rewards[row], terminations[row], self._truncated[i] = outcome[1:]
        return rewards, terminations

    def _observe(self):
        return self._states.copy()

    def get_state(self) -> str:
        """How far the instances have come; see the class."""
        return json.dumps({"steps": self._all_steps})

    def set_state(self, state: str) -> None:
        """Seeds the next episodes anew, so that they differ from those before the stop."""
        self._all_steps = json.loads(state)["steps"]
        self.seed(int(np.random.SeedSequence([self._seed, self._all_steps]).generate_state(1)[0]) >> 1)
