"""Frames -> MP4 files that browsers play."""

import contextlib
import itertools
import os
import pathlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterable

import imageio_ffmpeg
import numpy as np

from efficient_hrl.errors import RunError, UsageError
from efficient_hrl.storage.durable import own_partial_of, sync

_NAMED = "IMAGEIO_FFMPEG_EXE"  # by which a user chooses it
_QUALITY = 25  # x264's constant rate factor: 0 is without loss, 51 the worst


def find_encoder() -> str:
    """The program ffmpeg.

    Raises:
      UsageError: there is none.
    """
    named = os.environ.get(_NAMED)
    if named and shutil.which(named) is None:
        raise UsageError(f"{_NAMED}={named}: no program; allowed: a path, or unset for the usual one")
    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError:
        raise UsageError(
            "no program ffmpeg, which the package imageio-ffmpeg brings along; pip install -r"
            f" requirements.txt, or set {_NAMED} to its path"
        ) from None


def write_mp4(path: pathlib.Path, frames: Iterable[np.ndarray], frames_per_second: int) -> pathlib.Path:
    """Writes a video, H.264 in 4:2:0, which begins to play before it is loaded; returns its path.

    Until it is whole it has a hidden name, so that no half of a video is ever found.

    Args:
      path: of the file, replaced if it is there.
      frames: red, green, blue and what is ignored, uint8 [height, width, 4] each; height and
        width are even.
      frames_per_second: of the video.

    Raises:
      UsageError: there is no encoder.
      RunError: the encoder failed, for example because the disk is full.
    """
    encoder = find_encoder()
    partial = own_partial_of(path)
    frames = iter(frames)
    first = next(frames)
    command = _command(encoder, first.shape, frames_per_second, partial)
    try:
        _encode(command, itertools.chain([first], frames), path)
        sync(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _command(encoder, shape, frames_per_second, file):
    height, width, _ = shape
    given = ("-f", "rawvideo", "-pix_fmt", "rgba", "-s", f"{width}x{height}", "-r", str(frames_per_second))
    coding = ("-c:v", "libx264", "-preset", "veryfast", "-crf", str(_QUALITY), "-pix_fmt", "yuv420p")
    made = ("-movflags", "+faststart", "-f", "mp4", f"file:{file}")
    return [encoder, "-y", "-loglevel", "error", *given, "-i", "-", "-an", *coding, *made]


def _encode(command, frames, path):
    """Runs the encoder; raises a RunError with its own words about `path` where it fails.

    Not `imageio_ffmpeg.write_frames`, which looks at no exit status and leaves the encoder's words on
    the terminal: on a full disk, half a file would pass for a video.
    """
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=complaints
            )
        except OSError as error:
            raise RunError(f"{command[0]}: {error.strerror}") from None
        try:
            _feed(process, frames)
        finally:
            if process.poll() is None:  # something else went wrong, or the user has interrupted
                process.kill()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            process.wait()
        if process.returncode:
            complaints.seek(0)
            lines = complaints.read().decode(errors="replace").split("\n")
            said = next((line.strip() for line in lines if line.strip()), f"status {process.returncode}")
            raise RunError(f"{path}: ffmpeg could not write it ({said})")


def _feed(process, frames):
    """Gives frames to the encoder until there are no more or it has ended, and waits for its end."""
    with contextlib.suppress(BrokenPipeError):  # it has said why
        for frame in frames:
            process.stdin.write(frame.tobytes())
        process.stdin.close()
    process.wait()
