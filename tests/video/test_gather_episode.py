"""Films and maps of gather tasks: objects that disappear, returns in place of distances."""

import numpy as np
import pytest
from matplotlib import pyplot

from efficient_hrl.video import strip
from efficient_hrl.video.colours import OBJECTS
from efficient_hrl.video.episode import episode_of
from efficient_hrl.video.map_view import MapView
from efficient_hrl.video.panel import Panel
from efficient_hrl.video.time_view import TimeView
from tests.configuration.test_gather_gin_files import SHORT
from tests.configuration.test_gin_files import build
from tests.figures.capture import captured


@pytest.fixture(scope="module")
def episode():
    """A point that drives in wide curves and takes things."""
    trainer = build("hiro_xy_point_gather", *SHORT, "evaluate.num_episodes_eval = 6")
    trainer.hierarchy.low.actor_net.variables[-1].assign([3.0, 0.15])
    trajectories = trainer.evaluator.trajectories("eval", 70)
    richest = max(trajectories, key=lambda trajectory: np.abs(trajectory.high_rewards).sum())
    return episode_of(trainer.evaluator, richest, None, "made_up", 12_345)


def test_an_episode_knows_its_objects_and_its_return(episode):
    assert episode.target_position is None and episode.distance is None
    assert episode.title == "made_up, trained for 12,345 environment steps"
    counts = {kind: np.isfinite(xy[..., 0]).sum(axis=-1) for kind, xy in episode.objects_xy.items()}
    assert (counts["apple"][0], counts["bomb"][0]) == (8, 8)
    assert counts["apple"][-1] + counts["bomb"][-1] < 16
    np.testing.assert_array_equal(episode.returns, (8 - counts["apple"]) - (8 - counts["bomb"]))


@pytest.mark.parametrize("moment", [0, 50, 100])
def test_the_map_shows_what_is_left(episode, moment):
    _, axis = pyplot.subplots()
    view = MapView(axis, episode)
    view.show(moment)
    for kind, line in view.objects.items():
        assert line.get_color() == OBJECTS[kind]
        np.testing.assert_array_equal(np.transpose(line.get_data()), episode.objects_xy[kind][moment])
    assert {"apple", "bomb"} <= {handle.get_label() for handle in view.legend_handles()}


def test_the_curve_and_the_caption_are_the_return(episode):
    _, axis = pyplot.subplots()
    view = TimeView(axis, episode)
    view.show(80)
    np.testing.assert_array_equal(view.so_far.get_ydata(), episode.returns[:81])
    assert axis.get_ylabel() == "return so far"
    status = Panel(episode, 25, with_camera=False).status(80)
    assert f"return so far {episode.returns[80]:g}" in status and "distance" not in status


def test_a_strip_of_any_title_is_drawn(episode, tmp_path, monkeypatch):
    figures = captured(monkeypatch, strip)
    long = episode._replace(run="a very long name of a run " * 6)
    strip.save_strip(long, None, tmp_path / "strip.png")
    title = figures["strip.png"].get_suptitle()
    assert " ".join(title.split()) == long.title and "\n" in title
