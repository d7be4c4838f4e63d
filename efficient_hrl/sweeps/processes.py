"""Jobs at work on this machine: a process for each, so many side by side, watched together.

This process only starts, watches and stops them; it never imports TensorFlow.  A job's own
process does what it would do alone, so that each folder is a run like any other.
"""

import collections
import contextlib
import ctypes
import os
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Hashable, Iterator, Sequence
from typing import Protocol

from efficient_hrl.run.stop_request import StopRequest
from efficient_hrl.storage.run_lock import HELD
from efficient_hrl.sweeps.jobs import STARTING, Job, JobEnd, View, word
from efficient_hrl.terminal.console import program
from efficient_hrl.terminal.progress import REPORT_PIPE, read_report

_WAIT_SECONDS = 0.2
_PR_SET_PDEATHSIG = 1  # of Linux' prctl


class Stop(Protocol):
    """A wish to stop, as `StopRequest`."""

    name: str

    def __bool__(self) -> bool: ...


def run_jobs(
    jobs: Sequence[Job],
    shares: Sequence[set[int]],
    view: View | None = None,
    stop: Stop | None = None,
    retries: int = 0,
    dies_with_parent: bool = False,
) -> tuple[dict[Hashable, JobEnd], str]:
    """Runs a process for every job and waits for all of them.

    A wish to stop is passed on once, as its signal, to those that run, and no more are begun.  A
    process that fails does not end the others.  What a process says goes to its log from when it has
    begun: before that it may find that its configuration is wrong, and then nothing is written.

    If no job of a group has begun and all of it that have ended were wrong (status 2), the rest of the
    group is wrong as well and is not started.  One in whose folder another process is, is not wrong.

    Args:
      jobs: in the order in which they begin.
      shares: for each of those that run side by side its CPUs; an empty set is all.
      view: is told how it goes.
      stop: asked all the time; None listens to SIGINT, SIGTERM and SIGHUP.
      retries: how often a job begins again that a signal has killed, or stopped without a wish to stop
        here; it goes on from its checkpoint.
      dies_with_parent: whether a process gets SIGHUP when this one dies, on Linux.

    Returns:
      Outcomes of the jobs that were begun, by key, and the name of the signal that has come, or "".
    """
    with contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        wish = stack.enter_context(StopRequest()) if stop is None else stop
        crew = _Crew(jobs, shares, view or View(), selector, retries, dies_with_parent)
        try:
            while crew.goes_on(wish):
                crew.begin_more(wish)
                crew.listen(wish)
        finally:
            # Only when something went wrong here, or a second signal came.
            _end_all(crew.running, selector)
    return crew.outcomes, wish.name


class _Crew:
    """Jobs that wait, run and have ended."""

    def __init__(self, jobs, shares, view, selector, retries, dies_with_parent):
        self._waiting = collections.deque(jobs)
        self._free = list(range(len(shares)))
        self._shares = shares
        self._view = view
        self._selector = selector
        self._left = {job.key: retries for job in jobs}
        self._groups = {job.key: job.group for job in jobs}
        self._dies_with_parent = dies_with_parent
        # TensorFlow would take a GPU's whole memory for the first of them.
        self._environment = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"} if len(shares) > 1 else {}
        self.running: list[_Child] = []
        self.outcomes = {}

    def goes_on(self, stop):
        """Whether anything runs, or is to begin."""
        return bool(self.running) or (not stop and any(map(self._may_begin, self._waiting)))

    def begin_more(self, stop):
        """Fills what is free."""
        while self._free and not stop:
            job = next(filter(self._may_begin, self._waiting), None)
            if job is None:
                return
            self._waiting.remove(job)
            slot = self._free.pop(0)
            child = _Child(
                job, slot, self._shares[slot], self._environment, self._selector, self._dies_with_parent
            )
            self.running.append(child)
            self._view.state(job.key, STARTING)

    def listen(self, stop):
        """Waits a little for what processes say, and takes leave of those that have ended."""
        if stop:
            for child in self.running:
                child.stop(signal.Signals[stop.name])
        for key, _ in self._selector.select(_WAIT_SECONDS):
            key.data(self._view)
        for child in [child for child in self.running if child.has_ended(self._view)]:
            self.running.remove(child)
            self._free.append(child.slot)
            self._take(child.job, child.outcome())
        self._view.tick()

    def _take(self, job, outcome):
        """Keeps an outcome, or lets the job begin again."""
        if outcome.status < 0 and outcome.failed and self._left[job.key]:
            self._left[job.key] -= 1
            self._waiting.appendleft(job)
            self._view.state(job.key, f"{word(outcome)}, begins again")
            return
        self.outcomes[job.key] = outcome
        self._view.state(job.key, word(outcome))

    def _may_begin(self, job):
        """Whether it is not the job's group that is wrong, as far as one can tell."""
        ended = [outcome for key, outcome in self.outcomes.items() if self._groups[key] == job.group]
        begun = any(child.has_begun for child in self.running if child.job.group == job.group)
        return begun or not ended or not all(outcome.is_wrong for outcome in ended)


