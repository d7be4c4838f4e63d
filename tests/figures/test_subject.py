"""Titles of figures of a representation."""

import pytest
from matplotlib.figure import Figure

from efficient_hrl.figures.subject import Subject


@pytest.mark.parametrize("name", ["costs $5 or $6_{", "one $", "$x$"])
def test_a_name_with_dollar_signs_is_no_formula_beside_one(name):
    subject = Subject(name, 1_000, None, None, {}, False)
    figure = Figure()
    text = figure.suptitle(f"{subject.title}\n$R^2$ = 0.5")
    figure.draw_without_rendering()  # a wrong formula is a ValueError
    plain = figure.text(0, 0, f"{name}: f at 1,000 environment steps", fontsize="large", parse_math=False)
    width = lambda text: text.get_window_extent().width
    assert width(text) == pytest.approx(width(plain), rel=0.05)
