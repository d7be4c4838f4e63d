"""Figures of visits, goals and relabelling: pictures and tables say what maps and rows say."""

import csv

import numpy as np
import pytest

from efficient_hrl.exploration_maps import ExplorationMap, bin_edges
from efficient_hrl.figures import goals, relabeling, visits
from efficient_hrl.figures.goals import draw_goals, miss_of, why_no_goals
from efficient_hrl.figures.relabeling import draw_relabeling, why_no_relabeling
from efficient_hrl.figures.visits import draw_visits, phases_of, why_no_visits
from tests import tiny_hierarchy
from tests.figures.capture import captured

MAZE = tiny_hierarchy.maze()
NAME = "costs $5_{ or $6"  # no formula, and as one it were wrong
CORRIDOR = (slice(8, 16), slice(8, 32))  # squares of the lower corridor, y and x


def make_map(number, size=2, segments=60, is_learned=False, c=10):
    """The map of steps 100 (number - 1) to 100 number."""
    rng = np.random.default_rng(number)
    edges = bin_edges(MAZE.layout, MAZE.robot.cell_size)
    counts = np.zeros([40, 40], int)
    counts[CORRIDOR] = rng.multinomial(97, np.full(8 * 24, 1 / (8 * 24))).reshape(8, 24)
    start = rng.uniform((-1, -1), (9, 1), (segments, 2)).astype(np.float32)
    end = start + rng.normal(size=(segments, 2)).astype(np.float32)
    f = lambda xy: np.concatenate([xy, np.sin(xy @ np.ones([2, size - 2]))], 1).astype(np.float32)
    if is_learned:
        f = lambda xy: (np.concatenate([xy] * size, 1)[:, 1 : size + 1] / 4).astype(np.float32)
    half = np.linspace(8, 12, size).astype(np.float32)
    return ExplorationMap(
        env_steps=100 * number,
        from_steps=100 * (number - 1),
        transitions=100,
        x_edges=edges[0],
        y_edges=edges[1],
        visits=counts,
        outside=3,
        block_visits=np.zeros([0, 40, 40], int),
        segments=segments,
        segment_steps=c,
        goal_low=-half,
        goal_high=half,
        start=start,
        end=end,
        goal=rng.uniform(-5, 5, (segments, size)).astype(np.float32),
        start_repr=f(start),
        end_repr=f(end),
        length=np.where(np.arange(segments) % 3, c, c - 5).astype(np.int32),
    )


def table(path):
    with open(path) as file:
        rows = list(csv.DictReader(file))
    number = lambda text: float(text or "nan")
    return {
        name: np.array([row[name] if name == "phase" else number(row[name]) for row in rows])
        for name in rows[0]
    }


@pytest.mark.parametrize("count, phases", [(1, 1), (2, 3), (6, 7), (15, 7)])
def test_phases_hold_every_map_once_and_the_last_all_of_them(count, phases):
    maps = [make_map(number) for number in range(1, count + 1)]
    found = phases_of(maps)
    assert len(found) == phases
    parts = found[:-1] or found
    np.testing.assert_array_equal(sum(part.visits for part in parts), found[-1].visits)
    np.testing.assert_array_equal(found[-1].visits, sum(each.visits for each in maps))
    assert [part.from_steps for part in parts[1:]] == [part.to_steps for part in parts[:-1]]
    assert (parts[0].from_steps, parts[-1].to_steps) == (0, 100 * count)
    assert found[-1].shown == 100 * count


