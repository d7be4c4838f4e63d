"""Environments from elsewhere: any gymnasium id, as hierarchies see it.

A state is the environment's observation as one float32 vector, with the time since
the episode began as its last entry, as the networks of this project expect it.
"""

import contextlib
import dataclasses
import decimal
import numbers
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import gin
import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete

from environments.foreign_errors import comes_from_elsewhere, in_one_line
from environments.maze import TIME_SCALE, Maze
from environments.maze_env import MazeEnv

_KINDS_OF_NUMBERS = "fiub"  # NumPy's letters of dtypes; an array of objects or of complex numbers is none


@dataclasses.dataclass(frozen=True)
class GymnasiumTask:
    """Which environment, and which parts of its observation make a state.

    Attributes:
      env_id: a gymnasium id; "module:Name-v0" imports the module first.
      env_kwargs: for `gymnasium.make`.
      observation_keys: parts of a dictionary observation, in this order; None is all.
      append_time: whether 0.001 x steps so far ends a state.
      time_limit: steps after which the environment truncates an episode, or None.
      maze: where it is, if it is a `MazeEnv` inside, whose observations begin with x and y; else None.
    """

    env_id: str
    env_kwargs: Mapping[str, Any]
    observation_keys: tuple[str, ...] | None
    append_time: bool
    time_limit: int | None = None
    maze: Maze | None = None

    def make(self, **kwargs: Any) -> gymnasium.Env:
        """A new instance; `kwargs` replace some of `env_kwargs`."""
        return gymnasium.make(self.env_id, **{**self.env_kwargs, **kwargs})

    def state(self, observation: Any, steps: int) -> np.ndarray:
        """A state, float32 [S], from an observation made after `steps` steps.

        Raises:
          ValueError: there is something in it that is no number.
        """
        if isinstance(observation, Mapping):
            keys = self.observation_keys or sorted(observation)
            parts = [np.ravel(observation[key]) for key in keys]
        else:
            parts = [np.ravel(observation)]
        for part in parts:
            if part.dtype.kind not in _KINDS_OF_NUMBERS:
                raise ValueError(f"an observation of {_in_short(observation)}; allowed: numbers")
        if self.append_time:
            parts.append([TIME_SCALE * steps])
        return np.concatenate(parts).astype(np.float32)


@gin.configurable
def create_gymnasium_env(
    env_id: str | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    observation_keys: Sequence[str] | None = None,
    append_time: bool = True,
) -> GymnasiumTask:
    """Describes an environment that this project does not contain.

    Args:
      env_id, env_kwargs, observation_keys, append_time: see `GymnasiumTask`.

    Raises:
      ValueError: unknown id or keys, or spaces that a hierarchy cannot use.
    """
    if not isinstance(env_id, str) or not env_id:
        raise ValueError(f"create_gymnasium_env.env_id = {env_id!r}; allowed: a gymnasium id, e.g. 'Ant-v5'")
    if not isinstance(env_kwargs or {}, Mapping):
        raise ValueError(f"create_gymnasium_env.env_kwargs = {env_kwargs!r}; allowed: a dictionary")
    if not isinstance(append_time, bool):
        raise ValueError(f"create_gymnasium_env.append_time = {append_time!r}; allowed: True, False")
    is_list = isinstance(observation_keys, (list, tuple)) and len(observation_keys)
    if observation_keys is not None and not is_list:
        raise ValueError(
            f"create_gymnasium_env.observation_keys = {observation_keys!r}; allowed: None, a list of names"
        )
    keys = None if observation_keys is None else tuple(observation_keys)
    task = GymnasiumTask(env_id, dict(env_kwargs or {}), keys, append_time)
    try:
        with contextlib.closing(task.make()) as env:
            _check_spaces(task, env)
            # Some arguments are looked at only when an episode runs.
            _check_observation(task, env, "reset", env.reset(seed=0)[0])
            _check_observation(task, env, "step", outcome_of(env.step(env.action_space.sample())).observation)
            time_limit = env.spec.max_episode_steps
            is_maze = isinstance(env.unwrapped, MazeEnv) and isinstance(env.observation_space, Box)
            maze = env.unwrapped.maze if is_maze else None
    except Exception as error:  # whatever a foreign environment may raise
        said = in_one_line(error) if comes_from_elsewhere(error) else error
        raise ValueError(f"create_gymnasium_env.env_id = {env_id!r}: {said}") from None
    return dataclasses.replace(task, time_limit=time_limit, maze=maze)


