"""Which OpenGL draws pictures, and what to say when none does.  MuJoCo is imported by its functions alone."""

import functools
import importlib
import os
import subprocess
import sys

_ADVICE = (
    "for pictures set MUJOCO_GL=egl (Debian packages libegl1 libgl1-mesa-dri) or MUJOCO_GL=osmesa"
    " (Debian package libosmesa6) before Python starts; without pictures leave it unset"
)


_BACK_ENDS = ("egl", "osmesa")
_DECIDED_BY = ("MUJOCO_GL", "DISPLAY", "WAYLAND_DISPLAY")
_TRIAL = "import mujoco; context = mujoco.GLContext(16, 16); context.make_current(); context.free()"
_TRIAL_SECONDS = 60.0


class OpenGLError(RuntimeError):
    """OpenGL cannot be used; the message is one line that says what to install."""


def opengl_error(cause: Exception) -> OpenGLError:
    """The error to raise in place of `cause`, in whichever way an OpenGL back end has failed."""
    setting = os.environ.get("MUJOCO_GL")
    shown = "MUJOCO_GL is not set" if setting is None else f"MUJOCO_GL={setting}"
    # An AttributeError only tells of names inside a library that was not found.
    reason = "" if isinstance(cause, AttributeError) else f" ({' '.join(str(cause).split())})"
    return OpenGLError(f"no OpenGL, {shown}{reason}; {_ADVICE}")


def import_mujoco() -> None:
    """Imports MuJoCo, which opens the OpenGL libraries that MUJOCO_GL names.

    Raises:
      OpenGLError: they are not there, or it names none.
    """
    try:
        import mujoco  # noqa: F401
    except (AttributeError, OSError, RuntimeError) as error:
        raise opengl_error(error) from None


def find_back_end() -> None:
    """Has MuJoCo draw by the first of EGL and OSMesa that works, where nothing else says by which.

    MUJOCO_GL says it, and so does a screen.  MuJoCo may have been imported long before; the variable is
    set as well, for processes that are begun later.
    """
    if sys.platform != "linux" or any(os.environ.get(name) for name in _DECIDED_BY):
        return
    from mujoco.rendering.classic import gl_context

    for name in _BACK_ENDS:
        if _works(name):
            try:
                context = importlib.import_module(f"mujoco.{name}").GLContext
            except (AttributeError, ImportError, OSError):  # this process has loaded another OpenGL before
                continue
            gl_context.GLContext = context
            os.environ["MUJOCO_GL"] = name
            return


@functools.cache
def _works(name):
    """Whether a process of its own gets an OpenGL context: a library that is there may lack its driver."""
    try:
        trial = subprocess.run(
            [sys.executable, "-c", _TRIAL],
            env=os.environ | {"MUJOCO_GL": name},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TRIAL_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return trial.returncode == 0