def test_visits_picture_and_table_say_the_same(tmp_path, monkeypatch):
    figures = captured(monkeypatch, visits)
    maps = [make_map(1), make_map(2)._replace(transitions=150)]
    assert [path.name for path in draw_visits(maps, MAZE, NAME, tmp_path)] == ["visits.png", "visits.csv"]
    columns = table(tmp_path / "visits.csv")
    axes = figures["visits.png"].axes
    scales = set()
    for axis, name in zip(axes, ("steps 0 to 100", "steps 100 to 200", "all together")):
        assert axis.get_title() == name
        own = columns["phase"] == name
        (mesh,) = axis.collections
        scales.add(mesh.get_clim())
        drawn = mesh.get_array()
        y, x = np.nonzero(~np.ma.getmaskarray(drawn))
        np.testing.assert_allclose(columns["share_per_cell_area"][own], drawn[y, x].data, rtol=1e-6)
        # Squares of half a metre, the first one beginning at -6.
        np.testing.assert_allclose(columns["x"][own], -6 + 0.5 * x + 0.25)
        np.testing.assert_allclose(columns["y"][own], -6 + 0.5 * y + 0.25)
        assert columns["steps"][own].sum() == (194 if name == "all together" else 97)
    assert len(scales) == 1
    shares = columns["share_per_cell_area"][columns["phase"] == "all together"]
    # Over the squares, 64 of which are a cell; six of 200 positions were outside.
    assert shares.sum() / 64 == pytest.approx(194 / 200)
    text = figures["visits.png"].get_supxlabel()
    assert "200 positions, steps 0 to 200" in text
    assert "50 positions had left" in text and "6 positions were outside" in text


def test_what_is_missing_for_maps_is_said():
    maps = [make_map(1)]
    assert why_no_visits(maps, MAZE) is None and why_no_goals(maps, MAZE) is None
    for why in (why_no_visits, why_no_goals):
        assert "only mazes" in why([], None) and "no map yet" in why([], MAZE)
    assert "no positions" in why_no_visits([make_map(1)._replace(visits=np.zeros([40, 40], int))], MAZE)
    assert "no segments" in why_no_goals([make_map(1, segments=0)], MAZE)


def test_miss_is_its_definition_written_slowly():
    each = make_map(3, size=3)
    half, misses, still, cosines, changes = [8.0, 10.0, 12.0], [], [], [], []
    for goal, s, t, length in zip(each.goal, each.start_repr, each.end_repr, each.length):
        if length == 10:
            g = [float(goal[i]) / half[i] for i in range(3)]
            d = [(float(t[i]) - float(s[i])) / half[i] for i in range(3)]
            misses += [abs(a - b) for a, b in zip(g, d)]
            changes.append([abs(b) for b in d])
            still += [abs(a) for a in g]
            norm = lambda v: sum(a * a for a in v) ** 0.5
            cosines.append(sum(a * b for a, b in zip(g, d)) / (norm(g) * norm(d)))
    found = miss_of(each)
    assert found[:2] == (300, 40)
    np.testing.assert_allclose(found[2:5], [np.mean(misses), np.mean(still), np.mean(cosines)], rtol=1e-5)
    reaches = []
    for one in zip(*changes):
        ordered, place = sorted(one), 0.99 * (len(one) - 1)  # between two of 40
        low = ordered[int(place)]
        reaches.append(low + (place - int(place)) * (ordered[int(place) + 1] - low))
    np.testing.assert_allclose(found[5:], [max(reaches), min(reaches)], rtol=1e-5)
    assert np.isnan(miss_of(each._replace(length=np.full(60, 3)))[2:]).all()
    reached = miss_of(each._replace(goal=each.change))
    np.testing.assert_allclose((reached.miss, reached.cosine), (0, 1), atol=1e-6)
    unmoved = miss_of(each._replace(end_repr=each.start_repr))
    np.testing.assert_allclose((unmoved.miss, unmoved.cosine), (found.miss_without_moving, 0), rtol=1e-6)


def points(axis, label):
    (line,) = (line for line in axis.lines if line.get_label() == label)
    return line.get_xydata()


