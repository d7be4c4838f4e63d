"""Pictures, drawn in a process of their own because MUJOCO_GL is read when Python starts."""

import ctypes.util
import os
import re
import subprocess
import sys
import types

import mujoco
import numpy as np
import pytest
from mujoco.rendering.classic import gl_context

from environments import opengl
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


def drawn(code, folder):
    """Arrays that code has written, by name; skips where there is no OpenGL."""
    path = folder / "pictures.npz"
    result = run_python(code, str(path), MUJOCO_GL="egl")
    if result.returncode == NO_OPENGL:
        pytest.skip(result.stdout.strip())
    assert result.returncode == 0, result.stderr
    with np.load(path) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    arrays = drawn(DRAW, tmp_path_factory.mktemp("pictures"))
    return {tuple(key.split("/")): array for key, array in arrays.items()}


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
        # With this MuJoCo imports neither EGL nor OSMesa.
        {"MUJOCO_GL": None, "DISPLAY": None, "WAYLAND_DISPLAY": None, "PYOPENGL_PLATFORM": "glx"},
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


FOUND = """
import os, sys
import environments, gymnasium, numpy as np
assert "MUJOCO_GL" not in os.environ
env = gymnasium.make("AntPush-v0", render_mode="rgb_array")
env.reset(seed=0)
np.save(sys.argv[1], env.render())
print(os.environ["MUJOCO_GL"])
"""


def test_without_a_screen_a_back_end_is_found(pictures, tmp_path):
    path = tmp_path / "found.npy"
    result = run_python(FOUND, str(path), MUJOCO_GL=None, DISPLAY=None, WAYLAND_DISPLAY=None)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "egl\n"
    chosen = tmp_path / "chosen.npy"
    assert run_python(ONE, str(chosen), MUJOCO_GL="egl").returncode == 0
    np.testing.assert_array_equal(np.load(path), np.load(chosen))


