"""Several seeds at once: fast children that only pretend, and once real ones."""

import os
import re
import signal
import subprocess
import sys
import threading
import time

import gin
import pytest

from efficient_hrl.commands import main
from efficient_hrl.errors import UsageError
from efficient_hrl.modes import seeds as seeds_mode
from efficient_hrl.sweeps import jobs_view, own_command
from efficient_hrl.sweeps.jobs import Job, JobEnd, View, failures, worst_status
from efficient_hrl.sweeps.processes import cpu_shares, run_jobs
from efficient_hrl.sweeps.seeds import parse_seeds, run_seeds, seed_names, seeds_title
from efficient_hrl.terminal import console
from efficient_hrl.terminal.progress import Report
from tests.commands.test_wrong_inputs import REPOSITORY, RUN, snapshot
from tests.terminal.test_progress import on_terminal

pytestmark = pytest.mark.usefixtures("signals_of_a_terminal")

# A child: it notes when it begins and ends and on which CPUs, reports, and does as it is told.
CHILD = """
import json, os, pathlib, signal, sys, time

folder, seed, deed = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
note = lambda text: open(folder / "notes", "a").write(f"{text} {seed} {sorted(os.sched_getaffinity(0))}\\n")
pipe = int(os.environ["EFFICIENT_HRL_REPORT_PIPE"])
known = {"total": 100, "success": {"e": 0.5}}
report = lambda steps: os.write(pipe, (json.dumps(known | {"steps": steps}) + "\\n").encode())
note("begins")
print("compiling")

def wait_for(word, other):
    deadline = time.monotonic() + 60
    while f"{word} {other} " not in (folder / "notes").read_text():
        if time.monotonic() > deadline:
            sys.exit(f"seed {other} never {word}")
        time.sleep(0.01)

if deed == "wrong":
    print("run.py: batchsize: no such thing", file=sys.stderr)
    sys.exit(2)
if deed == "held":
    print("run.py: --root_dir=a: process 1 is running in this folder; stop it, or give another folder")
    sys.exit(2)
if deed == "dies":
    os.kill(os.getpid(), signal.SIGKILL)
report(10)
if deed == "fails":
    print("run.py: a loss is NaN", file=sys.stderr)
    print("noise of a library", file=sys.stderr)
    sys.exit(1)
if deed == "stopped":
    os.write(pipe, (json.dumps(known | {"steps": 20, "stopped_by": "SIGTERM"}) + "\\n").encode())
    sys.exit(0)
if deed == "stubborn":
    signal.signal(signal.SIGINT, lambda number, frame: (note("asked"), time.sleep(60)))
    note("waits")
    time.sleep(60)
if deed == "waits":
    print("x" * 200_000)  # more than a pipe holds
    asked = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, frame: asked.append(number))
    open(folder / "notes", "a").write(f"pid {seed} {os.getpid()}\\n")
    note("waits")
    while not asked:
        time.sleep(0.01)
    time.sleep(0.3)
    note(f"asked {asked}")
    print("y" * 200_000)
    print("a checkpoint is written")
    sys.exit(0)
if deed.startswith("meets "):
    wait_for("begins", deed.removeprefix("meets "))
if deed.startswith("after "):
    wait_for("ends", deed.removeprefix("after "))
time.sleep(0.05)
os.write(pipe, b"no report\\n")
report(100)
note("ends")
print("done")
"""


class Record(View):
    """Remembers what it is told."""

    def __init__(self):
        self.reports, self.states = [], []

    def report(self, seed, report):
        self.reports.append((seed, report))

    def state(self, seed, text):
        self.states.append((seed, text))


class Sender(threading.Thread):
    """Sends this process a signal whenever children have made notes; not later than in a minute."""

    def __init__(self, tmp_path, number, *awaited):
        """`awaited`: for each signal a word and how many children must have noted it."""
        super().__init__(daemon=True)
        self._tmp_path, self._number, self._awaited = tmp_path, number, awaited
        self._in_time = False
        self.start()

    def run(self):
        deadline = time.monotonic() + 60
        for word, count in self._awaited:
            while sum(note[0] == word for note in notes(self._tmp_path)) < count:
                if time.monotonic() > deadline:
                    return
                time.sleep(0.02)
            os.kill(os.getpid(), self._number)
        self._in_time = True

    def check(self):
        self.join(60)
        assert self._in_time