def test_goals_picture_and_table_say_the_same_in_the_space_of_positions(tmp_path, monkeypatch):
    figures = captured(monkeypatch, goals)
    maps = [make_map(1), make_map(2, segments=0), *(make_map(number) for number in (3, 4, 5))]
    written = draw_goals(maps, MAZE, None, 0, NAME, tmp_path)
    assert [path.name for path in written] == ["goals.png", "goals.csv", "goals_miss.csv"]
    columns, figure = table(tmp_path / "goals.csv"), figures["goals.png"]
    assert sorted(set(columns["to_steps"])) == [100, 300, 500]
    at = lambda own, *names: np.stack([columns[name][own] for name in names], axis=1)
    for number, steps in enumerate((100, 300, 500)):
        own = columns["to_steps"] == steps
        above, below = figure.axes[2 * number : 2 * number + 2]
        np.testing.assert_allclose(points(above, "proposed"), at(own, "goal_0", "goal_1"), rtol=1e-5)
        np.testing.assert_allclose(points(above, "reached"), at(own, "change_0", "change_1"), rtol=1e-5)
        np.testing.assert_allclose(points(below, "proposed"), at(own, "proposed_x", "proposed_y"), rtol=1e-5)
        np.testing.assert_allclose(points(below, "reached"), at(own, "reached_x", "reached_y"), rtol=1e-5)
        places = at(own, "start_x", "start_y") + at(own, "goal_0", "goal_1")
        np.testing.assert_allclose(at(own, "proposed_x", "proposed_y"), places, rtol=1e-5, atol=1e-5)
        outside = 1 - MAZE.layout.is_inside(places, 4.0).mean()
        assert below.get_title() == f"{outside:.0%} of goals in walls or outside"
        box = next(patch for patch in above.patches if patch.get_label() == "goal range")
        assert box.get_bbox().bounds == (-8, -12, 16, 24)
    misses = table(tmp_path / "goals_miss.csv")
    assert misses["env_steps"].tolist() == [100, 300, 400, 500]
    missed, direction = figure.axes[-2:]
    np.testing.assert_allclose(missed.lines[0].get_ydata(), misses["miss"], rtol=1e-6)
    np.testing.assert_allclose(missed.lines[1].get_ydata(), misses["miss_without_moving"], rtol=1e-6)
    np.testing.assert_allclose(direction.lines[0].get_ydata(), misses["cosine"], rtol=1e-6)


def test_in_a_learned_space_only_the_newest_goals_have_places(tmp_path, monkeypatch):
    figures = captured(monkeypatch, goals)
    maps = [make_map(number, is_learned=True) for number in (1, 2)]
    f = lambda states: states[..., [1, 0]] / 4
    # Goals that lead to the middle of a square of the grid, there and back again.
    wanted = np.float32([[0.25, 0.25], [8.25, 1.25], [3.75, -0.75]])
    start = np.float32([[4, 0], [0, 0], [8, 1]])
    goal = (wanted - start)[:, ::-1] / 4
    maps[1] = maps[1]._replace(start=start, goal=goal, end=start, length=np.full(3, 10))
    maps[1] = maps[1]._replace(start_repr=start[:, ::-1] / 4, end_repr=start[:, ::-1] / 4)
    draw_goals(maps, MAZE, f, 240, NAME, tmp_path)
    columns = table(tmp_path / "goals.csv")
    old = columns["to_steps"] == 100
    assert np.isnan(columns["proposed_x"][old]).all()
    np.testing.assert_allclose(columns["proposed_x"][~old], wanted[:, 0], atol=1e-5)
    np.testing.assert_allclose(columns["proposed_y"][~old], wanted[:, 1], atol=1e-5)
    early, late = (figures["goals.png"].axes[number] for number in (1, 3))
    assert [line.get_label() for line in early.lines] == ["reached"]
    np.testing.assert_allclose(points(late, "proposed"), wanted, atol=1e-5)
    assert "by f at 240 steps" in figures["goals.png"].get_suptitle()
    draw_goals(maps, MAZE, None, 0, NAME, tmp_path)
    assert np.isnan(table(tmp_path / "goals.csv")["proposed_x"]).all()
    assert "no weights" in figures["goals.png"].get_suptitle()


