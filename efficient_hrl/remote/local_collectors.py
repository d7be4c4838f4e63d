"""Collectors that a learner begins on its own machine and looks after."""

import pathlib
import shlex
import subprocess
import time
from collections.abc import Callable, Sequence

from efficient_hrl.errors import UsageError
from efficient_hrl.sweeps.processes import die_with_parent

_PAUSE_SECONDS = 5.0  # before one that has died is begun again
_END_SECONDS = 30.0


class LocalCollectors:
    """A process for each; one that dies is begun again."""

    def __init__(
        self,
        command_of: Callable[[int], Sequence[str]],
        count: int,
        logs: pathlib.Path,
        tell: Callable[[str], None],
        are_all: bool = False,
    ):
        """Prepares; nothing is begun yet.

        Args:
          command_of: a collector's number -> its command line.
          count: how many.
          logs: folder for what they say, collectorN.log.
          tell: prints one line for the user.
          are_all: whether no others can come, so that nothing is left when all of them are wrong.
        """
        self._command_of = command_of
        self._numbers = range(count)
        self._logs = logs
        self._tell = tell
        self._are_all = are_all
        self._processes: dict[int, subprocess.Popen] = {}
        self._ended: dict[int, float] = {}
        self._wrong: set[int] = set()

    def tend(self) -> None:
        """Begins those that do not run, but not those that would be wrong again.

        Raises:
          UsageError: all are wrong, and there are no others; tells what the last of them has said.
        """
        for number in self._numbers:
            process = self._processes.get(number)
            if number in self._wrong or (process is not None and process.poll() is None):
                continue
            if process is not None and number not in self._ended:
                self._note_the_end(number, process.returncode)
                continue
            if time.monotonic() >= self._ended.get(number, 0.0):
                self._ended.pop(number, None)
                self._processes[number] = self._begin(number)

    def ended(self) -> set[int]:
        """Numbers of those that do not run."""
        running = {number for number, process in self._processes.items() if process.poll() is None}
        return set(self._numbers) - running

    def close(self) -> None:
        """Asks all to end, and waits for them."""
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + _END_SECONDS
        for process in self._processes.values():
            try:
                process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _note_the_end(self, number, status):
        log = self._logs / f"collector{number}.log"
        if status == 2:
            self._wrong.add(number)
            if self._are_all and len(self._wrong) == len(self._numbers):
                lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
                raise UsageError(f"collector {number} is wrong; it said: {lines[-1]}")
            self._tell(f"collector {number} is wrong, and is not begun again; what it said: {log}")
            return
        self._tell(f"collector {number} has ended (status {status}) and begins again; what it said: {log}")
        self._ended[number] = time.monotonic() + _PAUSE_SECONDS

    def _begin(self, number):
        command = self._command_of(number)
        with open(self._logs / f"collector{number}.log", "a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {shlex.join(command)}\n")
            log.flush()
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a terminal's signals reach it through the learner alone
                preexec_fn=die_with_parent(),
            )