def pretend(tmp_path, deeds, side_by_side=1, view=None):
    """Runs a pretending child for each of `deeds`, seed -> what to do."""
    program = tmp_path / "child.py"
    program.write_text(CHILD)
    command_of = lambda seed: [sys.executable, str(program), str(tmp_path), str(seed), deeds[seed]]
    return run_seeds(command_of, list(deeds), tmp_path / "runs", side_by_side, view)


def notes(tmp_path):
    path = tmp_path / "notes"
    return [line.split(" ", 2) for line in path.read_text().splitlines()] if path.exists() else []


# Which seeds.


@pytest.mark.parametrize(
    "text, seeds",
    [
        ("0", [0]),
        ("0,1,2", [0, 1, 2]),
        ("0-4", [0, 1, 2, 3, 4]),
        ("7, 2-3", [7, 2, 3]),
        ("2147483647", [2**31 - 1]),
    ],
)
def test_seeds_are_numbers_and_ranges(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "allowed: numbers from 0 to 2147483647, e.g. --seeds=0,1,2 or --seeds=0-4"),
        ("a", "--seeds=a: allowed: numbers"),
        ("1,", "allowed: numbers"),
        ("-1", "allowed: numbers"),
        ("1.5", "allowed: numbers"),
        ("4-0", "allowed: numbers"),
        ("0-1-2", "allowed: numbers"),
        ("2147483648", "allowed: numbers"),
        ("٣", "allowed: numbers"),
        ("0,1,0", "seed 0 comes 2 times; allowed: each once"),
        ("0-3,2", "seed 2 comes 2 times"),
        ("0-999999999", "more than 1,000 seeds; allowed: up to 1,000"),
    ],
)
def test_other_seeds_are_refused_in_one_line(text, message):
    with pytest.raises(UsageError, match=re.escape(message)) as error:
        parse_seeds(text)
    assert "\n" not in str(error.value)


# Who runs when, and where.


def test_one_after_another_and_what_they_say_is_in_their_logs(tmp_path):
    view = Record()
    outcomes, stopped_by = pretend(tmp_path, {3: "works", 1: "works"}, view=view)
    assert stopped_by == ""
    log = tmp_path / "runs"
    assert outcomes == {seed: JobEnd(0, "done", log / f"seed{seed}.log", False) for seed in (3, 1)}
    assert [note[:2] for note in notes(tmp_path)] == [
        ["begins", "3"],
        ["ends", "3"],
        ["begins", "1"],
        ["ends", "1"],
    ]
    assert view.states == [(3, "starting"), (3, "finished"), (1, "starting"), (1, "finished")]
    assert view.reports[0] == (3, Report(10, 100, {"e": 0.5})) and view.reports[-1][1].steps == 100
    head, *lines = (log / "seed3.log").read_text().splitlines()
    assert head.endswith(" 3 works") and lines == ["compiling", "done"]
    assert sorted(path.name for path in log.iterdir()) == ["seed1.log", "seed3.log"]
    pretend(tmp_path, {3: "works"})
    assert (log / "seed3.log").read_text().splitlines()[1:3] == lines  # what was there stays
    assert len((log / "seed3.log").read_text().splitlines()) == 6


def test_side_by_side_they_overlap_and_share_the_cpus(tmp_path):
    pretend(tmp_path, {0: "meets 1", 1: "meets 0", 2: "works"}, side_by_side=2)
    seen = notes(tmp_path)
    begins = {seed: i for i, (word, seed, _) in enumerate(seen) if word == "begins"}
    ends = {seed: i for i, (word, seed, _) in enumerate(seen) if word == "ends"}
    assert max(begins["0"], begins["1"]) < min(ends["0"], ends["1"]) < begins["2"]
    cpus = {seed: {*map(int, re.findall(r"\d+", text))} for word, seed, text in seen if word == "begins"}
    own = os.sched_getaffinity(0)
    if len(own) > 1:
        assert cpus["0"] | cpus["1"] == own and not cpus["0"] & cpus["1"]
        assert cpus["2"] in (cpus["0"], cpus["1"])
    assert os.sched_getaffinity(0) == own


@pytest.mark.parametrize(
    "cpus, count, shares",
    [
        ({0, 1}, 1, [{0, 1}]),
        ({0, 1}, 2, [{0}, {1}]),
        ({2, 5, 7, 8, 9}, 2, [{2, 5}, {7, 8, 9}]),
        ({0, 1}, 3, [{0}, {1}, {0}]),
    ],
)
def test_cpus_are_divided_equally(cpus, count, shares, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: cpus)
    assert cpu_shares(count) == shares


