"""Sweeps on this machine and as a SLURM job array, with runs that only pretend."""

import json
import os
import shlex
import signal
import stat
import sys
import threading
import time

import pytest

from efficient_hrl.commands import main
from efficient_hrl.sweeps import own_command
from tests.sweeps import pretender

pytestmark = pytest.mark.usefixtures("signals_of_a_terminal")

# A stand-in for SLURM that only starts the elements, one after another, and ends those it is told to.
SBATCH = """#!/usr/bin/env python3
import os, pathlib, shlex, subprocess, sys, time
folder = pathlib.Path(sys.argv[0]).parent
script = sys.argv[-1]
with open(folder / "calls", "a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
number = 100 + sum(1 for _ in open(folder / "calls"))
print(number)
sys.stdout.flush()
lines = [line.split(None, 1)[1].strip() for line in open(script) if line.startswith("#SBATCH")]
options = dict(shlex.split(line)[0].partition("=")[::2] for line in lines)
elements = options.get("--array", "0-0").split("-")
for element in range(int(elements[0]), int(elements[1]) + 1):
    requeued = True
    while requeued:
        (folder / "requeue").unlink(missing_ok=True)
        environment = os.environ | {"SLURM_ARRAY_TASK_ID": str(element), "SLURM_ARRAY_JOB_ID": str(number)}
        process = subprocess.Popen(["bash", script], env=environment)
        if element == 1 and not (folder / "limited").exists():
            (folder / "limited").touch()
            time.sleep(1.0)
            process.terminate()  # as --signal=B:TERM does: the batch shell alone
        process.wait()
        requeued = (folder / "requeue").exists()
"""
SCONTROL = """#!/usr/bin/env bash
echo "$@" >> "$(dirname "$0")/requeue"
echo "$@" >> "$(dirname "$0")/requeued"
"""


@pytest.fixture
def run(tmp_path):
    return lambda *flags: main.main(["run.py", "--mode=sweep", f"--root_dir={tmp_path / 'all'}", *flags])


def test_every_method_value_and_seed_is_run_and_reported_on(run, notes, tmp_path, capfd):
    flags = ("--gin_file=first.gin", "--gin_file=second.gin", "--seeds=0,1", "--grid=f.x=[1,2]")
    assert run(*flags) == 0
    names = {f"{m},x={x}/seed{s}" for m in ("first", "second") for x in (1, 2) for s in (0, 1)}
    assert {line.split(" ")[0] for line in pretender.lines(notes, "ends")} == names
    assert pretender.lines(notes, "report") == [str(tmp_path / "all")]
    assert all((tmp_path / "all" / f"{name}.log").is_file() for name in names)
    begun = (tmp_path / "all/first,x=2/seed1.log").read_text()
    assert "--gin_file=first.gin '--gin_bindings=f.x = 2' --seed=1" in begun
    assert capfd.readouterr().out.splitlines() == [f"{tmp_path / 'all'}: 8 of 8 runs finished"]
    # As many side by side as there are CPUs, each on its own.
    assert all(line.endswith("on 1") for line in pretender.lines(notes, "begins"))


def test_a_mistake_is_told_once_and_does_not_end_the_other_methods(run, notes, capfd):
    flags = ("--gin_file=wrong.gin", "--gin_file=first.gin", "--seeds=0-4", f"--cpus_per_run={cpus()}")
    assert run(*flags) == 2
    err = capfd.readouterr().err.splitlines()
    assert err[-2:] == [
        "run.py: wrong seed 0: no such thing",
        "run.py: 4 runs of the same methods would say the same: not begun",
    ]
    assert len(pretender.lines(notes, "ends")) == 5
    assert len(pretender.lines(notes, "report")) == 1


def cpus():
    return len(os.sched_getaffinity(0))


