"""An episode as MuJoCo's camera sees it, with target and goal drawn into the scene."""

import mujoco
import numpy as np
from matplotlib import colors

from efficient_hrl.video.colours import GOAL
from efficient_hrl.video.episode import Episode
from environments.maze import Maze
from environments.rendering import Disc, Line, MazeRenderer

SIZE = 640  # pixels, of the square picture
_ZOOM = 1.5
# Of a cell's side:
_DISC_RADIUS = 0.15  # wider than the robots, who may stand on it
_DISC_HALF_HEIGHT = 0.012
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
        data.mocap_pos[:] = episode.simulation.xpos[moment, self._maze.object_ids]
        mujoco.mj_forward(self._maze.model, data)
        markers = () if episode.goals_xy is None else self.goal_markers(data, episode.goals_xy[moment])
        return self._renderer.render(data, episode.target_position, markers)

    def goal_markers(self, data: mujoco.MjData, xy: np.ndarray) -> tuple[Line, Disc]:
        """A disc on whatever is at the goal's place, floor, wall or block; a line to it from the robot."""
        maze, side = self._maze, self._maze.robot.cell_size
        thickness = _DISC_HALF_HEIGHT * side
        centre = np.array((*xy, _ground(maze, data, xy) + thickness))
        colour = (*colors.to_rgb(GOAL), 1.0)
        return (
            Line(data.xpos[maze.torso_id].copy(), centre, _LINE_RADIUS * side, colour),
            Disc(centre, _DISC_RADIUS * side, thickness, colour),
        )

    def close(self) -> None:
        """Gives OpenGL back."""
        self._renderer.close()


def _ground(maze, data, xy):
    """Height of what the robot would stand on at a place, metres; over a chasm, of its edge."""
    height = maze.floor_height
    if maze.layout.is_wall(xy, maze.robot.cell_size):
        height += maze.wall_height
    for block_id in maze.block_ids:
        *half_widths, half_height = maze.model.geom_size[maze.model.body_geomadr[block_id]]
        *block_xy, block_height = data.xpos[block_id]
        if np.all(np.abs(np.subtract(xy, block_xy)) <= half_widths):
            height = max(height, block_height + half_height)
    return height
