"""A sweep on a Ray cluster: a task for each run, which starts the run's own process on its node.

Ray (https://docs.ray.io) decides where and when, and begins a task again whose worker or node has died;
the run's folder, on a file system that all nodes see, is where it goes on.
"""

import contextlib
import os
import pathlib
import secrets
import time
from collections.abc import Hashable, Iterator, Sequence

from efficient_hrl.errors import RunError, UsageError
from efficient_hrl.run.stop_request import StopRequest
from efficient_hrl.storage.run_folder import LOCK
from efficient_hrl.sweeps.jobs import STARTING, Job, JobEnd, View
from efficient_hrl.sweeps.ray_cluster import connect, load_ray
from efficient_hrl.sweeps.ray_task import RETRIES, Board, run_task
from efficient_hrl.terminal.progress import Report

_POLL_SECONDS = 0.5
_BOARD_SECONDS = 5.0
_ANSWER_SECONDS = 60.0  # of the board, which only hands over what it has


def run_on_ray(
    jobs: Sequence[Job], root: pathlib.Path, cpus_per_run: int, address: str | None, view: View
) -> tuple[dict[Hashable, JobEnd], str]:
    """Runs jobs on a cluster, as `run_jobs` does on one machine.

    Args:
      jobs: in the order in which they are to begin; the log of a run is beside its folder.
      root: the sweep's folder, which all nodes see; it need not exist.
      cpus_per_run: CPUs of each.
      address: of the cluster, HOST:PORT; None begins one on this machine, for 127.0.0.1 alone.
      view: is told how it goes.

    Raises:
      UsageError: Ray is not installed, or there is no cluster at `address`.
      RunError: the cluster is gone.
    """
    ray = load_ray()
    connect(ray, address, cpus_per_run)
    try:
        with StopRequest() as stop, _token(root) as token:
            return _Sweep(ray, jobs, cpus_per_run, view, token).run(stop), stop.name
    except ray.exceptions.RayError:
        raise RunError(f"{root}: the Ray cluster is gone; the same command continues") from None
    finally:
        ray.shutdown()


@contextlib.contextmanager
def _token(root: pathlib.Path) -> Iterator[pathlib.Path]:
    """A file by which a node knows the sweep's folder; gone afterwards, with the folder if that is empty."""
    token = root / f".sweep-{secrets.token_hex(8)}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        token.touch()
    except OSError as error:
        raise UsageError(f"--root_dir={root}: {error.strerror}") from None
    try:
        yield token
    finally:
        with contextlib.suppress(OSError):
            token.unlink()
            root.rmdir()


class _Sweep:
    """Tasks under way, and what is known of them."""

    def __init__(self, ray, jobs, cpus, view, token):
        here = ray.get_runtime_context().get_node_id()
        beside = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(here, soft=False)
        self._ray = ray
        self._view = view
        self._board = ray.remote(Board).options(num_cpus=0, scheduling_strategy=beside).remote()
        task = ray.remote(run_task).options(num_cpus=cpus, max_retries=RETRIES)
        self._jobs = {
            task.remote(job, os.getcwd(), cpus, self._board, job.log.with_suffix("") / LOCK, token): job
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
        for key, what in self._ray.get(self._board.take.remote(), timeout=_ANSWER_SECONDS):
            if isinstance(what, Report):
                self._right.add(self._groups[key])
                self._view.report(key, what)
            elif isinstance(what, JobEnd):
                self._take(key, what)
            else:
                if what == STARTING:
                    self._begun.add(key)
                self._view.state(key, what)

    def _take(self, key, outcome):
        """Keeps an outcome; cancels what waits if its group is wrong, as far as one can tell, or all is."""
        self._outcomes[key] = outcome
        group = self._groups[key]
        ended = [outcome for key, outcome in self._outcomes.items() if self._groups[key] == group]
        if outcome.concerns == "sweep":
            self._cancel_waiting(self._groups.values())
        elif group not in self._right and all(outcome.is_wrong for outcome in ended):
            self._cancel_waiting([group])

    def _cancel_waiting(self, groups):
        """Cancels what has not begun of some groups."""
        groups = {*groups}
        self._cancel(
            [ref for ref, job in self._jobs.items() if job.group in groups and job.key not in self._begun]
        )

    def _cancel(self, refs):
        """Cancels tasks, each once: again would interrupt one that is about to end."""
        for ref in {*refs} - self._cancelled:
            self._cancelled.add(ref)
            self._ray.cancel(ref, force=False, recursive=False)

    def _end(self, key, result, stop):
        """Takes how a task has ended: an outcome, None, or in a line why it has none."""
        if isinstance(result, JobEnd):
            self._take(key, result)
        elif result and key not in self._outcomes and not stop:
            self._outcomes[key] = JobEnd(1, f"Ray gave up: {result}", None, False)
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
