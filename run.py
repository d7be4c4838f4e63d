"""The command line of a clone; `python run.py --help` shows what it can do.

Where the package is installed, `efficient-hrl` is the same.
"""

import sys

if sys.version_info[:2] != (3, 11):
    message = "run.py needs Python 3.11 (tensorflow 2.15 and mujoco 4.0 share no other); this is %d.%d"
    sys.stderr.write(message % sys.version_info[:2] + "\n")
    sys.exit(2)

from efficient_hrl.errors import not_installed  # noqa: E402  (an older Python cannot import it)

try:
    from efficient_hrl.commands import main
except ModuleNotFoundError as error:
    if not_installed(error) is None:
        raise
    sys.stderr.write(f"run.py: {not_installed(error)}\n")
    sys.exit(2)

if __name__ == "__main__":
    sys.exit(main.main(sys.argv))