# Ends.


def test_one_that_fails_does_not_end_the_others(tmp_path):
    view = Record()
    deeds = {0: "fails", 1: "wrong", 2: "works", 3: "dies", 4: "wrong"}
    outcomes, _ = pretend(tmp_path, deeds, view=view)
    runs = tmp_path / "runs"
    assert {seed: outcome.status for seed, outcome in outcomes.items()} == {0: 1, 1: 2, 2: 0, 3: -9, 4: 2}
    assert failures(outcomes, seeds_title) == [
        f"seed 0: a loss is NaN; all that it said: {runs}/seed0.log",
        "seeds 1, 4: batchsize: no such thing",
        f"seed 3: killed by SIGKILL; all that it said: {runs}/seed3.log",
    ]
    assert worst_status(outcomes) == 1
    assert worst_status({seed: outcomes[seed] for seed in (1, 2, 4)}) == 2
    assert worst_status({2: outcomes[2]}) == 0
    # Nothing is written for what was wrong from the beginning.
    assert sorted(path.name for path in runs.iterdir()) == ["seed0.log", "seed2.log", "seed3.log"]
    assert "noise of a library" in (runs / "seed0.log").read_text()
    assert [text for seed, text in view.states if text != "starting"] == [
        "failed",
        "failed",
        "finished",
        "killed by SIGKILL",
        "failed",
    ]


@pytest.mark.parametrize("side_by_side", [1, 2])
def test_when_the_job_is_wrong_nothing_is_written_and_the_rest_is_not_begun(tmp_path, side_by_side):
    outcomes, _ = pretend(tmp_path, dict.fromkeys(range(9), "wrong"), side_by_side)
    assert {*outcomes} == {*range(side_by_side)} and worst_status(outcomes) == 2
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("deeds", [["works", "wrong", "works"], ["wrong", "after 2", "works"]])
def test_one_whose_folder_is_wrong_does_not_end_the_others(tmp_path, deeds):
    outcomes, _ = pretend(tmp_path, dict(enumerate(deeds)), side_by_side=2)
    assert [outcomes[seed].status for seed in range(3)] == [2 * (deed == "wrong") for deed in deeds]


def test_a_folder_that_another_process_holds_is_no_mistake_of_the_others(tmp_path):
    outcomes, _ = pretend(tmp_path, {0: "held", 1: "works", 2: "held", 3: "works"})
    assert [outcomes[seed].status for seed in range(4)] == [2, 0, 2, 0]
    assert outcomes[0].is_held and not outcomes[0].is_wrong and outcomes[0].failed
    assert worst_status(outcomes) == 2


def test_a_run_that_somebody_else_has_stopped_is_not_finished_and_begins_again(tmp_path):
    view = Record()
    outcomes, stopped_by = pretend(tmp_path, {0: "stopped"}, view=view)
    assert stopped_by == "" and outcomes[0].status == -signal.SIGTERM and outcomes[0].failed
    program = tmp_path / "child.py"
    job = Job(1, [sys.executable, str(program), str(tmp_path), "1", "stopped"], tmp_path / "runs/seed1.log")
    assert run_jobs([job], [set()], view, retries=2)[0][1].failed
    assert [text for seed, text in view.states if seed == 1] == [
        *["starting", "killed by SIGTERM, begins again"] * 2,
        "starting",
        "killed by SIGTERM",
    ]


def test_only_side_by_side_a_gpu_s_memory_is_taken_bit_by_bit_unless_the_user_decides(tmp_path, monkeypatch):
    name = "TF_FORCE_GPU_ALLOW_GROWTH"
    program = f"import os; open({str(tmp_path)!r} + '/seen', 'a').write(os.environ.get({name!r}, '-') + ' ')"
    command_of = lambda seed: [sys.executable, "-c", program]
    monkeypatch.delenv(name, raising=False)
    for side_by_side in (1, 2):
        run_seeds(command_of, [0, 1], tmp_path / "runs", side_by_side)
    monkeypatch.setenv(name, "false")
    run_seeds(command_of, [0, 1], tmp_path / "runs", 2)
    assert (tmp_path / "seen").read_text() == "- - true true false false "


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_passed_on_once_and_waited_for(tmp_path, number):
    sender = Sender(tmp_path, number, ("waits", 2))
    outcomes, stopped_by = pretend(tmp_path, dict.fromkeys(range(4), "waits"), side_by_side=2)
    sender.check()
    assert stopped_by == number.name and sorted(outcomes) == [0, 1]
    for outcome in outcomes.values():
        assert (outcome.status, outcome.last_line, outcome.stopped) == (0, "a checkpoint is written", True)
    asked = [note for note in notes(tmp_path) if note[0] == "asked"]
    assert len(asked) == 2 and all(f"[{int(number)}]" in " ".join(note) for note in asked)
    assert failures(outcomes, seeds_title) == [] and worst_status(outcomes) == 0


