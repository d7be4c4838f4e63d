"""The command line as a user meets it, in processes of its own."""

import os
import pathlib
import re
import shlex
import signal
import socket
import subprocess
import sys
import time

import gin
import pytest

from efficient_hrl.commands import main
from efficient_hrl.commands.flags import define_flags
from efficient_hrl.storage.checkpoints import newest_whole
from efficient_hrl.storage.rows import read_rows

pytestmark = pytest.mark.usefixtures("signals_of_a_terminal")

REPOSITORY = pathlib.Path(__file__).parents[2]
SMALL = (
    "--gin_bindings=train_uvf.num_episodes_train=4",
    "--gin_bindings=train_uvf.initial_episodes=1",
    "--params=evaluate.num_episodes_eval=2",
    "--gin_bindings=train_uvf.log_every_n_steps=500",
)


def command(*arguments):
    return [sys.executable, "run.py", *arguments]


def run(*arguments, timeout=300):
    return subprocess.run(
        command(*arguments), cwd=REPOSITORY, capture_output=True, text=True, timeout=timeout, check=False
    )


@pytest.fixture
def error_of(capfd, monkeypatch):
    """The one line on stderr of arguments that must end with status 2; in this process, for speed."""
    monkeypatch.chdir(REPOSITORY)

    def check(*arguments):
        gin.clear_config()
        capfd.readouterr()
        assert main.main(["run.py", *arguments]) == 2
        out, err = capfd.readouterr()
        assert out == "" and len(err.splitlines()) == 1, out + err
        return err

    return check


