"""Map, curve and caption show the episode's numbers at the moment that is asked for."""

import numpy as np
import pytest
from matplotlib import colors
from matplotlib.figure import Figure

from efficient_hrl.video import film, strip
from efficient_hrl.video.camera import SIZE
from efficient_hrl.video.colours import GOAL
from efficient_hrl.video.map_view import MapView
from efficient_hrl.video.panel import CAPTION_HEIGHT, HEIGHT, WIDTH, Panel
from efficient_hrl.video.time_view import TimeView
from tests.figures.capture import captured
from tests.video.episodes import C, episode


class FakeCamera:
    """Pictures of one grey, another for each moment."""

    def picture(self, episode, moment):
        return np.full([SIZE, SIZE, 3], 10 * moment, np.uint8)


def view_of(shown):
    return MapView(Figure().add_subplot(), shown)


@pytest.mark.parametrize("moment", [0, 3, 4, 9, 10])
def test_the_map_shows_path_goals_and_robot(moment):
    shown = episode()
    view = view_of(shown)
    for other in (10, 0, moment):
        view.show(other)
    np.testing.assert_array_equal(view.robot.get_xydata(), [[0.4 * moment, 0.1 * moment]])
    np.testing.assert_array_equal(view.path.get_xydata(), shown.xy[: moment + 1])
    given = [g for g in range(0, shown.steps, C) if g <= moment]
    place = lambda g: [0.5 * g, 8.0 - 0.3 * g]
    np.testing.assert_allclose(view.goal.get_xydata(), [place(given[-1])])
    np.testing.assert_allclose(
        view.past_goals.get_xydata(), np.reshape([place(g) for g in given[:-1]], [-1, 2])
    )
    np.testing.assert_allclose(view.towards_goal.get_xydata(), [shown.xy[moment], place(given[-1])])


def test_the_map_shows_target_and_success_distance():
    axis = Figure().add_subplot()
    view = MapView(axis, episode(success_distance=3.5))
    labels = {handle.get_label(): handle for handle in view.legend_handles()}
    np.testing.assert_array_equal(labels["target"].get_xydata(), [[8.0, 0.0]])
    circle = labels["3.5 m around it"]
    np.testing.assert_array_equal(circle.center, (8.0, 0.0))
    assert circle.radius == 3.5
    assert {"robot", "path of the robot", "goal now", "goals before"} < set(labels)
    learned = {handle.get_label() for handle in view_of(episode(goals_are_exact=False)).legend_handles()}
    assert "goal now: where f is\nnearest to it" in learned and "goal now" not in learned


def test_a_target_without_a_success_distance_has_no_circle_and_no_line():
    shown = episode(success_distance=None)
    labels = [handle.get_label() for handle in view_of(shown).legend_handles()]
    assert "target" in labels and not any("around it" in label for label in labels)
    axis = Figure().add_subplot()
    TimeView(axis, shown)
    near = Figure().add_subplot()
    TimeView(near, episode(success_distance=5.0))
    assert len(near.lines) == len(axis.lines) + 1 and axis.get_ylim()[1] >= shown.distance.max()
    assert Panel(shown, 25, False).picture(2).shape == (HEIGHT, WIDTH, 4)


def test_blocks_are_where_they_have_been_pushed():
    shown = episode("AntPush")
    view = view_of(shown)
    view.show(6)
    (block,) = view.blocks
    assert (block.get_width(), block.get_height()) == (8.0, 8.0)
    np.testing.assert_allclose(np.add(block.get_xy(), 4.0), [3.0, 8.0])


def test_what_does_not_exist_is_left_out():
    view = view_of(episode(has_goals=False, target_position=None, distance=None))
    view.show(5)
    assert not {view.goal, view.past_goals, view.towards_goal} & {*view.moving}
    assert [handle.get_label() for handle in view.legend_handles()] == ["robot", "path of the robot"]


@pytest.mark.parametrize("with_camera", [True, False])
def test_a_picture_shows_one_moment_and_nothing_of_those_before(with_camera):
    shown = episode()
    panel = Panel(shown, 25, with_camera)
    picture = {moment: panel.picture(moment) for moment in (9, 2)}
    np.testing.assert_array_equal(picture[2], Panel(shown, 25, with_camera).picture(2))
    assert picture[2].shape == (HEIGHT, WIDTH, 4)
    for moment, goal in ((2, 0), (9, 8)):
        axis = panel.map.goal.axes
        column, row = axis.transData.transform(shown.goals_xy[goal]).round().astype(int)
        seen = picture[moment][HEIGHT - row, column, :3]
        np.testing.assert_allclose(seen / 255, colors.to_rgb(GOAL), atol=0.01)
    if with_camera:
        assert (picture[9][CAPTION_HEIGHT:, :SIZE] == 255).all()


