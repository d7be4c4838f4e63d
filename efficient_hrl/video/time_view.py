"""An episode over time: the distance to the target, and which moment is shown."""

import matplotlib
import numpy as np

from efficient_hrl.video.colours import PATH, ROBOT, TARGET
from efficient_hrl.video.episode import Episode

matplotlib.use("Agg")
from matplotlib import axes as mpl_axes  # noqa: E402  (the backend must be chosen first)
from matplotlib import ticker  # noqa: E402


class TimeView:
    """A curve on axes: of the distance; of the task's reward where the target is no position, or of the
    return so far where there is no target.

    Attributes:
      moving: the artists that `show` changes.
      so_far, cursor: these.
    """

    def __init__(self, axis: mpl_axes.Axes, episode: Episode):
        """Draws what never changes; `show` the rest."""
        values = (episode.distance, episode.returns, episode.task_rewards)
        self._values = next(found for found in values if found is not None)
        steps = np.arange(episode.steps + 1)
        axis.plot(steps, self._values, color="0.8", linewidth=1)
        if episode.distance is None:
            axis.set_ylabel("task reward" if episode.returns is None else "return so far")
            if episode.returns is not None:
                axis.set_ylim(min(self._values.min(), 0.0) - 1.0, max(self._values.max(), 0.0) + 1.0)
                axis.yaxis.set_major_locator(ticker.MaxNLocator(5, integer=True))
        else:
            who = "block" if episode.maze.layout.observes_blocks else "robot"
            axis.set_ylabel(f"{who} to target in m")
            near = episode.success_distance
            if near is not None:
                axis.axhline(near, color=TARGET, linestyle="--", linewidth=1)
            axis.set_ylim(0.0, 1.1 * max(self._values.max(), near or 1.0))
        axis.set_xlim(0, max(episode.steps, 1))
        axis.set_xlabel("environment step")
        axis.grid(alpha=0.3)
        (self.so_far,) = axis.plot([], [], color=PATH, linewidth=2)
        (self.cursor,) = axis.plot([], [], "o", color=ROBOT, markersize=6, clip_on=False)
        self.moving = [self.so_far, self.cursor]
        self.show(0)

    def show(self, moment: int) -> None:
        """Draws up to a moment, 0 to T."""
        self.so_far.set_data(np.arange(moment + 1), self._values[: moment + 1])
        self.cursor.set_data([moment], self._values[moment : moment + 1])