def test_a_signal_to_one_that_cannot_write_a_checkpoint_yet_is_no_failure(tmp_path):
    program = f"import time; open({str(tmp_path / 'notes')!r}, 'w').write('begins 0 -\\n'); time.sleep(60)"
    sender = Sender(tmp_path, signal.SIGTERM, ("begins", 1))
    outcomes, _ = run_seeds(lambda seed: [sys.executable, "-c", program], [0], tmp_path / "runs")
    sender.check()
    assert outcomes[0].status == -signal.SIGTERM and outcomes[0].stopped and not outcomes[0].failed
    assert not (tmp_path / "runs").exists()


def test_a_second_signal_waits_for_nobody(tmp_path):
    sender = Sender(tmp_path, signal.SIGINT, ("waits", 1), ("asked", 1))
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        pretend(tmp_path, {0: "stubborn", 1: "works"})
    sender.check()
    assert time.monotonic() - began < 30
    assert [note[0] for note in notes(tmp_path)] == ["begins", "waits", "asked"]


def test_children_do_not_outlive_an_error_of_the_program(tmp_path):
    class Broken(View):
        def tick(self):
            if sum(note[0] == "waits" for note in notes(tmp_path)) == 2:
                raise ZeroDivisionError

    began = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        pretend(tmp_path, {0: "waits", 1: "waits", 2: "works"}, side_by_side=2, view=Broken())
    # Both at once, and what they say last is read: it would hold them up.
    assert time.monotonic() - began < 30
    told = [note[0] for note in notes(tmp_path) if note[0] in ("waits", "asked")]
    assert told == ["waits", "waits", "asked", "asked"]
    processes = [int(text) for word, _, text in notes(tmp_path) if word == "pid"]
    assert len(processes) == 2
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
    for seed in (0, 1):
        assert (tmp_path / f"runs/seed{seed}.log").read_text().endswith("\na checkpoint is written\n")


# What is shown.


