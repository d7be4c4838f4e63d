import numpy as np
import pytest

from environments.robots import Point


@pytest.mark.parametrize(
    "before, after",
    [
        ([99.95, 3.0, 0.0], [100.0, 3.0, 0.0]),
        ([-99.95, 3.0, np.pi], [-100.0, 3.0, np.pi]),
        ([3.0, 99.95, np.pi / 2], [3.0, 100.0, np.pi / 2]),
        ([3.0, -99.95, -np.pi / 2], [3.0, -100.0, -np.pi / 2]),
        ([99.5, 3.0, 0.0], [99.7, 3.0, 0.0]),
    ],
)
def test_a_point_stops_at_the_limits_of_its_world(before, after):
    moved, controls = Point().begin_step(np.array(before), np.array([1.0, 0.0], np.float32))
    np.testing.assert_allclose(moved, after, atol=1e-6)
    assert np.all(np.abs(moved[:2]) <= 100.0)
    np.testing.assert_array_equal(controls, 0)