class StepResult(NamedTuple):
    """What a step has given.

    Attributes:
      observation: as the environment gives it.
      reward, terminated, truncated: see gymnasium.
    """

    observation: Any
    reward: float
    terminated: bool
    truncated: bool


def outcome_of(given: Any) -> StepResult:
    """What `step` gives, its reward a number and its ends true or false.

    NumPy would make NaN of a reward of None, and False of an end of None.

    Raises:
      ValueError: it is something else, which is named.
    """
    if not isinstance(given, tuple) or len(given) != 5:
        raise ValueError(
            f"step gives {_in_short(given)}; allowed: observation, reward, terminated, truncated, info"
        )
    observation, reward, *ends, _ = given
    number = _number(reward)
    if number is None:
        raise ValueError(f"step gives a reward of {_in_short(reward)}; allowed: a number")
    for name, end in zip(("terminated", "truncated"), ends):
        if _number(end) not in (0, 1):
            raise ValueError(f"step gives {name} = {_in_short(end)}; allowed: True, False")
    return StepResult(observation, number, *(bool(_number(end)) for end in ends))


def _number(value):
    """A float, of a number or of an array that holds one; None of anything else."""
    if isinstance(value, numbers.Real | decimal.Decimal):
        return float(value)
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):  # lists of different lengths
        return None
    return float(array.item()) if array.size == 1 and array.dtype.kind in _KINDS_OF_NUMBERS else None


def _in_short(value):
    """A value in one line, of which the first 60 characters."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:60]}..."


def _check_observation(task, env, function, observation):
    """Refuses observations of another size than the environment's space says."""
    sizes = [task.state(each, 0).size for each in (observation, env.observation_space.sample())]
    if sizes[0] != sizes[1]:
        own = [size - task.append_time for size in sizes]
        raise ValueError(
            f"{function} gives an observation of {own[0]} numbers; its observation_space is of {own[1]}"
        )


def _check_actions(task, actions):
    """Refuses actions that an actor cannot give: numbers in a range, one beside the other."""
    name = f"{task.env_id} has actions {actions}"
    if isinstance(actions, Discrete | MultiDiscrete | MultiBinary):
        raise ValueError(
            f"{name}; allowed: a bounded Box of one axis, e.g. a wrapper whose action is a number for each"
            " choice and that takes the largest (docs/your_environment.md)"
        )
    if not (isinstance(actions, Box) and len(actions.shape) == 1 and actions.is_bounded()):
        raise ValueError(f"{name}; allowed: a bounded Box of one axis")
    if not np.issubdtype(actions.dtype, np.floating):
        raise ValueError(
            f"{name}, which are whole numbers; allowed: a Box of floats, rounded by the environment itself"
        )
    if not actions.shape[0] or not (actions.low < actions.high).all():
        raise ValueError(f"{name}; allowed: at least one entry, each with its minimum below its maximum")


def _check_spaces(task, env):
    observations = env.observation_space
    _check_actions(task, env.action_space)
    if isinstance(observations, Dict):
        known = sorted(observations)
        for key in task.observation_keys or known:
            if key not in known:
                raise ValueError(
                    f"create_gymnasium_env.observation_keys has {key!r}; {task.env_id} offers"
                    f" {', '.join(known)}"
                )
        parts = [observations[key] for key in task.observation_keys or known]
    elif task.observation_keys is not None:
        raise ValueError(
            f"observation_keys = {task.observation_keys!r}, but it has observations {observations}"
        )
    else:
        parts = [observations]
    for part in parts:
        if not isinstance(part, Box):
            raise ValueError(f"{task.env_id} has observations {part}; allowed: Box, or a dictionary of them")
