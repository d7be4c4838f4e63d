"""Environment names -> environments."""

import gin

from environments.layouts import LAYOUTS
from environments.maze_env import Maze, MazeEnv
from environments.robots import ROBOTS

ENVIRONMENTS = {robot + layout: (robot, layout) for robot in ROBOTS for layout in LAYOUTS}


@gin.configurable
def create_maze_env(env_name: str | None = None, top_down_view: bool = False) -> MazeEnv:
    """Makes an environment from its name, e.g. "AntMaze".

    Raises:
      ValueError: unknown name, or a view that this environment does not offer.
    """
    if env_name not in ENVIRONMENTS:
        raise ValueError(
            f"unknown environment {env_name!r}; known environments: {', '.join(sorted(ENVIRONMENTS))}"
        )
    if top_down_view:
        raise ValueError("create_maze_env.top_down_view = True is not available; allowed: False")
    robot, layout = ENVIRONMENTS[env_name]
    return MazeEnv(Maze(LAYOUTS[layout], ROBOTS[robot]()))