def test_goals_of_more_dimensions_are_projected_in_half_ranges(tmp_path, monkeypatch):
    figures = captured(monkeypatch, goals)
    each = make_map(1, size=4)
    draw_goals([each], MAZE, None, 0, NAME, tmp_path)
    columns = table(tmp_path / "goals.csv")
    axis = figures["goals.png"].axes[0]
    for kind, label in (("goal", "proposed"), ("change", "reached")):
        expected = np.stack([columns[f"{kind}_pc1"], columns[f"{kind}_pc2"]], axis=1)
        np.testing.assert_allclose(points(axis, label), expected, rtol=1e-5, atol=1e-6)
    # Distances of neighbours in the picture are at most those in all four dimensions.
    scaled = each.goal / each.goal_high
    drawn = points(axis, "proposed")
    flat, full = (np.linalg.norm(np.diff(v, axis=0), axis=1) for v in (drawn, scaled))
    assert np.all(flat <= full + 1e-5) and flat.mean() > 0.5 * full.mean()
    assert "in half ranges" in axis.get_xlabel() and not axis.patches


def test_goals_of_one_dimension_are_drawn(tmp_path, monkeypatch):
    figures = captured(monkeypatch, goals)
    one = make_map(1, size=2)
    cut = {name: getattr(one, name)[..., :1] for name in ("goal", "start_repr", "end_repr")}
    one = one._replace(**cut, goal_low=one.goal_low[:1], goal_high=one.goal_high[:1])
    draw_goals([one], MAZE, None, 0, NAME, tmp_path)
    np.testing.assert_allclose(points(figures["goals.png"].axes[0], "proposed")[:, 0], one.goal[:, 0])
    assert "proposed_x" in table(tmp_path / "goals.csv")


ROWS = [
    {"env_steps": "100", "relabel_sampled": "nan", "relabel_reached": "nan", "relabel_stored": "nan"},
    {"env_steps": "200", "relabel_sampled": "0.5", "relabel_reached": "0.3", "relabel_stored": "0.2"},
    {"env_steps": "300", "relabel_sampled": "0.7", "relabel_reached": "0.1", "relabel_stored": "0.2"},
    {"env_steps": "400", "relabel_sampled": "", "relabel_reached": "", "relabel_stored": ""},
]


def test_relabelling_picture_and_table_say_the_same(tmp_path, monkeypatch):
    figures = captured(monkeypatch, relabeling)
    draw_relabeling(ROWS, 10, NAME, tmp_path)
    columns = table(tmp_path / "relabelling.csv")
    assert columns["env_steps"].tolist() == [200, 300]
    np.testing.assert_allclose(columns["relabel_sampled"], [0.5, 0.7])
    np.testing.assert_allclose(columns["relabel_sampled_smoothed"], [0.5, 0.6])
    np.testing.assert_allclose(columns["relabel_reached_smoothed"], [0.3, 0.2])
    (axis,) = figures["relabelling.png"].axes
    bottom = np.zeros(2)
    for area, kind in zip(axis.collections, ("stored", "reached", "sampled")):
        top = bottom + columns[f"relabel_{kind}_smoothed"]
        corners = area.get_paths()[0].vertices
        for step, low, high in zip((200, 300), bottom, top):
            there = corners[corners[:, 0] == step, 1]
            np.testing.assert_allclose((there.min(), there.max()), (low, high), atol=1e-9)
        bottom = top
    np.testing.assert_allclose(bottom, 1.0)
    assert [line.get_ydata()[0] for line in axis.lines] == [0.1, 0.2]


def test_one_row_of_relabelling_is_drawn(tmp_path, monkeypatch):
    figures = captured(monkeypatch, relabeling)
    draw_relabeling(ROWS[:2], 4, NAME, tmp_path)
    heights = [bar.get_height() for bar in figures["relabelling.png"].axes[0].patches]
    np.testing.assert_allclose(heights, [0.2, 0.3, 0.5])


@pytest.mark.parametrize(
    "rows, reason",
    [
        ([], "no rows"),
        ([{"env_steps": "1"}], "no column relabel_stored"),
        (ROWS[:1], "nothing was relabelled"),
        (
            [ROWS[0], ROWS[1], ROWS[1] | {"env_steps": "300"}, ROWS[3]],
            "the same in every log interval: stored 0.20, reached 0.30, sampled 0.50",
        ),
    ],
)
def test_what_is_missing_for_relabelling_is_said(rows, reason):
    assert reason in why_no_relabeling(rows)
    assert why_no_relabeling(ROWS) is None and why_no_relabeling(ROWS[:2]) is None
