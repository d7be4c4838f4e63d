"""Sweeps on a Ray cluster: runs that pretend, workers and nodes that are killed, and once real runs."""

import contextlib
import csv
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from efficient_hrl.commands import main
from efficient_hrl.errors import UsageError
from efficient_hrl.sweeps import ray_cluster
from tests.commands.test_wrong_inputs import REPOSITORY
from tests.sweeps import pretender

ray = pytest.importorskip("ray", reason="requirements-scale.txt is not installed")
pytestmark = [pytest.mark.ci, pytest.mark.usefixtures("signals_of_a_terminal")]

TINY = (
    "train_uvf.num_episodes_train = 3",
    "train_uvf.initial_episodes = 1",
    "train_uvf.checkpoint_every_n_steps = 200",
    "train_uvf.log_every_n_steps = 100",
    "train_uvf.batch_size = 4",
    "train_uvf.num_updates_per_observation = 1",
    "evaluate.num_episodes_eval = 1",
    "ddpg_actor_net.hidden_layers = (8,)",
    "ddpg_critic_net.states_hidden_layers = (8,)",
    "ddpg_critic_net.joint_hidden_layers = (8,)",
)


@pytest.fixture
def run(tmp_path):
    flags = ("--mode=sweep", "--on=ray", f"--root_dir={tmp_path / 'all'}")
    return lambda *more: main.main(["run.py", *flags, *more])


# 127.0.0.1, and the same as an IPv6 address and ::1, as in /proc/net.
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


# Of a process or thread that was there a moment ago.
ENDED = (FileNotFoundError, ProcessLookupError)


