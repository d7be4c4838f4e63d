"""The figure of the bound and of epsilon."""

import csv

import numpy as np
import pytest

from efficient_hrl.figures import bound
from efficient_hrl.figures.bound import draw_bound, epsilon, why_no_bound
from tests.figures.capture import captured

ROWS = [
    {"env_steps": "1000", "representation_bound": "nan", "representation_kl": "nan"},
    {"env_steps": "2000", "representation_bound": "-0.5", "representation_kl": "2"},
    {"env_steps": "3000", "representation_bound": "1.25", "representation_kl": "0.5"},
]


def test_epsilon_solves_the_claims_condition():
    kl = np.array([0.0, 0.125, 2.0])
    np.testing.assert_allclose(epsilon(kl) ** 2 / 8, kl)
    assert epsilon(np.array(-0.1)) == 0.0


def test_picture_and_table_say_the_same(tmp_path, monkeypatch):
    figures = captured(monkeypatch, bound)
    written = draw_bound(ROWS, "run", tmp_path)
    assert [path.name for path in written] == ["representation_bound.png", "representation_bound.csv"]
    rows = list(csv.DictReader(written[1].open()))
    assert rows == [
        {
            "env_steps": "2000",
            "representation_bound_nats": "-0.5",
            "representation_kl_nats": "2",
            "epsilon": "4",
        },
        {
            "env_steps": "3000",
            "representation_bound_nats": "1.25",
            "representation_kl_nats": "0.5",
            "epsilon": "2",
        },
    ]
    names = ("representation_bound_nats", "representation_kl_nats", "epsilon")
    axes = figures["representation_bound.png"].axes
    for axis, name in zip(axes, names):
        line = axis.lines[0]
        np.testing.assert_allclose(line.get_xdata(), [2000, 3000])
        np.testing.assert_allclose(line.get_ydata(), [float(row[name]) for row in rows])
    (empty_from,) = axes[-1].lines[1:]
    assert set(empty_from.get_ydata()) == {2.0}
    caption = figures["representation_bound.png"].get_supxlabel()
    assert "no proof" in caption and "every state" in caption


def test_where_the_claim_is_empty_is_drawn_for_a_small_epsilon_too(tmp_path, monkeypatch):
    figures = captured(monkeypatch, bound)
    draw_bound([row | {"representation_kl": "0.02"} for row in ROWS], "run", tmp_path)
    axis = figures["representation_bound.png"].axes[-1]
    assert axis.lines[0].get_ydata().max() < 1.0 and axis.get_ylim()[1] > 2.0


@pytest.mark.parametrize(
    "rows, reason",
    [
        ([], "no rows"),
        ([{"env_steps": "1000", "representation_loss": "1"}], "no column representation_bound"),
        (ROWS[:1], "nothing was measured"),
        ([{"env_steps": "1", "representation_bound": "", "representation_kl": ""}], "nothing was measured"),
        # A bound of another kind, as an autoencoder has.
        ([{"env_steps": "1", "representation_bound": "-5", "representation_kl": "nan"}], "nothing was"),
        (
            [ROWS[0], ROWS[1], ROWS[1] | {"env_steps": "3000"}],
            "the same in every log interval: bound -0.5, KL 2",
        ),
    ],
)
def test_what_is_missing_is_said(rows, reason):
    assert reason in why_no_bound(rows)
    assert why_no_bound(ROWS) is None and why_no_bound(ROWS[:2]) is None
