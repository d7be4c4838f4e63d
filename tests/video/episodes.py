"""Made-up episodes whose every number is known."""

import numpy as np

from efficient_hrl.video.episode import Episode
from environments.create_maze_env import create_maze_env
from environments.placing import at_rest

C = 4  # steps per goal


def episode(name="PointMaze", steps=10, has_goals=True, **changes):
    """The robot goes along x; goals lie beside it, a new one every `C` steps."""
    maze = create_maze_env(name).maze
    moments = np.arange(steps + 1)
    xy = np.stack([0.4 * moments, 0.1 * moments], axis=-1)
    simulation = at_rest(maze, xy)
    block_id = maze.block_ids[0] if len(maze.block_ids) else None
    if block_id is not None:
        simulation.xpos[:, block_id, 0] += 0.5 * moments
    is_new = (moments % C == 0) & (moments < steps)
    given = np.maximum.accumulate(np.where(is_new, moments, 0))
    target = maze.task.evaluation_targets[0]
    usual = {
        "run": "made_up",
        "env_steps": 12_345,
        "target": "eval1",
        "maze": maze,
        "simulation": simulation,
        "xy": xy,
        "blocks_xy": [simulation.xpos[:, i, :2] for i in maze.block_ids],
        "target_position": target,
        "distance": np.linalg.norm(xy - target[:2], axis=-1),
        "task_rewards": np.r_[np.nan, -np.ones(steps)],
        "low_rewards": np.r_[np.nan, -0.25 * np.arange(steps)],
        "success_distance": 5.0,
        "goals_xy": np.stack([0.5 * given, 8.0 - 0.3 * given], axis=-1) if has_goals else None,
        "is_new_goal": is_new,
        "goals_are_exact": True,
    }
    return Episode(**usual | changes)
