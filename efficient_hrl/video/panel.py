"""The drawn part of a video: caption, map and curve, redrawn moment by moment."""

import matplotlib
import numpy as np

from efficient_hrl.video.camera import SIZE as CAMERA_SIZE
from efficient_hrl.video.episode import Episode
from efficient_hrl.video.map_view import MapView
from efficient_hrl.video.time_view import TimeView

matplotlib.use("Agg")
from matplotlib import figure as mpl_figure  # noqa: E402  (the backend must be chosen first)
from matplotlib.backends import backend_agg  # noqa: E402

WIDTH, HEIGHT = 1280, 720  # pixels
CAPTION_HEIGHT = HEIGHT - CAMERA_SIZE
_DOTS_PER_INCH = 100
_MARGIN = 14  # pixels, beside the caption
# Left, top, width, height in pixels, with a camera's picture on the left and without.
_MAP = {True: (CAMERA_SIZE + 62, 92, 378, 378), False: (62, 92, 570, 570)}
_CURVE = {True: (CAMERA_SIZE + 62, 540, 550, 130), False: (740, 410, 510, 252)}
_LEGEND = {True: (CAMERA_SIZE + 455, 92), False: (730, 92)}  # left, top


class Panel:
    """A picture of which the left may be left free for the camera's.

    What moves is drawn over a copy of what does not, which is drawn once: a whole figure
    takes ten times as long.

    Attributes:
      map, curve: the two views.
    """

    def __init__(self, episode: Episode, frames_per_second: int, with_camera: bool):
        """Draws what never changes.

        Args:
          episode: to show.
          frames_per_second: of the video, for the caption.
          with_camera: whether the left is left free.
        """
        self._episode = episode
        size = (WIDTH / _DOTS_PER_INCH, HEIGHT / _DOTS_PER_INCH)
        figure = mpl_figure.Figure(figsize=size, dpi=_DOTS_PER_INCH, facecolor="white")
        self._figure, self._canvas = figure, backend_agg.FigureCanvasAgg(figure)
        map_axis = figure.add_axes(_box(*_MAP[with_camera]), anchor="NW")
        self.map = MapView(map_axis, episode)
        self.curve = TimeView(figure.add_axes(_box(*_CURVE[with_camera])), episode)
        left, top = _LEGEND[with_camera]
        figure.legend(
            handles=self.map.legend_handles(),
            loc="upper left",
            bbox_to_anchor=(left / WIDTH, 1 - top / HEIGHT),
            borderaxespad=0.0,
            frameon=False,
            fontsize=9,
        )
        speed = frames_per_second * episode.maze.dt
        right = f"{speed:g} x real time"
        right = self._write(WIDTH - _MARGIN, 26, right, fontsize=11, horizontalalignment="right")
        title = self._write(_MARGIN, 26, episode.title, fontsize=13, parse_math=False)
        room = right.get_window_extent().x0 - 2 * _MARGIN
        while title.get_window_extent().width > room and title.get_fontsize() > 4:
            title.set_fontsize(title.get_fontsize() - 0.5)
        self._status = self._write(_MARGIN, 58, "", fontsize=11)
        self._moving = [*self.map.moving, *self.curve.moving, self._status]
        for artist in self._moving:
            artist.set_animated(True)
        self._canvas.draw()
        self._background = self._canvas.copy_from_bbox(figure.bbox)

    def picture(self, moment: int) -> np.ndarray:
        """A moment, 0 to T: red, green, blue, opacity, uint8 [HEIGHT, WIDTH, 4]."""
        self.map.show(moment)
        self.curve.show(moment)
        self._status.set_text(self.status(moment))
        self._canvas.restore_region(self._background)
        for artist in self._moving:
            self._figure.draw_artist(artist) if artist.axes is None else artist.axes.draw_artist(artist)
        return np.array(self._canvas.buffer_rgba())

    def status(self, moment: int) -> str:
        """The moving line of the caption."""
        episode = self._episode
        parts = [f"step {moment} of {episode.steps} ({moment * episode.maze.dt:.1f} s)"]
        if episode.distance is not None:
            parts.append(f"distance to target {episode.distance[moment]:.1f} m")
        if episode.returns is not None:
            parts.append(f"return so far {episode.returns[moment]:g}")
        if moment:
            if episode.distance is None and episode.returns is None:
                parts.append(f"task reward {episode.task_rewards[moment]:.2f}")
            parts.append(f"low-level reward {episode.low_rewards[moment]:.2f}")
        return "    ".join(parts)

    def _write(self, left, middle, text, **options):
        position = left / WIDTH, 1 - middle / HEIGHT
        return self._figure.text(*position, text, verticalalignment="center", **options)


def _box(left, top, width, height):
    """Pixels -> the figure's own coordinates: left, bottom, width, height."""
    return left / WIDTH, 1 - (top + height) / HEIGHT, width / WIDTH, height / HEIGHT
