"""Seconds from the command to the first environment step and to the first gradient step.

    python -m benchmarks.startup --gin_file=gin/norl_ant_maze.gin

Starts `run.py` in an empty folder, watches what it says, and stops it.
"""

import pathlib
import subprocess
import sys
import tempfile
import time

from absl import flags

from benchmarks import setting
from efficient_hrl.errors import UsageError

_ROOT = pathlib.Path(__file__).parents[1]
# What a run says, and what that means.
_MILESTONES = (
    ("compiling", "command read"),
    ("collecting", "first environment steps"),
    ("learning", "first gradient steps"),
)


def main(argv: list[str]) -> int:
    """Measures; returns the exit status, 2 for what the user can mend."""
    values = flags.FlagValues()
    flags.DEFINE_multi_string("gin_file", [], "Path of a gin file; repeatable.", flag_values=values)
    flags.DEFINE_multi_string("gin_bindings", [], "A binding; repeatable.", flag_values=values)
    try:
        setting.parse(values, argv)
        for name, seconds in seconds_until(values.gin_file, values.gin_bindings).items():
            print(f"{name}: {seconds:.1f} s after the command")
    except (flags.Error, UsageError) as error:
        print(f"benchmarks.startup: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    return 0


def seconds_until(gin_files: list[str], gin_bindings: list[str]) -> dict[str, float]:
    """Milestone -> seconds.

    Raises:
      UsageError: the run ends before it learns; with what it says.
    """
    command = [sys.executable, str(_ROOT / "run.py")]
    command += [f"--gin_file={path}" for path in gin_files]
    command += [f"--gin_bindings={binding}" for binding in gin_bindings]
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        process = subprocess.Popen(
            [*command, f"--root_dir={folder}/run"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        line = ""
        for line in process.stdout:
            for beginning, name in _MILESTONES:
                if line.startswith(beginning):
                    found[name] = time.perf_counter() - began
            if len(found) == len(_MILESTONES):
                process.kill()
        process.wait()
    if len(found) < len(_MILESTONES):
        raise UsageError(f"the run ended before it learned: {line.strip()}")
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv))
