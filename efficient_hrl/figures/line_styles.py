"""Lines that can be told apart where they lie on each other."""

# Okabe and Ito's colours, which colour-blind people can tell apart, without their yellow,
# which is too light for lines.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = "osD^vPX*"
_SIZES = (9.0, 4.0)  # of the first line's markers, which are hollow, and of the last one's, points
_SHARE = 5.0  # of a line in a period of the dashes, points
_MOST_SHARES = 4
_WIDTHS = (2.6, 1.4)  # of the first four lines and of the last ones, points
_ALONE = 1.8  # of four lines or fewer


def line_styles(count: int) -> list[dict[str, object]]:
    """Styles of `count` lines for `axis.plot`, to be drawn in this order.

    Four lines share a period of dashes: the first is drawn throughout, the second leaves a quarter of it
    free, and so on, so that where they coincide each is seen for a quarter. Of more lines the next four are
    thinner; where more than four coincide, only their markers tell, which are hollow and become smaller.
    """
    shares = min(count, _MOST_SHARES)
    layers = -(-count // _MOST_SHARES)
    styles = []
    for number in range(count):
        layer, place = divmod(number, _MOST_SHARES)
        width = _ALONE if layers == 1 else _between(_WIDTHS, layer, layers)
        styles.append(
            {
                "color": _COLOURS[number % len(_COLOURS)],
                "marker": _MARKERS[number % len(_MARKERS)],
                "linestyle": _dashes(place, shares, width),
                "linewidth": width,
                "markersize": _between(_SIZES, number, count),
                "markerfacecolor": "none",
                "markeredgewidth": 1.4,
            }
        )
    return styles


def _dashes(place, shares, width):
    """Drawn in all shares of a period but the last `place` ones; matplotlib counts in widths of the line."""
    if not place:
        return "-"
    return (0, (_SHARE * (shares - place) / width, _SHARE * place / width))


def _between(ends, number, count):
    """From the first of `ends` for number 0 evenly to the second for the last one."""
    first, last = ends
    return last if count == 1 else first + (last - first) * number / (count - 1)
