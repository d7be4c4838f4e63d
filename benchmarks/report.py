"""Tables and pictures of benchmarks."""

import csv
import pathlib
from collections.abc import Mapping, Sequence

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  (the backend must be chosen first)


def new_figure(width: float = 6.0, height: float = 3.5):
    """A figure and its axes."""
    figure, axes = new_grid(1, 1, width, height)
    return figure, axes[0, 0]


def new_grid(rows: int, columns: int, width: float = 3.0, height: float = 2.6):
    """A figure with axes [rows, columns]."""
    figure, axes = pyplot.subplots(
        rows, columns, figsize=(width * columns, height * rows), squeeze=False, layout="constrained"
    )
    for axis in axes.flat:
        axis.grid(alpha=0.3)
    return figure, axes


def save_figure(figure, path: pathlib.Path) -> None:
    """Writes and closes a figure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def write_table(rows: Sequence[Mapping], path: pathlib.Path) -> None:
    """Writes rows with equal keys as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def draw_bars(
    names: Sequence[str], bars: Mapping[str, Sequence[float]], unit: str, title: str, path: pathlib.Path
) -> None:
    """Draws groups of bars, one group per name, one bar per key, each with its number."""
    figure, axis = new_figure(width=1.1 * len(names) + 2.5, height=4.0)
    width = 0.8 / len(bars)
    for i, (label, heights) in enumerate(bars.items()):
        places = [place + (i - (len(bars) - 1) / 2) * width for place in range(len(names))]
        drawn = axis.bar(places, heights, width, label=label)
        axis.bar_label(drawn, fmt="%.2f", fontsize=8)
    axis.set_xticks(range(len(names)), names)
    axis.set_ylabel(unit)
    axis.set_title(title, fontsize=10)
    axis.legend(fontsize=8)
    save_figure(figure, path)
