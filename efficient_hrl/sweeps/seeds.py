"""Several seeds of one job: a process for each, so many side by side, watched together.

This process only starts, watches and stops them; it never imports TensorFlow.  A seed's own
process does what it would do alone, so that each folder is a run like any other.
"""

import collections
import contextlib
import os
import pathlib
import re
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from efficient_hrl.errors import UsageError
from efficient_hrl.run.stop_request import StopRequest
from efficient_hrl.terminal.console import program
from efficient_hrl.terminal.progress import REPORT_PIPE, Report, read_report

_MOST = 1000  # seeds; more are a slip of the pen
_LARGEST = 2**31 - 1
_WAIT_SECONDS = 0.2


def parse_seeds(text: str) -> list[int]:
    """Seeds of "0,1,2", "0-4" or both, in the order given.

    Raises:
      UsageError: something else, a seed out of range, or one that comes twice.
    """
    wrong = f"--seeds={text}: allowed: numbers from 0 to {_LARGEST}, e.g. --seeds=0,1,2 or --seeds=0-4"
    seeds = []
    for part in text.split(","):
        numbers = re.fullmatch(r"\s*(\d{1,10})(?:\s*-\s*(\d{1,10}))?\s*", part, re.ASCII)
        if not numbers:
            raise UsageError(wrong)
        first = int(numbers.group(1))
        last = int(numbers.group(2) or first)
        if not first <= last <= _LARGEST:
            raise UsageError(wrong)
        if len(seeds) + last - first >= _MOST:
            raise UsageError(f"--seeds={text}: more than {_MOST:,} seeds; allowed: up to {_MOST:,}")
        seeds += range(first, last + 1)
    for seed, count in collections.Counter(seeds).items():
        if count > 1:
            raise UsageError(f"--seeds={text}: seed {seed} comes {count} times; allowed: each once")
    return seeds


class Outcome(NamedTuple):
    """How a seed's process has ended.

    Attributes:
      status: its exit status; minus a signal's number if that has killed it.
      last_line: what it said last, without the program's name.
      log: the file with all that it said; None if it had not begun.
      stopped: whether it ended because it was asked to.
    """

    status: int
    last_line: str
    log: pathlib.Path | None
    stopped: bool

    @property
    def failed(self) -> bool:
        """Whether it ended with an error."""
        return self.status != 0 and not self.stopped


class View:
    """What is shown of seeds; this one shows nothing."""

    def report(self, seed: int, report: Report) -> None:
        """A seed has come farther."""

    def state(self, seed: int, text: str) -> None:
        """A seed has begun, or ended: how, in a word or two."""

    def tick(self) -> None:
        """Some time has passed."""


def run_seeds(
    command_of: Callable[[int], Sequence[str]],
    seeds: Sequence[int],
    root: pathlib.Path,
    side_by_side: int = 1,
    view: View | None = None,
) -> tuple[dict[int, Outcome], str]:
    """Runs a process for every seed and waits for all of them.

    SIGINT, SIGTERM or SIGHUP is passed on once to those that run, and no more are begun.  A
    process that fails does not end the others.  What a process says goes to `root/seedN.log`, from
    when it has begun: before that it may find that its configuration is wrong, and then nothing
    is written.

    If no seed has begun and all that have ended were wrong (status 2), the rest is wrong as well and is
    not started.

    Args:
      command_of: a seed's command line.
      seeds: in the order in which they begin.
      root: folder of the logs; it need not exist.
      side_by_side: how many run at once; they share this process' CPUs equally.
      view: is told how it goes.

    Returns:
      Outcomes of the seeds that were begun, and the name of the signal that has come, or "".
    """
    view = view or View()
    waiting, free = collections.deque(seeds), list(range(side_by_side))
    shares = cpu_shares(side_by_side)
    # TensorFlow would take a GPU's whole memory for the first of them.
    environment = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"} if side_by_side > 1 else {}
    running: list[_Child] = []
    outcomes = {}
    with StopRequest() as stop, selectors.DefaultSelector() as selector:
        try:
            while running or (waiting and not stop and not _is_wrong(running, outcomes)):
                while waiting and free and not stop and not _is_wrong(running, outcomes):
                    slot, seed = free.pop(0), waiting.popleft()
                    running.append(
                        _Child(seed, slot, command_of(seed), root, shares[slot], environment, selector)
                    )
                    view.state(seed, "starting")
                if stop:
                    for child in running:
                        child.stop(signal.Signals[stop.name])
                for key, _ in selector.select(_WAIT_SECONDS):
                    key.data(view)
                for child in [child for child in running if child.has_ended(view)]:
                    running.remove(child)
                    free.append(child.slot)
                    outcomes[child.seed] = child.outcome()
                    view.state(child.seed, _word(outcomes[child.seed]))
                view.tick()
        finally:
            # Only when something went wrong here, or a second signal came.
            _end_all(running, selector)
    return outcomes, stop.name


def _end_all(running, selector):
    """Ends processes and waits for them; what they say goes to their logs alone."""
    for child in running:
        child.end()
    unseen = View()  # the other may be what went wrong
    while running := [child for child in running if not child.has_ended(unseen)]:
        for key, _ in selector.select(_WAIT_SECONDS):
            key.data(unseen)


def _is_wrong(running, outcomes):
    """Whether it is the job that is wrong, as far as one can tell, and not a seed's folder."""
    wrong = [outcome.status == 2 and outcome.log is None for outcome in outcomes.values()]
    return bool(wrong) and all(wrong) and not any(child.has_begun for child in running)


