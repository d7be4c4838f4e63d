"""Curves that coincide, as they come out in a picture."""

import numpy as np
import pytest
from matplotlib import colors
from matplotlib import figure as mpl_figure
from matplotlib.backends import backend_agg

from efficient_hrl.figures import curves
from efficient_hrl.figures.line_styles import line_styles
from tests.figures.capture import captured
from tests.runs_on_disk import write_run


def pixels_of(figure):
    """What is drawn, [height, width, 3] of 0 to 1."""
    canvas = backend_agg.FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3] / 255.0


def seen(pixels, colour):
    """How many pixels have a colour."""
    return int((np.abs(pixels - colors.to_rgb(colour)).max(axis=-1) < 0.03).sum())


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_of_curves_that_coincide_each_is_seen_between_and_at_its_points(count):
    figure = mpl_figure.Figure(figsize=(8, 4), dpi=120)
    axis = figure.add_subplot()
    axis.set_axis_off()
    styles = line_styles(count)
    for style in styles:
        axis.plot([0.0, 1.0, 2.0, 3.0], [0.0, 0.0, 0.0, 0.0], **style)
    colours = [style["color"] for style in styles]
    shown = {colour: seen(pixels_of(figure), colour) for colour in colours}
    assert all(number >= 20 for number in shown.values()), shown


def test_styles_differ_pairwise():
    kinds = [(s["color"], s["marker"], str(s["linestyle"]), s["linewidth"]) for s in line_styles(30)]
    assert len(set(kinds)) == 30
    (alone,) = line_styles(1)
    assert alone["linestyle"] == "-"


def test_targets_that_nobody_reaches_are_all_seen_in_a_success_curve(tmp_path, monkeypatch):
    figures = captured(monkeypatch, curves)
    zeros = {50: [0.0, 0.0, 0.0], 100: [0.0, 0.0, 0.0]}
    root = write_run(tmp_path / "a", gin_file="gin/norl_ant_maze.gin", success=zeros)
    (root / "metrics.csv").unlink()
    curves.draw_run(root)
    figure = figures["success_curve.png"]
    axis = figure.axes[0]
    axis.get_legend().remove()
    figure.axes[1].remove()
    pixels = pixels_of(figure)
    assert len(axis.lines) == 3
    assert all(seen(pixels, line.get_color()) >= 20 for line in axis.lines)
