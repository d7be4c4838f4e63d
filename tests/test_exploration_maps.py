"""Maps against what was put into the buffers by hand."""

import io
import math

import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.errors import UsageError
from efficient_hrl.exploration_maps import (
    MOST_SEGMENTS,
    ExplorationMaps,
    bin_edges,
    map_files,
    read_maps,
)
from efficient_hrl.storage.checkpoints import ScalarState
from environments.create_maze_env import create_maze_env
from tests import tiny_hierarchy

CAPACITY = 60


class Run:
    """Buffers that are filled by hand, and maps of them."""

    def __init__(self, root, maze=None, capacity=CAPACITY, **of):
        self.root = root
        self.maze = maze or tiny_hierarchy.maze()
        self.of = tiny_hierarchy.hierarchy(self.maze.observation_size, **of)
        self.low, self.high = tiny_hierarchy.buffers(self.of, capacity)
        self.clocks = ScalarState(evaluated_steps=0)
        self.open()

    def open(self):
        parts = (self.of, self.low, self.high)
        self.maps = ExplorationMaps(self.root, self.maze, *parts, self.clocks)

    def add(self, replay, **columns):
        """Rows of zeros but for the given columns, in which rows differ."""
        count = len(next(iter(columns.values())))
        zeros = lambda s: np.zeros([count, *s.shape], s.dtype.as_numpy_dtype)
        items = tf.nest.map_structure(zeros, replay.data_spec)._asdict()
        for name, values in columns.items():
            column = items[name].reshape(count, -1)
            values = np.reshape(values, [count, -1])
            column[:, : values.shape[1]] = values
        replay.add(type(replay.data_spec)(**items), tf.fill([count], True))


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


def positions(count, seed=0):
    return np.random.default_rng(seed).uniform((-7, -7), (15, 15), (count, 2)).astype(np.float32)


def count_slowly(xy, maze):
    """Positions in squares of an eighth of a cell, and how many are in none; PointMaze has cells of 4 m."""
    rows, columns = np.shape(maze.layout.cells)
    counts, outside = np.zeros([8 * rows, 8 * columns], int), 0
    left, low = maze.layout.centre((0, 0), 4.0) - 2.0
    for x, y in xy.astype(float):
        column, row = math.floor((x - left) / 0.5), math.floor((y - low) / 0.5)
        if 0 <= row < 8 * rows and 0 <= column < 8 * columns:
            counts[row, column] += 1
        else:
            outside += 1
    return counts, outside


def test_positions_are_counted_where_they_were_since_the_last_map(run):
    assert run.maze.robot.cell_size == 4.0
    everything = positions(90)
    for steps, part in ((25, everything[:25]), (40, everything[25:40]), (90, everything[40:])):
        run.add(run.low, next_state=part, state=part + 1)
        made = run.maps.write(steps)
        counts, outside = count_slowly(part, run.maze)
        np.testing.assert_array_equal(made.visits, counts)
        assert made.outside == outside and made.transitions == len(part) == counts.sum() + outside
    assert [(each.from_steps, each.env_steps) for each in read_maps(run.root)] == [
        (0, 25),
        (25, 40),
        (40, 90),
    ]
    assert outside > 0 and counts.max() < counts.sum()
    assert made.block_visits.shape == (0, 40, 40)


def test_the_square_of_a_position_is_drawn_where_it_is(run):
    run.add(run.low, next_state=[[7.9, -1.2]])
    made = run.maps.write(1)
    ((row, column),) = np.argwhere(made.visits)
    assert made.x_edges[column] <= 7.9 < made.x_edges[column + 1]
    assert made.y_edges[row] <= -1.2 < made.y_edges[row + 1]
    x_edges, y_edges = bin_edges(run.maze.layout, 4.0)
    np.testing.assert_allclose((x_edges[0], x_edges[-1], y_edges[0], y_edges[-1]), (-6, 14, -6, 14))


def test_of_more_than_the_buffer_holds_the_newest_are_counted(run):
    everything = positions(150)
    run.add(run.low, next_state=everything[:20])
    run.maps.write(20)
    for first in range(20, 150, 10):
        run.add(run.low, next_state=everything[first : first + 10])
    made = run.maps.write(150)
    counts, outside = count_slowly(everything[-CAPACITY:], run.maze)
    np.testing.assert_array_equal(made.visits, counts)
    assert (made.outside, made.transitions) == (outside, 130)


def test_large_buffers_are_read_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("efficient_hrl.exploration_maps._ROWS", 7)
    run, everything = Run(tmp_path), positions(33)
    run.add(run.low, next_state=everything)
    np.testing.assert_array_equal(run.maps.write(33).visits, count_slowly(everything, run.maze)[0])


def test_blocks_that_are_observed_have_a_map_too(tmp_path):
    maze = create_maze_env("PointBlock").maze
    run = Run(tmp_path, maze)
    robot, block = positions(30), positions(30, seed=1)
    run.add(run.low, next_state=np.concatenate([robot, np.zeros([30, 1]), block], axis=1))
    made = run.maps.write(30)
    np.testing.assert_array_equal(made.visits, count_slowly(robot, maze)[0])
    np.testing.assert_array_equal(made.block_visits, count_slowly(block, maze)[:1])


