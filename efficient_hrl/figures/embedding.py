"""The embedding f beside the true x, y: along trajectories and over the whole maze.

After NORL (arXiv 1810.01257), Figure 2.
"""

import pathlib
from collections.abc import Callable

import matplotlib
import numpy as np

from efficient_hrl.figures.constant import is_constant
from efficient_hrl.figures.embedding_axes import SMALLEST_SPREAD, embedding_axes
from efficient_hrl.figures.files import leave_out, save_figure, save_table
from efficient_hrl.figures.maze_map import BLOCK_COLOUR, draw_maze
from efficient_hrl.figures.numbers import Numbers
from efficient_hrl.figures.sensitivity import movables
from efficient_hrl.figures.subject import Subject, embedding_columns
from environments.maze import Maze
from environments.placing import at_rest, observe
from environments.position_grid import PositionGrid

matplotlib.use("Agg")
from matplotlib import collections, colors, pyplot  # noqa: E402  (the backend must be chosen first)
from matplotlib import figure as mpl_figure  # noqa: E402

_TIME = "viridis"
# Corners of the map of colours for positions: orange grows with x, blue with y; they
# are told apart by people of every colour vision.
_CORNERS = np.array([[[0.80, 0.80, 0.80], [0.95, 0.62, 0.0]], [[0.18, 0.53, 0.80], [0.05, 0.05, 0.10]]])


def draw_trajectories(subject: Subject, folder: pathlib.Path, numbers: Numbers) -> list[pathlib.Path]:
    """One evaluation episode per target, coloured by time; returns what was written."""
    trajectories = subject.drawn
    embeddings = [subject.f(trajectory.states) for trajectory in trajectories]
    shown = embedding_axes(np.concatenate(embeddings))
    has_map = subject.maze is not None
    rows = len(trajectories)
    figure, axes = pyplot.subplots(
        rows,
        1 + has_map,
        figsize=(4.6 * (1 + has_map) + 1.2, 3.9 * rows + 0.9),
        squeeze=False,
        layout="compressed",
    )
    norm = colors.Normalize(0, max(len(trajectory.states) for trajectory in trajectories) - 1)
    everything = np.concatenate([shown.drawn(embedding) for embedding in embeddings])
    for row, trajectory, embedding in zip(axes, trajectories, embeddings):
        steps = np.arange(len(trajectory.states))
        if has_map:
            draw_maze(row[0], subject.maze)
            _draw_path(row[0], trajectory.xy, steps, norm)
            for block in trajectory.blocks_xy(subject.maze):
                row[0].plot(*block.T, color=BLOCK_COLOUR, linewidth=1.5, zorder=4, label="block")
            row[0].set_title(f"true x, y of the {subject.maze.robot.name.lower()}", fontsize=10)
            if subject.has_position_targets:
                star = {"color": "#d55e00", "marker": "*", "markersize": 13, "linestyle": "none"}
                row[0].plot(*trajectory.target_value[:2], **star, label="target")
        shown.prepare(row[-1], everything)
        dots = _draw_path(row[-1], shown.drawn(embedding), steps, norm)
        row[-1].set_title(f"embedding, {subject.heading(trajectory)}", fontsize=10)
    figure.colorbar(dots, ax=axes, label="environment step", shrink=0.9 / rows, aspect=25)
    known = dict(zip(*reversed(axes[0, 0].get_legend_handles_labels())))
    figure.legend(known.values(), known, loc="outside lower center", ncols=len(known), fontsize=9)
    figure.suptitle(f"{subject.title}\n{numbers.in_words}", fontsize=11)

    columns = ("target", "step", *_place_columns(subject.maze), *embedding_columns(embeddings[0]))
    table = []
    for trajectory, embedding in zip(trajectories, embeddings):
        parts = [trajectory.xy, *trajectory.blocks_xy(subject.maze)] if has_map else []
        parts += [embedding] + ([shown.drawn(embedding)] if shown.columns else [])
        values = np.concatenate(parts, axis=1).tolist()
        table += [(trajectory.target, step, *value) for step, value in enumerate(values)]
    path = folder / "representation_trajectories.png"
    return [
        save_figure(figure, path),
        save_table(path.with_suffix(".csv"), (*columns, *shown.columns), table),
    ]


