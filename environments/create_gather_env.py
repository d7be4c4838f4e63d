"""Names of gather tasks -> environments, for gin files and for gymnasium."""

from typing import Any

import gin
import gymnasium

from environments.episode_length import FOLLOW_TIME_LIMIT
from environments.gather import ACTIVITY_RANGE, Arena
from environments.gather_env import GatherEnv
from environments.robots import ROBOTS
from environments.tasks import EPISODE_STEPS

# Name -> robot.
GATHER_ENVIRONMENTS = {f"{robot}Gather": robot for robot in ROBOTS}


def make_gather_env(
    env_name: str | None,
    activity_range: float = ACTIVITY_RANGE,
    ends_on_fall: bool = False,
    render_mode: str | None = None,
    **picture: Any,
) -> GatherEnv:
    """Makes an environment from its name, (Ant|Point)Gather.

    Args:
      env_name: "AntGather" or "PointGather"; always needed.
      activity_range: metres, 5 to 38; the walls stand at +-(activity_range + 0.5).
      ends_on_fall: whether an episode ends, with a reward of -10, when the ant falls.
      render_mode: None, "rgb_array" or "human".
      **picture: width, height, camera, as for `MazeEnv`.

    Raises:
      ValueError: unknown name or value.
    """
    if not isinstance(env_name, str) or env_name not in GATHER_ENVIRONMENTS:
        known = ", ".join(sorted(GATHER_ENVIRONMENTS))
        raise ValueError(f"create_gather_env.env_name = {env_name!r}; allowed: {known}")
    try:
        arena = Arena(ROBOTS[GATHER_ENVIRONMENTS[env_name]](), activity_range, ends_on_fall)
    except ValueError as error:
        raise ValueError(f"create_gather_env.{error}") from None
    return GatherEnv(arena, render_mode, **picture)


@gin.configurable
def create_gather_env(
    env_name: str | None = None, activity_range: float = ACTIVITY_RANGE, ends_on_fall: bool = False
) -> GatherEnv:
    """Makes an environment for a hierarchy.

    Args:
      env_name, activity_range, ends_on_fall: see `make_gather_env`.

    Raises:
      ValueError: see `make_gather_env`.
    """
    return make_gather_env(env_name, activity_range, ends_on_fall)


def register_gather_environments() -> None:
    """Makes both known to `gymnasium.make`; those that are known already stay as they are."""
    for env_name in GATHER_ENVIRONMENTS:
        name = f"{env_name}-v0"
        if name not in gymnasium.registry:
            gymnasium.register(
                name,
                max_episode_steps=EPISODE_STEPS,
                additional_wrappers=(FOLLOW_TIME_LIMIT,),
                entry_point="environments.create_gather_env:make_gather_env",
                kwargs={"env_name": env_name},
            )