def test_the_curve_is_the_distance_up_to_now():
    shown = episode()
    curve = Panel(shown, 25, False).curve
    curve.show(7)
    np.testing.assert_array_equal(curve.so_far.get_xydata(), np.stack([np.arange(8), shown.distance[:8]], -1))
    np.testing.assert_array_equal(curve.cursor.get_xydata(), [[7, shown.distance[7]]])
    axis = curve.cursor.axes
    assert axis.get_ylabel() == "robot to target in m"
    assert any(np.all(np.equal(line.get_ydata(), 5.0)) for line in axis.lines)  # the success distance
    assert Panel(episode("AntBlock"), 25, False).curve.cursor.axes.get_ylabel() == "block to target in m"
    without = Panel(episode(distance=None, target_position=None), 25, False)
    without.curve.show(3)
    np.testing.assert_array_equal(without.curve.so_far.get_ydata(), [np.nan, -1, -1, -1])
    assert without.curve.cursor.axes.get_ylabel() == "task reward"


def test_the_caption_says_what_is_seen():
    panel = Panel(episode(), 25, True)
    assert panel.status(0) == "step 0 of 10 (0.0 s)    distance to target 8.0 m"
    assert panel.status(5) == "step 5 of 10 (0.1 s)    distance to target 6.0 m    low-level reward -1.00"
    texts = {text.get_text() for text in panel._figure.texts}
    assert "made_up, trained for 12,345 environment steps: towards eval1 at (8, 0) m" in texts
    assert "0.5 x real time" in texts  # 25 steps of 0.02 s in a second
    ant = Panel(episode("AntMaze", distance=None, target_position=None), 25, True)
    assert "2.5 x real time" in {text.get_text() for text in ant._figure.texts}
    assert ant.status(2) == "step 2 of 10 (0.2 s)    task reward -1.00    low-level reward -0.25"


LONG = "hiro_fun_transition_ant_push_single/seed3_of_a_folder_with_an_even_longer_name_than_most"


@pytest.mark.parametrize("run", ["a", LONG, LONG * 2, "costs $5 or $6_{", "$x$"])
def test_any_name_of_a_run_is_shown_whole_and_as_it_is(run, tmp_path, monkeypatch):
    shown = episode(run=run, env_steps=10_000_000)
    panel = Panel(shown, 25, True)
    by_text = {text.get_text(): text for text in panel._figure.texts}
    title, speed = by_text[shown.title], by_text["0.5 x real time"]
    assert title.get_window_extent().x1 <= speed.get_window_extent().x0 - 10
    assert title.get_fontsize() == 13 or run.startswith(LONG)
    figures = captured(monkeypatch, strip)
    for name, camera in (("strip.png", FakeCamera()), ("map.png", None)):
        strip.save_strip(shown, camera, tmp_path / name)
        figure = figures[name]
        figure.set_dpi(120)  # as it was saved
        figure.canvas.draw()
        heading = figure._suptitle
        assert "".join(heading.get_text().split()) == "".join(shown.title.split())
        box = heading.get_window_extent()
        assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        assert all(box.y0 >= axis.get_tightbbox().y1 - 1 for axis in figure.axes)


def test_frames_hold_the_camera_beside_the_panel_and_the_panel_alone_without():
    shown = episode(steps=3)
    frames = list(film.frames(shown, FakeCamera()))
    assert len(frames) == 4
    for moment, frame in enumerate(frames):
        assert frame.shape == (720, 1280, 4)
        assert (frame[80:, :640, :3] == 10 * moment).all()
    alone = list(film.frames(shown, None))
    np.testing.assert_array_equal(alone[2], Panel(shown, 25, False).picture(2))


def test_an_episode_without_any_step_has_one_picture():
    shown = episode(steps=0, has_goals=False, is_new_goal=np.zeros(1, bool))
    assert len(list(film.frames(shown, None))) == 1


def test_a_strip_shows_moments_and_the_whole_path(tmp_path, monkeypatch):
    shown = episode()
    figures = captured(monkeypatch, strip)
    path = strip.save_strip(shown, FakeCamera(), tmp_path / "strip.png")
    *pictures, last = figures["strip.png"].axes
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [axis.get_title() for axis in pictures] == [f"step {moment}" for moment in (0, 2, 5, 8, 10)]
    assert [int(axis.images[0].get_array()[0, 0, 0]) for axis in pictures] == [0, 20, 50, 80, 100]
    paths = [line for line in last.lines if line.get_label() == "path of the robot"]
    np.testing.assert_array_equal(paths[0].get_xydata(), shown.xy)
    strip.save_strip(shown, None, tmp_path / "map.png")
    assert len(figures["map.png"].axes) == 1
