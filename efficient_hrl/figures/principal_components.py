"""The plane in which a cloud of points spreads most, for pictures of embeddings of any size."""

from typing import NamedTuple

import numpy as np


class Plane(NamedTuple):
    """Two directions through the mean of a cloud of points.

    Attributes:
      mean: [G].
      directions: orthonormal columns, [G, 2].
      explained: shares of the variance along each, [2]; zeros for a single point.
    """

    mean: np.ndarray
    directions: np.ndarray
    explained: np.ndarray

    def project(self, points: np.ndarray) -> np.ndarray:
        """Coordinates in the plane, [..., G] -> [..., 2]."""
        return (points - self.mean) @ self.directions


def principal_plane(points: np.ndarray) -> Plane:
    """The first two principal components of `points` [n, G], G >= 2.

    The largest entry of a direction is positive, so that pictures do not flip.
    """
    points = np.asarray(points, np.float64)
    mean = points.mean(axis=0)
    variances, vectors = np.linalg.eigh((points - mean).T @ (points - mean))
    directions = vectors[:, ::-1][:, :2]
    largest = np.argmax(np.abs(directions), axis=0)
    directions = directions * np.where(directions[largest, [0, 1]] < 0, -1.0, 1.0)
    total = variances.sum()
    explained = np.maximum(variances[::-1][:2], 0.0) / total if total > 0 else np.zeros(2)
    return Plane(mean, directions, explained)
