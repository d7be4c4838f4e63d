"""A sweep on a Ray cluster: a task for each run, which starts the run's own process on its node.

Ray (https://docs.ray.io) decides where and when, and begins a task again whose worker or node has died;
the run's folder, on a file system that all nodes see, is where it goes on.  Ray is imported only here.
"""

import collections
import fcntl
import pathlib
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
_REPOSITORY = pathlib.Path(__file__).parents[2]


class Event(NamedTuple):
    """Something that has become of a job.

    Attributes:
      key: the job's.
      what: a `Report`, or the words of `View.state`.
    """

    key: Hashable
    what: Report | str


class Board:
    """What tasks and the program that has begun the sweep tell each other; an actor beside that program."""

    def __init__(self):
        """Nothing has been told."""
        self._events = collections.deque()
        self._stop = ""
        self._ended = collections.defaultdict(list)
        self._begun = set()

    def tell(self, key: Hashable, what: Report | str) -> None:
        """A task tells of its job."""
        self._events.append(Event(key, what))

    def begun(self, group: Hashable) -> None:
        """A job of a group was right, and runs."""
        self._begun.add(group)

    def ended(self, group: Hashable, is_wrong: bool) -> None:
        """A job of a group has ended; whether a mistake of the user has kept it from beginning."""
        self._ended[group].append(is_wrong)

    def take(self) -> list[Event]:
        """What was told since the last call."""
        events = list(self._events)
        self._events.clear()
        return events

    def stop(self, name: str) -> None:
        """Asks all tasks to stop, by a signal of that name."""
        self._stop = name

    def wish(self) -> str:
        """The signal's name, "" while there is no wish to stop."""
        return self._stop

    def may_begin(self, group: Hashable) -> bool:
        """Whether another job of the group is to begin."""
        ended = self._ended[group]
        return not self._stop and (group in self._begun or not ended or not all(ended))


class _BoardView(View):
    """Tells the board."""

    def __init__(self, ray, board, group):
        self._ray, self._board, self._group = ray, board, group
        self._has_begun = False

    def report(self, key, report):
        if not self._has_begun:
            self._has_begun = True
            self._board.begun.remote(self._group)
        self._board.tell.remote(key, report)

    def state(self, key, text):
        self._board.tell.remote(key, text)


class _BoardStop:
    """The wish to stop that is on the board, asked for now and then."""

    def __init__(self, ray, board):
        self._ray, self._board = ray, board
        self._asked = 0.0
        self.name = ""

    def __bool__(self):
        now = time.monotonic()
        if not self.name and now - self._asked >= _ASK_SECONDS:
            self._asked = now
            self.name = self._ray.get(self._board.wish.remote())
        return bool(self.name)


def run_task(job: Job, cpus: int, board, lock: pathlib.Path) -> Outcome | None:
    """A task: the job's process on this node, to its end.

    Args:
      job: what to run.
      cpus: how many CPUs of the node are its own.
      board: the actor.
      lock: of the run's folder, which another node may still hold.

    Returns:
      How it has ended; None where it was not to begin.
    """
    import ray

    if not ray.get(board.may_begin.remote(job.group)):
        return None
    _wait_for(lock)
    view, stop = _BoardView(ray, board, job.group), _BoardStop(ray, board)
    with own_cpus(cpus) as mine:
        outcomes, _ = run_jobs([job], [mine], view, stop, RETRIES, dies_with_parent=True)
    outcome = outcomes.get(job.key)
    if outcome is not None:
        ray.get(board.ended.remote(job.group, outcome.is_wrong))
    return outcome


def run_on_ray(
    jobs: Sequence[Job], cpus_per_run: int, address: str | None, view: View
) -> tuple[dict[Hashable, Outcome], str]:
    """Runs jobs on a cluster, as `run_jobs` does on one machine.

    Args:
      jobs: in the order in which they are to begin; their logs are in the runs' folders' parents.
      cpus_per_run: CPUs of each.
      address: of the cluster, HOST:PORT; None starts one on this machine, for 127.0.0.1 alone.
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
        locks = {job.key: job.log.with_suffix("") / "lock" for job in jobs}
        self._jobs = {task.remote(job, cpus, self._board, locks[job.key]): job for job in jobs}

    def run(self, stop):
        """Outcomes of all that have begun."""
        outcomes, asked = {}, False
        while self._jobs:
            if stop and not asked:
                asked = True
                self._ray.get(self._board.stop.remote(stop.name))
            done, _ = self._ray.wait(list(self._jobs), num_returns=len(self._jobs), timeout=_POLL_SECONDS)
            self._tell()
            for ref in done:
                job = self._jobs.pop(ref)
                outcome = self._outcome(ref, job)
                if outcome is not None:
                    outcomes[job.key] = outcome
            self._view.tick()
        return outcomes

    def _tell(self):
        for event in self._ray.get(self._board.take.remote()):
            if isinstance(event.what, Report):
                self._view.report(event.key, event.what)
            else:
                self._view.state(event.key, event.what)

    def _outcome(self, ref, job):
        try:
            return self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            said = str(error).strip().splitlines()
            self._view.state(job.key, "failed")
            return Outcome(1, f"Ray gave up: {said[0] if said else type(error).__name__}", None, False)


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
        ray.init(num_cpus=count, include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)
        return
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


def _wait_for(lock):
    """Waits until no process holds a run's lock: one that was cut off may still write its checkpoint."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while lock.exists() and time.monotonic() < deadline:
        with open(lock, "r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                time.sleep(_ASK_SECONDS)
            except OSError:  # this file system has no locks
                return
