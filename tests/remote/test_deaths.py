"""Real learners and collectors: what happens when one of them is killed, stopped, or wrong."""

import csv
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.storage.checkpoints import newest_whole, weights_in
from tests.environments import faulty
from tests.environments.faulty import FAULT
from tests.test_your_environment import WALK

pytest.importorskip("reverb", reason="requirements-scale.txt is not installed")
pytestmark = pytest.mark.ci

REPOSITORY = pathlib.Path(__file__).parents[2]
TINY = (
    "train_uvf.initial_episodes = 1",
    "train_uvf.checkpoint_every_n_steps = 200",
    "train_uvf.log_every_n_steps = 100",
    "train_uvf.batch_size = 4",
    "train_uvf.eval_every_n_steps = 1000000",
    "evaluate.num_episodes_eval = 1",
    "ddpg_actor_net.hidden_layers = (8,)",
    "ddpg_critic_net.states_hidden_layers = (8,)",
    "ddpg_critic_net.joint_hidden_layers = (8,)",
    "agent/Context.meta_action_every_n = 13",  # so that segments are open when a block of ten ends
)
SECONDS = 150
OPEN_STEPS = r"; (\d+) steps of its open segments are dropped"


class Parts:
    """Processes of one run, with what they say."""

    def __init__(self, folder):
        self.root, self._folder = folder / "run", folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        self._begun = []

    def begin(self, name, *flags, episodes=400, more=(), gin_file="gin/hiro_xy_point_maze.gin"):
        bindings = [*TINY, f"train_uvf.num_episodes_train = {episodes}", *more]
        command = [sys.executable, "run.py", f"--gin_file={gin_file}", "--seed=4"]
        command += [f"--gin_bindings={binding}" for binding in bindings] + list(flags)
        with open(self._folder / f"{name}.log", "a") as log:
            process = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log)
        self._begun.append(process)
        return process

    def learner(self, *flags, name="learner", **options):
        return self.begin(name, f"--listen={self.address}", f"--root_dir={self.root}", *flags, **options)

    def collector(self, number, *flags, **options):
        learner = ("--mode=collect", f"--learner={self.address}", f"--collector={number}")
        return self.begin(f"collector{number}", *learner, *flags, **options)

    def said(self, name):
        return (self._folder / f"{name}.log").read_text()

    def rows(self, table="metrics"):
        path = self.root / f"{table}.csv"
        return list(csv.DictReader(path.read_text().splitlines())) if path.exists() else []

    def steps(self):
        return int(self.rows()[-1]["env_steps"]) if self.rows() else 0

    def dropped(self):
        """Steps, by collectors.csv."""
        return sum(int(float(row["dropped_steps"])) for row in self.rows("collectors"))

    def told(self, pattern):
        """The sum of a number in what the learner has said."""
        return sum(map(int, re.findall(pattern, self.said("learner"))))

    def updates(self):
        """Environment steps, and updates of the low and the high level, in the newest checkpoint."""
        newest = newest_whole(self.root / "checkpoints", pytest.fail)
        reader = tf.train.load_checkpoint(str(weights_in(newest)))
        names = ("collector/env_steps", "low_agent/updates", "high_agent/updates")
        return [int(reader.get_tensor(f"{name}/.ATTRIBUTES/VARIABLE_VALUE")) for name in names]

    def close(self):
        for process in self._begun:
            process.kill()
            process.wait()


@pytest.fixture
def parts(tmp_path):
    made = Parts(tmp_path)
    yield made
    made.close()


def wait_until(holds, seconds=SECONDS):
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def assert_updates_are_those_of_the_schedule(parts):
    """Initial steps 500; from then on an update of the low level per step, one of the high level per ten."""
    steps, low, high = parts.updates()
    assert steps > 500
    assert high == (steps - 500) // 10 + 1
    assert low == 10 * high


