"""Goals that were proposed beside what was reached, early, midway and late in training."""

import pathlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import matplotlib
import numpy as np

from efficient_hrl.exploration_maps import ExplorationMap
from efficient_hrl.figures.embedding_axes import EmbeddingAxes, embedding_axes
from efficient_hrl.figures.files import save_figure, save_table
from efficient_hrl.figures.goal_positions import GoalPositions
from efficient_hrl.figures.maze_map import draw_maze
from environments.maze import Maze
from environments.placing import at_rest

matplotlib.use("Agg")
from matplotlib import collections, patches, pyplot, ticker  # noqa: E402  (the backend must be chosen first)

_PROPOSED = {"color": "#0072b2", "marker": "o", "markersize": 3, "linestyle": "none", "alpha": 0.6}
_REACHED = {"color": "#d55e00", "marker": "x", "markersize": 3.5, "linestyle": "none", "alpha": 0.7}
_REACH_QUANTILE = 0.99
_LINKS = 40  # segments whose goal is linked with what was reached


class Moment(NamedTuple):
    """A map that is drawn.

    Attributes:
      map: with segments.
      goals, changes: what is drawn of goals and of changes reached, [n, 2].
      places: positions that the goals stand for, metres, [n, 2]; None where that is not known.
    """

    map: ExplorationMap
    goals: np.ndarray
    changes: np.ndarray
    places: np.ndarray | None

    @property
    def title(self) -> str:
        """Which steps it covers."""
        return f"steps {self.map.from_steps:,} to {self.map.env_steps:,}"


def why_no_goals(maps: Sequence[ExplorationMap], maze: Maze | None) -> str | None:
    """What is missing, or None."""
    if maze is None:
        return "only mazes have maps"
    if not maps:
        return "there is no map yet; one is written at each evaluation"
    if not _with_segments(maps):
        return "the maps hold no segments; without a high level that learns there are none"
    return None


class Miss(NamedTuple):
    """How well goals were reached at the ends of segments of full length, of one map.

    Goals and changes are measured in half goal ranges.

    Attributes:
      env_steps: of the map.
      segments: how many.
      miss: mean over them and over dimensions of |g - (f(s_{t+c}) - f(s_t))|.
      miss_without_moving: the same for a robot that had not moved, of |g|.
      cosine: mean cosine of the angle between goal and change; 1 is the right direction.
      reach_most, reach_least: 99th percentile of |f(s_{t+c}) - f(s_t)|, of the entry of f for which
        it is largest, and of that for which it is smallest.  Goals beyond it were hardly ever met.
    """

    env_steps: int
    segments: int
    miss: float
    miss_without_moving: float
    cosine: float
    reach_most: float
    reach_least: float


def miss_of(each: ExplorationMap) -> Miss:
    """Measures a map's segments; NaN where there are none."""
    whole = each.length == each.segment_steps
    if not whole.any():
        return Miss(each.env_steps, 0, *[float("nan")] * (len(Miss._fields) - 2))
    half = (each.goal_high - each.goal_low).astype(np.float64) / 2
    goals, changes = each.goal[whole] / half, each.change[whole] / half
    sizes = np.linalg.norm(goals, axis=1) * np.linalg.norm(changes, axis=1)
    cosines = (goals * changes).sum(axis=1) / np.maximum(sizes, 1e-12)
    means = (np.abs(goals - changes).mean(), np.abs(goals).mean(), cosines.mean())
    reach = np.quantile(np.abs(changes), _REACH_QUANTILE, axis=0)
    return Miss(each.env_steps, int(whole.sum()), *map(float, (*means, reach.max(), reach.min())))


