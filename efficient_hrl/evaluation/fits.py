"""Whether what is to be evaluated, where, and by which measure go together; asked before any episode."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from tf_agents.environments import tf_py_environment

from efficient_hrl.context.context import ADDED_TARGETS
from efficient_hrl.context.reward_results import checked_rewards
from efficient_hrl.context.samplers import ConstantSampler
from efficient_hrl.graph.compiled import compiled
from efficient_hrl.hierarchy import Hierarchy
from environments.gymnasium_task import GymnasiumTask
from environments.maze import Maze
from environments.maze_env import MazeEnv

_ROWS = 2  # more than one: a reward over all episodes is none for each


def check_environment_fits(
    env: tf_py_environment.TFPyEnvironment, hierarchy: Hierarchy, environment: MazeEnv | GymnasiumTask
) -> None:
    """Raises a ValueError when states or actions are not those that `hierarchy` has learned with."""
    states = hierarchy.low.training_data_spec.state.shape, env.observation_spec().shape
    actions = hierarchy.low.action_spec.shape, env.action_spec().shape
    if states[0] != states[1] or actions[0] != actions[1]:
        name = environment.maze.name if isinstance(environment, MazeEnv) else environment.env_id
        raise ValueError(
            f"evaluate.environment: {name} has states of {states[1][0]} and actions of {actions[1][0]}"
            f" numbers; allowed: those of training, {states[0][0]} and {actions[0][0]}"
        )


def check_success_fn(
    success_fn: Callable | None, env: tf_py_environment.TFPyEnvironment, hierarchy: Hierarchy
) -> None:
    """Asks `success_fn` once, on zeros, compiled as evaluation will be.

    Raises:
      ValueError: it does not fit states and targets, or does not give a reward per episode.
    """
    if success_fn is None:
        return
    state = tf.zeros([_ROWS, *env.observation_spec().shape])  # [2, S]
    action = tf.zeros([_ROWS, *env.action_spec().shape])  # [2, A]
    targets = [tf.zeros([_ROWS, *spec.shape]) for spec in hierarchy.high.context.specs]  # [2, T] each
    try:
        # In a function of its own: TensorFlow would look behind gin's wrapper.
        ask = compiled(lambda *arguments: checked_rewards(success_fn, success_fn(*arguments), _ROWS, [1]))
        ask(state, action, tf.zeros([_ROWS]), state, targets)
    except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
        sizes = [target.shape[-1] for target in targets]
        raise ValueError(
            f"evaluate.success_fn does not fit states of {state.shape[-1]} and targets of {sizes} numbers"
            f" ({getattr(error, 'message', error)})"
        ) from None


def check_targets(high_agent, modes: Sequence[str], maze: Maze) -> None:
    """Raises a ValueError for constant targets that are positions outside the maze or in a wall."""
    context = high_agent.context
    if len(context.specs) != 1 or context.size != len(maze.task.indices):
        return
    for mode in modes:
        (sampler, *_) = context.samplers(mode)
        if not isinstance(sampler, ConstantSampler):
            continue
        target = sampler.value.numpy()
        if _is_position(high_agent, target, maze):
            try:
                maze.checked_target(target)
            except ValueError as error:
                binding = ADDED_TARGETS if sampler.scope == ADDED_TARGETS else f"{mode}/ConstantSampler.value"
                raise ValueError(f"{binding}: {error}") from None


def _is_position(high_agent, target, maze):
    """Whether a state at `target` is rewarded as one that has arrived."""
    nowhere = np.zeros([1, maze.observation_size], np.float32)
    there = nowhere.copy()
    there[0, list(maze.task.indices)] = target
    zeros = tf.zeros([1, len(maze.action_low)])
    try:
        reward, _ = high_agent.rewards(nowhere, there, [target[None]], zeros, tf.zeros([1]))
    except (ValueError, tf.errors.OpError):
        return False  # `build_hierarchy` has tried it on whole batches and reports what is wrong
    return abs(float(tf.reduce_sum(reward))) < 1e-3
