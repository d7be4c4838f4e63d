"""Sensors against slow versions of themselves that are built on other ideas."""

import itertools
import math

import numpy as np
import pytest

from environments.layouts import FALL, LAYOUTS, PUSH, Layout
from environments.sensors import range_sensors, top_down_view

NONE = np.zeros((0, 2))
GRID = 20  # samples per side of a square, and per cell that positions are rounded to


def drawn_at(offset):
    """Where an object `offset` cells from the robot is drawn: one further in if it lies before the pixels."""
    pixel = offset + 2.5
    is_whole = abs(pixel - round(pixel)) < 1e-9
    return offset + 1 if pixel < 0 and not is_whole else offset


def sampled_view(robot, groups, side):
    """The view by counting: every square is a cloud of points, every point falls into a pixel."""
    spread = (np.arange(GRID) + 0.5) / GRID - 0.5
    view = np.zeros((5, 5, 3))
    for channel, centres in enumerate(groups):
        for x, y in (centres - robot) / side:
            for i in np.floor(drawn_at(y) + spread + 2.5).astype(int):
                for j in np.floor(drawn_at(x) + spread + 2.5).astype(int):
                    if 0 <= i < 5 and 0 <= j < 5:
                        view[i, j, channel] += 1 / GRID**2
    return view


@pytest.mark.parametrize("side", [4.0, 8.0])
def test_a_view_is_the_area_of_what_lies_in_each_pixel(side):
    rng = np.random.default_rng(0)
    on_grid = lambda *shape: rng.integers(-5 * GRID, 5 * GRID, (*shape, 2)) * side / GRID
    for _ in range(25):
        robot, groups = on_grid(), [on_grid(n) for n in (6, 3, 2)]
        view = top_down_view(robot, *groups, side)
        np.testing.assert_allclose(view, sampled_view(robot, groups, side), atol=1e-9)


def test_a_view_of_the_start_of_fall():
    walls, chasms, blocks = (FALL.centres_of(token, 8.0) for token in ("1", "C", "YZ"))
    view = top_down_view(np.zeros(2), walls, chasms, blocks, 8.0)
    # Rows grow with y: the picture's cells from one left of and one above the start on;
    # what lies further up and left is outside the maze.
    np.testing.assert_array_equal(
        view[:, :, 0], [[0] * 5, [0, 1, 1, 1, 1], [0, 1, 0, 0, 1], [0, 1, 0, 0, 1], [0, 1, 0, 0, 1]]
    )
    np.testing.assert_array_equal(np.argwhere(view[:, :, 1]), [[4, 2], [4, 3]])
    np.testing.assert_array_equal(np.argwhere(view[:, :, 2]), [[3, 3]])


def test_an_object_halfway_between_pixels_is_shared():
    view = top_down_view(np.zeros(2), np.array([[4.0, 2.0]]), NONE, NONE, 8.0)[:, :, 0]
    np.testing.assert_allclose(view[2:4, 2:4], [[0.375, 0.375], [0.125, 0.125]])
    assert view.sum() == pytest.approx(1)


def test_an_object_before_the_first_pixels_is_drawn_too_far_in():
    # As in the original: it overlaps row 0 by a fifth, and is drawn as if it lay one row on.
    outside = top_down_view(np.zeros(2), np.array([[0.0, -2.8]]), NONE, NONE, 1.0)[:, 2, 0]
    np.testing.assert_allclose(outside, [0.8, 0.2, 0, 0, 0])
    beyond = top_down_view(np.zeros(2), np.array([[0.0, 2.8]]), NONE, NONE, 1.0)[:, 2, 0]
    np.testing.assert_allclose(beyond, [0, 0, 0, 0, 0.2])


def test_views_of_a_batch_are_the_views_of_each():
    rng = np.random.default_rng(0)
    walls, chasms = rng.uniform(-20, 20, (2, 7, 2))
    robots, blocks = rng.uniform(-20, 20, (2, 3, 2)), rng.uniform(-20, 20, (2, 3, 4, 2))
    views = top_down_view(robots, walls, chasms, blocks, 8.0)
    assert views.shape == (2, 3, 5, 5, 3)
    for i in np.ndindex(2, 3):
        np.testing.assert_array_equal(views[i], top_down_view(robots[i], walls, chasms, blocks[i], 8.0))


