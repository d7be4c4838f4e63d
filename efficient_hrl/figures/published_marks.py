"""Published numbers as horizontal marks in pictures of success rates and returns."""

import math
from collections.abc import Mapping

from matplotlib import axes as mpl_axes

from efficient_hrl.comparison.published import Published

_GAP = 0.053  # least distance of two labels, share of the axis
_INK = "#222222"


def draw_marks(axis: mpl_axes.Axes, marks: Mapping[Published, str], height: float) -> None:
    """Draws a dashed line in the colour of its method for every number, with a label.

    Labels are dark, since colours that are good for lines are too light for small letters.

    Args:
      axis: to draw on.
      marks: number -> colour.
      height: of the axis, in its units, to keep labels apart.
    """
    gap, place = _GAP * height, -math.inf
    for mark, colour in sorted(marks.items(), key=lambda item: item[0].value):
        axis.axhline(mark.value, color=colour, linestyle=(0, (6, 3)), linewidth=1.0, zorder=1)
        place = max(mark.value + 0.2 * gap, place + gap)
        axis.annotate(
            f"{mark.row}, published: {mark.in_words}",
            (0.01, place),
            xycoords=("axes fraction", "data"),
            fontsize=7,
            color=_INK,
            verticalalignment="bottom",
            bbox={"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 0.5},
            zorder=5,
        )
