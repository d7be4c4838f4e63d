"""Apple and bomb readings against closed forms and a slow version."""

import math

import numpy as np
import pytest

from environments.gather_sensors import BINS, SENSOR_RANGE, direction_bins, readings

TURN = 2 * np.pi
ALL = np.array([True])


def slowly(xy, heading, objects, is_there):
    """One object after the other, with Python's own numbers."""
    found = [0.0] * 10
    for (x, y), there in zip(objects, is_there):
        dx, dy = x - xy[0], y - xy[1]
        distance = math.hypot(dx, dy)
        if not there or distance > 6:
            continue
        angle = math.atan2(dy, dx) - heading
        while angle > math.pi:
            angle -= 2 * math.pi
        while angle <= -math.pi:
            angle += 2 * math.pi
        number = min(math.floor((angle + math.pi) / (2 * math.pi / 10)), 9)
        found[number] = max(found[number], 1 - distance / 6)
    return found


def test_random_scenes_are_read_as_by_the_slow_version():
    rng = np.random.default_rng(0)
    xy, heading = rng.uniform(-8, 8, (400, 2)), rng.uniform(-20, 20, 400)
    objects, is_there = rng.uniform(-10, 10, (400, 8, 2)), rng.uniform(size=(400, 8)) < 0.8
    found = readings(xy, heading, objects, is_there)
    expected = [slowly(*scene) for scene in zip(xy, heading, objects.tolist(), is_there)]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert (found > 0).any(axis=0).all() and found.shape == (400, BINS)


def test_any_batch_shape_is_read_alike():
    rng = np.random.default_rng(1)
    xy, heading = rng.uniform(-5, 5, (3, 4, 2)), rng.uniform(-3, 3, (3, 4))
    objects, is_there = rng.uniform(-5, 5, (3, 4, 6, 2)), rng.uniform(size=(3, 4, 6)) < 0.5
    found = readings(xy, heading, objects, is_there)
    for i, j in np.ndindex(3, 4):
        np.testing.assert_array_equal(
            found[i, j], readings(xy[i, j], heading[i, j], objects[i, j], is_there[i, j])
        )


@pytest.mark.parametrize("number", range(BINS))
def test_the_middle_of_every_bin_is_in_it(number):
    angle = -np.pi + (number + 0.5) * TURN / 10
    for heading in (0.0, 2.0, -31.0):
        where = 3.0 * np.array([[np.cos(heading + angle), np.sin(heading + angle)]])
        found = readings(np.zeros(2), np.array(heading), where, ALL)
        np.testing.assert_allclose(found, 0.5 * np.eye(BINS)[number], atol=1e-12)


@pytest.mark.parametrize("angle", [np.pi, -np.pi, 3 * np.pi, -3 * np.pi])
def test_straight_behind_is_in_the_last_bin(angle):
    assert direction_bins(np.array(angle)) == BINS - 1


@pytest.mark.parametrize("zero", [0.0, -0.0])  # atan2 says pi for one and -pi for the other
def test_an_object_exactly_behind_is_not_lost(zero):
    assert abs(np.arctan2(zero, -3.0)) == np.pi
    found = readings(np.zeros(2), np.array(0.0), np.array([[-3.0, zero]]), ALL)
    np.testing.assert_array_equal(found, 0.5 * np.eye(BINS)[BINS - 1])


def test_no_direction_falls_out_of_the_bins():
    edges = np.linspace(-np.pi, np.pi, 21)
    angles = np.concatenate([edges, np.nextafter(edges, -9), np.nextafter(edges, 9)])
    angles = np.concatenate([angles + turns * TURN for turns in range(-3, 4)])
    bins = direction_bins(angles)
    assert bins.min() == 0 and bins.max() == BINS - 1


def test_directions_turn_to_the_left():
    angles = -np.pi + 1e-6 + np.arange(BINS) * TURN / 10
    np.testing.assert_array_equal(direction_bins(angles), np.arange(BINS))


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0]])
def test_of_several_in_one_bin_the_nearest_is_read(order):
    objects = np.array([[4.5, 0.5], [1.5, 0.1], [3.0, 0.2]])[order]
    found = readings(np.zeros(2), np.array(0.0), objects, np.ones(3, bool))
    assert found[5] == pytest.approx(1 - math.hypot(1.5, 0.1) / 6) and np.count_nonzero(found) == 1


def test_what_is_gone_hides_nothing():
    objects = np.array([[1.5, 0.1], [3.0, 0.2]])
    found = readings(np.zeros(2), np.array(0.0), objects, np.array([False, True]))
    assert found[5] == pytest.approx(1 - math.hypot(3.0, 0.2) / 6)


@pytest.mark.parametrize(
    "distance, reading", [(6.0, 0.0), (6.001, 0.0), (20.0, 0.0), (5.7, 0.05), (1.5, 0.75)]
)
def test_readings_end_at_six_metres(distance, reading):
    assert SENSOR_RANGE == 6
    found = readings(np.zeros(2), np.array(0.0), np.array([[distance, 0.0]]), ALL)
    assert found[5] == pytest.approx(reading) and found.sum() == found[5]


def test_without_objects_nothing_is_read():
    found = readings(np.zeros((4, 2)), np.zeros(4), np.zeros((4, 0, 2)), np.zeros((4, 0), bool))
    np.testing.assert_array_equal(found, np.zeros((4, BINS)))