def test_a_run_that_is_killed_goes_on_from_its_checkpoint(run, notes, monkeypatch):
    monkeypatch.setenv("PACE", "0.2")

    def kill():
        deadline = time.monotonic() + 60
        while not (begun := pretender.lines(notes, "begins")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.7)
        os.kill(int(begun[0].split(" as ")[1].split(" ")[0]), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    assert run("--gin_file=first.gin") == 0
    killer.join()
    counts = [int(line.split(" ")[2]) for line in pretender.lines(notes, "begins")]
    assert counts[0] == 0 and 0 < counts[1] < 10 and len(counts) == 2
    assert pretender.lines(notes, "ends") == ["first/seed0 at 10"]


def test_a_failure_is_no_reason_to_begin_again(run, notes, tmp_path, capfd):
    (tmp_path / "fails.gin").touch()
    assert run("--gin_file=fails.gin", "--gin_file=first.gin") == 1
    assert len(pretender.lines(notes, "begins")) == 2
    assert "run.py: fails seed 0: " in capfd.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--gin_file=first.gin", "--seed=1"], "--seed=1: allowed with --mode=sweep: --seeds=1"),
        (["--gin_file=first.gin", "--address=a:1"], "--address=a:1: only with --on=ray"),
        (["--gin_file=first.gin", "--slurm_option=--time=1"], "only with --on=slurm"),
        (["--gin_file=first.gin", "--cpus_per_run=1000"], "--cpus_per_run=1000: allowed: 1 to"),
        (["--gin_file=first.gin", "--grid=x"], "--grid=x: allowed: a name and a list"),
        (["--gin_file=first.gin", "--on=slurm", "--slurm_option=-t1"], "allowed: options of sbatch"),
        (["--gin_file=first.gin", "--on=slurm", "--slurm_option=--array=1"], "allowed: others than"),
        (["--gin_file=first.gin", "--on=slurm", "--slurm_option=--array 0-5"], "allowed: others than"),
        (["--gin_file=first.gin", "--on=slurm", "--slurm_option=--arr=0-5"], "allowed: others than"),
        (["--gin_file=first.gin", "--on=slurm", "--slurm_option=--time=1 --array=1"], "one each"),
        (["--gin_file=first.gin", "--on=slurm", "--slurm_option="], "allowed: options of sbatch"),
        (["--gin_file=lost.gin"], "--gin_file=lost.gin: no such file"),
        ([], "no configuration; give --gin_file=PATH"),
        (
            ["--gin_file=first.gin", "--seeds=0,1", "--side_by_side=2"],
            "allowed with --mode=sweep: --cpus_per_run",
        ),
    ],
)
def test_what_is_wrong_is_one_line_and_writes_nothing(run, notes, tmp_path, capfd, flags, message):
    assert run(*flags) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "all").exists()


def test_flags_of_sweeps_are_for_sweeps(notes, capfd):
    assert main.main(["run.py", "--gin_file=first.gin", "--grid=f.x=[1]"]) == 2
    assert "--grid: only for --mode=sweep" in capfd.readouterr().err


