"""An episode as MuJoCo's camera sees it, with target and goal drawn into the scene."""

import mujoco
import numpy as np
from matplotlib import colors

from efficient_hrl.video.colours import GOAL
from efficient_hrl.video.episode import Episode
from environments.maze import Maze
from environments.rendering import Ball, Line, MazeRenderer

SIZE = 640  # pixels, of the square picture
_ZOOM = 1.5
_ABOVE = 100.0  # metres, higher than anything in a maze
# Of a cell's side:
_BALL_RADIUS = 0.08
_LINE_RADIUS = 0.012


class Camera:
    """Pictures of episodes in one maze."""

    def __init__(self, maze: Maze):
        """Opens OpenGL.

        Raises:
          OpenGLError: there is none.
        """
        self._maze = maze
        self._data = mujoco.MjData(maze.model)
        self._renderer = MazeRenderer(maze, SIZE, SIZE, _ZOOM)

    def picture(self, episode: Episode, moment: int) -> np.ndarray:
        """A moment, 0 to T, uint8 [SIZE, SIZE, 3]."""
        data = self._data
        data.qpos[:] = episode.simulation.qpos[moment]
        mujoco.mj_forward(self._maze.model, data)
        markers = () if episode.goals_xy is None else self.goal_markers(data, episode.goals_xy[moment])
        return self._renderer.render(data, episode.target_position, markers)

    def goal_markers(self, data: mujoco.MjData, xy: np.ndarray) -> tuple[Line, Ball]:
        """A ball on whatever is at the goal's place, floor, wall or block; a line to it from the robot."""
        side = self._maze.robot.cell_size
        radius = _BALL_RADIUS * side
        torso = self._maze.torso_id
        down, nothing = np.array((0.0, 0.0, -1.0)), np.zeros(1, np.int32)
        above = np.array((*xy, _ABOVE))
        depth = mujoco.mj_ray(self._maze.model, data, above, down, None, 1, torso, nothing)
        height = max(_ABOVE - depth if depth >= 0 else 0.0, self._maze.floor_height) + radius
        centre = np.array((*xy, height))
        colour = colors.to_rgb(GOAL)
        start = np.array((*data.xpos[torso, :2], data.xpos[torso, 2] + radius))
        return (
            Line(start, centre, _LINE_RADIUS * side, (*colour, 1.0)),
            Ball(centre, radius, (*colour, 0.8)),
        )

    def close(self) -> None:
        """Gives OpenGL back."""
        self._renderer.close()
