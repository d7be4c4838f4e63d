"""A sweep on a Ray cluster: a task for each run, which starts the run's own process on its node.

Ray (https://docs.ray.io) decides where and when, and begins a task again whose worker or node has died;
the run's folder, on a file system that all nodes see, is where it goes on.  Ray is imported only here.
"""

import collections
import fcntl
import os
import pathlib
import re
import socket
import time
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from efficient_hrl.errors import UsageError
from efficient_hrl.run.stop_request import StopRequest
from efficient_hrl.sweeps.cpus import check_cpus, own_cpus
from efficient_hrl.sweeps.jobs import Job, Outcome, View
from efficient_hrl.sweeps.processes import run_jobs
from efficient_hrl.terminal.progress import Report

RETRIES = 3  # of a run whose process, worker or node was killed
_POLL_SECONDS = 0.5
_ASK_SECONDS = 1.0
_LOCK_SECONDS = 180.0  # a run that its node's death has cut off needs so long to write its checkpoint
_REACH_SECONDS = 10.0
_BOARD_SECONDS = 5.0
_REPOSITORY = pathlib.Path(__file__).parents[2]


class Event(NamedTuple):
    """Something that has become of a job.

    Attributes:
      key: the job's.
      what: a `Report`, the words of `View.state`, or how it has ended.
    """

    key: Hashable
    what: Report | str | Outcome


class Board:
    """What tasks tell the program that has begun the sweep; an actor beside that program."""

    def __init__(self):
        """Nothing has been told."""
        self._events = collections.deque()

    def tell(self, key: Hashable, what: Report | str | Outcome) -> None:
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


def run_task(job: Job, folder: str, cpus: int, board, lock: pathlib.Path) -> Outcome | None:
    """A task: the job's process on this node, to its end; how it has ended, which the board is told as well.

    When the task is cancelled, Ray interrupts it as SIGINT does; its process is asked to stop.

    Args:
      job: what to run.
      folder: where paths begin, the same on all nodes.
      cpus: how many CPUs of the node are its own.
      board: the actor.
      lock: of the run's folder, which another node may still hold.
    """
    os.chdir(folder)
    with StopRequest() as wish, own_cpus(cpus) as mine:
        stop = _AsTerm(wish)
        _wait_for(lock, stop)
        outcomes, _ = run_jobs([job], [mine], _BoardView(board), stop, RETRIES, dies_with_parent=True)
    outcome = outcomes.get(job.key)
    if outcome is not None:
        board.tell.remote(job.key, outcome)  # a task that was cancelled returns nothing
    return outcome


def run_on_ray(
    jobs: Sequence[Job], cpus_per_run: int, address: str | None, view: View
) -> tuple[dict[Hashable, Outcome], str]:
    """Runs jobs on a cluster, as `run_jobs` does on one machine.

    Args:
      jobs: in the order in which they are to begin; the log of a run is beside its folder.
      cpus_per_run: CPUs of each.
      address: of the cluster, HOST:PORT; None begins one on this machine, for 127.0.0.1 alone.
      view: is told how it goes.

    Raises:
      UsageError: Ray is not installed, or there is no cluster at `address`.
    """
    ray = _ray()
    _connect(ray, address, cpus_per_run)
    try:
        with StopRequest() as stop:
            return _Sweep(ray, jobs, cpus_per_run, view).run(stop), stop.name
    finally:
        ray.shutdown()


