"""Videos are whole or not there, and hold what was put in."""

import pathlib

import imageio_ffmpeg
import numpy as np
import pytest

from efficient_hrl.errors import RunError, UsageError
from efficient_hrl.storage.durable import own_partial_of
from efficient_hrl.video.encoder import find_encoder, write_mp4

COLOURS = np.array([[200, 30, 30], [30, 180, 30], [40, 40, 200], [128, 128, 128], [250, 250, 250]], np.uint8)


def frames():
    for colour in COLOURS:
        frame = np.full([50, 70, 4], 255, np.uint8)
        frame[:, :, :3] = colour
        yield frame


def decoded(path):
    reader = imageio_ffmpeg.read_frames(f"file:{path}")
    facts = next(reader)
    width, height = facts["size"]
    return facts, np.array([np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader])


@pytest.mark.parametrize("folder", ["plain", "with: a colon, and blanks"])
def test_frames_come_back(tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    (tmp_path / folder).mkdir()
    path = pathlib.Path(folder) / "a.mp4"
    path.write_bytes(b"what was there before")
    own_partial_of(path).write_bytes(b"what a killed process has left")
    assert write_mp4(path, frames(), 25) == path
    assert [p.name for p in path.parent.iterdir()] == ["a.mp4"]
    facts, seen = decoded(path)
    assert facts["codec"] == "h264" and facts["pix_fmt"].startswith("yuv420p")
    assert facts["fps"] == 25 and facts["size"] == (70, 50)
    assert seen.shape == (5, 50, 70, 3)
    np.testing.assert_allclose(seen.mean(axis=(1, 2)), COLOURS, atol=6)
    data = path.read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")  # plays before it is loaded


def test_a_full_disk_is_said_in_one_line(tmp_path):
    path = tmp_path / "a.mp4"
    own_partial_of(path).symlink_to("/dev/full")
    with pytest.raises(RunError, match=r"a\.mp4: ffmpeg could not write it \(.*No space left.*\)$") as raised:
        write_mp4(path, frames(), 25)
    assert "\n" not in str(raised.value)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    "script, message", [("echo no such codec >&2; exit 3", "no such codec"), ("exit 3", "3")]
)
def test_what_was_there_stays_when_the_encoder_fails(tmp_path, monkeypatch, script, message):
    program = tmp_path / "ffmpeg"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
    folder = tmp_path / "videos"
    folder.mkdir()
    path = folder / "a.mp4"
    path.write_bytes(b"before")
    big = (np.zeros([720, 1280, 4], np.uint8) for _ in range(5))  # more than a pipe holds
    with pytest.raises(RunError, match=message):
        write_mp4(path, big, 25)
    assert path.read_bytes() == b"before" and [*folder.iterdir()] == [path]


def test_what_fails_or_interrupts_between_frames_leaves_nothing(tmp_path):
    def interrupted():
        yield from frames()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_mp4(tmp_path / "a.mp4", interrupted(), 25)
    assert [*tmp_path.iterdir()] == []


def test_without_an_encoder_it_is_said_what_to_install(tmp_path, monkeypatch):
    def nothing():
        raise RuntimeError("No ffmpeg exe could be found.")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", nothing)
    with pytest.raises(UsageError, match="imageio-ffmpeg"):
        write_mp4(tmp_path / "a.mp4", frames(), 25)
    monkeypatch.undo()
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match=r"^IMAGEIO_FFMPEG_EXE=.*nowhere: no program"):
        write_mp4(tmp_path / "a.mp4", frames(), 25)
    assert [*tmp_path.iterdir()] == []


def test_a_program_may_be_named_without_its_folder(tmp_path, monkeypatch):
    program = tmp_path / "my_ffmpeg"
    program.write_text("#!/bin/sh\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", program.name)
    with pytest.raises(UsageError, match="my_ffmpeg: no program"):  # it cannot be executed
        find_encoder()
    program.chmod(0o755)
    assert find_encoder() == program.name
