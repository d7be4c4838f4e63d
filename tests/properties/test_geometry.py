"""Laws of layouts and of what a robot sees of them, wherever it stands and however it turns."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from environments.layouts import Layout
from environments.sensors import SENSOR_RANGE, range_sensors, top_down_view

TOKENS = ("0", "1", "C", "r", "XY", "S", "YZ")
SIDES = st.floats(0.5, 20.0)  # of a cell
# In cells, from the first start: anywhere, or often on edges and just beside them.
ALONG = st.one_of(st.floats(-5.0, 5.0), st.integers(-80, 80).map(lambda i: i / 16))
PLACES = st.tuples(ALONG, ALONG).map(np.array)


@st.composite
def layouts(draw):
    """Rectangles of up to 7 x 7 tokens, mostly without a border."""
    rows, columns = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    row_of = lambda tokens: st.lists(tokens, min_size=columns, max_size=columns)
    cells = draw(st.lists(row_of(st.sampled_from(TOKENS)), min_size=rows, max_size=rows))
    start = draw(st.integers(0, rows - 1)), draw(st.integers(0, columns - 1))
    cells[start[0]][start[1]] = draw(st.sampled_from("rS"))
    return Layout("Drawn", tuple(map(tuple, cells)))


def bodies_of(layout, side):
    """Centres of walls, chasms and blocks, the latter where they begin."""
    blocks = [layout.centre(block.cell, side) for block in layout.blocks]
    return [layout.centres_of("1", side), layout.centres_of("C", side), np.reshape(blocks, (-1, 2))]


@given(layouts(), SIDES, st.tuples(*2 * [st.floats(-0.499, 0.499)]).map(np.array))
def test_every_point_of_a_cell_is_what_the_token_says(layout, side, offset):
    rows, columns = len(layout.cells), len(layout.cells[0])
    for cell in np.ndindex(rows + 4, columns + 4):
        row, column = cell[0] - 2, cell[1] - 2
        is_in_grid = 0 <= row < rows and 0 <= column < columns
        token = layout.cells[row][column] if is_in_grid else None
        xy = layout.centre((row, column), side) + side * offset
        assert layout.cell_at(xy, side) == (row, column)
        assert layout.is_wall(xy, side) == (token == "1")
        assert layout.is_inside(xy, side) == (is_in_grid and token != "1")


def picture_around(layout, middle):
    """The view from a cell's centre, by looking tokens up."""
    view = np.zeros((5, 5, 3))
    for cell in np.ndindex(len(layout.cells), len(layout.cells[0])):
        token = layout.cells[cell[0]][cell[1]]
        # What is three cells before the middle is drawn one cell further in, as in the original.
        row, column = (2 + max(at - of, -2) if at - of >= -3 else -1 for at, of in zip(cell, middle))
        if token not in ("0", "r") and 0 <= row < 5 and 0 <= column < 5:
            view[row, column, {"1": 0, "C": 1}.get(token, 2)] += 1
    return view


@given(layouts(), SIDES)
def test_from_the_centre_of_every_cell_the_view_is_the_picture_around_it(layout, side):
    bodies = bodies_of(layout, side)
    for middle in np.ndindex(len(layout.cells), len(layout.cells[0])):
        view = top_down_view(layout.centre(middle, side), *bodies, side)
        np.testing.assert_allclose(view, picture_around(layout, middle), atol=1e-9)
        np.testing.assert_allclose(view[2, 2, 0], layout.cells[middle[0]][middle[1]] == "1", atol=1e-9)


@given(layouts(), SIDES, PLACES)
def test_no_cell_of_the_view_is_more_than_full(layout, side, place):
    robot = side * place
    # Without what lies before the view, which is drawn over what is there already.
    bodies = [xy[np.all((xy - robot) / side >= -2.5, axis=1)] for xy in bodies_of(layout, side)]
    view = top_down_view(robot, *bodies, side)
    assert np.all(view >= 0)
    # A cell holds one thing.
    assert np.all(view.sum(axis=-1) <= 1 + 1e-9)


@given(layouts(), SIDES, PLACES)
def test_a_view_never_holds_more_than_there_is(layout, side, place):
    bodies = bodies_of(layout, side)
    view = top_down_view(side * place, *bodies, side)
    assert np.all(view >= 0)
    assert np.all(view.sum(axis=(0, 1)) <= [len(xy) + 1e-9 for xy in bodies])


@given(st.lists(st.tuples(st.integers(0, 2), *2 * [st.floats(-2.0, 2.0)]), max_size=8), SIDES, PLACES)
def test_a_body_wholly_in_view_counts_as_one_wherever_it_is(bodies, side, place):
    bodies = np.reshape(bodies, (-1, 3))
    robot = side * place
    groups = [robot + side * bodies[bodies[:, 0] == channel, 1:] for channel in range(3)]
    view = top_down_view(robot, *groups, side)
    np.testing.assert_allclose(view.sum(axis=(0, 1)), [len(xy) for xy in groups], atol=1e-9)


@st.composite
def surroundings(draw):
    """A robot's position and heading, a layout, its blocks and the side of a cell."""
    layout, side = draw(layouts()), draw(SIDES)
    heights = st.floats(0.0, side)
    position = np.array([*side * draw(PLACES), draw(heights)])
    blocks = [[*side * draw(PLACES), draw(heights)] for _ in range(draw(st.integers(0, 3)))]
    return position, np.array(draw(st.floats(-10, 10))), layout, np.reshape(blocks, (-1, 3)), side


RAYS = st.integers(1, 12)


@given(surroundings(), RAYS)
def test_a_ray_reads_one_thing_at_most_and_between_nothing_and_touching(around, rays):
    position, heading, *rest = around
    readings = range_sensors(position, heading, rays, *rest)
    assert readings.shape == (rays, 3)
    assert np.all((readings >= 0) & (readings <= 1))
    assert np.all(np.count_nonzero(readings, axis=-1) <= 1)


@given(surroundings(), RAYS, st.integers(-30, 30))
def test_turning_from_ray_to_ray_shifts_the_readings_so_a_whole_turn_changes_nothing(around, rays, steps):
    position, heading, *rest = around
    read = lambda heading: range_sensors(position, heading, rays, *rest)
    here, left, right, turned = (
        read(heading + angle) for angle in (0, 1e-9, -1e-9, 2 * np.pi * steps / rays)
    )
    # Through a corner a reading jumps: there the last bit of the angle decides.
    steady = np.all((np.abs(left - here) < 1e-6) & (np.abs(right - here) < 1e-6), axis=-1)
    np.testing.assert_allclose(np.roll(turned, steps, axis=0)[steady], here[steady], atol=1e-6)


@given(surroundings(), RAYS, PLACES)
def test_one_more_block_never_opens_the_sight(around, rays, place):
    position, heading, layout, blocks, side = around
    more = np.concatenate([blocks, [[*side * place, position[2]]]])
    before, after = (range_sensors(position, heading, rays, layout, some, side) for some in (blocks, more))
    assert np.all(after.max(axis=-1) >= before.max(axis=-1))


@given(surroundings(), RAYS, st.floats(-np.pi, np.pi))
def test_blocks_out_of_range_are_not_read(around, rays, angle):
    position, heading, layout, blocks, side = around
    # No corner of it is nearer than the range.
    distance = (SENSOR_RANGE + 0.71) * side
    far = position + [distance * np.cos(angle), distance * np.sin(angle), 0]
    before, after = (
        range_sensors(position, heading, rays, layout, some, side)
        for some in (blocks, np.vstack([blocks, far]))
    )
    np.testing.assert_array_equal(after, before)