def marched_readings(position, heading, num_rays, layout, blocks, side, step):
    """Range readings by walking along each ray until it enters or leaves a square."""
    squares = [(layout.centre(cell, side), 0) for cell in layout.cells_of("1")]
    squares += [(layout.centre(cell, side), 1) for cell in layout.cells_of("C")]
    squares += [(block[:2], 2) for block in blocks if abs(block[2] - position[2]) <= side / 4]
    centres = np.array([centre for centre, _ in squares])
    readings = np.zeros((num_rays, 3))
    distances = np.arange(0, 3 * side, step)
    for i in range(num_rays):
        angle = heading - np.pi + (2 * i + 1) * np.pi / num_rays
        points = position[:2] + distances[:, None] * [np.cos(angle), np.sin(angle)]
        is_in = np.all(np.abs(points[:, None] - centres) <= side / 2, axis=-1)
        changes = np.argwhere(is_in[1:] != is_in[:-1])
        if len(changes):
            at, which = changes[0]
            readings[i, squares[which][1]] = 1 - distances[at] / (3 * side)
    return readings


@pytest.mark.parametrize("name", LAYOUTS)
def test_rays_agree_with_walking_along_them(name):
    layout, side, step = LAYOUTS[name], 8.0, 0.01
    rng = np.random.default_rng(1)
    free = np.array([layout.centre(c, side) for c in layout.cells_of("0", "r", "S")])
    channels = np.zeros(3)
    for _ in range(12):
        xy = free[rng.integers(len(free))] + rng.uniform(-side / 2, side / 2, 2)
        position = np.array([*xy, rng.uniform(0, side)])
        low, high = free.min(axis=0) - side, free.max(axis=0) + side
        blocks = np.column_stack([rng.uniform(low, high, (2, 2)), rng.uniform(0, side, 2)])
        heading = rng.uniform(-10, 10)
        readings = range_sensors(position, np.array(heading), 16, layout, blocks, side)
        expected = marched_readings(position, heading, 16, layout, blocks, side, step)
        np.testing.assert_allclose(readings, expected, atol=1.01 * step / (3 * side))
        channels += (readings > 0).sum(axis=0)
    assert channels[0] > 20 and channels[2] > 5 and (channels[1] > 5) == layout.is_elevated


