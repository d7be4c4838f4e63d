"""A point that takes whatever is nearest."""

import numpy as np


def towards_the_nearest(singles):
    """Actions that drive points to something, so that there is something to take."""
    actions = []
    for env in singles:
        objects = env.data.xpos[env.maze.object_ids]
        relative = objects[objects[:, 2] > 0, :2] - env.data.qpos[:2]
        x, y = relative[np.argmin(np.linalg.norm(relative, axis=1))]
        turn = (np.arctan2(y, x) - env.data.qpos[2] + np.pi) % (2 * np.pi) - np.pi
        actions.append((1.0, np.clip(turn, -0.25, 0.25)))
    return np.array(actions, np.float32)
