"""Pictures of a maze, drawn by MuJoCo without a window."""

import mujoco
import numpy as np

from environments.maze import Maze
from environments.opengl import opengl_error

WIDTH = HEIGHT = 480  # pixels
_TARGET_COLOUR = np.array((0.1, 0.7, 0.2, 0.6), np.float32)


class MazeRenderer:
    """Renders simulations of one maze from a fixed camera that sees all of it."""

    def __init__(self, maze: Maze):
        """Opens an OpenGL context.

        Raises:
          OpenGLError: there is none.
        """
        self._maze = maze
        try:
            self._renderer = mujoco.Renderer(maze.model, HEIGHT, WIDTH)
        except Exception as error:  # each OpenGL back end fails in its own way
            raise opengl_error(error) from None
        rows, columns = len(maze.layout.cells), len(maze.layout.cells[0])
        side = maze.robot.cell_size
        corner, opposite = (maze.layout.centre(cell, side) for cell in ((0, 0), (rows - 1, columns - 1)))
        self._camera = mujoco.MjvCamera()
        self._camera.lookat[:2] = (corner + opposite) / 2
        self._camera.lookat[2] = maze.floor_height
        self._camera.distance = 1.55 * side * max(rows, columns)
        self._camera.azimuth = 90  # from -y: x grows to the right
        self._camera.elevation = -75

    def render(self, data: mujoco.MjData, target: np.ndarray) -> np.ndarray:
        """One picture, uint8 [height, width, 3].

        Args:
          data: the simulation.
          target: metres, [2 or 3]; drawn as a disc.
        """
        self._renderer.update_scene(data, self._camera)
        scene = self._renderer.scene
        if scene.ngeom < scene.maxgeom:
            height = target[2] if len(target) > 2 else self._maze.floor_height
            mujoco.mjv_initGeom(
                scene.geoms[scene.ngeom],
                mujoco.mjtGeom.mjGEOM_CYLINDER,
                self._maze.robot.cell_size * np.array((0.2, 0.01, 0.0)),  # radius, half height
                np.array((target[0], target[1], height), np.float64),
                np.eye(3).ravel(),
                _TARGET_COLOUR,
            )
            scene.ngeom += 1
        return self._renderer.render()

    def close(self) -> None:
        """Gives the OpenGL context back."""
        self._renderer.close()
