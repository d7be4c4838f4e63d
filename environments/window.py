"""A window that shows a maze while it is stepped, for `render_mode="human"`."""

import os
import sys
import time

import mujoco
import numpy as np

from environments.maze import Maze
from environments.opengl import OpenGLError
from environments.rendering import MazeCamera, draw_markers, target_disc

_MOST_GEOMS = 10_000
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")


def has_screen() -> bool:
    """Whether a window can be expected to open; where that cannot be known, True."""
    return sys.platform != "linux" or any(os.environ.get(name) for name in _SCREENS)


class Window:
    """One maze in a window, at most in real time.  Closed by its user, it stays closed."""

    def __init__(self, maze: Maze, width: int, height: int, camera: MazeCamera):
        """Opens the window.

        Args:
          maze: the definition.
          width, height: pixels.
          camera: through which it is seen.

        Raises:
          OpenGLError: it cannot be opened.
        """
        import glfw  # only now: it looks for libraries that only windows need

        self._glfw, self._maze, self._camera = glfw, maze, camera
        self._window = self._context = None
        try:
            self._window = glfw.create_window(width, height, maze.name, None, None) if glfw.init() else None
            if not self._window:
                raise RuntimeError("no window can be opened")
            glfw.make_context_current(self._window)
            self._context = mujoco.MjrContext(maze.model, mujoco.mjtFontScale.mjFONTSCALE_150.value)
        except Exception as error:  # each window system fails in its own way
            self.close()
            raise OpenGLError(
                f"render_mode = 'human': {' '.join(str(error).split())}; allowed where there is no screen:"
                " None, 'rgb_array'"
            ) from None
        self._scene = mujoco.MjvScene(maze.model, _MOST_GEOMS)
        self._options = mujoco.MjvOption()
        self._shown_at = -np.inf

    def show(self, data: mujoco.MjData, target: np.ndarray | None) -> None:
        """Draws a simulation and its target, if any; waits until the step before was seen in real time."""
        glfw = self._glfw
        if self._window is None:
            return
        if glfw.window_should_close(self._window):
            self.close()
            return
        time.sleep(max(0.0, self._shown_at + self._maze.dt - time.monotonic()))
        self._shown_at = time.monotonic()
        glfw.make_context_current(self._window)
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        camera = self._camera.aimed(data)
        mujoco.mjv_updateScene(self._maze.model, data, self._options, None, camera, everything, self._scene)
        draw_markers(self._scene, [] if target is None else [target_disc(self._maze, target)])
        mujoco.mjr_render(mujoco.MjrRect(0, 0, *self._size()), self._scene, self._context)
        glfw.swap_buffers(self._window)
        glfw.poll_events()

    def _size(self):
        return self._glfw.get_framebuffer_size(self._window)

    def close(self) -> None:
        """Closes the window."""
        if self._window is None:
            return
        if self._context is not None:
            self._glfw.make_context_current(self._window)  # it can be freed in its own window alone
            self._context.free()
            self._context = None
        self._glfw.destroy_window(self._window)
        self._window = None
