"""An episode seen from above: maze, path, goals, target and blocks at one moment."""

import matplotlib
import numpy as np

from efficient_hrl.figures.maze_map import BLOCK_COLOUR, draw_maze
from efficient_hrl.video.colours import GOAL, OBJECTS, PATH, ROBOT, TARGET
from efficient_hrl.video.episode import Episode

matplotlib.use("Agg")
from matplotlib import axes as mpl_axes  # noqa: E402  (the backend must be chosen first)
from matplotlib import lines, patches  # noqa: E402

_OBJECT_MARKERS = {"apple": "o", "bomb": "X"}


class MapView:
    """A map on axes.

    Attributes:
      moving: the artists that `show` changes, from the lowest to the highest.
      path, past_goals, goal, towards_goal, robot: those of them that are lines.
      blocks: those of them that are movable blocks, rectangles.
      objects: kind -> those of them that are lines of markers, one for each object that is there.
    """

    def __init__(self, axis: mpl_axes.Axes, episode: Episode):
        """Draws what never changes; `show` the rest."""
        self._episode = episode
        maze = episode.maze
        draw_maze(axis, maze)
        target = episode.target_position
        self._target = []
        if target is not None:
            star = _line(axis, "*", color=TARGET, markersize=15, label="target")
            star.set_data(target[:1], target[1:2])
            self._target = [star]
        if target is not None and episode.success_distance is not None:
            circle = patches.Circle(
                target[:2],
                episode.success_distance,
                fill=False,
                edgecolor=TARGET,
                linestyle="--",
                label=f"{episode.success_distance:g} m around it",
            )
            self._target.append(axis.add_patch(circle))
        self.blocks = [
            axis.add_patch(
                patches.Rectangle(
                    (0.0, 0.0),
                    *(2 * maze.model.geom_size[maze.model.body_geomadr[block_id]][:2]),
                    facecolor=BLOCK_COLOUR,
                    alpha=0.6,
                    label="movable block",
                )
            )
            for block_id in maze.block_ids
        ]
        self.objects = {
            kind: _line(axis, _OBJECT_MARKERS[kind], color=OBJECTS[kind], markersize=7, label=kind)
            for kind in episode.objects_xy
        }
        self.path = _line(axis, "-", color=PATH, linewidth=2, label="path of the robot")
        self.past_goals = _line(axis, "o", color=GOAL, alpha=0.3, markersize=5, label="goals before")
        self.towards_goal = _line(axis, "-", color=GOAL, linewidth=1)
        self.goal = _line(
            axis,
            "o",
            color=GOAL,
            markersize=10,
            markeredgecolor="white",
            label="goal now" if episode.goals_are_exact else "goal now: where f is\nnearest to it",
        )
        self.robot = _line(axis, "o", color=ROBOT, markersize=7, markeredgecolor="white", label="robot")
        self.moving = [*self.blocks, *self.objects.values(), self.path]
        if episode.goals_xy is not None:
            self.moving += [self.past_goals, self.towards_goal, self.goal]
        self.moving.append(self.robot)
        self.show(0)

    def legend_handles(self) -> list:
        """What a legend explains."""
        goals = [] if self._episode.goals_xy is None else [self.goal, self.past_goals]
        return [self.robot, self.path, *goals, *self._target, *self.blocks[:1], *self.objects.values()]

    def show(self, moment: int) -> None:
        """Puts everything where it is at a moment, 0 to T."""
        episode = self._episode
        here = episode.xy[moment]
        self.path.set_data(*episode.xy[: moment + 1].T)
        self.robot.set_data(*here[:, None])
        for block, xy in zip(self.blocks, episode.blocks_xy):
            block.set_xy(xy[moment] - np.array((block.get_width(), block.get_height())) / 2)
        for kind, line in self.objects.items():
            line.set_data(*episode.objects_xy[kind][moment].T)
        if episode.goals_xy is not None:
            goal = episode.goals_xy[moment]
            given = np.flatnonzero(episode.is_new_goal[: moment + 1])
            self.goal.set_data(*goal[:, None])
            self.past_goals.set_data(*episode.goals_xy[given[:-1]].T)
            self.towards_goal.set_data(*np.stack([here, goal]).T)


def _line(axis, style, **options):
    marker, linestyle = ("", "-") if style == "-" else (style, "")
    return axis.add_line(lines.Line2D([], [], marker=marker, linestyle=linestyle, **options))
