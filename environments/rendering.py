"""Pictures of a maze, drawn by MuJoCo without a window."""

from collections.abc import Sequence
from typing import NamedTuple

import mujoco
import numpy as np

from environments.maze import Maze
from environments.opengl import opengl_error

WIDTH = HEIGHT = 480  # pixels
_TARGET_COLOUR = (0.1, 0.7, 0.2, 0.6)


class Disc(NamedTuple):
    """A marker: a flat disc that nothing collides with.

    Attributes:
      centre: metres, [3].
      radius, half_height: metres.
      colour: red, green, blue, opacity, 0 to 1.
    """

    centre: np.ndarray
    radius: float
    half_height: float
    colour: Sequence[float]

    def draw(self, geom: mujoco.MjvGeom) -> None:
        """Makes a disc of `geom`."""
        size = np.array((self.radius, self.half_height, 0.0))
        _init_geom(geom, mujoco.mjtGeom.mjGEOM_CYLINDER, size, self.centre, self.colour)


class Line(NamedTuple):
    """A marker: a straight thin rod.

    Attributes:
      start, end: metres, [3].
      radius: metres.
      colour: red, green, blue, opacity, 0 to 1.
    """

    start: np.ndarray
    end: np.ndarray
    radius: float
    colour: Sequence[float]

    def draw(self, geom: mujoco.MjvGeom) -> None:
        """Makes a rod of `geom`."""
        shape = mujoco.mjtGeom.mjGEOM_CAPSULE
        _init_geom(geom, shape, np.zeros(3), self.start, self.colour)
        ends = (np.asarray(end, np.float64) for end in (self.start, self.end))
        mujoco.mjv_connector(geom, shape, self.radius, *ends)


class MazeRenderer:
    """Renders simulations of one maze from a fixed camera that sees all of it."""

    # Why MuJoCo found no OpenGL in this process; when it is asked again, it ends the process.
    _refusal: mujoco.FatalError | None = None

    def __init__(self, maze: Maze, width: int = WIDTH, height: int = HEIGHT, zoom: float = 1.0):
        """Opens an OpenGL context.

        Args:
          maze: the definition.
          width, height: of pictures, pixels.
          zoom: how much nearer the camera is; up to 1.5 all that is not wall stays in sight
            of square pictures.

        Raises:
          OpenGLError: there is none.
        """
        self._maze = maze
        largest = maze.model.vis.global_  # what the off-screen buffer has room for
        largest.offwidth, largest.offheight = max(largest.offwidth, width), max(largest.offheight, height)
        if MazeRenderer._refusal is not None:
            raise opengl_error(MazeRenderer._refusal)
        try:
            self._renderer = mujoco.Renderer(maze.model, height, width)
        except Exception as error:  # each OpenGL back end fails in its own way
            if isinstance(error, mujoco.FatalError):
                MazeRenderer._refusal = error
            raise opengl_error(error) from None
        rows, columns = len(maze.layout.cells), len(maze.layout.cells[0])
        side = maze.robot.cell_size
        corner, opposite = (maze.layout.centre(cell, side) for cell in ((0, 0), (rows - 1, columns - 1)))
        self._camera = mujoco.MjvCamera()
        self._camera.lookat[:2] = (corner + opposite) / 2
        self._camera.lookat[2] = maze.floor_height
        self._camera.distance = 1.55 * side * max(rows, columns) / zoom
        self._camera.azimuth = 90  # from -y: x grows to the right
        self._camera.elevation = -75

    def render(
        self, data: mujoco.MjData, target: np.ndarray | None, markers: Sequence[Disc | Line] = ()
    ) -> np.ndarray:
        """One picture, uint8 [height, width, 3].

        Args:
          data: the simulation.
          target: metres, [2 or 3], drawn as a disc; or None.
          markers: what else is drawn into the scene.
        """
        self._renderer.update_scene(data, self._camera)
        scene = self._renderer.scene
        for marker in [*self._target_disc(target), *markers][: scene.maxgeom - scene.ngeom]:
            marker.draw(scene.geoms[scene.ngeom])
            scene.ngeom += 1
        return self._renderer.render()

    def _target_disc(self, target):
        if target is None:
            return []
        height = target[2] if len(target) > 2 else self._maze.floor_height
        side = self._maze.robot.cell_size
        return [Disc(np.array((target[0], target[1], height)), 0.2 * side, 0.01 * side, _TARGET_COLOUR)]

    def close(self) -> None:
        """Gives the OpenGL context back."""
        self._renderer.close()


def _init_geom(geom, shape, size, centre, colour):
    centre, colour = np.asarray(centre, np.float64), np.asarray(colour, np.float32)
    mujoco.mjv_initGeom(geom, shape, size, centre, np.eye(3).ravel(), colour)
