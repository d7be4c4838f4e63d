"""What a video tells of an evaluation episode in a maze."""

import types
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from efficient_hrl.ablations.no_hierarchy import TargetAgent
from efficient_hrl.evaluation.evaluator import Evaluator
from efficient_hrl.evaluation.trajectories import Trajectory
from efficient_hrl.figures.goal_positions import GoalPositions
from efficient_hrl.figures.subject import place
from environments.maze import Maze
from environments.placing import Simulation


class Episode(NamedTuple):
    """One episode of T steps, and so T + 1 moments.

    Attributes:
      run: the run's name.
      env_steps: how long it has been trained.
      target: name of the evaluation mode.
      maze: where it is.
      simulation: of every moment, [T + 1, ...].
      xy: positions of the robot, metres, [T + 1, 2].
      blocks_xy: positions of each movable block, metres, [T + 1, 2] each.
      target_position: metres, [2 or 3]; None where the target is no position.
      distance: of robot or block to the target, metres, [T + 1]; None without a position.
      task_rewards, low_rewards: of the step that led to each moment, [T + 1]; NaN for the first.
      success_distance: metres; None where there is no success, and returns count.
      goals_xy: where the goal of each moment is, metres, [T + 1, 2], see `GoalPositions`; None
        where there are no goals beside the target.
      is_new_goal: whether the high level has just given it, bool [T + 1].
      goals_are_exact: whether goals are places by themselves.
      objects_xy: kind of object -> positions, metres, [T + 1, n, 2], NaN for those that are gone.
    """

    run: str
    env_steps: int
    target: str
    maze: Maze
    simulation: Simulation
    xy: np.ndarray
    blocks_xy: list[np.ndarray]
    target_position: np.ndarray | None
    distance: np.ndarray | None
    task_rewards: np.ndarray
    low_rewards: np.ndarray
    success_distance: float | None
    goals_xy: np.ndarray | None
    is_new_goal: np.ndarray
    goals_are_exact: bool
    objects_xy: Mapping[str, np.ndarray] = types.MappingProxyType({})

    @property
    def steps(self) -> int:
        """T."""
        return len(self.xy) - 1

    @property
    def title(self) -> str:
        """First line of every picture."""
        trained = f"{self.run}, trained for {self.env_steps:,} environment steps"
        if self.success_distance is None:
            return trained
        at = "" if self.target_position is None else f" at {place(self.target_position)} m"
        return f"{trained}: towards {self.target}{at}"

    @property
    def returns(self) -> np.ndarray | None:
        """The sum of task rewards up to each moment, [T + 1], where returns count; else None."""
        if self.success_distance is not None:
            return None
        return np.cumsum(np.nan_to_num(self.task_rewards))


def episode_of(
    evaluator: Evaluator, trajectory: Trajectory, positions: GoalPositions | None, run: str, env_steps: int
) -> Episode:
    """Reads a trajectory.

    Args:
      evaluator: which ran it, in a maze.
      trajectory: the episode.
      positions: finds places of goals; None where there are none beside the target.
      run, env_steps: see `Episode`.

    Raises:
      ValueError: the representation is not finite.
    """
    maze = evaluator.environment.maze
    target = trajectory.target_value if evaluator.has_position_targets else None
    distance = None
    if target is not None:
        distance = np.linalg.norm(maze.task.achieved(trajectory.states) - target, axis=-1)
    led_to = lambda rewards: np.concatenate([[np.nan], rewards])
    c = evaluator.hierarchy.low.context.meta_action_every_n
    is_new = np.append(trajectory.clocks % c == 0, False)
    goals_xy = None
    if positions is not None and len(trajectory.goals):
        goals_xy = _goals_xy(positions, trajectory, is_new)
    return Episode(
        run=run,
        env_steps=env_steps,
        target=trajectory.target,
        maze=maze,
        simulation=trajectory.simulation,
        xy=trajectory.xy,
        blocks_xy=trajectory.blocks_xy(maze),
        target_position=target,
        distance=distance,
        task_rewards=led_to(trajectory.high_rewards),
        low_rewards=led_to(trajectory.low_rewards),
        success_distance=evaluator.success_distance,
        goals_xy=goals_xy,
        is_new_goal=is_new,
        goals_are_exact=positions is not None and positions.is_exact,
        objects_xy=maze.objects_xy(trajectory.simulation.xpos),
    )


def has_goals(evaluator: Evaluator) -> bool:
    """Whether a high level gives goals; without hierarchy there is the target alone."""
    return not isinstance(evaluator.hierarchy.high, TargetAgent)


def _goals_xy(positions, trajectory, is_new):
    """Places of the goals of every moment; the last moment keeps that of the last step."""
    simulation, goals = trajectory.simulation, trajectory.goals
    # A search takes time, and a goal that follows the state stays where it was given.
    asked = np.arange(len(goals)) if positions.is_exact else np.flatnonzero(is_new)
    found = positions(Simulation(*(part[asked] for part in simulation)), goals[asked])
    moments = np.minimum(np.arange(len(goals) + 1), len(goals) - 1)
    return found[np.searchsorted(asked, moments, side="right") - 1]
