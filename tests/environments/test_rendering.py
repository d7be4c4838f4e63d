"""Pictures, drawn in a process of their own because MUJOCO_GL is read when Python starts."""

import ctypes.util
import os
import re
import subprocess
import sys

import mujoco
import numpy as np
import pytest

from environments.create_maze_env import make_maze_env
from environments.layouts import LAYOUTS
from environments.opengl import OpenGLError
from environments.robots import ROBOTS

PACKAGES = ("MUJOCO_GL=egl", "libegl1 libgl1-mesa-dri", "MUJOCO_GL=osmesa", "libosmesa6")
NO_OPENGL = 77
MAZES = [robot + layout for robot in ROBOTS for layout in LAYOUTS]
DRAW = f"""
import pickle, sys
import gymnasium, numpy as np
import environments
from environments.opengl import OpenGLError

pictures = {{}}
for name in {MAZES}:
    env = gymnasium.make(name + "-v0", render_mode="rgb_array")
    for place, target in (("near", [0, 0]), ("far", env.unwrapped.maze.task.evaluation_targets[0][:2])):
        height = [4.5] * (len(env.unwrapped.target) - 2)
        env.reset(seed=0, options={{"target": [*target, *height]}})
        try:
            pictures[name, place] = env.render()
        except OpenGLError as error:
            print(error)
            sys.exit({NO_OPENGL})
    if name == "AntMaze":
        pictures[name, "again"] = env.render()
        for _ in range(20):
            env.step(env.action_space.high)
        pictures[name, "moved"] = env.render()
        other = pickle.loads(pickle.dumps(env))  # while a context is open
        pictures[name, "copy"] = other.render()
        other.close()
        env.close()
        pictures[name, "reopened"] = env.render()
    env.close()
    env.close()
np.savez(sys.argv[1], **{{"/".join(key): value for key, value in pictures.items()}})
"""


def run_python(code, *arguments, **settings):
    """Runs code in a fresh Python with other environment variables; None unsets one."""
    gone = ("PYOPENGL_PLATFORM", *(key for key, value in settings.items() if value is None))
    variables = {key: value for key, value in os.environ.items() if key not in gone}
    variables |= {key: value for key, value in settings.items() if value is not None}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], env=variables, capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures") / "pictures.npz"
    result = run_python(DRAW, str(path), MUJOCO_GL="egl")
    if result.returncode == NO_OPENGL:
        pytest.skip(result.stdout.strip())
    assert result.returncode == 0, result.stderr
    with np.load(path) as arrays:
        return {tuple(key.split("/")): arrays[key] for key in arrays.files}


@pytest.mark.parametrize("name", MAZES)
def test_a_picture_shows_all_of_the_maze(pictures, name):
    picture = pictures[name, "far"]
    assert picture.shape == (480, 480, 3) and picture.dtype == np.uint8
    red, green, blue = np.moveaxis(picture.astype(int), -1, 0)
    is_grey = (np.abs(red - green) < 3) & (np.abs(blue - green) < 3)
    assert 0.1 < is_grey.mean() < 0.9  # walls
    for edge in (is_grey[0], is_grey[-1], is_grey[:, 0], is_grey[:, -1]):
        assert not edge.any()  # none of them is cut off
    assert (picture == 255).mean() < 0.01 and (picture == 0).mean() < 0.01  # neither glaring nor dark
    assert ((red > 150) & (green < 80)).any() == ("Maze" not in name or "Block" in name)  # the block
    assert ((red - blue > 30) & (green - blue > 10)).any()  # the robot


@pytest.mark.parametrize("name", MAZES)
def test_a_picture_shows_the_target(pictures, name):
    near, far = (pictures[name, place].astype(int) for place in ("near", "far"))
    is_target = lambda picture: picture[..., 1] - np.maximum(picture[..., 0], picture[..., 2]) > 60
    rows = []
    for picture in (near, far):
        assert is_target(picture).sum() > 20
        rows.append(np.argwhere(is_target(picture)).mean(axis=0))
    assert np.linalg.norm(rows[0] - rows[1]) > 40  # pixels


