"""Pictures of a maze, drawn by MuJoCo without a window."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import mujoco
import numpy as np

from environments.maze import Maze
from environments.opengl import find_back_end, opengl_error

WIDTH = HEIGHT = 480  # pixels
_MOST_PIXELS = 4096
_TARGET_COLOUR = (0.1, 0.7, 0.2, 0.6)
_CAMERAS = ("maze", "robot")
_CAMERA_SETTINGS = {"distance": 1, "azimuth": 1, "elevation": 1, "lookat": 3}  # how many numbers
_CELLS_AROUND_ROBOT = 3


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


def check_picture(width: Any, height: Any, camera: Any) -> None:
    """Raises a ValueError for sizes in pixels or a camera that are none, see `MazeCamera`."""
    for name, value in (("width", width), ("height", height)):
        is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not is_whole or not 1 <= value <= _MOST_PIXELS:
            raise ValueError(f"{name} = {value!r}; allowed: a whole number from 1 to {_MOST_PIXELS} (pixels)")
    is_known = camera in _CAMERAS if isinstance(camera, str) else isinstance(camera, Mapping)
    if not is_known:
        raise ValueError(
            f"camera = {camera!r}; allowed: {', '.join(map(repr, _CAMERAS))}, or a dictionary with some of"
            f" {', '.join(_CAMERA_SETTINGS)}"
        )
    for name, value in camera.items() if isinstance(camera, Mapping) else ():
        size = _CAMERA_SETTINGS.get(name)
        numbers = value if size == 3 and isinstance(value, (list, tuple, np.ndarray)) else [value]
        is_number = lambda x: isinstance(x, (int, float, np.number)) and math.isfinite(x)
        if size is None or len(numbers) != size or not all(map(is_number, numbers)):
            raise ValueError(
                f"camera[{name!r}] = {value!r}; allowed: distance (metres), azimuth, elevation (degrees): a"
                " number; lookat (metres): three"
            )


class MazeCamera:
    """From where a maze is seen: all of it from above its lower edge, or the robot and what is near.

    Attributes of MuJoCo's free camera: it looks at `lookat` from `distance` metres.
    """

    def __init__(self, maze: Maze, zoom: float = 1.0, camera: str | Mapping[str, Any] = "maze"):
        """Puts it up.

        Args:
          maze: the definition.
          zoom: how much nearer the camera is.
          camera: "maze"; "robot", which follows it; or a dictionary of what is to be otherwise than
            with "maze": distance (metres), azimuth, elevation (degrees), lookat (metres, [3]).
        """
        rows, columns = len(maze.layout.cells), len(maze.layout.cells[0])
        side = maze.robot.cell_size
        corner, opposite = (maze.layout.centre(cell, side) for cell in ((0, 0), (rows - 1, columns - 1)))
        self._torso_id, self._follows = maze.torso_id, camera == "robot"
        self._camera = mujoco.MjvCamera()
        self._camera.lookat[:2] = (corner + opposite) / 2
        self._camera.lookat[2] = maze.floor_height
        cells_seen = _CELLS_AROUND_ROBOT if self._follows else max(rows, columns)
        self._camera.distance = 1.55 * side * cells_seen / zoom
        self._camera.azimuth = 90  # from -y: x grows to the right
        self._camera.elevation = -75
        for name, value in camera.items() if isinstance(camera, Mapping) else ():
            setattr(self._camera, name, value)

    def aimed(self, data: mujoco.MjData) -> mujoco.MjvCamera:
        """The camera for a simulation."""
        if self._follows:
            self._camera.lookat[:] = data.xpos[self._torso_id]
        return self._camera


class MazeRenderer:
    """Renders simulations of one maze."""

    # Why MuJoCo found no OpenGL in this process; when it is asked again, it ends the process.
    _refusal: mujoco.FatalError | None = None

    def __init__(
        self,
        maze: Maze,
        width: int = WIDTH,
        height: int = HEIGHT,
        zoom: float = 1.0,
        camera: str | Mapping[str, Any] = "maze",
    ):
        """Opens an OpenGL context.

        Args:
          maze: the definition.
          width, height: of pictures, pixels.
          zoom: how much nearer the camera is; up to 1.5 all that is not wall stays in sight
            of square pictures.
          camera: see `MazeCamera`.

        Raises:
          OpenGLError: there is none.
        """
        self._maze = maze
        find_back_end()
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
        self._camera = MazeCamera(maze, zoom, camera)

    def render(
        self, data: mujoco.MjData, target: np.ndarray | None, markers: Sequence[Disc | Line] = ()
    ) -> np.ndarray:
        """One picture, uint8 [height, width, 3].

        Args:
          data: the simulation.
          target: metres, [2 or 3], drawn as a disc; or None.
          markers: what else is drawn into the scene.
        """
        self._renderer.update_scene(data, self._camera.aimed(data))
        of_target = [] if target is None else [target_disc(self._maze, target)]
        draw_markers(self._renderer.scene, [*of_target, *markers])
        return self._renderer.render()

    def close(self) -> None:
        """Gives the OpenGL context back."""
        self._renderer.close()


def target_disc(maze: Maze, target: np.ndarray) -> Disc:
    """How a target is drawn, metres [2 or 3]."""
    height = target[2] if len(target) > 2 else maze.floor_height
    side = maze.robot.cell_size
    return Disc(np.array((target[0], target[1], height)), 0.2 * side, 0.01 * side, _TARGET_COLOUR)


def draw_markers(scene: mujoco.MjvScene, markers: Sequence[Disc | Line]) -> None:
    """Adds markers to a scene, as many as there is room for."""
    for marker in markers[: scene.maxgeom - scene.ngeom]:
        marker.draw(scene.geoms[scene.ngeom])
        scene.ngeom += 1


def _init_geom(geom, shape, size, centre, colour):
    centre, colour = np.asarray(centre, np.float64), np.asarray(colour, np.float32)
    mujoco.mjv_initGeom(geom, shape, size, centre, np.eye(3).ravel(), colour)
