"""Pictures and tables as files, each written as a whole."""

import csv
import io
import pathlib
from collections.abc import Sequence

import matplotlib

from efficient_hrl.storage.durable import write_shared

matplotlib.use("Agg")
from matplotlib import figure as mpl_figure  # noqa: E402  (the backend must be chosen first)
from matplotlib import pyplot  # noqa: E402

_DOTS_PER_INCH = 120


def save_figure(figure: mpl_figure.Figure, path: pathlib.Path) -> pathlib.Path:
    """Writes a figure as PNG and closes it; returns the path."""
    data = io.BytesIO()
    figure.savefig(data, dpi=_DOTS_PER_INCH, format="png")
    pyplot.close(figure)
    return _write(path, data.getvalue())


def save_table(path: pathlib.Path, columns: Sequence[str], rows: Sequence[Sequence]) -> pathlib.Path:
    """Writes a CSV file; numbers that are not whole get seven digits, NaN is left empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return _write(path, text.getvalue().encode())


def _write(path, data):
    write_shared(path, data)  # a run that goes on may be writing the same picture
    return path


def _cell(value):
    if isinstance(value, float):
        return "" if value != value else f"{value:.7g}"
    return value
