"""Environment names -> environments, for gin files and for gymnasium."""

import itertools
import re
from collections.abc import Sequence
from typing import Any

import gin
import gymnasium

from environments.episode_length import FOLLOW_TIME_LIMIT
from environments.layouts import D4RL_CELL_SIZE, D4RL_LAYOUTS, LAYOUTS
from environments.maze import Maze
from environments.maze_env import GoalMazeEnv, MazeEnv
from environments.own_layout import check_cell_size, check_extent, checked_places, own_layout
from environments.robots import ROBOTS
from environments.tasks import D4RL_EPISODE_STEPS, EPISODE_STEPS, own_task

EGO_RAYS = 8  # range sensors of the Ego variants

# Name -> (rays, robot, layout).
ENVIRONMENTS = {
    ego + robot + layout: (EGO_RAYS if ego else 0, robot, layout)
    for ego, robot, layout in itertools.product(("", "Ego"), ROBOTS, (*LAYOUTS, *D4RL_LAYOUTS))
}
_OWN_NAME = re.compile(rf"(Ego)?({'|'.join(ROBOTS)})(Maze)?")


def make_maze_env(
    env_name: str | None,
    top_down_view: bool = False,
    has_goals: bool = False,
    render_mode: str | None = None,
    layout: Sequence[str] | str | None = None,
    cell_size: float | None = None,
    training_targets: Sequence[Sequence[float]] | None = None,
    evaluation_targets: Sequence[Sequence[float]] | None = None,
    **picture: Any,
) -> MazeEnv:
    """Makes an environment from its name, or from a layout.

    Names are [Ego](Ant|Point)(Maze|Push|Fall|Block|BlockMaze|MazeMedium|MazeLarge).

    Args:
      env_name: e.g. "AntMaze", always needed; Ego adds eight range sensors.  With a layout the robot
        alone counts, [Ego](Ant|Point), and Maze may stand behind it.
      top_down_view: whether observations hold a 5 x 5 x 3 view of the surroundings.
      has_goals: whether observations are dictionaries that hold the target.
      render_mode: None, "rgb_array" or "human".
      layout: a maze of one's own, a list of rows or a text file's path, see `own_layout`.
      cell_size: side of its cells, metres; None is the robot's.
      training_targets: places (x, y) in it, metres from the start; None is anywhere that can be reached.
      evaluation_targets: likewise; None is none.
      **picture: `MazeEnv`'s width, height and camera.

    Raises:
      ValueError: unknown name or value, or a layout or target that is none.
    """
    if not isinstance(top_down_view, bool):
        raise ValueError(f"create_maze_env.top_down_view = {top_down_view!r}; allowed: True, False")
    of_layout = {
        "cell_size": cell_size,
        "training_targets": training_targets,
        "evaluation_targets": evaluation_targets,
    }
    if layout is None:
        maze = _known_maze(env_name, top_down_view, of_layout)
    else:
        maze = _own_maze(env_name, top_down_view, layout, **of_layout)
    return (GoalMazeEnv if has_goals else MazeEnv)(maze, render_mode, **picture)


def _known_maze(env_name, top_down_view, of_layout):
    if not isinstance(env_name, str) or env_name not in ENVIRONMENTS:
        raise ValueError(
            f"unknown environment {env_name!r}; known environments: {', '.join(sorted(ENVIRONMENTS))}"
        )
    for name, value in of_layout.items():
        if value is not None:
            raise ValueError(
                f"create_maze_env.{name} = {value!r:.200} without create_maze_env.layout; allowed: None"
            )
    num_rays, robot, layout = ENVIRONMENTS[env_name]
    if layout in D4RL_LAYOUTS:
        return Maze(D4RL_LAYOUTS[layout], ROBOTS[robot](D4RL_CELL_SIZE), num_rays, top_down_view)
    return Maze(LAYOUTS[layout], ROBOTS[robot](), num_rays, top_down_view)


def _own_maze(env_name, top_down_view, layout, cell_size, training_targets, evaluation_targets):
    found = _OWN_NAME.fullmatch(env_name) if isinstance(env_name, str) else None
    if not found:
        raise ValueError(
            f"create_maze_env.env_name = {env_name!r}; allowed with create_maze_env.layout: the robot,"
            " Ant, Point, EgoAnt, EgoPoint"
        )
    robot_class = ROBOTS[found.group(2)]
    if cell_size is not None:
        check_cell_size(cell_size, robot_class)
    robot, own = robot_class(cell_size), own_layout(layout)
    check_extent(own, robot.cell_size)
    given = {"training_targets": training_targets, "evaluation_targets": evaluation_targets}
    targets = {
        name: checked_places(name, places, own, robot.cell_size)
        for name, places in given.items()
        if places is not None
    }
    num_rays = EGO_RAYS if found.group(1) else 0
    return Maze(own, robot, num_rays, top_down_view, own_task(own, robot, **targets))


@gin.configurable
def create_maze_env(
    env_name: str | None = None,
    top_down_view: bool = False,
    layout: Sequence[str] | str | None = None,
    cell_size: float | None = None,
    training_targets: Sequence[Sequence[float]] | None = None,
    evaluation_targets: Sequence[Sequence[float]] | None = None,
) -> MazeEnv:
    """Makes an environment for a hierarchy.

    Args:
      env_name, top_down_view, layout, cell_size, training_targets, evaluation_targets: see `make_maze_env`.

    Raises:
      ValueError: see `make_maze_env`.
    """
    return make_maze_env(
        env_name,
        top_down_view,
        layout=layout,
        cell_size=cell_size,
        training_targets=training_targets,
        evaluation_targets=evaluation_targets,
    )


def environment_id(env_name: str, top_down_view: bool, has_goals: bool) -> str:
    """The gymnasium id of a variant, e.g. "AntMazeImageGoal-v0"."""
    return f"{env_name}{'Image' * top_down_view}{'Goal' * has_goals}-v0"


def variant_of(name: str) -> tuple[str, bool] | None:
    """(environment's name, whether it has a view) of an id without Goal, "AntMazeImage-v0"; else None."""
    found = re.fullmatch(r"(\w+?)(Image)?-v0", name)
    return (found.group(1), bool(found.group(2))) if found and found.group(1) in ENVIRONMENTS else None


def recipe(maze: Maze) -> dict[str, Any]:
    """What `gymnasium.make` takes to make a maze without a target in its observations: id and kwargs."""
    if maze.parameters or maze.name in ENVIRONMENTS:
        found = {"id": environment_id(maze.name, maze.has_view, has_goals=False)}
        return found | ({"kwargs": maze.parameters} if maze.parameters else {})
    name = maze.name.removesuffix(maze.layout.name) + "Maze"
    kwargs = {
        "layout": ["".join(row) for row in maze.layout.cells],
        "cell_size": maze.robot.cell_size,
    }
    return {"id": environment_id(name, maze.has_view, has_goals=False), "kwargs": kwargs}


def register_environments() -> None:
    """Makes every variant known to `gymnasium.make`; those that are known already stay as they are."""
    for env_name, view, goals in itertools.product(ENVIRONMENTS, (False, True), (False, True)):
        name = environment_id(env_name, view, goals)
        _, _, layout = ENVIRONMENTS[env_name]
        if name not in gymnasium.registry:
            gymnasium.register(
                name,
                max_episode_steps=D4RL_EPISODE_STEPS if layout in D4RL_LAYOUTS else EPISODE_STEPS,
                additional_wrappers=(FOLLOW_TIME_LIMIT,),
                entry_point="environments.create_maze_env:make_maze_env",
                kwargs={"env_name": env_name, "top_down_view": view, "has_goals": goals},
            )