def grid_embeddings(subject: Subject, grid: PositionGrid) -> np.ndarray:
    """f with the robot at rest at each position, [n, G]; everything else as an episode begins."""
    return subject.f(observe(subject.maze, at_rest(subject.maze, grid.xy)))


def draw_grid(
    subject: Subject,
    grid: PositionGrid,
    embeddings: np.ndarray,
    folder: pathlib.Path,
    numbers: Numbers,
    announce: Callable[[str], None],
) -> list[pathlib.Path]:
    """All positions of the maze, coloured by position, neighbours linked; returns what was written.

    Args:
      subject: with a maze.
      grid: n positions.
      embeddings: `grid_embeddings`, [n, G].
      folder: where to.
      numbers: for the title.
      announce: is told if there is no picture because f is the same at all positions.
    """
    shown = embedding_axes(embeddings)
    columns = ("x", "y", *embedding_columns(embeddings), *shown.columns)
    parts = [grid.xy, embeddings] + ([shown.drawn(embeddings)] if shown.columns else [])
    path = folder / "representation_grid.png"
    written = [save_table(path.with_suffix(".csv"), columns, np.concatenate(parts, axis=1).tolist())]
    if is_constant(embeddings, SMALLEST_SPREAD):
        announce(f"no picture of f over the maze: it is the same at all {len(embeddings):,} positions")
        leave_out(path)
        return written
    figure = grid_figure(subject.maze, grid, embeddings)
    figure.suptitle(f"{subject.title}\n{numbers.in_words}", fontsize=11)
    return [save_figure(figure, path), *written]


def grid_figure(maze: Maze, grid: PositionGrid, embeddings: np.ndarray) -> mpl_figure.Figure:
    """All positions of the maze [n, 2] beside their embeddings [n, G]."""
    shown = embedding_axes(embeddings)
    drawn = shown.drawn(embeddings)
    colours = position_colours(grid.xy)
    straight = grid.edges[grid.lengths < 1.2 * grid.lengths.min()]  # with diagonals it were a blur
    figure, (true, embedded) = pyplot.subplots(1, 2, figsize=(10.4, 5.4), layout="compressed")
    draw_maze(true, maze)
    true.set_title(f"true x, y: {len(grid.xy):,} positions", fontsize=10)
    shown.prepare(embedded, drawn)
    embedded.set_title(f"embedding of the {maze.robot.name.lower()} at rest there", fontsize=10)
    for axis, points in ((true, grid.xy), (embedded, drawn)):
        links = collections.LineCollection(
            points[straight], colors=colours[straight].mean(axis=1), linewidths=0.7, alpha=0.7
        )
        axis.add_collection(links, autolim=False)
        axis.scatter(*points.T, s=7, c=colours, linewidths=0, zorder=2)
    return figure


def position_colours(xy: np.ndarray) -> np.ndarray:
    """A colour for each position, red, green, blue, 0 to 1, [n, 2] -> [n, 3]."""
    low, high = xy.min(axis=0), xy.max(axis=0)
    right, up = ((xy - low) / np.maximum(high - low, 1e-9)).T[..., None]
    below = (1 - right) * _CORNERS[0, 0] + right * _CORNERS[0, 1]
    above = (1 - right) * _CORNERS[1, 0] + right * _CORNERS[1, 1]
    return (1 - up) * below + up * above


def _place_columns(maze):
    """Names of the true positions of a trajectory."""
    if maze is None:
        return []
    blocks = [thing.name.replace(" ", "_") for thing in movables(maze)[1:]]
    return ["x", "y", *(f"{block}_{axis}" for block in blocks for axis in "xy")]


def _draw_path(axis, points, steps, norm):
    axis.plot(*points.T, color="0.6", linewidth=0.6, zorder=2)
    dots = axis.scatter(*points.T, c=steps, cmap=_TIME, norm=norm, s=9, linewidths=0, zorder=3)
    circle = {"marker": "o", "markersize": 7, "fillstyle": "none", "color": "black", "linestyle": "none"}
    axis.plot(*points[0], **circle, zorder=4, label="start")
    return dots
