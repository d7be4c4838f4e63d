"""Numbers about a run's representation: how well positions can be read from it."""

import math
import pathlib
from typing import NamedTuple

import numpy as np

from efficient_hrl.figures.embedding_numbers import embedding_distances, rank_correlation, readout_r2
from efficient_hrl.figures.files import save_table
from efficient_hrl.figures.subject import Subject
from environments.position_grid import PositionGrid, nearest_positions, path_lengths

_MAX_SOURCES = 200  # positions from which paths are measured
_MAX_VISITED = 400  # states of trajectories that are compared with each other


class Numbers(NamedTuple):
    """What `representation_numbers.csv` holds; NaN where a number does not exist.

    Attributes:
      env_steps: how long f has been trained.
      dimensions: G.
      readout_r2_x, readout_r2_y: R^2 of a linear readout of the robot's x and y on
        held-out trajectories.
      rank_correlation_grid: Spearman's, of distances between embeddings with lengths of
        paths through the maze, over pairs of positions of the grid.
      rank_correlation_trajectories: the same over pairs of states of evaluation episodes.
      train_episodes, held_out_episodes: of the readout.
      positions: of the grid.
    """

    env_steps: int
    dimensions: int
    readout_r2_x: float
    readout_r2_y: float
    rank_correlation_grid: float
    rank_correlation_trajectories: float
    train_episodes: int
    held_out_episodes: int
    positions: int

    @property
    def in_words(self) -> str:
        """A line for titles."""
        parts = []
        if not math.isnan(self.readout_r2_x):
            parts.append(
                f"linear readout on held-out episodes: $R^2$ = {self.readout_r2_x:.2f} for x,"
                f" {self.readout_r2_y:.2f} for y"
            )
        if not math.isnan(self.rank_correlation_grid):
            parts.append(f"rank correlation with path length over the maze: {self.rank_correlation_grid:.2f}")
        return "; ".join(parts) or f"{self.dimensions} dimensions"


def numbers_of(subject: Subject, grid: PositionGrid | None, embeddings: np.ndarray | None) -> Numbers:
    """Measures a representation.

    The readout is fitted to the first half of each target's episodes and tested on the
    second.

    Args:
      subject: f and trajectories.
      grid: positions of the maze, or None where there is none.
      embeddings: f at those positions, [n, G].
    """
    halves = ([], [])
    for trajectories in subject.episodes.values():
        for number, trajectory in enumerate(trajectories):
            half = halves[number >= (len(trajectories) + 1) // 2]
            half.append((subject.f(trajectory.states), trajectory.xy))
    dimensions = halves[0][0][0].shape[-1]
    r2 = (math.nan, math.nan)
    correlations = (math.nan, math.nan)
    if grid is not None:
        if halves[1]:
            r2 = readout_r2(*halves).tolist()
        sources = _spread(len(grid.xy), _MAX_SOURCES)
        lengths = path_lengths(grid, sources)
        correlations = (
            rank_correlation(embedding_distances(embeddings, sources), lengths),
            _correlation_along(grid, [*halves[0], *halves[1]]),
        )
    return Numbers(
        subject.env_steps,
        dimensions,
        *r2,
        *correlations,
        *map(len, halves),
        0 if grid is None else len(grid.xy),
    )


def save_numbers(numbers: Numbers, folder: pathlib.Path) -> pathlib.Path:
    """Writes `representation_numbers.csv`, one row."""
    return save_table(folder / "representation_numbers.csv", Numbers._fields, [numbers])


def _correlation_along(grid, visited):
    """The rank correlation over pairs of visited states, each at the nearest position of the grid."""
    embeddings, xy = (np.concatenate(parts) for parts in zip(*visited))
    chosen = _spread(len(xy), _MAX_VISITED)
    at = nearest_positions(grid, xy[chosen])
    places, place_of = np.unique(at, return_inverse=True)
    lengths = path_lengths(grid, places)[:, places][place_of][:, place_of]
    upper = np.triu_indices(len(chosen), 1)  # each pair once
    distances = embedding_distances(embeddings[chosen], np.arange(len(chosen)))
    return rank_correlation(distances[upper], lengths[upper])


def _spread(size, most):
    """Numbers from 0 to `size` - 1, evenly spread, at most `most` of them."""
    return np.unique(np.linspace(0, size - 1, min(size, most)).round().astype(np.int64))
