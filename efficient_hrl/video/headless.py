"""Which OpenGL MuJoCo uses on a machine without a screen.

MuJoCo reads MUJOCO_GL when it is imported, so that this must come before; hence nothing
here imports MuJoCo or the package `environments`.
"""

import os
import subprocess
import sys

_BACK_ENDS = ("egl", "osmesa")
_TRIAL = "import mujoco; context = mujoco.GLContext(16, 16); context.make_current(); context.free()"
_TRIAL_SECONDS = 60.0


def choose_opengl() -> None:
    """Sets MUJOCO_GL to the first of EGL and OSMesa that works here.

    It stays as it is where the user has set it, where there is a screen, where MuJoCo has been
    imported already, and where neither works.
    """
    decided = any(os.environ.get(name) for name in ("MUJOCO_GL", "DISPLAY", "WAYLAND_DISPLAY"))
    if decided or sys.platform != "linux" or "mujoco" in sys.modules:
        return
    for name in _BACK_ENDS:
        if _works(name):
            os.environ["MUJOCO_GL"] = name
            return


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