def test_pictures_follow_the_simulation(pictures):
    name = "AntMaze"
    np.testing.assert_array_equal(pictures[name, "far"], pictures[name, "again"])
    assert np.any(pictures[name, "far"] != pictures[name, "moved"])
    np.testing.assert_array_equal(pictures[name, "copy"], pictures[name, "moved"])
    np.testing.assert_array_equal(pictures[name, "reopened"], pictures[name, "moved"])


MARK = """
import sys
import mujoco, numpy as np
from environments.create_maze_env import make_maze_env
from environments.layouts import CHASM, LAYOUTS, WALL
from environments.opengl import OpenGLError
from environments.rendering import Disc, Line, MazeRenderer

BLUE = (0.0, 0.0, 1.0, 1.0)
pictures = {}
for layout in LAYOUTS.values():
    maze = make_maze_env("Ant" + layout.name).maze
    data = mujoco.MjData(maze.model)
    mujoco.mj_forward(maze.model, data)
    try:
        renderer = MazeRenderer(maze, 200, 200, zoom=1.5)
    except OpenGLError as error:
        print(error)
        sys.exit(77)
    pictures[layout.name + "/none"] = renderer.render(data, None)
    for row, tokens in enumerate(layout.cells):
        for column, token in enumerate(tokens):
            if token not in (WALL, CHASM, "XY", "YZ"):
                centre = np.array((*layout.centre((row, column), 8.0), maze.floor_height))
                picture = renderer.render(data, None, [Disc(centre, 0.8, 0.1, BLUE)])
                pictures[f"{layout.name}/{row},{column}"] = picture
    renderer.close()
renderer = MazeRenderer(maze, 800, 700)  # more than MuJoCo has room for unless told
start, end = np.array((0.0, 0.0, 6.0)), np.array((8.0, 16.0, 6.0))
pictures["line"] = renderer.render(data, None, [Line(start, end, 0.2, BLUE)])
many = [Disc(np.array((0.0, 0.0, 6.0)), 0.1, 0.1, BLUE)] * 20_000
pictures["many"] = renderer.render(data, np.zeros(2), many)
renderer.close()
np.savez(sys.argv[1], **pictures)
"""


def test_markers_are_seen_at_every_place_of_a_maze_also_from_nearby(tmp_path):
    path = tmp_path / "pictures.npz"
    result = run_python(MARK, str(path), MUJOCO_GL="egl")
    if result.returncode == NO_OPENGL:
        pytest.skip(result.stdout.strip())
    assert result.returncode == 0, result.stderr
    with np.load(path) as arrays:
        marked = {name: arrays[name].astype(int) for name in arrays.files}
    is_blue = lambda picture: picture[..., 2] - picture[..., :2].max(axis=-1) > 60
    for layout in LAYOUTS:
        assert not is_blue(marked[f"{layout}/none"]).any()
        spots = {name: is_blue(marked[name]) for name in marked if name.startswith(f"{layout}/")}
        del spots[f"{layout}/none"]
        assert len(spots) >= 5
        centres = []
        for spot in spots.values():
            assert 20 < spot.sum() < 120  # all of the disc or most of it
            assert not (spot[0].any() or spot[-1].any() or spot[:, 0].any() or spot[:, -1].any())
            centres.append(np.argwhere(spot).mean(axis=0))
        # Lower rows of a layout are farther up in the picture, later columns to the right.
        cells = np.array([[int(x) for x in name.split("/")[1].split(",")] for name in spots])
        for axis, sign in ((0, -1), (1, 1)):
            order = np.subtract.outer(cells[:, axis], cells[:, axis])
            moved = np.subtract.outer(*[np.array(centres)[:, axis]] * 2)
            assert (sign * moved[order > 0] > 15).all()
    line = is_blue(marked["line"])
    assert line.shape == (700, 800)
    rows, columns = np.nonzero(line)
    assert len(rows) > 300 and np.corrcoef(rows, columns)[0, 1] < -0.99  # up and to the right
    assert is_blue(marked["many"]).any()


ONE = """
import sys
import environments, gymnasium, numpy as np
env = gymnasium.make("AntPush-v0", render_mode="rgb_array")
env.reset(seed=0)
np.save(sys.argv[1], env.render())
env.close()
"""


