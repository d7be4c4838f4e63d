"""What to say when pictures cannot be drawn.  MuJoCo itself is only imported by `import_mujoco`."""

import os

_ADVICE = (
    "for pictures set MUJOCO_GL=egl (Debian packages libegl1 libgl1-mesa-dri) or MUJOCO_GL=osmesa"
    " (Debian package libosmesa6) before Python starts; without pictures leave it unset"
)


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
