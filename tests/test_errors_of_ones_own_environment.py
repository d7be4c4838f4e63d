"""What a user's own environment raises ends the command at once, with the line of the user's file."""

import inspect
import re

import gin
import numpy as np
import pytest
from PIL import Image

from efficient_hrl.commands import main
from tests.environments import faulty
from tests.environments.faulty import FAULT, SIDES, FaultyEnv
from tests.test_your_environment import SMALL, WALK

GIN = WALK.replace("Walk-v0", "Faulty-v0")
RUN = (
    *SMALL,
    "train_uvf.initial_episodes = 2",
    "train_uvf.num_episodes_train = 3",
    "run_random.num_episodes = 2",
)
# Fault -> type and message, and the line of the file where it is raised.
SAID = {
    "reset": ("KeyError: 'no start\\\\nat all'", FaultyEnv.reset, "raise KeyError"),
    "step": ("ZeroDivisionError: .*zero", FaultyEnv.step, "self.steps //= 0"),
    "compute_reward": ("IndexError: index 7 .*", FaultyEnv.compute_reward, "np.zeros"),
}


def line_of(function, text):
    lines, first = inspect.getsourcelines(function)
    return first + next(number for number, line in enumerate(lines) if text in line)


def message(fault):
    said, function, text = SAID[fault]
    place = re.escape(f"({faulty.__file__}, line {line_of(function, text)}, in {function.__name__})")
    return rf"Faulty-v0: {said} {place}"


def call(root, *more, mode="train"):
    gin.clear_config()
    flags = [f"--mode={mode}", f"--root_dir={root}", f"--gin_file={root.parent / 'own.gin'}"]
    if mode == "random":
        del flags[1]
    return main.main(["run.py", *flags, *(f"--gin_bindings={binding}" for binding in (*RUN, *more))])


@pytest.fixture
def root(tmp_path):
    (tmp_path / "own.gin").write_text(GIN)
    return tmp_path / "run"


@pytest.mark.parametrize("num_envs", [1, 3])
@pytest.mark.parametrize("fault", ["step", "compute_reward"])
def test_while_training(fault, num_envs, root, monkeypatch, capfd):
    monkeypatch.setenv(FAULT, fault)
    assert call(root, f"train_uvf.num_envs = {num_envs}") == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert re.match(rf"run.py: {message(fault)} .*there is no checkpoint", line), line
    assert not (root / "error.txt").exists()


def test_a_run_closes_its_environments_and_those_of_evaluation(root, monkeypatch, capfd):
    closed = []
    monkeypatch.setattr(FaultyEnv, "close", lambda env: closed.append(env))
    assert call(root, "train_uvf.num_envs = 2", "evaluate.num_episodes_eval = 3") == 0
    used = [env for env in closed if env.steps > 3]  # others were only tried out
    assert len(used) == 2 + 3, capfd.readouterr().err


@pytest.fixture
def cannot_be_closed(monkeypatch):
    """Once episodes have been under way; what is only tried out can be."""

    def close(env):
        if env.steps > 3:
            raise PermissionError("still needed")

    monkeypatch.setattr(FaultyEnv, "close", close)


def test_an_error_comes_before_one_of_closing(cannot_be_closed, root, monkeypatch, capfd):
    monkeypatch.setenv(FAULT, "step")
    assert call(root) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert re.match(rf"run.py: {message('step')} .*there is no checkpoint", line), line


@pytest.mark.parametrize("mode", ["train", "random"])
def test_while_closing(mode, cannot_be_closed, root, capfd):
    assert call(root, mode=mode) == 1
    *_, line = capfd.readouterr().err.splitlines()
    assert re.search(r"Faulty-v0: PermissionError: still needed \(.*, in close\)", line), line


def test_before_a_run_begins(root, monkeypatch, capfd):
    monkeypatch.setenv(FAULT, "reset")
    assert call(root) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert re.search(message("reset").removeprefix("Faulty-v0: "), line), line
    assert not root.exists()


def test_observations_that_become_shorter(root, monkeypatch, capfd):
    monkeypatch.setenv(FAULT, "length")
    assert call(root) == 1
    said = "Faulty-v0: an observation makes a state of 2 numbers; its observation_space makes one of 3"
    assert said in capfd.readouterr().err


@pytest.mark.parametrize("fault", ["none", "terminated", "truncated"])
def test_what_a_step_gives(fault, root, monkeypatch, capfd):
    monkeypatch.setenv(FAULT, fault)
    assert call(root) == 1
    said = {"none": "a reward of None; allowed: a number"}.get(fault, f"{fault} = None; allowed: True, False")
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"run.py: Faulty-v0: step gives {said}")


@pytest.mark.ci
def test_while_evaluating_and_recording(root, monkeypatch, capfd):
    assert call(root) == 0
    for fault, mode in (
        ("step", "eval"),
        ("compute_reward", "eval"),
        ("step", "plot"),
        ("step", "video"),
        ("step", "random"),
    ):
        monkeypatch.setenv(FAULT, fault)
        capfd.readouterr()
        assert call(root, mode=mode) == 2
        (line,) = capfd.readouterr().err.splitlines()
        assert re.search(message(fault) + "$", line), (mode, line)
    monkeypatch.setenv(FAULT, "picture")
    capfd.readouterr()
    assert call(root, mode="video") == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert re.search(
        rf"Faulty-v0: OSError: no screen \({re.escape(faulty.__file__)}, line \d+, in render\)$", line
    )
    monkeypatch.delenv(FAULT)
    assert call(root, mode="video") == 0
    for target in ("eval1", "eval2", "eval3"):
        assert (root / f"videos/{target}.mp4").stat().st_size > 1000
        picture = np.asarray(Image.open(root / f"videos/{target}_strip.png"))
        red = (picture[..., 0] > 150) & (picture[..., 1] < 100) & (picture[..., 2] < 100)
        assert red.any(), SIDES
