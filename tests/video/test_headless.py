"""Which OpenGL is chosen, with made-up machines."""

import os
import subprocess
import sys

import pytest

from efficient_hrl.video import headless


@pytest.fixture
def machine(monkeypatch):
    """Nothing is set and MuJoCo is not imported; returns which back ends work and which were tried."""
    for name in ("MUJOCO_GL", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.delitem(sys.modules, "mujoco", raising=False)
    working, tried = set(), []

    def run(command, env, **options):
        assert command[0] == sys.executable and "GLContext" in command[2]
        tried.append(env["MUJOCO_GL"])
        return subprocess.CompletedProcess(command, 0 if tried[-1] in working else 1)

    monkeypatch.setattr(headless.subprocess, "run", run)
    return working, tried


@pytest.mark.parametrize(
    "works, chosen, tries",
    [
        ({"egl", "osmesa"}, "egl", ["egl"]),
        ({"osmesa"}, "osmesa", ["egl", "osmesa"]),
        (set(), None, ["egl", "osmesa"]),
    ],
)
def test_the_first_that_works_is_chosen(machine, works, chosen, tries):
    working, tried = machine
    working |= works
    headless.choose_opengl()
    assert os.environ.get("MUJOCO_GL") == chosen
    assert tried == tries


@pytest.mark.parametrize(
    "name, value",
    [
        ("MUJOCO_GL", "disable"),
        ("MUJOCO_GL", "glfw"),
        ("MUJOCO_GL", "nothing"),
        ("DISPLAY", ":0"),
        ("WAYLAND_DISPLAY", "w"),
    ],
)
def test_what_the_user_has_set_stays(machine, monkeypatch, name, value):
    working, tried = machine
    working.add("egl")
    monkeypatch.setenv(name, value)
    headless.choose_opengl()
    assert tried == [] and os.environ.get("MUJOCO_GL") == (value if name == "MUJOCO_GL" else None)


@pytest.mark.parametrize(
    "works, chosen, tries",
    [({"egl", "osmesa"}, "osmesa", ["osmesa"]), ({"egl"}, "egl", ["osmesa", "egl"]), (set(), None, None)],
)
def test_a_back_end_that_the_user_names_and_that_is_not_there_is_told(
    machine, monkeypatch, capsys, works, chosen, tries
):
    working, tried = machine
    working |= works
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    headless.choose_opengl()
    assert os.environ.get("MUJOCO_GL") == chosen
    assert tried == (tries or ["osmesa", "egl"])
    told = ["MUJOCO_GL=osmesa does not work here; it goes on as if that were not set"]
    assert capsys.readouterr().out.splitlines() == (told if len(tried) > 1 else [])


def test_with_a_screen_that_is_used_instead(machine, monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "egl")
    monkeypatch.setenv("DISPLAY", ":0")
    headless.choose_opengl()
    assert machine[1] == ["egl"] and "MUJOCO_GL" not in os.environ


def test_it_is_too_late_once_mujoco_is_imported(machine, monkeypatch):
    working, tried = machine
    working.add("egl")
    monkeypatch.setitem(sys.modules, "mujoco", os)
    headless.choose_opengl()
    assert tried == [] and "MUJOCO_GL" not in os.environ


def test_a_trial_that_hangs_is_one_that_fails(machine, monkeypatch):
    def hang(command, timeout, **options):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(headless.subprocess, "run", hang)
    headless.choose_opengl()
    assert "MUJOCO_GL" not in os.environ


def test_choosing_imports_neither_mujoco_nor_tensorflow():
    code = (
        "import sys; from efficient_hrl.commands import main;"
        " sys.exit(any(name in sys.modules for name in ('mujoco', 'environments', 'tensorflow')))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
