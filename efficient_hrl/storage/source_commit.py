"""Which commit of this repository a process runs from."""

import os
import pathlib
import subprocess

# git's output is not to depend on where in a hook or a submodule the program was called from.
_FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
_CODE = ("efficient_hrl", "environments", "gin", "run.py", "requirements.txt")  # results may be drawn anew
_PATIENCE = 10  # seconds; a checkout on a slow file system is not worth more


def source_commit(checkout: pathlib.Path = pathlib.Path(__file__).parents[2]) -> str | None:
    """The commit of a checkout, for a run's record.

    Args:
      checkout: the folder that holds the packages.

    Returns:
      40 hexadecimal digits, with " with changes" after them where tracked code or gin files differ from it;
      None where the folder is not the top of a checkout (an installed package), or git cannot be asked.
    """
    at = _git(checkout, "rev-parse", "--show-toplevel", "HEAD")
    if at is None or not _is_top(checkout, at):
        return None
    changes = _git(checkout, "status", "--porcelain", "--untracked-files=no", "--", *_CODE)
    if changes is None:
        return None
    return at.splitlines()[1] + " with changes" * bool(changes.strip())


def _is_top(checkout, answer):
    """Whether it is the checkout itself: an environment inside of another project's is not that project."""
    lines = answer.splitlines()
    return len(lines) == 2 and pathlib.Path(lines[0]) == checkout.resolve()


def _git(checkout, *arguments):
    environment = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    # Without optional locks nothing is written to the checkout.
    command = ["git", "--no-optional-locks", "-C", str(checkout), *arguments]
    try:
        answer = subprocess.run(
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=_PATIENCE,
            env=environment,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return answer.stdout