def test_osmesa_draws_what_egl_draws(pictures, tmp_path):
    if not ctypes.util.find_library("OSMesa"):
        pytest.skip("OSMesa is not installed")
    drawn = []
    for setting in ("egl", "osmesa"):
        path = tmp_path / f"{setting}.npy"
        result = run_python(ONE, str(path), MUJOCO_GL=setting)
        assert result.returncode == 0 and result.stderr == "", result.stderr
        drawn.append(np.load(path).astype(int))
    assert np.abs(drawn[0] - drawn[1]).mean() < 1.0  # of 255; edges may be smoothed in other ways


def test_no_render_mode_is_no_picture():
    env = make_maze_env("PointMaze")
    env.reset(seed=0)
    assert env.render() is None
    env.close()


def assert_helps(message):
    assert "\n" not in message
    for words in PACKAGES:
        assert words in message


@pytest.mark.parametrize(
    "error, reason",
    [
        (ImportError("no EGL"), " (no EGL)"),
        (AttributeError("eglQuery"), ""),
        (RuntimeError("a\nb"), " (a b)"),
    ],
)
def test_rendering_without_opengl_says_what_to_install(monkeypatch, error, reason):
    def fail(*args):
        raise error

    monkeypatch.setattr(mujoco, "Renderer", fail)
    monkeypatch.setenv("MUJOCO_GL", "egl")
    env = make_maze_env("PointMaze", render_mode="rgb_array")
    env.reset(seed=0)
    with pytest.raises(OpenGLError, match=re.escape(f"no OpenGL, MUJOCO_GL=egl{reason}; ")) as raised:
        env.render()
    assert_helps(str(raised.value))
    assert isinstance(raised.value, RuntimeError)
    env.step(np.zeros(2, np.float32))  # all but pictures works on
    env.close()


RENDER = """
import environments, gymnasium
env = gymnasium.make("PointMaze-v0", render_mode="rgb_array")
env.reset(seed=0)
try:
    env.render()
except environments.opengl.OpenGLError as error:
    print(error)
env.close()
"""


@pytest.mark.parametrize(
    "settings",
    [
        {
            "MUJOCO_GL": "egl",
            "__EGL_VENDOR_LIBRARY_DIRS": "/nonexistent",
            "__EGL_VENDOR_LIBRARY_FILENAMES": None,
        },
        {"MUJOCO_GL": "disable"},
        {"MUJOCO_GL": None, "DISPLAY": None, "WAYLAND_DISPLAY": None},
    ],
    ids=["egl without a driver", "disabled", "no display"],
)
def test_environments_work_without_opengl_until_they_render(settings):
    result = run_python(RENDER, **settings)
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    message = result.stdout.strip()
    assert_helps(message)
    setting = settings["MUJOCO_GL"]
    assert ("MUJOCO_GL is not set" if setting is None else f"MUJOCO_GL={setting}") in message


def test_what_cannot_be_drawn_once_cannot_be_drawn_again_and_the_program_goes_on():
    program = RENDER + RENDER.replace("import environments, gymnasium\n", "") + "print('goes on')\n"
    result = run_python(program, MUJOCO_GL=None, DISPLAY=None, WAYLAND_DISPLAY=None)
    assert result.returncode == 0, result.stderr
    first, second, last = result.stdout.splitlines()
    assert first == second and last == "goes on"
    assert_helps(first)


@pytest.mark.parametrize("setting", ["foo", "osmesa"])
@pytest.mark.parametrize("module", ["environments", "environments.batched"])
def test_mujocos_own_failure_is_said_in_one_line(setting, module):
    if setting == "osmesa" and ctypes.util.find_library("OSMesa"):
        pytest.skip("OSMesa is installed")
    result = run_python(f"import {module}", MUJOCO_GL=setting)
    assert result.returncode == 1
    *frames, message = result.stderr.strip().splitlines()
    reason = "" if setting == "osmesa" else f" (invalid value for environment variable MUJOCO_GL: {setting})"
    expected = f"environments.opengl.OpenGLError: no OpenGL, MUJOCO_GL={setting}{reason}; "
    assert message.startswith(expected)
    assert_helps(message)
    assert not any("Error" in line for line in frames)  # nothing of the failure beneath
