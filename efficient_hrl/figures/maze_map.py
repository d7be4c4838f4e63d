"""A maze seen from above, to scale."""

import matplotlib
import numpy as np

from environments.layouts import CHASM, WALL
from environments.maze import Maze

matplotlib.use("Agg")
from matplotlib import axes as mpl_axes  # noqa: E402  (the backend must be chosen first)
from matplotlib import patches  # noqa: E402

BLOCK_COLOUR = "#cc79a7"
_WALL, _CHASM = "0.72", "0.90"


def draw_maze(axis: mpl_axes.Axes, maze: Maze) -> None:
    """Draws walls, chasms and the places where movable blocks begin; axes in metres."""
    side = maze.robot.cell_size
    for token, style in (
        (WALL, {"facecolor": _WALL, "edgecolor": _WALL}),
        (CHASM, {"facecolor": _CHASM, "edgecolor": "0.5", "hatch": "//"}),
    ):
        for centre in maze.layout.centres_of(token, side):
            axis.add_patch(patches.Rectangle(centre - side / 2, side, side, linewidth=0.5, **style))
    for block_id in maze.block_ids:
        (half_x, half_y, _) = maze.model.geom_size[maze.model.body_geomadr[block_id]]
        x, y, _ = maze.model.body_pos[block_id]
        box = (x - half_x, y - half_y), 2 * half_x, 2 * half_y
        axis.add_patch(patches.Rectangle(*box, fill=False, edgecolor=BLOCK_COLOUR, linewidth=1.0))
    cells = np.array(maze.layout.cells)
    first, last = (maze.layout.centre(cell, side) for cell in ((0, 0), np.array(cells.shape) - 1))
    edge = np.concatenate([cells[0], cells[-1], cells[:, 0], cells[:, -1]])
    margin = 0.0 if np.all(edge == WALL) else side / 2  # half of the walls around is enough
    axis.set_xlim(first[0] - margin, last[0] + margin)
    axis.set_ylim(first[1] - margin, last[1] + margin)
    axis.set_aspect("equal")
    axis.set_xlabel("x in m")
    axis.set_ylabel("y in m")