def first_met(position, angle, squares, side):
    """(distance, channel) of what one ray meets first, side after side of square after square."""
    ox, oy = position[:2]
    px, py = (ox + math.cos(angle)) - ox, (oy + math.sin(angle)) - oy
    met = []
    for (x, y), channel in squares:
        left, right, bottom, top = x - 0.5 * side, x + 0.5 * side, y - 0.5 * side, y + 0.5 * side
        corners = [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
        for (ax, ay), (bx, by) in itertools.pairwise(corners):
            dx, dy = bx - ax, by - ay
            determinant = -px * dy + py * dx
            if abs(determinant) < 1e-8:
                continue
            r = 1 / determinant * (-dy * (ax - ox) + dx * (ay - oy))
            s = 1 / determinant * (-py * (ax - ox) + px * (ay - oy))
            if r >= 0 and 0 <= s <= 1:
                x_met, y_met = (ox + r * px + ax + s * dx) / 2, (oy + r * py + ay + s * dy) / 2
                met.append((math.sqrt((x_met - ox) ** 2 + (y_met - oy) ** 2), channel))
    return min(met, key=lambda found: found[0], default=(math.inf, 0))  # of equal ones the first


@pytest.mark.parametrize("layout", [PUSH, FALL])
def test_on_an_edge_that_two_things_share_rounding_decides_as_it_does_ray_by_ray(layout):
    """Over the chasm of AntFall, say, whose outline is also that of the walls around it."""
    side, rays = 8.0, 8
    rng = np.random.default_rng(2)
    squares = [
        (layout.centre(cell, side), int(layout.cells[cell[0]][cell[1]] == "C"))
        for cell in layout.cells_of("1", "C")
    ]
    low, high = (
        layout.centre((0, 0), side),
        layout.centre((len(layout.cells) - 1, len(layout.cells[0]) - 1), side),
    )
    positions = np.column_stack([rng.uniform(low, high, (60, 2)), np.full(60, 4.0)])
    headings = rng.uniform(-np.pi, np.pi, 60)
    readings = range_sensors(positions, headings, rays, layout, np.zeros((60, 0, 3)), side)
    channels = np.zeros(2)
    for position, heading, seen in zip(positions, headings, readings):
        for i in range(rays):
            angle = heading - np.pi + (2 * i + 1) / (2 * rays) * 2 * np.pi
            distance, channel = first_met(position, angle, squares, side)
            expected = np.zeros(3)
            if distance <= 3 * side:
                expected[channel] = (3 * side - distance) / (3 * side)
            np.testing.assert_array_equal(seen[i], expected)
            channels[channel] += 1
    assert channels[0] > 50 and (channels[1] > 50) == layout.is_elevated


def corridor(tokens):
    """A layout of one row; the robot in its middle looks along +x, ray 0 of one ray."""
    return Layout("Corridor", (tuple(tokens),))


def look(layout, x=0.0, z=0.0, blocks=(), side=8.0, heading=0.0):
    blocks = np.array(blocks, np.float64).reshape(-1, 3)
    return range_sensors(np.array([x, 0.0, z]), np.array(heading), 1, layout, blocks, side)[0]


def test_a_reading_falls_from_one_to_zero_over_three_cells():
    layout = corridor("r0001")  # the wall begins at 28 m
    assert look(layout, x=28.0)[0] == 1
    assert look(layout, x=16.0)[0] == pytest.approx(0.5)
    assert look(layout, x=4.0 + 1e-9)[0] == pytest.approx(0, abs=1e-9)
    np.testing.assert_array_equal(look(layout, x=3.9), 0)
    np.testing.assert_array_equal(look(layout, x=0.0), 0)


def test_the_nearest_thing_wins_and_has_a_channel_of_its_own():
    np.testing.assert_allclose(look(corridor("r0C1")), [0, 1 - 12 / 24, 0])
    np.testing.assert_allclose(look(corridor("r01C")), [1 - 12 / 24, 0, 0])
    blocks = [(20.0, 0, 0), (9.0, 0, 0)]
    np.testing.assert_allclose(look(corridor("r01C"), blocks=blocks), [0, 0, 1 - 5 / 24])
    np.testing.assert_allclose(look(corridor("r1"), blocks=blocks[:1]), [1 - 4 / 24, 0, 0])


def test_of_two_equally_near_things_the_still_one_is_read():
    np.testing.assert_allclose(look(corridor("r01"), blocks=[(16.0, 0, 0)]), [0.5, 0, 0])


@pytest.mark.parametrize("height, is_seen", [(0, True), (2, True), (2.01, False), (-2, True), (-2.01, False)])
def test_a_block_counts_only_at_the_robots_height(height, is_seen):
    reading = look(corridor("r001"), z=5.0, blocks=[(12.0, 0, 5.0 + height)])
    np.testing.assert_allclose(reading, [0, 0, 1 - 8 / 24] if is_seen else [1 - 20 / 24, 0, 0])


def test_a_block_has_the_size_of_a_cell_wherever_it_is():
    aside = [(12.0, 3.9, 0.0)]
    np.testing.assert_allclose(look(corridor("r0000"), blocks=aside), [0, 0, 1 - 8 / 24])
    np.testing.assert_array_equal(look(corridor("r0000"), blocks=[(12.0, 4.1, 0.0)]), 0)


def test_rays_are_spread_evenly_around_the_heading():
    layout = LAYOUTS["Maze"]
    readings = range_sensors(np.zeros(3), np.array(0.3), 8, layout, np.zeros((0, 3)), 8.0)
    for i in range(8):
        angle = 0.3 - np.pi + (2 * i + 1) * np.pi / 8
        np.testing.assert_allclose(readings[i], look(layout, heading=angle), atol=1e-12)


def test_readings_of_a_batch_are_the_readings_of_each():
    rng = np.random.default_rng(0)
    positions, headings = rng.uniform(-10, 10, (2, 3, 3)), rng.uniform(-4, 4, (2, 3))
    blocks = rng.uniform(-10, 10, (2, 3, 2, 3))
    readings = range_sensors(positions, headings, 8, PUSH, blocks, 8.0)
    assert readings.shape == (2, 3, 8, 3)
    for i in np.ndindex(2, 3):
        one = range_sensors(positions[i], headings[i], 8, PUSH, blocks[i], 8.0)
        np.testing.assert_array_equal(readings[i], one)


def test_rays_along_edges_and_through_corners_are_numbers():
    for heading in np.pi * np.arange(-4, 5) / 4:
        for position in ([0, 0, 0], [4, 4, 0], [-4, 0, 0], [4, 0, 0]):
            args = (
                np.array(position, np.float64),
                np.array(heading),
                8,
                LAYOUTS["Maze"],
                np.zeros((0, 3)),
                8.0,
            )
            readings = range_sensors(*args)
            assert np.all((readings >= 0) & (readings <= 1))
            assert np.all(np.count_nonzero(readings, axis=-1) <= 1)
