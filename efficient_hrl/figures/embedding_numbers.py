"""How well an embedding keeps positions, in numbers: a linear readout and a rank correlation.

Both take arrays, so that they serve on trajectories, on grids and on replays alike.
"""

from collections.abc import Sequence

import numpy as np


def readout_r2(
    train: Sequence[tuple[np.ndarray, np.ndarray]], held_out: Sequence[tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """Share of the variance of what is read out that a linear readout explains, [d].

    R^2 = 1 - (sum of squared errors) / (sum of squared deviations from the mean) over all
    held-out points, for each of d outputs; 1 is exact, below 0 is worse than the mean,
    NaN where an output does not vary.  The readout has an intercept and is fitted by
    least squares (of the smallest norm, where embeddings are collinear).

    Args:
      train: trajectories to fit to, pairs of embeddings [n, G] and outputs [n, d].
      held_out: other trajectories, likewise.
    """
    (embeddings, outputs), (other_embeddings, other_outputs) = map(_joined, (train, held_out))
    mean, spread = embeddings.mean(axis=0), embeddings.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)  # dimensions of different units count alike
    weights, *_ = np.linalg.lstsq(_with_intercept((embeddings - mean) / spread), outputs, rcond=1e-6)
    errors = _with_intercept((other_embeddings - mean) / spread) @ weights - other_outputs
    deviations = np.square(other_outputs - other_outputs.mean(axis=0)).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = 1.0 - np.square(errors).sum(axis=0) / deviations
    return np.where(deviations > 0, r2, np.nan)


def rank_correlation(left: np.ndarray, right: np.ndarray) -> float:
    """Spearman's rank correlation of pairs of numbers, [n], [n] -> -1 to 1.

    Equal numbers share the mean of their ranks.  Pairs that are not both finite are left
    out; NaN where one side does not vary.
    """
    left, right = np.ravel(left), np.ravel(right)
    known = np.isfinite(left) & np.isfinite(right)
    ranks = [_ranks(values[known]) for values in (left, right)]
    if known.sum() < 2 or any(np.ptp(values) == 0 for values in ranks):
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1])


def embedding_distances(embeddings: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """Euclidean distances from some embeddings to all, [n, G], int [k] -> [k, n]."""
    return np.linalg.norm(embeddings[sources][:, None] - embeddings, axis=-1)


def _joined(trajectories):
    return [np.concatenate(parts).astype(np.float64) for parts in zip(*trajectories)]


def _with_intercept(values):
    return np.concatenate([values, np.ones([len(values), 1])], axis=1)


def _ranks(values):
    """Ranks from 0, ties at their mean."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts + 1) / 2)[group]
