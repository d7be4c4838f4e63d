"""`python -m efficient_hrl`: the command `efficient-hrl`."""

import sys

from efficient_hrl.commands import main

if __name__ == "__main__":
    sys.exit(main.installed())
