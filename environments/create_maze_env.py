"""Environment names -> environments, for gin files and for gymnasium."""

import itertools

import gin
import gymnasium

from environments.layouts import LAYOUTS
from environments.maze import Maze
from environments.maze_env import GoalMazeEnv, MazeEnv
from environments.robots import ROBOTS

EGO_RAYS = 8  # range sensors of the Ego variants

# Name -> (rays, robot, layout).
ENVIRONMENTS = {
    ego + robot + layout: (EGO_RAYS if ego else 0, robot, layout)
    for ego, robot, layout in itertools.product(("", "Ego"), ROBOTS, LAYOUTS)
}


def make_maze_env(
    env_name: str | None,
    top_down_view: bool = False,
    has_goals: bool = False,
    render_mode: str | None = None,
) -> MazeEnv:
    """Makes an environment from its name, [Ego](Ant|Point)(Maze|Push|Fall|Block|BlockMaze).

    Args:
      env_name: e.g. "AntMaze"; Ego adds eight range sensors.
      top_down_view: whether observations hold a 5 x 5 x 3 view of the surroundings.
      has_goals: whether observations are dictionaries that hold the target.
      render_mode: None or "rgb_array".

    Raises:
      ValueError: unknown name or value.
    """
    if not isinstance(env_name, str) or env_name not in ENVIRONMENTS:
        raise ValueError(
            f"unknown environment {env_name!r}; known environments: {', '.join(sorted(ENVIRONMENTS))}"
        )
    if not isinstance(top_down_view, bool):
        raise ValueError(f"create_maze_env.top_down_view = {top_down_view!r}; allowed: True, False")
    num_rays, robot, layout = ENVIRONMENTS[env_name]
    maze = Maze(LAYOUTS[layout], ROBOTS[robot](), num_rays, top_down_view)
    return (GoalMazeEnv if has_goals else MazeEnv)(maze, render_mode)


@gin.configurable
def create_maze_env(env_name: str | None = None, top_down_view: bool = False) -> MazeEnv:
    """Makes an environment for a hierarchy; see `make_maze_env`."""
    return make_maze_env(env_name, top_down_view)


def environment_id(env_name: str, top_down_view: bool, has_goals: bool) -> str:
    """The gymnasium id of a variant, e.g. "AntMazeImageGoal-v0"."""
    return f"{env_name}{'Image' * top_down_view}{'Goal' * has_goals}-v0"


def register_environments() -> None:
    """Makes every variant known to `gymnasium.make`; those that are known already stay as they are."""
    for env_name, view, goals in itertools.product(ENVIRONMENTS, (False, True), (False, True)):
        name = environment_id(env_name, view, goals)
        if name not in gymnasium.registry:
            gymnasium.register(
                name,
                entry_point="environments.create_maze_env:make_maze_env",
                kwargs={"env_name": env_name, "top_down_view": view, "has_goals": goals},
            )
