"""Axes for embeddings of any number of dimensions."""

from typing import NamedTuple

import matplotlib
import numpy as np

from efficient_hrl.figures.principal_components import Plane, principal_plane

matplotlib.use("Agg")
from matplotlib import axes as mpl_axes  # noqa: E402  (the backend must be chosen first)

SMALLEST_SPREAD = 1e-6  # of embeddings, below which a picture would show rounding only


class EmbeddingAxes(NamedTuple):
    """The two numbers of an embedding that a picture shows.

    Attributes:
      plane: the principal plane of embeddings of more than two dimensions, or None.
      labels: of the two axes.
      columns: names of the two numbers in a table; () where they are f0 and f1 themselves.
    """

    plane: Plane | None
    labels: tuple[str, str]
    columns: tuple[str, ...]

    def drawn(self, embeddings: np.ndarray) -> np.ndarray:
        """What is drawn of embeddings, [..., G] -> [..., 2]."""
        if self.plane is not None:
            return self.plane.project(embeddings)
        missing = 2 - embeddings.shape[-1]
        return np.pad(embeddings, [(0, 0)] * (embeddings.ndim - 1) + [(0, missing)])

    def prepare(self, axis: mpl_axes.Axes, drawn: np.ndarray) -> None:
        """Labels an axis and gives both directions the same scale.

        Args:
          axis: to draw on.
          drawn: all that it will show, [n, 2].
        """
        low, high = drawn.min(axis=0), drawn.max(axis=0)
        half = max(0.55 * float(np.max(high - low)), SMALLEST_SPREAD)
        middle = (low + high) / 2
        axis.set_xlim(middle[0] - half, middle[0] + half)
        axis.set_ylim(middle[1] - half, middle[1] + half)
        axis.set_aspect("equal")
        axis.set_xlabel(self.labels[0])
        axis.set_ylabel(self.labels[1])
        axis.grid(alpha=0.3)


def embedding_axes(embeddings: np.ndarray) -> EmbeddingAxes:
    """f0 and f1, or the first two principal components (PC) of `embeddings` [n, G]."""
    size = embeddings.shape[-1]
    if size <= 2:
        return EmbeddingAxes(None, ("f0", "f1" if size == 2 else "(f has one dimension)"), ())
    plane = principal_plane(embeddings)
    labels = (
        f"PC {number} of {size}-dim. f ({share:.0%} of variance)"
        for number, share in enumerate(plane.explained, start=1)
    )
    return EmbeddingAxes(plane, tuple(labels), ("pc1", "pc2"))
