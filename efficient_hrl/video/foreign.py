"""Films of environments from elsewhere: their own pictures beside the task's reward."""

import pathlib
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import matplotlib
import numpy as np
from PIL import Image

from efficient_hrl.evaluation.evaluator import Evaluator
from efficient_hrl.figures.files import save_figure
from efficient_hrl.video.camera import SIZE
from efficient_hrl.video.film import save_frames
from efficient_hrl.video.panel import CAPTION_HEIGHT, HEIGHT, WIDTH
from efficient_hrl.video.time_view import TimeView

matplotlib.use("Agg")
from matplotlib import figure as mpl_figure  # noqa: E402  (the backend must be chosen first)
from matplotlib import pyplot  # noqa: E402
from matplotlib.backends import backend_agg  # noqa: E402

_DOTS_PER_INCH = 100
_MARGIN = 14  # pixels
_MOMENTS = 5  # of a strip


class Filmed(NamedTuple):
    """One episode of T steps, and so T + 1 moments.

    Attributes:
      run: the run's name.
      env_steps: how long it has been trained.
      target: name of the evaluation mode.
      task_rewards, low_rewards: of the step that led to each moment, [T + 1]; NaN for the first.
      pictures: of each moment, compressed: a long episode would fill the memory.
      shape: of a picture, [height, width, 3].
      distance, returns: None, because what a target means, and whether there is one, is not known here.
    """

    run: str
    env_steps: int
    target: str
    task_rewards: np.ndarray
    low_rewards: np.ndarray
    pictures: list[bytes]
    shape: tuple[int, int, int]
    distance: None = None
    returns: None = None

    @property
    def steps(self) -> int:
        """T."""
        return len(self.task_rewards) - 1

    @property
    def title(self) -> str:
        """First line of every picture."""
        return f"{self.run}, trained for {self.env_steps:,} environment steps: towards {self.target}"

    def picture(self, moment: int) -> np.ndarray:
        """A moment, 0 to T, uint8 [height, width, 3]; neither side is longer than `camera.SIZE`."""
        return np.frombuffer(zlib.decompress(self.pictures[moment]), np.uint8).reshape(self.shape)


def film_foreign(evaluator: Evaluator, target: str, run: str, env_steps: int) -> Filmed:
    """Runs an evaluation episode and takes a picture of every moment.

    Args:
      evaluator: of one episode; its simulations have an open view.
      target: name of the evaluation mode.
      run, env_steps: see `Filmed`.

    Raises:
      ForeignError: the environment cannot be drawn.
    """
    pictures, shapes = [], []

    def watch():
        picture = _fitted(evaluator.simulations.picture())
        shapes.append(picture.shape)
        pictures.append(zlib.compress(picture.tobytes(), 1))

    (trajectory,) = evaluator.trajectories(target, env_steps, watch)
    led_to = lambda rewards: np.concatenate([[np.nan], rewards])
    rewards = (led_to(trajectory.high_rewards), led_to(trajectory.low_rewards))
    if len({*shapes}) > 1:
        raise ValueError(f"pictures of {', '.join(map(str, sorted({*shapes})))}; allowed: one size")
    return Filmed(run, env_steps, target, *rewards, pictures[: len(rewards[0])], shapes[0])


def foreign_frames(filmed: Filmed) -> Iterator[np.ndarray]:
    """A picture of every moment, uint8 [720, 1280, 4]: the environment's, and the reward over time."""
    size = (WIDTH / _DOTS_PER_INCH, HEIGHT / _DOTS_PER_INCH)
    figure = mpl_figure.Figure(figsize=size, dpi=_DOTS_PER_INCH, facecolor="white")
    canvas = backend_agg.FigureCanvasAgg(figure)
    curve = TimeView(figure.add_axes((0.57, 0.3, 0.4, 0.45)), filmed)
    title = figure.text(
        _MARGIN / WIDTH, 1 - 26 / HEIGHT, filmed.title, fontsize=13, va="center", parse_math=False
    )
    canvas.draw()
    while title.get_window_extent().width > WIDTH - 2 * _MARGIN and title.get_fontsize() > 4:
        title.set_fontsize(title.get_fontsize() - 0.5)
    status = figure.text(_MARGIN / WIDTH, 1 - 58 / HEIGHT, "", fontsize=11, va="center")
    height, width, _ = filmed.shape
    top, left = CAPTION_HEIGHT + (SIZE - height) // 2, (SIZE - width) // 2
    for moment in range(filmed.steps + 1):
        curve.show(moment)
        status.set_text(_status(filmed, moment))
        canvas.draw()
        frame = np.array(canvas.buffer_rgba())
        frame[top : top + height, left : left + width, :3] = filmed.picture(moment)
        yield frame


def save_foreign_video(filmed: Filmed, path: pathlib.Path) -> pathlib.Path:
    """Writes an episode as MP4, with a bar on a terminal; returns the path.

    Raises:
      RunError: it cannot be written.
    """
    return save_frames(foreign_frames(filmed), filmed.steps + 1, path)


def save_foreign_strip(filmed: Filmed, path: pathlib.Path) -> pathlib.Path:
    """Draws five moments and, behind them, the task's reward over time; returns the path."""
    figure, axes = pyplot.subplots(2, 3, figsize=(8.4, 5.9), layout="constrained")
    *picture_axes, curve = axes.flat
    moments = np.linspace(0, filmed.steps, _MOMENTS).round().astype(int).tolist()
    for axis, moment in zip(picture_axes, moments):
        axis.imshow(filmed.picture(moment))
        axis.set_title(f"step {moment}", fontsize=10)
        axis.set_axis_off()
    TimeView(curve, filmed).show(filmed.steps)
    figure.suptitle(filmed.title, fontsize=11, parse_math=False, wrap=True)
    return save_figure(figure, path)


def _status(filmed, moment):
    """The moving line of the caption."""
    parts = [f"step {moment} of {filmed.steps}"]
    if moment:
        parts.append(f"task reward {filmed.task_rewards[moment]:.2f}")
        parts.append(f"low-level reward {filmed.low_rewards[moment]:.2f}")
    return "    ".join(parts)


def _fitted(picture):
    """A picture made smaller where a side is longer than the room for it, or larger by whole pixels."""
    height, width, _ = picture.shape
    scale = SIZE / max(height, width)
    if scale >= 1:
        return picture.repeat(int(scale), axis=0).repeat(int(scale), axis=1)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))
