"""Where in a maze a run has spent its steps, and how that changed while it was trained."""

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib
import numpy as np

from efficient_hrl.exploration_maps import BINS_PER_CELL, ExplorationMap
from efficient_hrl.figures.files import save_figure, save_table
from efficient_hrl.figures.maze_map import draw_maze
from environments.maze import Maze

matplotlib.use("Agg")
from matplotlib import colors, pyplot  # noqa: E402  (the backend must be chosen first)
from matplotlib import figure as mpl_figure  # noqa: E402

_MOST_PHASES = 6
_COLUMNS = 4  # of panels
_COLOURS = "viridis_r"


class Phase(NamedTuple):
    """Consecutive maps together.

    Attributes:
      name: above its panel.
      from_steps, to_steps: environment steps before and after it.
      x_edges, y_edges: of squares, metres, [nx + 1], [ny + 1].
      visits: positions in each square, int64 [ny, nx].
      outside: positions in none of them.
      transitions: stored in this phase; those of them that had left the buffer are not shown.
    """

    name: str
    from_steps: int
    to_steps: int
    x_edges: np.ndarray
    y_edges: np.ndarray
    visits: np.ndarray
    outside: int
    transitions: int

    @property
    def shown(self) -> int:
        """Positions that are known."""
        return int(self.visits.sum()) + self.outside

    @property
    def density(self) -> np.ndarray:
        """Share of the known positions, per area of a cell of the maze; [ny, nx]."""
        return self.visits * BINS_PER_CELL**2 / max(self.shown, 1)


def phase_of(maps: Sequence[ExplorationMap], name: str | None = None) -> Phase:
    """Consecutive maps as one; `name` None names it by its environment steps."""
    first, last = maps[0], maps[-1]
    total = lambda field: sum(getattr(each, field) for each in maps)
    return Phase(
        name or f"steps {first.from_steps:,} to {last.env_steps:,}",
        first.from_steps,
        last.env_steps,
        first.x_edges,
        first.y_edges,
        total("visits"),
        total("outside"),
        total("transitions"),
    )


def phases_of(maps: Sequence[ExplorationMap]) -> list[Phase]:
    """Up to six phases of equally many maps; and, unless it is the only one, everything together."""
    parts = np.array_split(np.arange(len(maps)), min(len(maps), _MOST_PHASES))
    phases = [phase_of([maps[number] for number in part]) for part in parts]
    return phases if len(phases) == 1 else [*phases, phase_of(maps, "all together")]


def why_no_visits(maps: Sequence[ExplorationMap], maze: Maze | None) -> str | None:
    """What is missing, or None."""
    if maze is None:
        return "only mazes have maps"
    if not maps:
        return "there is no map yet; one is written at each evaluation"
    if not any(each.visits.any() for each in maps):
        return "the maps hold no positions"
    return None


def visits_figure(maze: Maze, phases: Sequence[Phase]) -> mpl_figure.Figure:
    """A panel for each phase, with one scale of colours."""
    columns = min(len(phases), _COLUMNS)
    rows = -(-len(phases) // columns)
    side = 2.9 if len(phases) > 1 else 4.6
    figure, axes = pyplot.subplots(
        rows, columns, figsize=(side * columns + 1.2, side * rows + 0.9), squeeze=False, layout="constrained"
    )
    seen = np.concatenate([phase.density[phase.visits > 0] for phase in phases])
    norm = colors.LogNorm(*((seen.min(), seen.max()) if seen.size else (0.1, 1.0)))
    for number, axis in enumerate(axes.flat):
        if number >= len(phases):
            axis.set_axis_off()
            continue
        phase = phases[number]
        draw_maze(axis, maze)
        shown = np.ma.masked_equal(phase.density, 0.0)
        mesh = axis.pcolormesh(phase.x_edges, phase.y_edges, shown, cmap=_COLOURS, norm=norm, zorder=2)
        axis.set_title(phase.name, fontsize=9)
        if number % columns:
            axis.set_ylabel("")
        if number + columns < len(phases):
            axis.set_xlabel("")
    figure.colorbar(mesh, ax=axes, label="share of steps per area of a cell", shrink=0.9, pad=0.01)
    return figure


def draw_visits(
    maps: Sequence[ExplorationMap], maze: Maze, name: str, folder: pathlib.Path
) -> list[pathlib.Path]:
    """Draws them; returns what was written.

    Args:
      maps: for which `why_no_visits` is None.
      maze: the definition.
      name: of the run.
      folder: where to.
    """
    phases = phases_of(maps)
    figure = visits_figure(maze, phases)
    figure.suptitle(
        f"{name}: where the {maze.robot.name.lower()} was, exploration included",
        fontsize=11,
        parse_math=False,
    )
    figure.supxlabel(caption(phases[-1]), fontsize=8)
    columns = ("phase", "from_steps", "to_steps", "x", "y", "steps", "share_per_cell_area")
    table = []
    for phase in phases:
        y, x = np.nonzero(phase.visits)
        centres = [(edges[:-1] + edges[1:]) / 2 for edges in (phase.x_edges, phase.y_edges)]
        for row, column in zip(y, x):
            place = float(centres[0][column]), float(centres[1][row])
            number, share = int(phase.visits[row, column]), float(phase.density[row, column])
            table.append((phase.name, phase.from_steps, phase.to_steps, *place, number, share))
    path = folder / "visits.png"
    return [save_figure(figure, path), save_table(path.with_suffix(".csv"), columns, table)]


def caption(phase: Phase) -> str:
    """Which steps a figure covers, in words."""
    text = (
        f"{phase.shown:,} positions, steps {phase.from_steps:,} to {phase.to_steps:,};"
        " white: never there; 1 is as much as in a single cell, evenly visited, all the time"
    )
    lost = phase.transitions - phase.shown
    if lost:
        text += f"\n{lost:,} positions had left the replay buffer when maps were written"
    if phase.outside:
        text += f"\n{phase.outside:,} positions were outside of the maze"
    return text