def _end_all(running, selector):
    """Ends processes and waits for them; what they say goes to their logs alone."""
    for child in running:
        child.end()
    unseen = View()  # the other may be what went wrong
    while running := [child for child in running if not child.has_ended(unseen)]:
        for key, _ in selector.select(_WAIT_SECONDS):
            key.data(unseen)


def cpu_shares(count: int) -> list[set[int]]:
    """This process' CPUs divided among `count` others; with fewer CPUs than that each gets one."""
    if not hasattr(os, "sched_getaffinity"):
        return [set()] * count
    cpus = sorted(os.sched_getaffinity(0))
    if count > len(cpus):
        return [{cpus[i % len(cpus)]} for i in range(count)]
    bounds = [i * len(cpus) // count for i in range(count + 1)]
    return [{*cpus[begin:end]} for begin, end in zip(bounds, bounds[1:])]


class _Child:
    """A job's process, and what comes out of it."""

    def __init__(self, job, slot, cpus, environment, selector, dies_with_parent):
        """Starts it on `cpus`; `selector` tells `_read_text` and `_read_reports` what there is.

        Variables of `environment` are set where they are not set yet.
        """
        self.job, self.slot = job, slot
        self._log = _Log(job.log, job.command)
        self._selector = selector
        self._tail, self._reported = b"", b""
        self._asked = None
        self._stopped_by = ""
        reports, write = os.pipe()
        with contextlib.ExitStack() as stack, contextlib.ExitStack() as of_failure:
            stack.callback(os.close, write)
            of_failure.callback(os.close, reports)
            stack.enter_context(_on_cpus(cpus))  # which a process inherits
            # In a session of its own: a terminal's signals reach it through this process alone.
            self._process = subprocess.Popen(
                job.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment | os.environ | {REPORT_PIPE: str(write)},
                pass_fds=[write],
                start_new_session=True,
                preexec_fn=_hang_up_with_parent() if dies_with_parent else None,
            )
            of_failure.pop_all()  # the process runs, and reports are read from it
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
        if status == 0 and self._stopped_by and self._asked is None:
            # Somebody else has stopped it: it has written its checkpoint, but is not finished.
            status = -signal.Signals[self._stopped_by]
        stopped = self._asked is not None and status in (0, 130, -self._asked)
        lines = [line.strip() for line in self._tail.decode(errors="replace").splitlines() if line.strip()]
        prefix = f"{program()}: "  # of the errors that it tells
        own = [line for line in lines if line.startswith(prefix)] or lines
        last = own[-1].removeprefix(prefix) if own else ""
        concerns = "run" if last.endswith(HELD) else "group"
        return JobEnd(status, last, self._log.path if self._log.begun else None, stopped, concerns)

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
            self._stopped_by = known[-1].stopped_by
            view.report(self.job.key, known[-1])
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


def _hang_up_with_parent():
    """As `die_with_parent`, with SIGHUP.

    The system sends its signal once more for each thread of a killed process that a child is handed on to:
    a second SIGTERM would end a run before it has written its checkpoint, a second SIGHUP does nothing.
    """
    ask = die_with_parent(signal.SIGHUP)
    if ask is None:
        return None

    def prepare():
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored
        ask()

    return prepare


def die_with_parent(number: int = signal.SIGTERM):
    """What a new process calls, so that the system sends it a signal when the thread that began it ends."""
    try:
        prctl = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):  # another system than Linux
        return None
    return lambda: prctl(_PR_SET_PDEATHSIG, number)


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