def test_parts_die_and_the_run_goes_on(parts):
    learner = parts.learner("--patience=100")
    first, second = (parts.collector(number, "--patience=100") for number in (0, 1))
    wait_until(lambda: parts.steps() >= 600)

    # A collector is killed: the other goes on; a new one joins, and what was open is dropped and counted.
    second.kill()
    at = parts.steps()
    wait_until(lambda: parts.steps() >= at + 300)
    second = parts.collector(1, "--patience=100")
    wait_until(lambda: "collector 1 has begun anew" in parts.said("learner"))

    # All collectors are killed: the learner waits, and goes on with those that come.
    for process in (first, second):
        process.kill()
        process.wait()
    time.sleep(3.0)  # what waits in the queue is still learned from
    at = parts.steps()
    assert learner.poll() is None
    first, second = (parts.collector(number, "--patience=100") for number in (0, 1))
    wait_until(lambda: parts.steps() >= at + 300)
    wait_until(lambda: parts.said("learner").count("collector 1 has begun anew") == 2)
    # What was dropped is what was told: open steps, and blocks of ten.
    open_steps = lambda: parts.told(OPEN_STEPS)
    wait_until(lambda: parts.dropped() >= open_steps() > 0 and (parts.dropped() - open_steps()) % 10 == 0)

    # The learner is killed: collectors wait and say so; the same command goes on from the checkpoint.
    learner.kill()
    learner.wait()
    wait_until(lambda: "waiting for the learner" in parts.said("collector0"))
    at = parts.steps()
    learner = parts.learner("--patience=15")
    wait_until(lambda: "continuing" in parts.said("learner"))
    wait_until(lambda: parts.steps() >= at + 300)
    assert first.poll() is None and second.poll() is None

    # Collectors end cleanly, or are killed; a learner without any gives up after the time that was said.
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 0
    second.kill()
    began = time.monotonic()
    assert learner.wait(90) == 1
    assert time.monotonic() - began < 60
    said = parts.said("learner")
    assert re.search("no collector has sent anything for 1[56] s", said)
    assert "stopped without collectors; the same command continues" in said
    assert_updates_are_those_of_the_schedule(parts)

    # The queue holds blocks back: usually none is older than those in it, in two hands and on its way.
    ages = [float(row["largest_age"]) for row in parts.rows("collectors") if row["largest_age"] != "nan"]
    assert ages and max(ages) <= 2 + 4 * 2 + 1 and np.median(ages) <= 2 + 2 + 1
    # Left out because they were are at most the first blocks, which take long, of collectors that joined
    # another one: five began here.
    assert parts.told(r"collector \d: (\d+) blocks? (?:is|are) left out, the last \d+ blocks old") <= 5


def test_a_collector_that_waits_for_its_learner_ends_with_sigterm(parts):
    waits = parts.collector(0)
    wait_until(lambda: "waiting for the learner" in parts.said("collector0"))
    waits.send_signal(signal.SIGTERM)
    assert waits.wait(30) == 0


def test_numbers_of_a_collector_that_are_not_finite_end_the_run(parts, tmp_path, monkeypatch):
    """A reward of NaN in an environment of one's own, in the collector's process alone."""
    monkeypatch.setenv(FAULT, "nan")
    (tmp_path / "own.gin").write_text(f"import {faulty.__name__}\n{WALK.replace('Walk-v0', 'Faulty-v0')}")
    learner = parts.learner("--collectors=1", gin_file=tmp_path / "own.gin")
    assert learner.wait(SECONDS) == 1
    (line,) = [text for text in parts.said("learner").splitlines() if text.startswith("run.py: ")]
    assert re.match(r"run.py: collector 0: .*reward.* is nan after 0 environment steps", line), line
    assert "the same command goes on with other steps" in line
    assert not (parts.root / "error.txt").exists()
    assert re.search("run.py: collector 0: .* is nan", (parts.root / "collector0.log").read_text())


