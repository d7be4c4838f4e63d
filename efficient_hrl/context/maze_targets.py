"""Targets that a maze itself knows: where its own targets are drawn, and at which it is evaluated.

For mazes with a layout of one's own and for those of D4RL; the tasks of the papers bind ranges.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import gin
import tensorflow as tf

from efficient_hrl.context.samplers import BaseSampler, ConstantSampler


@gin.configurable
class MazeTargetSampler(BaseSampler):
    """Uniform among the places in which a maze has its training targets; the next context is the same."""

    def __init__(self, context_spec: tf.TensorSpec, *, environment: Any = None, **base):
        """Remembers the places.

        Args:
          context_spec: shape [2] of one target.
          environment: the maze, what `create_maze_env` makes.
          **base: the parameters of `BaseSampler`.

        Raises:
          ValueError: no such maze, or targets of another size.
        """
        super().__init__(context_spec, **base)
        places = _task_of("MazeTargetSampler.environment", environment).places
        if context_spec.shape[0] != places.centres.shape[1]:
            raise ValueError(
                f"MazeTargetSampler draws {places.centres.shape[1]} numbers; allowed: a context of as many,"
                f" not of {context_spec.shape[0]}"
            )
        self._centres = tf.constant(places.centres)  # [n, 2]
        self._half_width = places.half_width

    def __call__(self, batch_size, seed, state=None, next_state=None):
        del state, next_state
        seeds = tf.random.experimental.stateless_split(seed, 2)
        count = self._centres.shape[0]
        chosen = tf.random.stateless_uniform([batch_size], seeds[0], maxval=count, dtype=tf.int32)
        around = tf.random.stateless_uniform([batch_size, 2], seeds[1], -1.0, 1.0)
        contexts = tf.gather(self._centres, chosen) + self._half_width * around  # [B, 2]
        return contexts, contexts


@gin.configurable
def maze_target_range(environment: Any = None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(minimum, maximum) of a maze's targets, metres.

    Args:
      environment: the maze, what `create_maze_env` makes.
    """
    task = _task_of("maze_target_range.environment", environment)
    return tuple(map(float, task.low)), tuple(map(float, task.high))


@gin.configurable
def maze_target_samplers(environment: Any = None) -> Mapping[str, list[Callable]]:
    """`Context.samplers` for a maze: "train" and "explore", and "eval1", ... for its evaluation targets.

    Args:
      environment: the maze, what `create_maze_env` makes.

    Raises:
      ValueError: no such maze, or one without evaluation targets.
    """
    task = _task_of("maze_target_samplers.environment", environment)
    if not len(task.evaluation_targets):
        raise ValueError(
            "create_maze_env.evaluation_targets is not set; allowed: a list of places, e.g. [[8, 0], [8, 8]],"
            " metres from the start"
        )
    drawn = functools.partial(MazeTargetSampler, environment=environment)
    samplers = {"train": [drawn], "explore": [drawn]}
    for number, target in enumerate(task.evaluation_targets, start=1):
        samplers[f"eval{number}"] = [functools.partial(ConstantSampler, value=target.tolist())]
    return samplers


def _task_of(name, environment):
    """The task of a maze that knows its targets."""
    maze = getattr(environment, "maze", None)
    if maze is None or maze.task.places is None:
        raise ValueError(
            f"{name} has no targets of its own; allowed: @create_maze_env() with create_maze_env.layout, or"
            " AntMazeMedium, AntMazeLarge"
        )
    return maze.task