def test_without_ray_it_is_said_what_to_install(run, notes, tmp_path, monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert run("--gin_file=first.gin", "--on=ray") == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "Ray is not installed; pip install -r requirements.txt -r requirements-scale.txt" in line
    assert not (tmp_path / "all").exists()


# SLURM.


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("scontrol", SCONTROL)):
        (folder / name).write_text(text)
        (folder / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def test_an_array_runs_every_element_and_requeues_what_its_time_limit_has_stopped(
    run, notes, slurm, tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("PACE", "0.2")
    flags = ("--gin_file=first.gin", "--seeds=0,1", "--on=slurm", "--cpus_per_run=2")
    assert run(*flags, "--slurm_option=--time=24:00:00") == 0
    assert capfd.readouterr().out.splitlines() == [
        "submitted 2 runs as job array 101, and a report for when they end"
    ]
    root = tmp_path / "all"
    calls = (slurm / "calls").read_text().splitlines()
    assert calls == [
        f"--parsable {root}/sweep.sbatch",
        f"--parsable --dependency=afterany:101 {root}/sweep.report.sbatch",
    ]
    assert (slurm / "requeued").read_text() == "requeue 101_1\n"
    begun = [(line.split(" ")[0], int(line.split(" ")[2])) for line in pretender.lines(notes, "begins")]
    assert begun[0] == ("first/seed0", 0) and begun[1] == ("first/seed1", 0)
    assert begun[2][0] == "first/seed1" and 0 < begun[2][1] < 10
    assert len(pretender.lines(notes, "stopped")) == 1
    assert pretender.lines(notes, "ends") == ["first/seed0 at 10", "first/seed1 at 10"]
    assert pretender.lines(notes, "report") == [str(root)]
    script = (root / "sweep.sbatch").read_text()
    for line in ("--array=0-1", "--cpus-per-task=2", "--requeue", "--signal=B:TERM@300", "--time=24:00:00"):
        assert f"#SBATCH {line}\n" in script
    # SLURM looks for options before the first command only.
    assert script.index("#SBATCH --time") < script.index("\ncd ")


def test_without_sbatch_the_scripts_are_written_and_it_is_said_how_to_submit_them(
    run, notes, tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("PATH", "/nowhere")
    assert run("--gin_file=first.gin", "--on=slurm") == 0
    root = tmp_path / "all"
    said = capfd.readouterr().out
    assert f"sbatch {root}/sweep.sbatch" in said and f"sbatch {root}/sweep.report.sbatch" in said
    assert not notes.read_text()


def test_what_sbatch_refuses_is_told_in_its_own_words(run, notes, slurm, capfd):
    (slurm / "sbatch").write_text("#!/bin/sh\necho 'sbatch: error: invalid partition' >&2\nexit 1\n")
    assert run("--gin_file=first.gin", "--on=slurm") == 1
    assert "run.py: sbatch: sbatch: error: invalid partition" in capfd.readouterr().err


def test_a_report_that_sbatch_refuses_is_told_with_the_array_s_number(run, notes, slurm, capfd):
    refusal = "echo 'sbatch: error: no such dependency' >&2; exit 1"
    (slurm / "sbatch").write_text(f'#!/bin/sh\ncase "$*" in *afterany*) {refusal};; esac\necho 7\n')
    assert run("--gin_file=first.gin", "--on=slurm") == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert "the runs are submitted as job array 7, their report is not" in line
    assert line.endswith("sbatch: error: no such dependency")


ARGUMENTS = """
import json, sys
with open(NOTES, "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
"""


def test_names_and_values_reach_a_run_as_they_were_given(slurm, tmp_path, monkeypatch):
    folder = tmp_path / "it's a b 5%A"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "first.gin").touch()
    program = folder / "program.py"
    program.write_text(ARGUMENTS.replace("NOTES", repr(str(folder / "notes"))))
    monkeypatch.setattr(own_command, "_RUN", program)
    (slurm / "limited").touch()  # no element is ended
    text = "f.y = 'two\nlines, $HOME'"
    flags = ["--gin_file=first.gin", f"--root_dir={folder / 'all'}", f"--gin_bindings={text}", "--on=slurm"]
    grid = """--grid=f.x=["a 'b' $c",'"d"']"""
    assert main.main(["run.py", "--mode=sweep", *flags, grid]) == 0
    first, second, report = map(json.loads, (folder / "notes").read_text().splitlines())
    for value, arguments in (("\"a 'b' $c\"", first), ("'\"d\"'", second)):
        expected = ["--gin_file=first.gin", f"--gin_bindings={text}", f"--gin_bindings=f.x = {value}"]
        assert arguments[:3] == expected
    assert report == ["--mode=report", f"--root_dir={folder / 'all'}"]
    logs = shlex.quote(f"{folder}/all/slurm".replace("%", "%%"))
    assert f"#SBATCH --output={logs}/slurm-%A_%a.log\n" in (folder / "all/sweep.sbatch").read_text()


def test_an_array_keeps_the_lines_with_which_it_was_submitted(run, notes, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    root = tmp_path / "all"
    texts = {}
    for flags in (["--gin_file=first.gin"], ["--gin_file=second.gin", "--gin_file=first.gin"]):
        assert run(*flags, "--seeds=0,1", "--on=slurm") == 0
        script = (root / "sweep.sbatch").read_text()
        (now,) = (path for path in root.glob("*.commands") if path not in texts)
        assert str(now) in script and now.read_text().count("\n") == 2 * len(flags)
        assert all(path.read_text() == text for path, text in texts.items())
        texts[now] = now.read_text()


def test_a_folder_of_two_lines_is_refused_for_a_script(notes, tmp_path, capfd):
    root = tmp_path / "a\nb"
    assert (
        main.main(["run.py", "--mode=sweep", "--gin_file=first.gin", f"--root_dir={root}", "--on=slurm"]) == 2
    )
    (line,) = capfd.readouterr().err.splitlines()
    assert "allowed with --on=slurm: folders of one line" in line and not root.exists()