@pytest.mark.ci
def test_a_run_of_2000_steps_writes_every_promised_file_and_can_be_evaluated(tmp_path, error_of):
    root = tmp_path / "run"
    job = ("--gin_file=gin/norl_ant_maze.gin", f"--root_dir={root}", "--seed=3", *SMALL)
    result = run(*job)
    assert result.returncode == 0, result.stderr
    assert "finished at 2,000 environment steps" in result.stdout and "steps/s" in result.stdout
    assert "Traceback" not in result.stderr and "Gym has been" not in result.stderr
    for name in (
        "operative_config.gin",
        "run.json",
        "metrics.csv",
        "eval.csv",
        "checkpoints/ckpt-2000/complete.json",
        "plots/learning_curve.png",
        "plots/success_curve.png",
    ):
        assert (root / name).stat().st_size > 0, name
    for name in ("train", "eval"):
        assert list((root / name).glob("events.out.tfevents.*")), name
    assert [row["env_steps"] for row in read_rows(root / "metrics.csv")] == ["500", "1000", "1500", "2000"]
    assert [row["target"] for row in read_rows(root / "eval.csv")] == ["eval1", "eval2", "eval3"]
    config = (root / "operative_config.gin").read_text()
    assert "train_uvf.batch_size = 100" in config and "num_episodes_train = 4" in config

    again = run(*job)
    assert again.returncode == 0 and f"{root} is finished" in again.stdout

    few = "--params=evaluate.num_episodes_eval=2"
    evaluated = run("--config_file=gin/norl_ant_maze.gin", f"--root_dir={root}", "--mode=eval", few)
    assert evaluated.returncode == 0, evaluated.stderr
    assert "at 2,000 environment steps" in evaluated.stdout
    assert all(name in evaluated.stdout for name in ("success", "eval1", "eval2", "eval3"))

    assert "--seed=4: the run in" in error_of(
        "--gin_file=gin/norl_ant_maze.gin", f"--root_dir={root}", "--seed=4"
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_writes_a_checkpoint_and_exits_cleanly(tmp_path, number, error_of):
    root = tmp_path / "läuft hier"
    arguments = (
        "--gin_file=gin/hiro_xy_point_maze.gin",
        f"--root_dir={root}",
        "--gin_bindings=train_uvf.log_every_n_steps=100",
    )
    # A process group of its own: a shell may have made it ignore SIGINT otherwise.
    process = subprocess.Popen(
        command(*arguments), cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 120
        while not read_rows(root / "metrics.csv"):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.2)
        second = error_of(*arguments)
        assert f"process {process.pid} on {socket.gethostname()} (since 20" in second
        if number == signal.SIGHUP:  # the terminal is gone
            process.stdout.close()
            process.stderr.close()
        process.send_signal(number)
        if number == signal.SIGHUP:
            process.send_signal(number)  # as a terminal that is closed does
        out, err = ("", "") if number == signal.SIGHUP else process.communicate(timeout=120)
        process.wait(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0, err
    if number != signal.SIGHUP:
        assert f"stopped by {number.name}; the same command continues" in out
        assert "the last checkpoint has " in out
    assert newest_whole(root / "checkpoints", pytest.fail) is not None
    assert (root / "lock").read_text() == ""


def test_what_a_user_can_mend_is_one_line_and_status_2(tmp_path, error_of):
    root = tmp_path / "run"
    here = f"--root_dir={root}"
    file = "--gin_file=gin/norl_ant_maze.gin"
    assert "'AntMaz'; known environments: AntBlock, AntBlockMaze, AntFall, AntMaze" in error_of(
        file, here, "--gin_bindings=create_maze_env.env_name='AntMaz'"
    )
    assert "'batchsize'" in error_of(file, here, "--gin_bindings=train_uvf.batchsize=5")
    assert "nowhere.gin: no such file" in error_of("--gin_file=gin/nowhere.gin", here)
    assert "no configuration" in error_of(here)
    assert "there is no run" in error_of(file, here, "--mode=eval")
    assert "--mode" in error_of(file, here, "--mode=fly")
    assert "'sed'" in error_of(file, here, "--sed=4")
    assert "'extra'" in error_of(file, here, "extra")
    assert "'AntPus'; known environments" in error_of("--mode=random", "--env=AntPus")
    assert "--env=AntPush: only for --mode=random" in error_of(file, here, "--env=AntPush")
    assert "--env=AntPush: a gin file names the environment" in error_of(
        "--mode=random", "--env=AntPush", file
    )
    assert "writes nothing" in error_of("--mode=random", "--env=AntPush", here)
    assert "num_episodes = 0" in error_of(
        "--mode=random", "--env=AntPush", "--params=run_random.num_episodes=0"
    )
    assert "no configuration" in error_of("--mode=random")
    assert "env_id = 'AntMaze-v7': Environment version" in error_of("--mode=random", "--env=AntMaze-v7")
    assert "env_id = 'Nowhere-v0': Environment `Nowhere`" in error_of("--mode=random", "--env=Nowhere-v0")
    assert not root.exists()

    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "notes.txt").write_text("mine")
    assert "not a run of this program" in error_of(file, f"--root_dir={foreign}")
    assert [path.name for path in foreign.iterdir()] == ["notes.txt"]

    locked = tmp_path / "locked"
    locked.mkdir()
    os.chmod(locked, 0o555)
    assert "not writable" in error_of(file, f"--root_dir={locked}/run")
    assert list(locked.iterdir()) == []


@pytest.mark.ci
def test_the_random_policy_prints_returns_successes_and_speed():
    result = run("--mode=random", "--env=AntBlock", "--params=run_random.num_episodes=2")
    assert result.returncode == 0, result.stderr
    for text in ("block to (16, 16)", "block to training targets", "1,000 environment steps", "steps/s"):
        assert text in result.stdout


def test_an_opengl_library_that_is_not_there_is_one_line():
    environment = os.environ | {"MUJOCO_GL": "nothing"}
    result = subprocess.run(
        command("--mode=random", "--env=AntMaze"),
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 2
    assert "MUJOCO_GL=nothing" in result.stderr and len(result.stderr.splitlines()) == 1


def test_flags_of_both_names_keep_their_order(monkeypatch, tmp_path):
    from efficient_hrl.modes import train

    seen = []
    monkeypatch.setattr(train, "run", lambda folder, seed, files, params: seen.extend([files, params]) or 0)
    for name in ("a.gin", "b.gin"):
        (tmp_path / name).write_text("")
    a, b = str(tmp_path / "a.gin"), str(tmp_path / "b.gin")
    arguments = (
        "--params",
        "x=1",
        f"--config_file={a}",
        "--gin_bindings=x=2",
        "--gin_file",
        b,
        "--params=x=3",
    )
    assert main.main(["run.py", *arguments, f"--root_dir={tmp_path / 'run'}"]) == 0
    assert seen == [[a, b], ["x=1", "x=2", "x=3"]]


def test_an_error_is_the_exit_status_of_the_process():
    result = run("--gin_file=gin/nowhere.gin")
    assert result.returncode == 2
    assert result.stderr == "run.py: --gin_file=gin/nowhere.gin: no such file\n"


def test_help_has_an_example_for_every_mode_and_every_flag_and_fits_80_columns():
    result = run("--help")
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    values = define_flags()
    modes = values["mode"].parser.enum_values
    text = result.stdout.replace("\\\n", " ")
    examples = [shlex.split(line, comments=True) for line in text.splitlines() if "python run.py " in line]
    assert {"--mode=" + mode for mode in modes if mode != "train"} <= {word for e in examples for word in e}
    assert any(not any(word.startswith("--mode") for word in example) for example in examples)  # trains
    for example in examples:
        chosen = {word.removeprefix("--mode=") for word in example if word.startswith("--mode=")}
        assert chosen <= {*modes}, example
        values = define_flags()
        assert values(example[1:]) == ["run.py"]  # nothing is left over
        assert all(pathlib.Path(REPOSITORY, path).is_file() for path in values.gin_file)
    for name in define_flags():
        if name not in ("h", "flagfile", "undefok"):
            assert len([line for line in lines if re.match(rf"  --{name}(=\S+)? +\S", line)]) == 1, name


def test_the_installed_command_is_the_same_under_its_own_name(tmp_path):
    def installed(*arguments):
        return subprocess.run(
            [sys.executable, "-P", "-m", "efficient_hrl", *arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    shown = installed("--help")
    assert shown.returncode == 0
    assert shown.stdout == run("--help").stdout.replace("python run.py", "efficient-hrl")
    assert "\n    efficient-hrl --mode=export --root_dir=runs/a\n" in shown.stdout
    wrong = installed("--gin_file=gin/nowhere.gin")
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "efficient-hrl: --gin_file=gin/nowhere.gin: no such file\n",
    )
    # A shipped file is found from any folder, and mistakes behind it are told as ever.
    wrong = installed("--gin_file=gin/norl_ant_maze.gin", "--root_dir=/dev/null")
    assert wrong.returncode == 2 and wrong.stderr.startswith("efficient-hrl: --root_dir=/dev/null: ")
    assert [*tmp_path.iterdir()] == []


def test_another_python_is_told_which_one_is_needed():
    code = (
        "import sys, runpy; sys.version_info = (3, 13, 0, 'final', 0);"
        " runpy.run_path('run.py', run_name='__main__')"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 2
    assert result.stderr.splitlines() == [
        "run.py needs Python 3.11 (tensorflow 2.15 and mujoco 4.0 share no other); this is 3.13"
    ]


@pytest.mark.parametrize(
    "missing, arguments",
    [
        ("absl", []),
        ("mujoco", ["--mode=random", "--env=AntMaze"]),
        ("tensorflow", ["--mode=random", "--env=AntMaze"]),
    ],
)
def test_what_is_not_installed_is_told(missing, arguments):
    code = (
        f"import sys, runpy; sys.modules[{missing!r}] = None; sys.argv[1:] = {arguments!r};"
        " runpy.run_path('run.py', run_name='__main__')"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 2
    assert result.stderr.endswith(f"{missing} is not installed; pip install -r requirements.txt\n")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "env, rows",
    [
        ("PointMaze-v0", ["robot to training targets", "robot to (8, 0)"]),
        ("PointMaze", ["robot to training targets", "robot to (8, 0)"]),
        ("PointMazeImage-v0", ["robot to training targets", "robot to (8, 0)"]),
        ("PointMazeGoal-v0", []),
        ("Pendulum-v1", []),
    ],
)
def test_the_random_policy_knows_names_and_ids(env, rows, capsys, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    gin.clear_config()
    few = ["--params=run_random.num_episodes=2", "--params=run_random.max_steps_per_episode=10"]
    assert main.main(["run.py", "--mode=random", f"--env={env}", *few]) == 0
    out = capsys.readouterr().out
    assert "environment's own" in out and "20 environment steps" in out
    assert all(row in out for row in rows) and ("robot to" in out) == bool(rows)