class _Sweep:
    """Tasks under way, and what is known of them."""

    def __init__(self, ray, jobs, cpus, view):
        here = ray.get_runtime_context().get_node_id()
        beside = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(here, soft=False)
        self._ray = ray
        self._view = view
        self._board = ray.remote(Board).options(num_cpus=0, scheduling_strategy=beside).remote()
        task = ray.remote(run_task).options(num_cpus=cpus, max_retries=RETRIES)
        self._jobs = {
            task.remote(job, os.getcwd(), cpus, self._board, job.log.with_suffix("") / "lock"): job
            for job in jobs
        }
        self._groups = {job.key: job.group for job in jobs}
        self._begun = set()  # keys of jobs that were started
        self._right = set()  # groups of which a job has found nothing wrong
        self._outcomes = {}
        self._cancelled = set()

    def run(self, stop):
        """Outcomes of all that were started."""
        while self._jobs:
            if stop:
                self._cancel(self._jobs)
            done, _ = self._ray.wait(list(self._jobs), num_returns=len(self._jobs), timeout=_POLL_SECONDS)
            ended = {self._jobs.pop(ref).key: self._result(ref) for ref in done}
            self._listen()
            for key, result in ended.items():
                self._end(key, result, stop)
            self._view.tick()
        deadline = time.monotonic() + _BOARD_SECONDS
        while self._begun - self._outcomes.keys() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)  # what tasks have told last may still be on its way
            self._listen()
        return self._outcomes

    def _listen(self):
        """Takes what the board was told."""
        for key, what in self._ray.get(self._board.take.remote()):
            if isinstance(what, Report):
                self._right.add(self._groups[key])
                self._view.report(key, what)
            elif isinstance(what, Outcome):
                self._outcomes[key] = what
                self._cancel_group(self._groups[key])
            else:
                self._begun.add(key)
                self._view.state(key, what)

    def _cancel_group(self, group):
        """Cancels what waits of a group that is wrong, as far as one can tell."""
        ended = [outcome for key, outcome in self._outcomes.items() if self._groups[key] == group]
        if group not in self._right and all(outcome.is_wrong for outcome in ended):
            self._cancel(
                [ref for ref, job in self._jobs.items() if job.group == group and job.key not in self._begun]
            )

    def _cancel(self, refs):
        """Cancels tasks, each once: again would interrupt one that is about to end."""
        for ref in {*refs} - self._cancelled:
            self._cancelled.add(ref)
            self._ray.cancel(ref, force=False, recursive=False)

    def _end(self, key, result, stop):
        """Takes how a task has ended: an outcome, None, or in a line why it has none."""
        if isinstance(result, Outcome):
            self._outcomes[key] = result
            self._cancel_group(self._groups[key])
        elif result and key not in self._outcomes and not stop:
            self._outcomes[key] = Outcome(1, f"Ray gave up: {result}", None, False)
            self._view.state(key, "failed")

    def _result(self, ref):
        """What a task has returned; None where it was cancelled; else in a line why there is nothing."""
        try:
            return self._ray.get(ref)
        except self._ray.exceptions.TaskCancelledError:
            return None
        except self._ray.exceptions.RayError as error:
            said = str(error).strip().splitlines()
            return said[-1] if said else type(error).__name__


def _ray():
    try:
        import ray
        import ray.util.scheduling_strategies
    except ImportError:
        raise UsageError(
            "--on=ray: Ray is not installed; pip install -r requirements.txt -r requirements-scale.txt"
        ) from None
    return ray


def _connect(ray, address, cpus_per_run):
    environment = {"env_vars": {"PYTHONPATH": str(_REPOSITORY)}}
    quiet = {"log_to_driver": False, "logging_level": "error", "runtime_env": environment}
    if address is None:
        count = check_cpus(cpus_per_run)
        ray.init("local", num_cpus=count, include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)
        return
    _check_reachable(address)
    try:
        ray.init(address=address, **quiet)
    except Exception as error:  # Ray has many for it, and none in common
        said = str(error).strip().splitlines()
        raise UsageError(f"--address={address}: {said[0] if said else type(error).__name__}") from None
    largest = max((node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]), default=0)
    if cpus_per_run > largest:
        ray.shutdown()
        raise UsageError(
            f"--cpus_per_run={cpus_per_run}: allowed: 1 to {largest:.0f}, the most of a node of {address}"
        )


def _check_reachable(address):
    """Asks for a connection; Ray itself would go on trying for many minutes."""
    found = re.fullmatch(r"(?:ray://)?([^:/]+):(\d{1,5})", address)
    if not found:
        raise UsageError(f"--address={address}: allowed: HOST:PORT, as `ray start --head` says")
    try:
        socket.create_connection((found[1], int(found[2])), _REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UsageError(f"--address={address}: {getattr(error, 'strerror', None) or error}") from None


def _wait_for(lock, stop):
    """Waits until no process holds a run's lock: one that was cut off may still write its checkpoint."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while lock.exists() and time.monotonic() < deadline and not stop:
        try:
            with open(lock, "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
        except BlockingIOError:
            time.sleep(_ASK_SECONDS)
        except OSError:  # this file system has no locks, or the run may not be touched: it will say so
            return
