"""Titles and captions within their figures."""

import numpy as np
import pytest
from matplotlib import pyplot

from efficient_hrl.figures import files, visits
from efficient_hrl.figures.fitted import fit_texts
from efficient_hrl.figures.visits import draw_visits
from tests.figures.capture import captured, cut_off
from tests.figures.test_exploration import MAZE, make_map

WORDS = "a caption of many words that would be wider than the figure is by far, twice or three times"
FORMULA = r"$\epsilon = \sqrt{8\,\mathrm{KL}}$"


def drawn(title, caption="short", **options):
    figure, _ = pyplot.subplots(figsize=(4, 4), layout="constrained")
    figure.suptitle(title, **options)
    figure.supxlabel(caption, fontsize=8)
    return figure


@pytest.mark.parametrize("title", [WORDS, "W" * 120, f"{WORDS}\n\nshort\n{WORDS}"])
def test_long_lines_are_broken_and_nothing_is_lost(title):
    figure = drawn(title, title, parse_math=False)
    assert cut_off(figure)
    fit_texts(figure)
    assert not cut_off(figure)
    for text in (figure.get_suptitle(), figure.get_supxlabel()):
        assert "".join(text.split()) == "".join(title.split())
    pyplot.close(figure)


def test_what_fits_stays_as_it_is():
    figure = drawn("short  and\nsweet", FORMULA)
    fit_texts(figure)
    assert (figure.get_suptitle(), figure.get_supxlabel()) == ("short  and\nsweet", FORMULA)
    pyplot.close(figure)


def test_formulas_are_not_broken():
    figure = drawn(" and ".join([FORMULA] * 8))
    fit_texts(figure)
    assert not cut_off(figure) and figure.get_suptitle().count(FORMULA) == 8
    pyplot.close(figure)


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize("name", ["run", "a_name_of_a_run_that_is_longer_than_one_would_like_it_to_be_" * 3])
def test_visits_have_their_whole_caption(count, name, tmp_path, monkeypatch):
    figures = captured(monkeypatch, visits)
    maps = [make_map(number)._replace(transitions=150_000) for number in range(1, count + 1)]
    draw_visits(maps, MAZE, name, tmp_path)
    figure = figures["visits.png"]
    assert not cut_off(figure)
    assert "evenly visited, all the time" in " ".join(figure.get_supxlabel().split())


def test_figures_of_notebooks_fit_too(tmp_path):
    with files.figures_kept() as kept:
        files.save_figure(drawn(WORDS), tmp_path / "a.png")
    assert not cut_off(kept["a"]) and not list(tmp_path.iterdir())


def test_a_text_beyond_the_edge_is_found():
    figure = drawn("a")
    figure.text(0.99, 0.5, "beyond")
    figure.text(np.nan, 0.5, "")
    assert cut_off(figure) == ["beyond"]
    pyplot.close(figure)
