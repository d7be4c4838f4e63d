"""Lines that can be told apart where they lie on each other."""

# Okabe and Ito's colours, which colour-blind people can tell apart, without their yellow,
# which is too light for lines.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = "osD^vPX*"
# Drawn one after the other, each leaves gaps through which those below are seen.
_DASHES = ("-", (0, (5, 2.5)), (0, (1.5, 2)), (0, (6, 2, 1.5, 2)))
_WIDTHS = (3.4, 1.4)  # of the first line and of the last one
_SIZES = (9.0, 4.0)  # of their markers, which are hollow


def line_styles(count: int) -> list[dict[str, object]]:
    """Styles of `count` lines for `axis.plot`, to be drawn in this order.

    The first line is the widest and has the largest markers, each later one is thinner, so that those
    below look out from beside it; colours, dashes and markers differ as well.
    """
    return [
        {
            "color": _COLOURS[number % len(_COLOURS)],
            "marker": _MARKERS[number % len(_MARKERS)],
            "linestyle": _DASHES[number % len(_DASHES)],
            "linewidth": _between(_WIDTHS, number, count),
            "markersize": _between(_SIZES, number, count),
            "markerfacecolor": "none",
            "markeredgewidth": 1.4,
        }
        for number in range(count)
    ]


def _between(ends, number, count):
    """From the first of `ends` for number 0 evenly to the second for the last one."""
    first, last = ends
    return last if count == 1 else first + (last - first) * number / (count - 1)
