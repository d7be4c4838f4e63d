"""A task of a sweep on Ray: a run's own process on a node, and what it tells the program that waits."""

import collections
import os
import pathlib
import socket
import time
from collections.abc import Hashable
from typing import NamedTuple

from efficient_hrl.run.stop_request import StopRequest
from efficient_hrl.storage.run_lock import holder
from efficient_hrl.sweeps.cpus import own_cpus
from efficient_hrl.sweeps.jobs import Job, JobEnd, View
from efficient_hrl.sweeps.processes import run_jobs
from efficient_hrl.terminal.progress import Report

RETRIES = 3  # of a run whose process, worker or node was killed
_ASK_SECONDS = 1.0
_TELL_SECONDS = 60.0
_TOKEN_SECONDS = 10.0  # in which a file that was written on one machine is seen on another


class Event(NamedTuple):
    """Something that has become of a job.

    Attributes:
      key: the job's.
      what: a `Report`, the words of `View.state`, or how it has ended.
    """

    key: Hashable
    what: Report | str | JobEnd


class Board:
    """What tasks tell the program that has begun the sweep; an actor beside that program."""

    def __init__(self):
        """Nothing has been told."""
        self._events = collections.deque()

    def tell(self, key: Hashable, what: Report | str | JobEnd) -> None:
        """A task tells of its job."""
        self._events.append(Event(key, what))

    def take(self) -> list[Event]:
        """What was told since the last call."""
        events = list(self._events)
        self._events.clear()
        return events


class _BoardView(View):
    """Tells the board, and never waits for it: Ray would give a waiting task's CPUs to another."""

    def __init__(self, board):
        self._board = board

    def report(self, key, report):
        self._board.tell.remote(key, report)

    def state(self, key, text):
        self._board.tell.remote(key, text)


class _AsTerm:
    """A wish to stop that is passed on as SIGTERM: processes that Ray has begun do not hear SIGINT."""

    def __init__(self, wish):
        self._wish = wish

    def __bool__(self):
        return bool(self._wish)

    @property
    def name(self):
        return "SIGTERM" if self else ""


def run_task(
    job: Job, folder: str, cpus: int, board, lock: pathlib.Path, token: pathlib.Path
) -> JobEnd | None:
    """A task: the job's process on this node, to its end; how it has ended, which the board is told as well.

    When the task is cancelled, Ray interrupts it as SIGINT does; its process is asked to stop.

    Args:
      job: what to run.
      folder: where paths begin, the same on all nodes.
      cpus: how many CPUs of the node are its own.
      board: the actor.
      lock: of the run's folder, which another node may still hold.
      token: a file that is there where the sweep's folder is.
    """
    os.chdir(folder)
    with StopRequest() as wish, own_cpus(cpus) as mine:
        stop, view = _AsTerm(wish), _BoardView(board)
        outcome = _missing(token, stop)
        while outcome is None:
            _wait_for(lock, stop, lambda text: view.state(job.key, text))
            outcomes, _ = run_jobs([job], [mine], view, stop, RETRIES, dies_with_parent=True)
            if stop:
                outcome = outcomes.get(job.key)
                break
            outcome = outcomes[job.key]
            if outcome.is_held:  # another was faster
                outcome = None
    if outcome is not None:
        board.tell.remote(job.key, outcome)  # a task that was cancelled returns nothing
    return outcome


def _missing(token, stop):
    """What to say where the sweep's folder is not on this node; None where it is."""
    deadline = time.monotonic() + _TOKEN_SECONDS
    while not token.exists() and not stop:
        if time.monotonic() >= deadline:
            wrong = f"--root_dir={token.parent}: it is not the sweep's folder on {socket.gethostname()}"
            return JobEnd(2, f"{wrong}; allowed: one that all nodes see", None, False, concerns="sweep")
        time.sleep(_ASK_SECONDS)
    return None


def _wait_for(lock, stop, tell):
    """Waits until no process holds a run's lock: one that was cut off may still write its checkpoint.

    Args:
      lock: the file.
      stop: ends the waiting.
      tell: is told every minute who holds it.
    """
    told = -_TELL_SECONDS + time.monotonic()
    while not stop and (who := holder(lock)):
        if time.monotonic() - told >= _TELL_SECONDS:
            told = time.monotonic()
            tell(f"waits for {who}, which runs in its folder")
        time.sleep(_ASK_SECONDS)
