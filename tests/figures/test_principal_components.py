"""The principal plane against a singular value decomposition."""

import numpy as np

from efficient_hrl.figures.principal_components import principal_plane


def cloud(spread, n=500, seed=0):
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.normal(size=[len(spread)] * 2))
    return rng.normal(size=[n, len(spread)]) * spread @ rotation + rng.normal(size=len(spread))


def test_the_plane_is_that_of_the_singular_value_decomposition():
    points = cloud([3.0, 2.0, 0.5, 0.1, 0.01])
    plane = principal_plane(points)
    _, sizes, rows = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs(plane.directions.T), np.abs(rows[:2]), atol=1e-9)
    np.testing.assert_allclose(plane.explained, (sizes**2 / np.sum(sizes**2))[:2])
    drawn = plane.project(points)
    np.testing.assert_allclose(drawn.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=0), sizes[:2])


def test_flat_points_lose_nothing_and_signs_are_fixed():
    flat = cloud([3.0, 2.0], n=50) @ np.array([[1.0, 0, 0, 0], [0, 0, 1.0, 0]])
    plane = principal_plane(flat)
    distances = lambda points: np.linalg.norm(points[:, None] - points, axis=-1)
    np.testing.assert_allclose(distances(plane.project(flat)), distances(flat), atol=1e-9)
    np.testing.assert_allclose(plane.explained.sum(), 1.0)
    np.testing.assert_allclose(principal_plane(-flat).directions, plane.directions, atol=1e-9)


def test_a_single_point_is_a_plane_too():
    plane = principal_plane(np.ones([4, 3]))
    assert plane.explained.tolist() == [0, 0] and plane.project(np.ones([4, 3])).tolist() == [[0, 0]] * 4