def cpu_shares(count: int) -> list[set[int]]:
    """This process' CPUs divided among `count` others; with fewer CPUs than that each gets one."""
    if not hasattr(os, "sched_getaffinity"):
        return [set()] * count
    cpus = sorted(os.sched_getaffinity(0))
    if count > len(cpus):
        return [{cpus[i % len(cpus)]} for i in range(count)]
    bounds = [i * len(cpus) // count for i in range(count + 1)]
    return [{*cpus[begin:end]} for begin, end in zip(bounds, bounds[1:])]


def failures(outcomes: Mapping[int, Outcome]) -> list[str]:
    """A line for each way in which seeds have failed."""
    seeds = collections.defaultdict(list)
    for seed, outcome in outcomes.items():
        if outcome.failed:
            log = f"; all that it said: {outcome.log}" if outcome.log else ""
            killed = outcome.status < 0 or not outcome.last_line
            seeds[f"{_word(outcome) if killed else outcome.last_line}{log}"].append(str(seed))
    return [f"seed{'s' * (len(n) > 1)} {', '.join(n)}: {line}" for line, n in seeds.items()]


def worst_status(outcomes: Mapping[int, Outcome]) -> int:
    """The exit status for all: 1 if a run could not go on, 2 if the user can mend it, 0 if all is well."""
    statuses = {outcome.status for outcome in outcomes.values() if outcome.failed}
    return 0 if not statuses else 2 if statuses == {2} else 1


def _word(outcome):
    if outcome.stopped:
        return "stopped"
    if outcome.status < 0:
        return f"killed by {signal.Signals(-outcome.status).name}"
    return "failed" if outcome.status else "finished"


class _Child:
    """A seed's process, and what comes out of it."""

    def __init__(self, seed, slot, command, root, cpus, environment, selector):
        """Starts it on `cpus`; `selector` tells `_read_text` and `_read_reports` what there is.

        Variables of `environment` are set where they are not set yet.
        """
        self.seed, self.slot = seed, slot
        self._log = _Log(root / f"seed{seed}.log", command)
        self._selector = selector
        self._tail, self._reported = b"", b""
        self._asked = None
        reports, write = os.pipe()
        with _on_cpus(cpus):  # which a process inherits
            # In a session of its own: a terminal's signals reach it through this process alone.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment | os.environ | {REPORT_PIPE: str(write)},
                pass_fds=[write],
                start_new_session=True,
            )
        os.close(write)
        self._reports = reports
        self._text = self._process.stdout.fileno()
        for number in (self._text, reports):
            os.set_blocking(number, False)
        selector.register(self._text, selectors.EVENT_READ, self._read_text)
        selector.register(reports, selectors.EVENT_READ, self._read_reports)

    @property
    def has_begun(self):
        """Whether it has found nothing wrong and runs."""
        return self._log.begun

    def stop(self, number):
        """Asks it to stop, once."""
        if self._asked is None:
            self._asked = number
            self._process.send_signal(number)

    def end(self):
        """Asks it to end, however often it was asked."""
        self._process.terminate()

    def has_ended(self, view):
        """Whether it has; then everything that it said is known."""
        if self._process.poll() is None:
            return False
        for number, read in ((self._text, self._read_text), (self._reports, self._read_reports)):
            while read(view):
                pass
            with contextlib.suppress(KeyError):
                self._selector.unregister(number)
        self._process.stdout.close()
        os.close(self._reports)
        if self._process.returncode not in (0, 2) and self._asked is None:
            self._log.begin()
        self._log.close()
        return True

    def outcome(self):
        status = self._process.returncode
        stopped = self._asked is not None and status in (0, 130, -self._asked)
        lines = [line.strip() for line in self._tail.decode(errors="replace").splitlines() if line.strip()]
        prefix = f"{program()}: "  # of the errors that it tells
        own = [line for line in lines if line.startswith(prefix)] or lines
        last = own[-1].removeprefix(prefix) if own else ""
        return Outcome(status, last, self._log.path if self._log.begun else None, stopped)

    def _read_text(self, view):
        del view
        data = self._read(self._text)
        self._tail = (self._tail + data)[-4096:]
        self._log.write(data)
        return data

    def _read_reports(self, view):
        data = self._read(self._reports)
        *lines, self._reported = (self._reported + data).split(b"\n")
        known = [report for line in lines if (report := read_report(line.decode(errors="replace")))]
        if known:
            self._log.begin()
            view.report(self.seed, known[-1])
        return data

    def _read(self, number):
        """What there is to read, b"" for nothing; at the end the selector need not look any more."""
        try:
            data = os.read(number, 1 << 16)
        except BlockingIOError:
            return b""
        if not data:
            with contextlib.suppress(KeyError):
                self._selector.unregister(number)
        return data


class _Log:
    """What a process says: kept until it has begun, then written to its file.

    Attributes:
      path: the file.
      begun: whether anything was written.
    """

    def __init__(self, path, command):
        self.path = path
        self.begun = False
        head = f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {shlex.join(command)}\n"
        self._said = head.encode(errors="backslashreplace")
        self._number = None

    def begin(self):
        if self.begun:
            return
        self.begun = True
        with contextlib.suppress(OSError):  # a full disk: the run itself will say so
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._number = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        self.write(b"")

    def write(self, data):
        self._said += data
        if self._number is not None:
            with contextlib.suppress(OSError):
                os.write(self._number, self._said)
        if self.begun:
            self._said = b""

    def close(self):
        if self._number is not None:
            os.close(self._number)


@contextlib.contextmanager
def _on_cpus(cpus: set[int]) -> Iterator[None]:
    """Moves this thread to some CPUs for a while; none are all."""
    if not cpus:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
