"""Which OpenGL MuJoCo uses on a machine without a screen.

MuJoCo reads MUJOCO_GL when it is imported, so that this must come before; hence nothing
here imports MuJoCo or the package `environments`.
"""

import os
import subprocess
import sys

from efficient_hrl.terminal.console import announce

_BACK_ENDS = ("egl", "osmesa")
_TRIAL = "import mujoco; context = mujoco.GLContext(16, 16); context.make_current(); context.free()"
_TRIAL_SECONDS = 60.0


def choose_opengl() -> None:
    """Sets MUJOCO_GL to the first of EGL and OSMesa that works here.

    It stays as it is where there is a screen, where MuJoCo has been imported already, and where
    neither works.  What the user has set stays as well, but for one of the two that does not work:
    MuJoCo could not even be imported with it.  That is told, and then it is as if it were not set.
    """
    if sys.platform != "linux" or "mujoco" in sys.modules:
        return
    setting = os.environ.get("MUJOCO_GL", "")
    if setting.lower().strip() in _BACK_ENDS and not _works(setting):
        announce(f"MUJOCO_GL={setting} does not work here; it goes on as if that were not set")
        del os.environ["MUJOCO_GL"]
    if any(os.environ.get(name) for name in ("MUJOCO_GL", "DISPLAY", "WAYLAND_DISPLAY")):
        return
    for name in _BACK_ENDS:
        if name != setting and _works(name):
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