@pytest.fixture
def machine(monkeypatch):
    """Nothing says which OpenGL to use; returns which back ends work, and which were tried."""
    for name in ("MUJOCO_GL", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.setenv(name, "")
    working, tried = set(), []
    monkeypatch.setattr(opengl, "_works", lambda name: tried.append(name) or name in working)
    monkeypatch.setattr(
        opengl.importlib, "import_module", lambda name: types.SimpleNamespace(GLContext=f"{name} context")
    )
    monkeypatch.setattr(gl_context, "GLContext", "as it was")
    return working, tried


@pytest.mark.parametrize(
    "works, chosen, tries",
    [
        ({"egl", "osmesa"}, "egl", ["egl"]),
        ({"osmesa"}, "osmesa", ["egl", "osmesa"]),
        (set(), "", ["egl", "osmesa"]),
    ],
)
def test_the_first_back_end_that_works_is_used(machine, works, chosen, tries):
    working, tried = machine
    working |= works
    opengl.find_back_end()
    assert tried == tries and os.environ["MUJOCO_GL"] == chosen
    assert gl_context.GLContext == (f"mujoco.{chosen} context" if chosen else "as it was")


@pytest.mark.parametrize("name", ["MUJOCO_GL", "DISPLAY", "WAYLAND_DISPLAY"])
def test_what_says_which_opengl_to_use_is_heard(machine, monkeypatch, name):
    working, tried = machine
    working.add("egl")
    monkeypatch.setenv(name, "something")
    opengl.find_back_end()
    assert tried == [] and gl_context.GLContext == "as it was"


def test_a_back_end_that_cannot_be_imported_here_is_passed_over(machine, monkeypatch):
    working, tried = machine
    working |= {"egl", "osmesa"}

    def load(name):
        if name == "mujoco.egl":
            raise ImportError("another platform was loaded")
        return types.SimpleNamespace(GLContext="another")

    monkeypatch.setattr(opengl.importlib, "import_module", load)
    opengl.find_back_end()
    assert gl_context.GLContext == "another" and os.environ["MUJOCO_GL"] == "osmesa"


# Sizes and cameras.

SHAPES = """
import sys
import gymnasium, numpy as np
import environments

pictures = {}
def take(name, steps=0, **picture):
    env = gymnasium.make("PointMaze-v0", render_mode="rgb_array", **picture)
    env.reset(seed=0, options={"target": [8, 8]})
    for _ in range(steps):
        env.step(np.array([1.0, 0.0], np.float32))
    pictures[name] = env.render()
    env.close()

take("plain")
take("wide", width=320, height=100)
take("robot", camera="robot")
take("robot moved", steps=30, camera="robot")
take("moved", steps=30)
take("from afar", camera={"distance": 100})
take("from above", camera={"elevation": -90, "azimuth": 90, "lookat": [4, 4, 0]})
np.savez(sys.argv[1], **pictures)
"""


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    path = tmp_path_factory.mktemp("shapes") / "pictures.npz"
    result = run_python(SHAPES, str(path), MUJOCO_GL="egl")
    if "OpenGLError" in result.stderr:
        pytest.skip(result.stderr.strip().splitlines()[-1])
    assert result.returncode == 0, result.stderr
    with np.load(path) as arrays:
        return {name: arrays[name].astype(int) for name in arrays.files}


def robot_of(picture):
    """Mean row and column of the robot's pixels, and how many they are."""
    red, green, blue = np.moveaxis(picture, -1, 0)
    pixels = np.argwhere((red - blue > 30) & (green - blue > 10))
    return pixels.mean(axis=0), len(pixels)


def test_pictures_have_the_size_asked_for(shapes):
    assert shapes["plain"].shape == (480, 480, 3) and shapes["wide"].shape == (100, 320, 3)


def test_a_camera_can_follow_the_robot(shapes):
    (place, pixels), (moved_place, _) = robot_of(shapes["robot"]), robot_of(shapes["robot moved"])
    assert np.abs(place - 240).max() < 20 and np.abs(moved_place - 240).max() < 20  # in the middle
    (fixed, fewer), (fixed_moved, _) = robot_of(shapes["plain"]), robot_of(shapes["moved"])
    assert np.linalg.norm(fixed - fixed_moved) > 60 and pixels > 2 * fewer


def test_a_camera_can_be_put_elsewhere(shapes):
    assert robot_of(shapes["from afar"])[1] < robot_of(shapes["plain"])[1] / 4
    wall = lambda picture: np.ptp(picture, axis=-1) < 3
    from_above = wall(shapes["from above"])
    assert (from_above == from_above[::-1]).mean() > 0.93  # the corridor is the same in the mirror
    assert (wall(shapes["plain"]) == wall(shapes["plain"])[::-1]).mean() < 0.9


@pytest.mark.parametrize(
    "picture, message",
    [
        ({"width": 0}, "width = 0; allowed: a whole number from 1 to 4096 (pixels)"),
        ({"height": 4097}, "height = 4097; allowed: a whole number"),
        ({"width": 480.0}, "width = 480.0; allowed: a whole number"),
        ({"height": True}, "height = True; allowed: a whole number"),
        (
            {"camera": "top"},
            "camera = 'top'; allowed: 'maze', 'robot', or a dictionary with some of distance",
        ),
        ({"camera": None}, "camera = None; allowed: 'maze', 'robot'"),
        ({"camera": {"zoom": 2}}, "camera['zoom'] = 2; allowed: distance (metres), azimuth"),
        ({"camera": {"distance": "far"}}, "camera['distance'] = 'far'; allowed"),
        ({"camera": {"distance": np.nan}}, "camera['distance'] = nan; allowed"),
        ({"camera": {"lookat": 3}}, "camera['lookat'] = 3; allowed"),
        ({"camera": {"lookat": [1, 2]}}, "camera['lookat'] = [1, 2]; allowed"),
        ({"camera": {"azimuth": [1, 2, 3]}}, "camera['azimuth'] = [1, 2, 3]; allowed"),
    ],
)
def test_sizes_and_cameras_that_are_none_are_refused(picture, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make_maze_env("PointMaze", render_mode="rgb_array", **picture)


# Windows: GLFW has a window system of its own for tests, which draws by OSMesa.

WINDOW = """
import sys, time
import glfw, gymnasium, mujoco, numpy as np
from environments.create_maze_env import make_maze_env
from environments.opengl import OpenGLError

NULL_PLATFORM = 0x00060005
glfw.init_hint(0x00050003, NULL_PLATFORM)
if not glfw.init():
    print("GLFW has no window system for tests")
    sys.exit(77)
glfw.window_hint(glfw.CONTEXT_CREATION_API, glfw.OSMESA_CONTEXT_API)

def seen(env):
    window = env._renderer
    width, height = window._size()
    picture = np.zeros((height, width, 3), np.uint8)
    mujoco.mjr_readPixels(picture, None, mujoco.MjrRect(0, 0, width, height), window._context)
    return picture[::-1]

env = make_maze_env("PointMaze", render_mode="human", width=300, height=200)
began = time.monotonic()  # before the first picture, from which the 30 steps are to take their time
try:
    env.reset(seed=0, options={"target": [8, 8]})
except OpenGLError as error:
    print(error)
    sys.exit(77)
pictures = {"first": seen(env)}
for _ in range(30):
    env.step(np.array([1.0, 0.0], np.float32))
seconds = time.monotonic() - began
assert env.render() is None
pictures["moved"] = seen(env)
np.savez(sys.argv[1], seconds=seconds, **pictures)
glfw.set_window_should_close(env._renderer._window, True)
env.step(np.zeros(2, np.float32))
assert env._renderer._window is None
env.step(np.zeros(2, np.float32))  # it goes on without a window
env.close()
env.close()
gather = gymnasium.make("PointGather-v0", render_mode="human", width=300, height=200).unwrapped
gather.reset(seed=0)  # there is no target
assert len(np.unique(seen(gather))) > 10
gather.close()
"""


def test_a_window_shows_every_step_in_real_time(tmp_path):
    path = tmp_path / "pictures.npz"
    result = run_python(WINDOW, str(path), MUJOCO_GL=None, DISPLAY=":1")
    if result.returncode == NO_OPENGL:
        pytest.skip(result.stdout.strip())
    assert result.returncode == 0, result.stderr
    with np.load(path) as arrays:
        shown = {name: arrays[name].astype(int) for name in ("first", "moved")}
        assert 30 * 0.02 <= arrays["seconds"] < 10
    for picture in shown.values():
        assert picture.shape == (200, 300, 3)
        assert (picture[..., 1] - np.maximum(picture[..., 0], picture[..., 2]) > 60).sum() > 10  # the target
    (place, _), (moved_place, _) = robot_of(shown["first"]), robot_of(shown["moved"])
    assert moved_place[1] - place[1] > 20  # to the right


NO_WINDOW = """
import numpy as np
from environments.create_maze_env import make_maze_env
from environments.opengl import OpenGLError
env = make_maze_env("PointMaze", render_mode="human")
try:
    env.reset(seed=0)
except OpenGLError as error:
    print(error)
"""


def test_a_screen_that_is_not_there_is_told_in_one_line():
    result = run_python(NO_WINDOW, DISPLAY=":77", WAYLAND_DISPLAY=None)
    assert result.returncode == 0, result.stderr
    (line,) = result.stdout.splitlines()
    assert line.startswith("render_mode = 'human': ") and line.endswith(": None, 'rgb_array'")


def test_what_cannot_be_drawn_once_cannot_be_drawn_again_and_the_program_goes_on():
    program = RENDER + RENDER.replace("import environments, gymnasium\n", "") + "print('goes on')\n"
    # With this MuJoCo imports neither EGL nor OSMesa.
    nowhere = {"MUJOCO_GL": None, "DISPLAY": None, "WAYLAND_DISPLAY": None, "PYOPENGL_PLATFORM": "glx"}
    result = run_python(program, **nowhere)
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
