"""Pictures and tables as files, each written as a whole; or pictures as they are, for a notebook."""

import contextlib
import contextvars
import csv
import io
import pathlib
from collections.abc import Iterator, Sequence

import matplotlib

from efficient_hrl.figures.fitted import fit_texts
from efficient_hrl.storage.durable import write_shared

matplotlib.use("Agg")
from matplotlib import figure as mpl_figure  # noqa: E402  (the backend must be chosen first)
from matplotlib import pyplot  # noqa: E402

_DOTS_PER_INCH = 120
# Name -> figure, where figures are kept in place of files.
_kept = contextvars.ContextVar("kept", default=None)


@contextlib.contextmanager
def figures_kept() -> Iterator[dict[str, mpl_figure.Figure]]:
    """Inside, figures go into the dictionary by their files' names, without ending; nothing is written."""
    token = _kept.set({})
    try:
        yield _kept.get()
    finally:
        _kept.reset(token)


def save_figure(figure: mpl_figure.Figure, path: pathlib.Path) -> pathlib.Path:
    """Writes a figure as PNG, its texts fitted, and closes it; returns the path."""
    fit_texts(figure)
    kept = _kept.get()
    if kept is not None:
        kept[path.stem] = figure
        pyplot.close(figure)  # a notebook would show it twice
        return path
    data = io.BytesIO()
    figure.savefig(data, dpi=_DOTS_PER_INCH, format="png")
    pyplot.close(figure)
    return _write(path, data.getvalue())


def save_table(path: pathlib.Path, columns: Sequence[str], rows: Sequence[Sequence]) -> pathlib.Path:
    """Writes a CSV file; numbers that are not whole get seven digits, NaN is left empty."""
    if _kept.get() is not None:
        return path
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return _write(path, text.getvalue().encode())


def leave_out(*paths: pathlib.Path) -> None:
    """Deletes pictures and tables of an earlier time that would not be made now: they would seem new."""
    if _kept.get() is None:
        for path in paths:
            path.unlink(missing_ok=True)


def _write(path, data):
    write_shared(path, data)  # a run that goes on may be writing the same picture
    return path


def _cell(value):
    if isinstance(value, float):
        return "" if value != value else f"{value:.7g}"
    return value