def test_without_a_terminal_there_is_a_line_a_minute_for_all(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    view = jobs_view.Lines(seed_names([0, 1, 2]))
    view.state(0, "starting")
    view.state(1, "starting")
    view.report(0, Report(1000, 10_000, {}))
    for second in range(150):
        now[0] += 1
        # What the run says of itself: it knows when it begins to learn.
        left = None if second < 100 else 840.0 - second + 59
        scores = {"eval1": 1.0, "eval2": 0.25}
        view.report(0, Report(1010 + 10 * second, 10_000, scores, {}, -312.4, left))
        view.tick()
    view.state(0, "finished")
    lines = capsys.readouterr().err.splitlines()
    others = "seed 1 starting; seed 2 waiting"
    assert lines == [
        "seed 0: starting",
        "seed 1: starting",
        f"seed 0 16%, 10 steps/s, – left, success 1.00 0.25, return -312; {others}",
        f"seed 0 22%, 10 steps/s, 00:13:00 left, success 1.00 0.25, return -312; {others}",
        "seed 0: finished",
    ]


BARS = """
import time
from efficient_hrl.terminal import console
from efficient_hrl.terminal.progress import Report
from efficient_hrl.sweeps.jobs_view import Bars, jobs_view
from efficient_hrl.sweeps.seeds import seed_names
view = jobs_view(seed_names([0, 1, 10]))
assert isinstance(view, Bars)
view.state(0, "starting")
view.state(1, "starting")
for i in range(10):
    time.sleep(0.02)
    view.report(0, Report(1_000_000 + i, 12_500_000, {}, seconds_left=None if i < 5 else 115_752.0))
    rates = {"eval1": 1.0, "eval2": 0.5, "eval3": 0.0}
    view.report(1, Report(2_000_000 + i, 12_500_000, rates, trained_return=-312.4))
view.state(0, "failed")
view.close()
"""


def test_on_a_terminal_there_is_a_bar_for_each_seed():
    text = on_terminal(80, BARS, NO_COLOR="1")
    lines = [re.sub(r"\x1b\[\w", "", line) for line in re.split(r"[\r\n]+", text)]
    assert all(len(line) <= 80 for line in lines)
    for pattern in (
        r"seed  0: waiting",
        r"seed  0: starting",
        r"seed  0:   8%\|.+\| 1\.00M, [\d.]+ steps/s, – left$",
        r"seed  0:   8%\|.+\| 1\.00M, [\d.]+ steps/s, 32:09:12 left$",
        r"seed  1:  16%\|.{4,}\| 2\.00M, [\d.]+ steps/s, – left, success 1\.00 0\.50 0\.00$",
        r"seed  0: failed at 1\.00M steps *$",
        r"seed 10: waiting",
    ):
        assert any(re.match(pattern, line) for line in lines), (pattern, lines)
    assert "success 1.00 0.50 0.00, return -312" in on_terminal(120, BARS, NO_COLOR="1")


# The command.


@pytest.fixture
def error_of(capfd, monkeypatch, tmp_path):
    """The one line of arguments that must end with status 2 and write nothing."""
    monkeypatch.chdir(REPOSITORY)

    def check(*arguments):
        gin.clear_config()
        before = snapshot(tmp_path)
        capfd.readouterr()
        assert main.main(["run.py", *arguments]) == 2
        out, err = capfd.readouterr()
        assert out == "" and len(err.splitlines()) == 1, out + err
        assert snapshot(tmp_path) == before
        return err

    return check


def test_what_is_wrong_is_one_line(error_of, tmp_path):
    job = ("--gin_file=gin/hiro_xy_point_maze.gin", f"--root_dir={tmp_path / 'all'}")
    assert "--seeds=x: allowed: numbers" in error_of(*job, "--seeds=x")
    assert "--side_by_side=0: allowed: 1 to 2" in error_of(*job, "--seeds=0,1", "--side_by_side=0")
    assert "--side_by_side=3: allowed: 1 to 2" in error_of(*job, "--seeds=0,1", "--side_by_side=3")
    assert "--side_by_side=2: only with --seeds" in error_of(*job, "--side_by_side=2")
    assert "side_by_side=x" in error_of(*job, "--seeds=0,1", "--side_by_side=x")
    assert "--seed=0: --seeds=0,1 is given too" in error_of(*job, "--seeds=0,1", "--seed=0")
    assert "--seeds=0,1: only for --mode=train and --mode=sweep, not --mode=eval" in error_of(
        *job, "--seeds=0,1", "--mode=eval"
    )
    assert "--mode=train takes one run" in error_of(*job, "--seeds=0,1", f"--root_dir={tmp_path}")
    for flag in ("out_dir=a", "statistic=mean", "group_by=folder", "until=9"):
        message = f"--{flag}: only for --mode=plot and --mode=report with several runs"
        assert message in error_of(*job, "--seeds=0,1", f"--{flag}")
    assert "gin/no.gin: no such file" in error_of("--gin_file=gin/no.gin", "--seeds=0,1")
    assert "no configuration" in error_of("--seeds=0,1", job[1])
    (tmp_path / "all/seed1").mkdir(parents=True)
    (tmp_path / "all/seed1/mine.txt").write_text("")
    assert "all/seed1: the folder is not empty and not a run" in error_of(*job, "--seeds=0,1")
    run = tmp_path / "all/seed1/run.json"
    run.write_text('{"seed": 5, "config": {}}')
    assert "all/seed1 began with seed 5" in error_of(*job, "--seeds=0,1")
    assert "all/seed1: it is a run itself" in error_of(job[0], f"--root_dir={run.parent}", "--seeds=0,1")
    (tmp_path / "all/seed7.log").mkdir()
    assert "seed7.log: not a file that can be written to" in error_of(*job, "--seeds=7")
    (tmp_path / "all/seed8").mkdir()
    (tmp_path / "all").chmod(0o555)
    try:
        assert "/all: not a folder that can be written to" in error_of(*job, "--seeds=8")
    finally:
        (tmp_path / "all").chmod(0o755)


@pytest.fixture
def pretended(monkeypatch, tmp_path):
    """Runs the command with a program that only pretends in place of run.py; deeds are bindings."""
    program = tmp_path / "program.py"
    program.write_text(
        "import os, re, sys\n"
        "seed = re.search(r'--seed=(\\d+)', ' '.join(sys.argv))\n"
        "if seed is None:\n"
        f"    open({str(tmp_path / 'reported')!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
        "    os.kill(os.getpid(), 9) if 'KILL_REPORT' in os.environ else sys.exit(0)\n"
        "deed = sys.argv[1].partition('=')[2].split(',')[int(seed[1])]\n"
        f"sys.argv = ['', {str(tmp_path)!r}, seed[1], deed]\n" + CHILD
    )
    monkeypatch.setattr(own_command, "_RUN", program)

    def call(deeds):
        root = tmp_path / "runs"
        seeds = f"0-{deeds.count(',')}"
        return seeds_mode.run(root, seeds, 1, [], [deeds]), root

    return call


def test_finished_seeds_are_reported_on_together(pretended, capfd, tmp_path, monkeypatch):
    status, root = pretended("works,works")
    assert status == 0
    assert capfd.readouterr().out.splitlines() == [f"{root}: seeds 0, 1 finished"]
    assert (tmp_path / "reported").read_text() == f"--mode=report --root_dir={root}\n"
    monkeypatch.setenv("KILL_REPORT", "")
    assert pretended("works")[0] == 1
    assert (tmp_path / "reported").read_text().count("\n") == 2


def test_a_failure_is_told_at_the_end_and_there_is_no_report(pretended, capfd, tmp_path):
    status, root = pretended("works,fails,wrong")
    assert status == 1
    out, err = capfd.readouterr()
    assert out.splitlines() == [f"{root}: seed 0 finished"]
    assert err.splitlines()[-2:] == [
        f"run.py: seed 1: a loss is NaN; all that it said: {root}/seed1.log",
        "run.py: seed 2: batchsize: no such thing",
    ]
    assert not (tmp_path / "reported").exists()
    assert pretended("wrong,works,works")[0] == 2
    assert capfd.readouterr().err.splitlines()[-2:] == [
        "run.py: seed 0: batchsize: no such thing",
        "run.py: the other 2 seeds would say the same: not begun",
    ]


def test_the_installed_command_calls_itself(monkeypatch):
    assert own_command.own_command() == [sys.executable, str(REPOSITORY / "run.py")]
    monkeypatch.setattr(console, "_program", "efficient-hrl")
    assert own_command.own_command() == [sys.executable, "-P", "-m", "efficient_hrl"]


@pytest.mark.ci
def test_two_real_seeds_side_by_side_are_stopped_go_on_and_end_as_one_alone(tmp_path, monkeypatch):
    bindings = [f"--gin_bindings={binding}" for binding in RUN]
    job = [sys.executable, "run.py", "--gin_file=gin/hiro_xy_point_maze.gin", *bindings]
    options = {"cwd": REPOSITORY, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    root = tmp_path / "all"
    together = [*job, "--seeds=0,1", "--side_by_side=2", f"--root_dir={root}"]
    process = subprocess.Popen(together, **options)
    try:
        deadline = time.monotonic() + 120
        while not all((root / f"seed{seed}.log").exists() for seed in (0, 1)):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert out.splitlines()[-1] == f"{root}: stopped by SIGTERM; the same command continues"
    for seed in (0, 1):
        assert "stopped by SIGTERM; the same command continues" in (root / f"seed{seed}.log").read_text()

    process = subprocess.Popen(together, **options)
    monkeypatch.chdir(REPOSITORY)
    assert main.main(["run.py", *job[2:], "--seed=1", f"--root_dir={tmp_path / 'alone'}"]) == 0
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert f"{root}: seeds 0, 1 finished" in out.splitlines()
    assert "tensorflow" not in (out + err).lower()
    table = (root / "seed1/eval.csv").read_text()
    assert table == (tmp_path / "alone/eval.csv").read_text() and table.count("\n") > 3
    assert table != (root / "seed0/eval.csv").read_text()
    assert "continuing" in (root / "seed1.log").read_text()


def test_the_watching_process_does_not_import_tensorflow():
    program = "import sys\nfrom efficient_hrl.commands import main\nfrom efficient_hrl.modes import seeds\n"
    program += "print(*{'tensorflow', 'mujoco', 'matplotlib'} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert result.stdout == "\n"