def draw_goals(
    maps: Sequence[ExplorationMap],
    maze: Maze,
    f: Callable[[np.ndarray], np.ndarray] | None,
    f_steps: int,
    name: str,
    folder: pathlib.Path,
) -> list[pathlib.Path]:
    """Draws them; returns what was written.

    Args:
      maps: for which `why_no_goals` is None.
      maze: the definition.
      f: from states to embeddings, as it is now; None if there are no weights.
      f_steps: environment steps for which it was trained.
      name: of the run.
      folder: where to.
    """
    known = _with_segments(maps)
    chosen = [known[number] for number in sorted({0, (len(known) - 1) // 2, len(known) - 1})]
    shown, scaled = _goal_axes(chosen)
    moments = [
        Moment(
            each,
            shown.drawn(scaled(each.goal, each)),
            shown.drawn(scaled(each.change, each)),
            _places(each, maze, f if each is known[-1] else None),
        )
        for each in chosen
    ]
    misses = [miss_of(each) for each in known]

    figure = pyplot.figure(figsize=(max(3.4 * len(moments), 7.0), 10.2), layout="constrained")
    rows = figure.add_gridspec(2, 1, height_ratios=(2.0, 0.62))
    halves = rows[1].subgridspec(1, 2)
    corners = _corners(chosen[0]) if shown.plane is None else None
    _draw_moments(figure, rows[0].subgridspec(2, len(moments)), moments, shown, corners, maze)
    _draw_miss(figure.add_subplot(halves[0]), misses)
    _draw_direction(figure.add_subplot(halves[1]), misses)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=9)
    figure.suptitle(
        f"{name}: goals proposed and what was reached\n{_in_words(moments[-1], f_steps)}",
        fontsize=11,
        parse_math=False,
    )
    path = folder / "goals.png"
    return [
        save_figure(figure, path),
        _save_segments(moments, shown, path.with_suffix(".csv")),
        save_table(folder / "goals_miss.csv", Miss._fields, misses),
    ]


def _with_segments(maps):
    return [each for each in maps if len(each.goal)]


def _goal_axes(maps) -> tuple[EmbeddingAxes, Callable]:
    """Axes for goals and changes, and what brings these into the axes' units."""
    size = maps[0].goal.shape[-1]
    if size <= 2:
        unit = " in m" if maps[0].has_places else ""
        of = ("x", "y") if maps[0].has_places else ("f0", "f1")
        labels = tuple(f"change of {each}{unit}" for each in of[:size]) + ("(goals have one dimension)",)
        return EmbeddingAxes(None, labels[:2], ()), lambda values, each: values
    scaled = lambda values, each: values / ((each.goal_high - each.goal_low) / 2)
    every = np.concatenate([scaled(v, each) for each in maps for v in (each.goal, each.change)])
    shown = embedding_axes(every)
    labels = tuple(
        f"PC {number} of {size}-dim. goals ({share:.0%}), in half ranges"
        for number, share in enumerate(shown.plane.explained, start=1)
    )
    return shown._replace(labels=labels), scaled


def _places(each, maze, f):
    if each.has_places:
        return each.start + each.goal[:, :2]
    if f is None:
        return None
    # At rest, because a map holds no postures: f there must stand for f on the move.
    return GoalPositions(maze, f)(at_rest(maze, each.start.astype(np.float64)), each.goal)


def _corners(each):
    """Two opposite corners of the goal range, [2, 2]."""
    return np.stack([np.pad(c, (0, 2 - len(c))) for c in (each.goal_low, each.goal_high)])


def _draw_moments(figure, grid, moments, shown, corners, maze):
    """Draws a column for every moment: goals and changes, and below where they are in the maze."""
    everything = np.concatenate([part for m in moments for part in (m.goals, m.changes)])
    if corners is not None:
        everything = np.concatenate([everything, corners])
    for column, moment in enumerate(moments):
        axis = figure.add_subplot(grid[0, column])
        _draw_goal_space(axis, moment, shown, everything, corners)
        below = figure.add_subplot(grid[1, column])
        _draw_places(below, moment, maze)
        if column:
            axis.set_ylabel("")
            below.set_ylabel("")


def _draw_goal_space(axis, moment, shown, everything, corners):
    if corners is not None:
        side = corners[1] - corners[0]
        box = patches.Rectangle(
            corners[0], *side, fill=False, linestyle="--", linewidth=1.0, label="goal range"
        )
        axis.add_patch(box)
    _draw_both(axis, moment.goals, moment.changes)
    shown.prepare(axis, everything)
    if shown.plane is not None:
        axis.xaxis.label.set_fontsize(8)
        axis.yaxis.label.set_fontsize(8)
    axis.set_title(moment.title, fontsize=10)


def _draw_places(axis, moment, maze):
    draw_maze(axis, maze)
    _draw_both(axis, moment.places, moment.map.end)
    if moment.places is None:
        title = "reached; f was another one then"
    elif moment.map.has_places:
        outside = 1.0 - maze.layout.is_inside(moment.places, maze.robot.cell_size).mean()
        title = f"{outside:.0%} of goals in walls or outside"
    else:
        title = "goals: where f comes nearest"
    axis.set_title(title, fontsize=9)


def _draw_both(axis, proposed, reached):
    if proposed is not None:
        some = np.unique(np.linspace(0, len(proposed) - 1, min(len(proposed), _LINKS)).astype(int))
        links = np.stack([proposed[some], reached[some]], axis=1)
        axis.add_collection(
            collections.LineCollection(links, colors="0.5", linewidths=0.4, zorder=2), autolim=False
        )
        axis.plot(*proposed.T, **_PROPOSED, zorder=3, label="proposed")
    axis.plot(*reached.T, **_REACHED, zorder=3, label="reached")


def _draw_miss(axis, misses):
    steps = [each.env_steps for each in misses]
    missed, still = [each.miss for each in misses], [each.miss_without_moving for each in misses]
    axis.plot(steps, missed, color="#d55e00", marker="x", label="goal missed by")
    axis.plot(steps, still, color="0.5", marker="o", markersize=3, label="if the robot had not moved")
    axis.set_ylim(0.0, 1.2 * np.nanmax([*missed, *still], initial=1e-6))
    axis.set_ylabel("mean miss,\nhalf goal ranges")
    _label_steps(axis)
    axis.legend(fontsize=8)
    axis.grid(alpha=0.3)


def _draw_direction(axis, misses):
    cosines = [each.cosine for each in misses]
    axis.plot([each.env_steps for each in misses], cosines, color="#d55e00", marker="x")
    axis.axhline(0.0, color="0.5", linewidth=1.0)
    axis.set_ylim(min(-0.1, np.nanmin(cosines, initial=0.0) - 0.05), 1.05)
    axis.set_ylabel("mean cosine of\ngoal and change")
    _label_steps(axis)
    axis.grid(alpha=0.3)


def _label_steps(axis):
    axis.set_xlabel("environment steps")
    axis.xaxis.set_major_locator(ticker.MaxNLocator(4))  # more numbers of seven digits would overlap


def _in_words(newest, f_steps):
    lines = f"grey: {_LINKS} goals, linked with what came of them"
    if newest.map.has_places:
        return lines
    if newest.places is None:
        return f"{lines}; no weights, so that places of goals are not known"
    return f"{lines}; places of goals by f at {f_steps:,} steps, the robot thought at rest"


def _save_segments(moments, shown, path):
    size = moments[0].map.goal.shape[-1]
    names = lambda kind: [f"{kind}_{number}" for number in range(size)]
    drawn = [f"{kind}_{pc}" for kind in ("goal", "change") for pc in shown.columns]
    columns = (
        *("from_steps", "to_steps", "length", "start_x", "start_y", "reached_x", "reached_y"),
        *("proposed_x", "proposed_y", *names("goal"), *names("change"), *drawn),
    )
    table = []
    for moment in moments:
        each = moment.map
        places = np.full_like(each.end, np.nan) if moment.places is None else moment.places
        parts = [each.start, each.end, places, each.goal, each.change]
        if shown.columns:
            parts += [moment.goals, moment.changes]
        for length, values in zip(each.length.tolist(), np.concatenate(parts, axis=1).tolist()):
            table.append((each.from_steps, each.env_steps, length, *values))
    return save_table(path, columns, table)
