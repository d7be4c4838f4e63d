"""Titles and captions that are as wide as their figure at most."""

import re
import textwrap

import matplotlib

matplotlib.use("Agg")
from matplotlib import figure as mpl_figure  # noqa: E402  (the backend must be chosen first)
from matplotlib import text as mpl_text  # noqa: E402

_USED = 0.98  # share of the figure's width that a line may take
_FORMULA = re.compile(r"(?<!\\)\$[^$]*(?<!\\)\$")
_KEPT = "\x00"  # in place of the spaces of a formula, which is not to be broken


def fit_texts(figure: mpl_figure.Figure) -> None:
    """Breaks the lines of a figure's own texts (title, caption) that would be cut off at its sides."""
    for text in figure.texts:
        text.set_text("\n".join(_fitted(text, line, figure) for line in text.get_text().split("\n")))


def _fitted(text: mpl_text.Text, line: str, figure: mpl_figure.Figure) -> str:
    """A line of `text`, broken into several if need be."""
    most = _USED * figure.bbox.width
    letters, broken = len(line), line
    while letters > 1 and (width := _width(text, broken, figure)) > most:
        letters = min(letters - 1, int(letters * most / width) + 1)
        broken = _broken(line, letters, text.get_parse_math())
    return broken


def _width(text, words, figure):
    """Of a text if it were `words`, pixels."""
    before = text.get_text()
    text.set_text(words)
    width = text.get_window_extent(figure.canvas.get_renderer()).width
    text.set_text(before)
    return width


def _broken(line, letters, has_formulas):
    """A line as lines of so many letters at most; a name without spaces is broken anywhere."""
    formulas = bool(has_formulas and _FORMULA.search(line))
    if formulas:
        line = _FORMULA.sub(lambda found: found[0].replace(" ", _KEPT), line)
    return textwrap.fill(line, letters, break_long_words=not formulas).replace(_KEPT, " ")