def listeners(process):
    """Addresses at which a process and those that it has begun listen, as in /proc/net."""
    folder = pathlib.Path(f"/proc/{process}")
    links = []
    for number in (folder / "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            links.append(os.readlink(number))
    for table in ("tcp", "tcp6"):
        for line in (folder / "net" / table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in links:
                yield fields[1].split(":")[0]
    for children in folder.glob("task/*/children"):
        begun = []
        with contextlib.suppress(*ENDED):
            begun = children.read_text().split()
        for child in begun:
            with contextlib.suppress(*ENDED):
                yield from listeners(int(child))


def in_background(act):
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    return thread


def wait_until(holds, seconds=120):
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def test_all_runs_are_made_and_a_mistake_is_told_once(run, notes, capfd):
    assert run("--gin_file=wrong.gin", "--gin_file=first.gin", "--seeds=0-2") == 2
    assert sorted(pretender.lines(notes, "ends")) == [f"first/seed{seed} at 10" for seed in range(3)]
    assert all(line.endswith("on 1") for line in pretender.lines(notes, "begins"))  # a CPU each
    err = capfd.readouterr().err
    assert err.count("run.py: ") == 2 and "no such thing" in err
    assert len(pretender.lines(notes, "report")) == 1


def test_a_run_whose_worker_is_killed_goes_on_in_another(run, notes, monkeypatch, tmp_path):
    monkeypatch.setenv("PACE", "0.3")
    monkeypatch.setenv("PYTHONPATH", "/theirs")
    seen = []

    def kill():
        (first, *_) = wait_until(lambda: pretender.lines(notes, "begins"))
        seen.extend(listeners(os.getpid()))
        environment = pathlib.Path(f"/proc/{first.split(' as ')[1].split(' ')[0]}/environ").read_text()
        seen.append(dict(line.partition("=")[::2] for line in environment.split("\0"))["PYTHONPATH"])
        time.sleep(1.0)
        os.kill(int(first.split(" under ")[1].split(" ")[0]), signal.SIGKILL)

    killer = in_background(kill)
    assert run("--gin_file=first.gin") == 0
    killer.join(60)
    counts = [int(line.split(" ")[2]) for line in pretender.lines(notes, "begins")]
    assert len(counts) == 2 and counts[0] == 0 and 0 < counts[1] < 10
    *addresses, path = seen
    assert len(addresses) > 3 and {*addresses} <= LOOPBACK  # no other machine reaches the cluster
    assert path == f"{REPOSITORY}:/theirs"
    assert "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER" not in os.environ  # another cluster is as it was
    assert not list((tmp_path / "all").glob(".sweep-*"))
    # The process of a worker that has died is asked to stop, and does not run on beside the next.
    assert pretender.lines(notes, "stopped") == [f"first/seed0 at {counts[1]}"]


def test_a_signal_stops_all_runs_and_nothing_is_begun_any_more(run, notes, monkeypatch, capfd, tmp_path):
    monkeypatch.setenv("PACE", "1")

    def stop():
        wait_until(lambda: pretender.lines(notes, "begins"))
        os.kill(os.getpid(), signal.SIGTERM)

    stopper = in_background(stop)
    assert run("--gin_file=first.gin", "--seeds=0-9") == 0
    stopper.join(60)
    begun = {line.split(" ")[0] for line in pretender.lines(notes, "begins")}
    assert len(begun) < 10 and len(pretender.lines(notes, "stopped")) == len(begun)
    assert f"{tmp_path / 'all'}: stopped by SIGTERM; the same command continues" in capfd.readouterr().out


@contextlib.contextmanager
def node(folder, *flags):
    """A node of a cluster, on a loopback address, that ends with its process."""
    log = open(folder / "node.log", "a")  # noqa: SIM115  (until the process has ended)
    command = [pathlib.Path(sys.executable).with_name("ray"), "start", "--block", "--num-cpus=1", *flags]
    process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        end(process)
        log.close()


def end(process, number=signal.SIGKILL):
    """Kills a node with all that belongs to it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
    process.wait()


@pytest.fixture
def same_for_all(monkeypatch):
    """Nodes, and this process, ask for a token if there is one; else it depends on who was there before."""
    if (pathlib.Path.home() / ".ray/auth_token").exists():
        monkeypatch.setenv("RAY_AUTH_MODE", "token")
        ray._raylet.Config.initialize("")


@pytest.mark.usefixtures("same_for_all")
def test_runs_of_a_node_that_is_killed_go_on_on_another(run, notes, monkeypatch, tmp_path):
    monkeypatch.setenv("PACE", "1.0")
    port = 20000 + os.getpid() % 20000
    address = f"127.0.0.2:{port}"
    head = ("--head", "--node-ip-address=127.0.0.2", f"--port={port}", "--include-dashboard=false")
    other = (f"--address={address}", "--node-ip-address=127.0.0.3")
    with node(tmp_path, *head):
        wait_until(lambda: "Ray runtime started" in (tmp_path / "node.log").read_text())
        with node(tmp_path, *other) as second:
            wait_until(lambda: (tmp_path / "node.log").read_text().count("Ray runtime started") == 2)

            def kill():
                begun = wait_until(lambda: len(both := pretender.lines(notes, "begins")) == 2 and both)
                time.sleep(2.0)
                raylets = {raylet_of(int(line.split(" under ")[1].split(" ")[0])) for line in begun}
                assert len(raylets) == 2  # one run on each node
                end(second)

            killer = in_background(kill)
            assert run("--gin_file=first.gin", "--seeds=0,1", f"--address={address}") == 0
            killer.join(60)
    ends = sorted(line.split(" ")[0] for line in pretender.lines(notes, "ends"))
    assert ends == ["first/seed0", "first/seed1"]
    counts = [int(line.split(" ")[2]) for line in pretender.lines(notes, "begins")]
    assert len(counts) == 3 and counts[:2] == [0, 0] and 0 < counts[2] < 10


def raylet_of(worker):
    """The process that has begun a worker: its node."""
    return int(pathlib.Path(f"/proc/{worker}/stat").read_text().rsplit(")", 1)[1].split()[1])


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:1", "refused"),
        ("here", "allowed: HOST:PORT"),
        ("ray://127.0.0.1:10001", "allowed: HOST:PORT, as `ray start --head` says, on a node of the cluster"),
    ],
)
def test_no_cluster_is_one_line(run, notes, capfd, tmp_path, address, message):
    assert run("--gin_file=first.gin", f"--address={address}") == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"run.py: --address={address}: ") and message in line
    assert not (tmp_path / "all").exists()


def test_another_server_than_ray_is_told_in_time(run, notes, capfd, monkeypatch):
    monkeypatch.setattr(ray_cluster, "_ANSWER_SECONDS", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        began = time.monotonic()
        assert run("--gin_file=first.gin", f"--address={address}") == 2
        assert time.monotonic() - began < 20
    (line,) = capfd.readouterr().err.splitlines()
    assert line == f"run.py: --address={address}: what listens there does not answer as Ray's head does"


def test_a_cluster_that_asks_for_a_token_says_so(monkeypatch):
    refused = subprocess.CompletedProcess([], 1, None, b"ray.exceptions.AuthenticationError: RPC error")
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **options: refused)
    with pytest.raises(
        UsageError, match=r"^--address=a:1: this cluster asks for a token; allowed: with RAY_AUTH"
    ):
        ray_cluster._check_is_ray("a:1")


def test_two_real_runs_with_a_killed_worker_end_as_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    flags = ["--gin_file=gin/hiro_xy_point_maze.gin", *(f"--gin_bindings={binding}" for binding in TINY)]
    root = tmp_path / "all" / "hiro_xy_point_maze"

    def kill():
        wait_until(lambda: list(root.glob("seed0/checkpoints/ckpt-*")), 200)
        (lock,) = root.glob("seed0/lock")
        process = int(lock.read_text().split('"pid": ')[1].split(",")[0])
        parent = raylet_of(process)
        os.kill(parent, signal.SIGKILL)

    killer = in_background(kill)
    sweep_flags = ["--mode=sweep", "--on=ray", "--seeds=0,1", f"--root_dir={tmp_path / 'all'}"]
    assert main.main(["run.py", *flags, *sweep_flags]) == 0
    killer.join(60)
    assert "continuing" in (root / "seed0.log").read_text()
    alone = tmp_path / "alone"
    assert main.main(["run.py", *flags, "--seed=0", f"--root_dir={alone}"]) == 0
    clocks = {"wall_s", "steps_per_s"}
    rows = lambda folder: [
        {name: value for name, value in row.items() if name not in clocks}
        for row in csv.DictReader((folder / "metrics.csv").read_text().splitlines())
    ]
    assert rows(root / "seed0") == rows(alone)
    assert (root / "seed0/eval.csv").read_text() == (alone / "eval.csv").read_text()
    assert (tmp_path / "all/report.html").is_file()