def test_segments_are_those_since_the_last_map_evenly_spread(tmp_path):
    run = Run(tmp_path, capacity=1200)
    start, end, goals = positions(2000), positions(2000, seed=1), positions(2000, seed=2)
    number = np.arange(2000)

    def add(first, last):
        part = slice(first, last)
        length = 1 + number[part] % 10
        run.add(run.high, state=start[part], next_state=end[part], goal=goals[part], length=length)

    add(0, 300)
    made = run.maps.write(3000)
    np.testing.assert_array_equal(made.start, start[:300])
    for first in range(300, 2000, 100):
        add(first, first + 100)
    made = run.maps.write(20000)
    assert made.segments == 1700 and made.segment_steps == 10 and len(made.goal) == MOST_SEGMENTS
    chosen = [int(np.argwhere((goals == goal).all(axis=1))[0, 0]) for goal in made.goal]
    assert chosen[0] == 800 and chosen[-1] == 1999  # the newest 1,200
    assert set(np.diff(chosen)) == {2, 3}
    np.testing.assert_array_equal(made.start, start[chosen])
    np.testing.assert_array_equal(made.end, end[chosen])
    np.testing.assert_array_equal(made.length, 1 + number[chosen] % 10)
    # f is x, y here.
    assert made.has_places
    np.testing.assert_array_equal(made.change, (end - start)[chosen])
    np.testing.assert_array_equal((made.goal_low, made.goal_high), ((-10, -10), (10, 10)))


def test_embeddings_are_those_of_f_now(run):
    run.of.low.state_preprocess = f = lambda states: tf.stack(
        [states[:, 1] * 2, states[:, 0], states[:, 2]], axis=1
    )
    start, end = np.random.default_rng(0).normal(size=(2, 9, 7)).astype(np.float32)
    run.add(run.high, state=start, next_state=end)
    made = run.maps.write(9)
    np.testing.assert_array_equal(made.start_repr, f(start)[:, :2])
    np.testing.assert_array_equal(made.end_repr, f(end)[:, :2])
    assert not made.has_places


def test_what_is_read_is_what_was_written_and_files_are_small(tmp_path):
    size = 105  # as the state of AntMaze with views
    run = Run(tmp_path, capacity=2000, goals={"context_shapes": [size]}, low={"state_preprocess_class": Wide})
    rng = np.random.default_rng(0)
    run.add(run.low, next_state=positions(2000))
    run.add(run.high, state=rng.normal(size=(600, 7)), goal=rng.normal(size=(600, size)))
    made = run.maps.write(2000)
    (read,) = read_maps(run.root)
    assert len(made.goal) > 30
    for name, value in made._asdict().items():
        found = getattr(read, name)
        assert np.asarray(found).dtype == np.asarray(value).dtype
        np.testing.assert_array_equal(found, value)
    assert map_files(run.root)[0].stat().st_size < 60_000
    two = Run(tmp_path / "two", capacity=2000)
    (tmp_path / "two").mkdir()
    two.add(two.low, next_state=positions(2000))
    columns = {name: rng.normal(size=(600, 2)) for name in ("state", "next_state", "goal")}
    two.add(two.high, **columns)
    assert len(two.maps.write(2000).goal) == MOST_SEGMENTS
    assert map_files(two.root)[0].stat().st_size < 60_000


class Wide:
    """f of 105 dimensions."""

    trained_by_high_level = False

    def __init__(self, *arguments):
        pass

    def __call__(self, states):
        return tf.tile(states, [1] * (len(states.shape) - 1) + [15])


def test_maps_later_than_where_a_run_is_continued_are_deleted_and_written_again(run):
    run.add(run.low, next_state=positions(20))
    run.maps.write(20)
    run.clocks.values["evaluated_steps"] = 20
    kept = run.clocks.get_state()
    run.add(run.low, next_state=positions(10, seed=1))
    run.maps.write(30)
    run.maps.write(100)
    content = {path.name: path.read_bytes() for path in map_files(run.root)}
    (run.root / "maps" / ".map-40.npz.partial").write_bytes(b"torn")
    (run.root / "maps" / "notes.txt").write_text("of the user")
    run.clocks.set_state(kept)
    run.open()
    assert {path.name for path in (run.root / "maps").iterdir()} == {"map-20.npz", "notes.txt"}
    run.maps.write(30)
    assert {p.name: p.read_bytes() for p in map_files(run.root)} == {
        name: content[name] for name in ("map-20.npz", "map-30.npz")
    }


def test_clocks_of_older_checkpoints_begin_with_the_whole_buffer(run):
    run.add(run.low, next_state=positions(30))
    run.clocks.set_state('{"evaluated_steps": 1000}')
    run.open()
    assert run.maps.write(2000).visits.sum() > 0


def test_without_a_maze_nothing_is_written(run):
    run.maps = ExplorationMaps(run.root, None, run.of, run.low, run.high, run.clocks)
    assert run.maps.write(10) is None and list(run.root.iterdir()) == []


def test_maps_are_in_the_order_of_their_steps(run):
    for steps in (20, 100, 1000):
        run.maps.write(steps)
    assert [each.env_steps for each in read_maps(run.root)] == [20, 100, 1000]


def _without_a_field(data):
    content = io.BytesIO()
    with np.load(io.BytesIO(data)) as arrays:
        np.savez(content, **{name: arrays[name] for name in arrays if name != "goal"})
    return content.getvalue()


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:500], _without_a_field])
def test_a_damaged_map_is_named(run, damage):
    run.maps.write(20)
    (path,) = map_files(run.root)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UsageError, match="map-20.npz: not a map as this program writes it") as caught:
        read_maps(run.root)
    assert "\n" not in str(caught.value)
