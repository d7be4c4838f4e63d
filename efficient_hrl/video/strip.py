"""An episode as one still picture."""

import pathlib
import textwrap

import matplotlib
import numpy as np

from efficient_hrl.figures.files import save_figure
from efficient_hrl.video.camera import Camera
from efficient_hrl.video.episode import Episode
from efficient_hrl.video.map_view import MapView

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  (the backend must be chosen first)

_PICTURES = 5
_COLUMNS = 3


def save_strip(episode: Episode, camera: Camera | None, path: pathlib.Path) -> pathlib.Path:
    """Draws moments and, behind them, a map with the whole path; without a camera the map alone.

    Args:
      episode: to show.
      camera: of its maze, or None.
      path: of the PNG file.

    Returns:
      The path.
    """
    if camera is None:
        figure, map_axis = pyplot.subplots(figsize=(7.2, 5.2), layout="constrained")
        legend = {"loc": "outside right center"}
    else:
        figure, axes = pyplot.subplots(2, _COLUMNS, figsize=(8.4, 6.3), layout="constrained")
        *picture_axes, map_axis = axes.flat
        moments = np.linspace(0, episode.steps, _PICTURES).round().astype(int).tolist()
        for axis, moment in zip(picture_axes, moments):
            axis.imshow(camera.picture(episode, moment))
            axis.set_title(f"step {moment}", fontsize=10)
            axis.set_axis_off()
        legend = {"loc": "outside lower center", "ncols": 4}
    view = MapView(map_axis, episode)
    view.show(episode.steps)
    if camera is not None:
        map_axis.set_title("the whole path", fontsize=10)
        map_axis.set(xlabel="", ylabel="", xticks=[], yticks=[])  # as large as the pictures beside it
    title = figure.suptitle(episode.title, fontsize=11, parse_math=False)
    before, towards, target = episode.title.rpartition("towards ")
    run, rest = (before, towards + target) if towards else (target, "")
    columns = len(run)
    while title.get_window_extent().width > 0.98 * figure.bbox.width and columns:
        title.set_text("\n".join([*textwrap.wrap(run, columns), rest]).rstrip())
        columns -= 1
    figure.legend(handles=view.legend_handles(), fontsize=9, frameon=False, **legend)
    return save_figure(figure, path)
