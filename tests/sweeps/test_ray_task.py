"""A task of a sweep on Ray and what waits for it, without Ray."""

import fcntl
import pathlib
import time
import types

import pytest

from efficient_hrl.errors import RunError
from efficient_hrl.sweeps import on_ray, ray_task
from efficient_hrl.sweeps.jobs import Job, JobEnd, View

JOB = Job("a", ["true"], pathlib.Path("a.log"), "group")


class Remote:
    """A method of an actor that is called at once."""

    def __init__(self, act):
        self.remote = act


def board_of(told):
    return types.SimpleNamespace(tell=Remote(lambda key, what: told.append((key, what))))


@pytest.fixture
def clock(monkeypatch):
    """A clock that only sleeping moves on; what has been slept."""
    slept = []
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + sum(slept))
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


def test_a_task_waits_for_a_lock_as_long_as_it_is_held_and_says_so_every_minute(tmp_path, clock, monkeypatch):
    lock = tmp_path / "lock"
    lock.write_text('{"pid": 7, "host": "there", "since": "then"}')
    file = open(lock, "r+b")  # noqa: SIM115  (closed while the task waits)
    fcntl.flock(file, fcntl.LOCK_EX)

    def sleep(seconds):
        clock.append(seconds)
        if len(clock) == 300:
            file.close()

    monkeypatch.setattr(time, "sleep", sleep)
    told = []
    ray_task._wait_for(lock, False, told.append)
    assert len(clock) == 300
    assert told == ["waits for process 7 on there (since then), which runs in its folder"] * 5


def test_a_task_waits_for_no_lock_that_is_free_or_not_there_and_not_when_it_is_to_stop(tmp_path, clock):
    told = []
    ray_task._wait_for(tmp_path / "lock", False, told.append)
    (tmp_path / "lock").touch()
    ray_task._wait_for(tmp_path / "lock", False, told.append)
    with open(tmp_path / "lock", "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        ray_task._wait_for(tmp_path / "lock", True, told.append)
    assert not told and not clock


def test_a_run_whose_folder_another_was_faster_in_is_begun_again(tmp_path, monkeypatch):
    held = JobEnd(2, "is running in this folder", None, False, "run")
    ends = iter([held, held, JobEnd(0, "", None, False)])
    monkeypatch.setattr(ray_task, "run_jobs", lambda *arguments, **options: ({"a": next(ends)}, ""))
    told = []
    outcome = ray_task.run_task(JOB, ".", 1, board_of(told), tmp_path / "lock", tmp_path)
    assert outcome.status == 0 and told == [("a", outcome)]


def test_another_folder_than_the_sweep_s_is_told(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(ray_task.socket, "gethostname", lambda: "node7")
    told = []
    token = tmp_path / "all" / ".sweep-1"
    outcome = ray_task.run_task(JOB, ".", 1, board_of(told), tmp_path / "lock", token)
    wrong = f"--root_dir={tmp_path / 'all'}: it is not the sweep's folder on node7"
    assert outcome.last_line == f"{wrong}; allowed: one that all nodes see"
    assert (outcome.status, outcome.concerns, outcome.is_wrong) == (2, "sweep", False)
    assert told == [("a", outcome)] and 5 < len(clock) < 30


# The program that waits.


class FakeRay:
    """As much of Ray as a sweep asks; every task ends with what it is given."""

    def __init__(self, ends, board_fails=False):
        self.exceptions = types.SimpleNamespace(RayError=ConnectionError, TaskCancelledError=TimeoutError)
        self._ends, self._board_fails = ends, board_fails
        self.cancelled, self.is_shut_down = [], False
        affinity = types.SimpleNamespace(NodeAffinitySchedulingStrategy=lambda node, soft: None)
        self.util = types.SimpleNamespace(scheduling_strategies=affinity)

    def get_runtime_context(self):
        return types.SimpleNamespace(get_node_id=lambda: "node")

    def remote(self, what):
        begin = lambda *arguments: arguments[0].key if arguments else types.SimpleNamespace(take=Remote(list))
        return types.SimpleNamespace(options=lambda **options: Remote(begin))

    def wait(self, refs, num_returns, timeout):
        del num_returns, timeout
        return refs[:1], refs[1:]

    def get(self, ref, timeout=None):
        del timeout
        if isinstance(ref, list):
            if self._board_fails:
                raise self.exceptions.RayError("The actor died unexpectedly\nwith many\nlines")
            return ref
        if ref in self.cancelled:
            raise self.exceptions.TaskCancelledError
        return self._ends[ref]

    def cancel(self, ref, force, recursive):
        del force, recursive
        self.cancelled.append(ref)

    def shutdown(self):
        self.is_shut_down = True


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """Runs jobs, name -> (group, end), on a Ray that pretends."""

    def run(jobs, **options):
        ray = FakeRay({key: end for key, (_, end) in jobs.items()}, **options)
        monkeypatch.setattr(on_ray, "load_ray", lambda: ray)
        monkeypatch.setattr(on_ray, "connect", lambda *arguments: None)
        made = [Job(key, [], tmp_path / "all" / f"{key}.log", group) for key, (group, _) in jobs.items()]
        try:
            return on_ray.run_on_ray(made, tmp_path / "all", 1, None, View())[0]
        finally:
            assert ray.is_shut_down and not (tmp_path / "all").exists()

    return run


def test_a_cluster_that_is_gone_is_one_line(sweep, tmp_path):
    with pytest.raises(RunError) as error:
        sweep({"a": ("g", None)}, board_fails=True)
    assert str(error.value) == f"{tmp_path / 'all'}: the Ray cluster is gone; the same command continues"


@pytest.mark.parametrize(
    ("concerns", "ended"), [("run", {"a", "b", "c"}), ("group", {"a", "c"}), ("sweep", {"a"})]
)
def test_a_mistake_ends_what_it_concerns(sweep, concerns, ended):
    good = JobEnd(0, "", None, False)
    wrong = JobEnd(2, "wrong", None, False, concerns)
    assert {*sweep({"a": ("g", wrong), "b": ("g", good), "c": ("h", good)})} == ended
