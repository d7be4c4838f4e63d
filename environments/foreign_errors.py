"""What goes wrong inside an environment from elsewhere, in one line that leads to its own file.

TensorFlow, which calls environments while a compiled graph runs, passes on the text of an error and
nothing else.  So everything that a user needs is in the text.
"""

import contextlib
import os
import pathlib
import sysconfig
import traceback
from collections.abc import Iterator

import gymnasium

# Beginnings of paths; with the separator, so that gymnasium is not gymnasium_robotics.
_OURS = f"{pathlib.Path(__file__).parent}{os.sep}"
_GYMNASIUM = f"{pathlib.Path(gymnasium.__file__).parent}{os.sep}"
_STANDARD = tuple(f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib"))
_INSTALLED = tuple(f"{sysconfig.get_path(name)}{os.sep}" for name in ("purelib", "platlib"))


class ForeignError(RuntimeError):
    """An exception of a foreign environment, as type, message, file and line."""


@contextlib.contextmanager
def foreign_errors(env_id: str) -> Iterator[None]:
    """Raises a `ForeignError` in place of whatever the code of an environment raises."""
    try:
        yield
    except ForeignError:
        raise
    except Exception as error:  # whatever a foreign environment may raise
        raise ForeignError(f"{env_id}: {in_one_line(error)}") from error


def in_one_line(error: Exception) -> str:
    """Type and message of an exception, and the line of the user's file that it comes from.

    That is the innermost one outside of libraries; of an environment that is installed as a library
    itself, the innermost one outside of gymnasium and this package.
    """
    message = " ".join(str(error).split())
    said = f"{type(error).__name__}: {message}" if message else type(error).__name__
    frames = _foreign_frames(error)
    users = [frame for frame in frames if not frame.filename.startswith(_INSTALLED)]
    for frame in (users or frames)[-1:]:
        said += f" ({frame.filename}, line {frame.lineno}, in {frame.name})"
    return said


def comes_from_elsewhere(error: Exception) -> bool:
    """Whether an exception was raised in, or below, code that is neither this package's nor gymnasium's."""
    return bool(_foreign_frames(error))


def _foreign_frames(error):
    """Where an exception passed through, from the outside; without Python, gymnasium and this package."""
    return [frame for frame in traceback.extract_tb(error.__traceback__) if _is_foreign(frame.filename)]


def _is_foreign(path):
    if path.startswith((_OURS, _GYMNASIUM, "<")):
        return False
    return path.startswith(_INSTALLED) or not path.startswith(_STANDARD)
