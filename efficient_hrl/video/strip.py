"""An episode as one still picture."""

import pathlib

import matplotlib
import numpy as np

from efficient_hrl.figures.files import save_figure
from efficient_hrl.figures.subject import place
from efficient_hrl.video.camera import Camera
from efficient_hrl.video.episode import Episode
from efficient_hrl.video.map_view import MapView

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  (the backend must be chosen first)

_PICTURES = 5


def save_strip(episode: Episode, camera: Camera | None, path: pathlib.Path) -> pathlib.Path:
    """Draws moments in a row and, behind them, a map with the whole path; without a camera the map alone.

    Args:
      episode: to show.
      camera: of its maze, or None.
      path: of the PNG file.

    Returns:
      The path.
    """
    moments = np.unique(np.linspace(0, episode.steps, _PICTURES).round().astype(int)) if camera else []
    columns = len(moments) + 1
    figure, axes = pyplot.subplots(
        1, columns, figsize=(2.7 * columns if camera else 6.5, 3.4 if camera else 5.2), layout="constrained"
    )
    *picture_axes, map_axis = np.atleast_1d(axes)
    for axis, moment in zip(picture_axes, moments):
        axis.imshow(camera.picture(episode, moment), interpolation="antialiased")
        axis.set_title(f"step {moment}", fontsize=10)
        axis.set_axis_off()
    view = MapView(map_axis, episode)
    view.show(episode.steps)
    target = "" if episode.target_position is None else f" at {place(episode.target_position)} m"
    figure.suptitle(
        f"{episode.run}, trained for {episode.env_steps:,} environment steps: {episode.target}{target}",
        fontsize=11,
    )
    options = {"ncols": 8, "loc": "outside lower center"} if camera else {"loc": "outside right upper"}
    figure.legend(handles=view.legend_handles(), fontsize=8, frameon=False, **options)
    return save_figure(figure, path)
