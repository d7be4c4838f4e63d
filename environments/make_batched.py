"""What gin files bind as an environment -> N of them, ready for tf-agents."""

from collections.abc import Callable
from typing import Any

import mujoco

from environments.batched import BatchedEnvironment, BatchedMazeEnvironment
from environments.batched_gather import BatchedGatherEnvironment
from environments.batched_gymnasium import BatchedGymnasiumEnvironment
from environments.gather_env import GatherEnv
from environments.gymnasium_task import GymnasiumTask
from environments.maze import Maze
from environments.maze_env import MazeEnv
from environments.resident_memory import unchecked
from environments.tasks import EPISODE_STEPS

# What only shows a maze: batched physics, which steps the maze itself, has no use for it.
_SHOWS = ("render", "_show", "close", "metadata", "spec", "render_mode")
_GENERATOR_BYTES = 500  # of NumPy's random generators
_FOREIGN_BYTES = 4096  # at least: gymnasium's CartPole, the smallest


def check_environment(name: str, environment: Any) -> None:
    """Raises a ValueError unless `make_batched` takes `environment`; `name` is its binding."""
    if not isinstance(environment, (MazeEnv, GymnasiumTask)):
        makers = ("@create_maze_env()", "@create_gather_env()", "@create_gymnasium_env()")
        raise ValueError(f"{name} = {environment!r}; allowed: {', '.join(makers)}")
    if not isinstance(environment, MazeEnv):
        return
    changed = _changed_members(environment)
    if changed:
        raise ValueError(
            f"{name} is a {type(environment).__name__} with a {changed[0]} of its own, which batched physics"
            " would not call; allowed: a MazeEnv of a Maze of your own, or an id of your own for"
            " @create_gymnasium_env()"
        )
    if environment.episode_steps != environment.maze.task.episode_steps:
        raise ValueError(
            f"{name}.episode_steps = {environment.episode_steps!r} beside the task's"
            f" {environment.maze.task.episode_steps}; allowed: a Maze with a Task of so many episode_steps,"
            " or max_steps_per_episode"
        )
    maze, actions = environment.maze, environment.action_space
    own = (environment.observation_space.shape, actions.low.tolist(), actions.high.tolist())
    if own != ((maze.observation_size,), maze.action_low.tolist(), maze.action_high.tolist()):
        raise ValueError(
            f"{name} has spaces of its own beside those of its maze; allowed: those of MazeEnv, or an id of"
            " your own for @create_gymnasium_env()"
        )


def _changed_members(environment):
    """What a class of one's own does otherwise than ours, of which batched physics knows nothing."""
    base = GatherEnv if isinstance(environment, GatherEnv) else MazeEnv
    own = type(environment).__mro__[: type(environment).__mro__.index(base)]
    return [
        member
        for one in own
        for member in vars(one)
        if hasattr(base, member) and not member.startswith("__") and member not in _SHOWS
    ]


def maze_of(environment: MazeEnv | GymnasiumTask) -> Maze | None:
    """The maze that an environment is in, and whose x, y its states begin with; None outside mazes."""
    return environment.maze


def check_view(name: str, macro: str, expects_view: bool, environment: MazeEnv | GymnasiumTask) -> None:
    """Raises a ValueError when a view is expected that `environment` does not show.

    Args:
      name: the binding that expects it where it is True.
      macro: by which gin files bind it.
      expects_view: whether one is expected.
      environment: what `create_maze_env` or `create_gymnasium_env` has made.
    """
    is_maze = isinstance(environment, MazeEnv)
    if expects_view and not (is_maze and environment.maze.has_view):
        shown = environment.maze.name if is_maze else environment.env_id
        could = is_maze and not isinstance(environment, GatherEnv)
        hint = "or create_maze_env.top_down_view = True" if could else "a view is only in mazes"
        raise ValueError(
            f"{name} = True, but {shown} shows no view; allowed: False ({macro} = False), {hint}"
        )


def check_hears_targets(name: str, is_told: bool, py_env: BatchedEnvironment) -> None:
    """Raises a ValueError when the binding `name` has an environment told of targets that cannot hear."""
    if is_told and not py_env.can_set_context:
        raise ValueError(f"{name} = True; this environment has no method set_context, allowed: False")


def episode_limit(environment: MazeEnv | GymnasiumTask, max_steps: int | None) -> int:
    """Steps after which an episode is truncated at the latest.

    Args:
      environment: what `create_maze_env` or `create_gymnasium_env` has made.
      max_steps: what the user asks for; None is the environment's own limit, or 500
        where it has none.  An environment from elsewhere keeps its own where that is less.

    Raises:
      ValueError: a number below 1.
    """
    is_whole = isinstance(max_steps, int) and not isinstance(max_steps, bool) and max_steps >= 1
    if max_steps is not None and not is_whole:
        raise ValueError(f"max_steps_per_episode = {max_steps!r}; allowed: None, a whole number from 1")
    own = environment.time_limit if is_foreign(environment) else None
    if max_steps is not None:
        return min(max_steps, own or max_steps)
    return environment.maze.task.episode_steps if isinstance(environment, MazeEnv) else own or EPISODE_STEPS


def is_foreign(environment: MazeEnv | GymnasiumTask) -> bool:
    """Whether an environment is from elsewhere and not a maze."""
    return isinstance(environment, GymnasiumTask)


def _bytes_of(environment):
    """Memory that one of many environments takes, at least."""
    if is_foreign(environment):
        return _FOREIGN_BYTES
    model = environment.maze.model
    physics = mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_INTEGRATION) + 3 * model.nbody
    return 8 * physics + 4 * environment.maze.observation_size + _GENERATOR_BYTES


def make_batched(
    environment: MazeEnv | GymnasiumTask,
    num_envs: int,
    seed: int,
    episode_steps: int | None,
    num_threads: int = 1,
    check_fits: Callable[[int, int], None] = unchecked,
) -> BatchedEnvironment:
    """`num_envs` environments like `environment`, seeded with `seed`, `seed + 1`, ...

    Args:
      environment: what `create_maze_env`, `create_gather_env` or `create_gymnasium_env` has made.
      num_envs: N.
      seed: of the first one.
      episode_steps: steps after which episodes are truncated; None is never.
      num_threads: for physics, where the environment can use them.
      check_fits: (how many, bytes of each) -> None, raises where there is no room.
        It is asked before any is made, and again while those from elsewhere are made, of which
        nobody knows before what they take.
    """
    check_fits(num_envs, _bytes_of(environment))
    if is_foreign(environment):
        return BatchedGymnasiumEnvironment(environment, num_envs, seed, episode_steps, check_fits)
    batched = BatchedGatherEnvironment if isinstance(environment, GatherEnv) else BatchedMazeEnvironment
    return batched(environment.maze, num_envs, seed, num_threads, episode_steps)
