"""Camera and panel -> the frames of a video."""

import pathlib
import sys
from collections.abc import Iterator

import numpy as np
import tqdm

from efficient_hrl.video.camera import SIZE, Camera
from efficient_hrl.video.encoder import write_mp4
from efficient_hrl.video.episode import Episode
from efficient_hrl.video.panel import CAPTION_HEIGHT, Panel

FRAMES_PER_SECOND = 25  # one for each environment step: 500 take 20 s


def frames(episode: Episode, camera: Camera | None, every: int = 1) -> Iterator[np.ndarray]:
    """A picture of every moment, uint8 [720, 1280, 4].

    Args:
      episode: to show.
      camera: of its maze; None shows a larger map instead.
      every: steps from one picture to the next.
    """
    panel = Panel(episode, FRAMES_PER_SECOND, with_camera=camera is not None)
    for moment in range(0, episode.steps + 1, every):
        picture = panel.picture(moment)
        if camera is not None:
            picture[CAPTION_HEIGHT:, :SIZE, :3] = camera.picture(episode, moment)
        yield picture


def save_video(episode: Episode, camera: Camera | None, path: pathlib.Path) -> pathlib.Path:
    """Writes an episode as MP4, with a bar on a terminal; returns the path.

    Raises:
      RunError: it cannot be written.
    """
    return save_frames(frames(episode, camera), episode.steps + 1, path)


def save_frames(pictures: Iterator[np.ndarray], count: int, path: pathlib.Path) -> pathlib.Path:
    """Writes `count` pictures as MP4, with a bar on a terminal; returns the path.

    Raises:
      RunError: it cannot be written.
    """
    with tqdm.tqdm(
        pictures,
        desc=path.name,
        total=count,
        unit="frame",
        leave=False,
        dynamic_ncols=True,
        disable=sys.stderr is None or not sys.stderr.isatty(),
    ) as bar:
        return write_mp4(path, bar, FRAMES_PER_SECOND)
