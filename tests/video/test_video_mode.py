"""`python run.py --mode=video`: what it writes, with and without OpenGL, and what it refuses."""

import os
import re
import shutil
import subprocess
import sys

import gin
import imageio_ffmpeg
import numpy as np
import pytest

from efficient_hrl.commands import main
from efficient_hrl.configuration.config import bindings, load_config
from efficient_hrl.modes import video
from efficient_hrl.storage.run_folder import RunFolder
from environments.opengl import opengl_error
from tests.commands.test_wrong_inputs import REPOSITORY, RUN, snapshot
from tests.environments import walk  # noqa: F401  (registers Walk-v0)
from tests.test_your_environment import WALK
from tests.video.test_encoder import decoded

STEPS = 20
EPISODES = [binding for binding in RUN if "RESET" not in binding] + [f"RESET_EPISODE_PERIOD = {STEPS}"]


def call(*arguments):
    gin.clear_config()
    return main.main(["run.py", *arguments])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run of 120 steps."""
    root = tmp_path_factory.mktemp("runs") / "run"
    flags = [f"--gin_file={REPOSITORY}/gin/hiro_xy_point_maze.gin", f"--root_dir={root}"]
    assert call(*flags, *(f"--gin_bindings={binding}" for binding in EPISODES)) == 0
    return root


@pytest.fixture
def root(trained, tmp_path):
    root = tmp_path / "elsewhere"
    shutil.copytree(trained, root)
    return root


@pytest.fixture
def no_opengl(monkeypatch):
    def fail(maze):
        raise opengl_error(RuntimeError("not here"))

    monkeypatch.setattr(video, "Camera", fail)


def check_videos(folder, targets):
    assert {path.name for path in folder.iterdir()} == {
        f"{target}{end}" for target in targets for end in (".mp4", "_strip.png")
    }
    for target in targets:
        facts, frames = decoded(folder / f"{target}.mp4")
        assert facts["codec"] == "h264" and facts["pix_fmt"].startswith("yuv420p")
        assert facts["size"] == (1280, 720) and facts["fps"] == 25
        assert (
            len(frames) == imageio_ffmpeg.count_frames_and_secs(str(folder / f"{target}.mp4"))[0] == STEPS + 1
        )
        coarse = frames[:, ::2, ::2].astype(np.int16)
        assert (np.abs(np.diff(coarse, axis=0)).max(axis=(1, 2, 3)) > 30).all()  # all move
        assert (folder / f"{target}_strip.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.ci
def test_without_opengl_the_map_alone_is_filmed_and_one_line_says_why(root, no_opengl, capfd):
    before = snapshot(root)
    two = "--gin_bindings=evaluate.eval_modes = ['eval1', 'eval2']"
    assert call("--mode=video", f"--root_dir={root}", two) == 0
    videos = root / "videos"
    out = capfd.readouterr().out.splitlines()
    why = [line for line in out if not line.startswith("wrote ")]
    assert len(why) == 1 and why[0].startswith("a map without the camera's view: no OpenGL, ")
    assert out[0] == why[0]
    assert out[1:] == [
        f"wrote {videos}/{target}{end}" for target in ("eval1", "eval2") for end in (".mp4", "_strip.png")
    ]
    check_videos(videos, ("eval1", "eval2"))
    after = snapshot(root)
    assert {path: after[path] for path in before} == before
    assert all(path == videos or path.parent == videos for path in set(after) - set(before))
    again = {path: path.read_bytes() for path in videos.iterdir()}
    one = "--gin_bindings=evaluate.eval_modes = ['eval1']"
    assert call("--mode=video", f"--root_dir={root}", one) == 0
    assert {path: path.read_bytes() for path in videos.iterdir()} == again


@pytest.mark.ci
def test_on_a_machine_without_a_screen_a_back_end_is_chosen_and_the_camera_filmed(root):
    variables = {k: v for k, v in os.environ.items() if k not in ("MUJOCO_GL", "DISPLAY", "WAYLAND_DISPLAY")}
    command = [sys.executable, str(REPOSITORY / "run.py"), "--mode=video", f"--root_dir={root}"]
    command.append("--gin_bindings=evaluate.eval_modes = ['eval3']")
    result = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    check_videos(root / "videos", ["eval3"])
    if "without the camera" in result.stdout:
        pytest.skip(result.stdout.splitlines()[0])
    _, frames = decoded(root / "videos/eval3.mp4")
    left = frames[:, 100:, :640].astype(np.int16)
    red, green, blue = np.moveaxis(left, -1, 0)
    assert 0.2 < (np.ptp(left, axis=-1) < 12).mean() < 0.8  # walls
    assert ((green - np.maximum(red, blue)) > 60).any(axis=(1, 2)).all()  # the target
    assert ((blue - red) > 50).any(axis=(1, 2)).all()  # the goal
    assert "Traceback" not in result.stderr and "Exception" not in result.stderr


def forget_weights(root):
    shutil.rmtree(root / "checkpoints")
    shutil.rmtree(root / "policy")


@pytest.mark.parametrize(
    "damage, message, flags",
    [
        (lambda root: (root / "run.json").unlink(), "not a run of this program", []),
        (shutil.rmtree, "there is no run", []),
        (forget_weights, "checkpoints: no checkpoint yet; train the run first", []),
        (
            lambda root: (root / "videos").write_text("mine"),
            "videos: not a folder that can be written",
            [],
        ),
        (lambda root: (root / "videos").mkdir(mode=0o555), "videos: not a folder that can be written", []),
        (lambda root: root.chmod(0o555), "is not writable", []),
        (
            lambda root: None,
            r"checkpoint_path = 'policy-7'; .* holds policy-120",
            ["--gin_bindings=evaluate.checkpoint_path = 'policy-7'"],
        ),
        (lambda root: None, "--mode=video takes one run", ["--root_dir=other"]),
    ],
)
def test_what_cannot_be_filmed_is_one_line(damage, message, flags, root, capfd):
    damage(root)
    before = snapshot(root)
    capfd.readouterr()
    try:
        assert call("--mode=video", f"--root_dir={root}", *flags) == 2
        out, err = capfd.readouterr()
        assert out == "" and len(err.splitlines()) == 1 and re.search(message, err), out + err
        assert snapshot(root) == before
    finally:
        for path in (root, root / "videos"):
            if path.is_dir():
                path.chmod(0o755)


def test_what_gives_no_pictures_cannot_be_filmed(tmp_path, capfd):
    gin_file = tmp_path / "walk.gin"
    gin_file.write_text(WALK)
    root = tmp_path / "run"
    small = ["ACTOR_HIDDEN_SIZE_1 = 16", "agent/CircularBuffer.buffer_size = 100"]
    gin.clear_config()
    load_config([str(gin_file)], small)
    RunFolder(root).create(0, bindings())
    assert call("--mode=video", f"--root_dir={root}") == 2
    out, err = capfd.readouterr()
    assert out == "" and err == (
        f"run.py: {root}: Walk-v0 gives no pictures (its render_modes: none); allowed: an environment with"
        " render_mode='rgb_array'\n"
    )
    assert not (root / "videos").exists()


def test_without_a_program_to_encode_nothing_is_written(root, monkeypatch, capfd):
    def nothing():
        raise RuntimeError

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", nothing)
    assert call("--mode=video", f"--root_dir={root}") == 2
    assert capfd.readouterr().err.startswith("run.py: no program ffmpeg")
    monkeypatch.undo()
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "no_ffmpeg")
    assert call("--mode=video", f"--root_dir={root}") == 2
    assert capfd.readouterr().err.startswith("run.py: IMAGEIO_FFMPEG_EXE=no_ffmpeg: no program")
    assert not (root / "videos").exists()


def test_an_encoder_that_fails_ends_with_status_1_and_one_line(root, no_opengl, monkeypatch, capfd):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", shutil.which("false"))
    assert call("--mode=video", f"--root_dir={root}") == 1
    err = capfd.readouterr().err.splitlines()
    assert len(err) == 1 and "ffmpeg could not write it" in err[0]
    assert [*(root / "videos").iterdir()] == []
