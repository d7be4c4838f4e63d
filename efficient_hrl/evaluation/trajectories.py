"""Episodes of a policy, step by step: what figures, videos and numbers about a run look at."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tf_agents.environments import tf_py_environment
from tf_agents.policies import tf_policy

from efficient_hrl.episodes import is_abandoned
from efficient_hrl.graph.compiled import compiled
from environments.batched import BatchedEnvironment, BatchedMazeEnvironment
from environments.maze import Maze
from environments.placing import Simulation


class Trajectory(NamedTuple):
    """One episode of T steps.

    Attributes:
      target: name of the evaluation mode.
      target_value: the targets as the episode began, joined, [D].
      states: first to last, float32 [T + 1, S].
      actions: float32 [T, A].
      goals: what the low level pursued at each step, float32 [T, G].
      clocks: steps since the episode began at each step, int32 [T]; the high level gave a new
        goal where it is a multiple of c.
      low_rewards, high_rewards: of each step, float32 [T]; the high level's are task rewards,
        not scaled.
      simulation: what the states were observed from, [T + 1, ...]; None outside mazes.
    """

    target: str
    target_value: np.ndarray
    states: np.ndarray
    actions: np.ndarray
    goals: np.ndarray
    clocks: np.ndarray
    low_rewards: np.ndarray
    high_rewards: np.ndarray
    simulation: Simulation | None

    @property
    def xy(self) -> np.ndarray | None:
        """True positions of the robot, metres, [T + 1, 2]; None outside mazes."""
        return None if self.simulation is None else self.simulation.qpos[:, :2]

    def blocks_xy(self, maze: Maze) -> list[np.ndarray]:
        """True positions of each of a maze's movable blocks, metres, [T + 1, 2]."""
        return [self.simulation.xpos[:, block_id, :2] for block_id in maze.block_ids]


def record(
    tf_env: tf_py_environment.TFPyEnvironment,
    py_env: BatchedEnvironment,
    policy: tf_policy.TFPolicy,
    name: str,
    targets: tf.Tensor,
    rewards: Callable[..., tuple[tf.Tensor, tf.Tensor]],
    tell: Callable[[], object] | None = None,
    watch: Callable[[], object] = lambda: None,
) -> list[Trajectory]:
    """Runs one episode in each of N environments.

    An episode that becomes unstable ends with the state before that step.

    Args:
      tf_env, py_env: the environments, seeded already.
      policy: a `HierarchicalPolicy` without targets of its own.
      name: what the trajectories say of their target.
      targets: joined, [N, D].
      rewards: (time step, action step, next time step) -> rewards of the low and of the high
        level, [N] each.
      tell: called once, when the environments have been reset.
      watch: called in every state, the first and the last included.
    """
    is_maze = isinstance(py_env, BatchedMazeEnvironment)
    act, ask = compiled(policy.action), compiled(rewards)
    time_step = tf_env.reset()
    if tell is not None:
        tell()
    watch()
    policy_state = policy.get_initial_state(tf_env.batch_size)._replace(target=targets)
    runs = np.ones(tf_env.batch_size, bool)
    lengths = np.zeros(tf_env.batch_size, np.int64)
    states = [time_step.observation.numpy()]
    simulations = [py_env.simulation] if is_maze else []
    decisions = []
    while runs.any():
        action_step = act(time_step, policy_state)
        next_time_step, policy_state = tf_env.step(action_step.action), action_step.state
        info = action_step.info
        asked = ask(time_step, action_step, next_time_step)
        decisions.append([x.numpy() for x in (action_step.action, info.goal, info.clock, *asked)])
        watch()
        runs &= ~is_abandoned(time_step, next_time_step).numpy()
        lengths += runs
        states.append(next_time_step.observation.numpy())
        if is_maze:
            simulations.append(py_env.simulation)
        runs &= ~next_time_step.is_last().numpy()
        time_step = next_time_step
    trajectories = []
    for i, length in enumerate(lengths):
        own = lambda arrays, i=i, length=length: np.stack([array[i] for array in arrays[: length + 1]])
        simulation = Simulation(*map(own, zip(*simulations))) if is_maze else None
        done = (np.stack([array[i] for array in arrays])[:length] for arrays in zip(*decisions))
        trajectories.append(Trajectory(name, targets[i].numpy(), own(states), *done, simulation))
    return trajectories