def test_a_run_with_its_own_collectors_ends_as_any_other(parts):
    learner = parts.learner("--collectors=2", episodes=4)
    assert learner.wait(SECONDS) == 0
    said = parts.said("learner")
    assert "finished at 2,000 environment steps" in said
    assert parts.rows("collectors") and {row["collectors"] for row in parts.rows("collectors")} <= {"1", "2"}
    for number in (0, 1):  # each has heard it before it was asked to end
        log = (parts.root / f"collector{number}.log").read_text()
        assert f"collector {number}: the learner has finished" in log
    assert (parts.root / "eval.csv").read_text().count("\n") == 4
    assert parts.updates()[0] == 2000
    assert_updates_are_those_of_the_schedule(parts)
    assert parts.learner("--collectors=1", name="again", episodes=4).wait(SECONDS) == 0
    assert "is finished: 2,000 environment steps" in parts.said("again")


def test_a_stopped_learner_ends_its_collectors_and_goes_on_later(parts):
    learner = parts.learner("--collectors=1")
    wait_until(lambda: parts.steps() >= 300)
    learner.send_signal(signal.SIGTERM)
    assert learner.wait(60) == 0
    assert "stopped by SIGTERM; the same command continues" in parts.said("learner")
    assert not alive("--mode=collect", parts.address)


def alive(*words):
    """Processes whose command line holds all words."""
    found = []
    for folder in pathlib.Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                command = (folder / "cmdline").read_text()
            except OSError:
                continue
            if all(word in command for word in words):
                found.append(folder.name)
    return found


def test_a_collector_with_another_configuration_or_seed_is_refused_in_one_line(parts):
    parts.learner()
    other = parts.collector(0, more=["create_maze_env.env_name = 'PointPush'"])
    seed = parts.collector(1, "--seed=5")
    assert other.wait(SECONDS) == 2 and seed.wait(SECONDS) == 2
    for number, message in (
        (0, "create_maze_env.env_name = 'PointPush', but the run in the learner at"),
        (1, "--seed=5"),
    ):
        (line,) = [
            text for text in parts.said(f"collector{number}").splitlines() if text.startswith("run.py: ")
        ]
        assert message in line


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--mode=collect", "--learner=a:1"], "no number; --mode=collect needs --collector=N"),
        (["--mode=collect"], "no learner; --mode=collect needs --learner=HOST:PORT"),
        (["--mode=collect", "--collector=0", "--learner=here"], "--learner=here: allowed: HOST:PORT"),
        (
            ["--mode=collect", "--collector=0", "--learner=a:1", "--root_dir=x"],
            "--root_dir=x: --mode=collect writes",
        ),
        (["--listen=7070"], "--listen=7070: allowed: HOST:PORT"),
        (["--listen=127.0.0.1:99999"], "--listen=127.0.0.1:99999: allowed: HOST:PORT"),
        (["--listen=127.0.0.1:7070", "--seeds=0,1"], "--seeds=0,1: not with --listen"),
        (["--queue_blocks=3"], "--queue_blocks=3: only with --listen or --collectors"),
        (["--mode=eval", "--collectors=1"], "--collectors: only for --mode=train"),
        (["--learner=a:1"], "--learner: only for --mode=collect"),
        (
            ["--collectors=1", "--gin_bindings=train_uvf.collect_beside_learning = True"],
            "collect_beside_learning = True with collectors in other processes; allowed: False",
        ),
    ],
)
def test_wrong_flags_are_one_line_and_write_nothing(tmp_path, flags, message):
    given = [] if "--root_dir=x" in flags or "--mode=collect" in flags else [f"--root_dir={tmp_path / 'run'}"]
    command = [sys.executable, "run.py", "--gin_file=gin/hiro_xy_point_maze.gin", *given, *flags]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.startswith("run.py: ")]
    assert len(lines) == 1 and message in lines[0]
    assert not (tmp_path / "run").exists()
