"""Where a run has been and what it was asked for, a small file at each evaluation.

    maps/map-50000.npz      named by environment steps; an array for each field of
                            `ExplorationMap`, read by numpy.load, no pickle

Files later than where a run is continued are deleted then and written again.
"""

import io
import pathlib
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from efficient_hrl.errors import UsageError
from efficient_hrl.hierarchy import Hierarchy
from efficient_hrl.replay import UniformReplayBuffer
from efficient_hrl.storage.arrays import Array, checked_arrays
from efficient_hrl.storage.checkpoints import ScalarState
from efficient_hrl.storage.durable import remove_partials, sync, write_bytes
from environments.layouts import Layout
from environments.maze import Maze

FOLDER = "maps"
BINS_PER_CELL = 8  # along each edge
MOST_SEGMENTS = 500
_MOST_NUMBERS = 12_000  # of a file's segments, 4 bytes each
_ROWS = 10_000  # of the buffer that are read at a time


class ExplorationMap(NamedTuple):
    """What happened between two evaluations.

    Attributes:
      env_steps: when it was written.
      from_steps: when the one before it was, else 0.
      transitions: stored between them; `visits` shows the newest that were still in the buffer.
      x_edges, y_edges: of the squares of `visits`, metres, float64 [nx + 1], [ny + 1].
      visits: how often the robot's x, y at the end of a transition was in a square, int64 [ny, nx].
      outside: how often it was in none.
      block_visits: the same for each movable block that is observed, int64 [blocks, ny, nx].
      segments: how many were stored between the two evaluations; the other fields hold n of
        them, evenly spread over those still in the buffer.
      segment_steps: c, the length of a segment that is not cut short.
      goal_low, goal_high: the goal range, float32 [G].
      start, end: the robot's x, y at s_t and at s_{t+length}, metres, float32 [n, 2].
      goal: as it was given at s_t, float32 [n, G].
      start_repr, end_repr: the first G dimensions of f there, with f as it is when the file is
        written, float32 [n, G].
      length: of the segments, 1..c, int32 [n].
    """

    env_steps: int
    from_steps: int
    transitions: int
    x_edges: np.ndarray
    y_edges: np.ndarray
    visits: np.ndarray
    outside: int
    block_visits: np.ndarray
    segments: int
    segment_steps: int
    goal_low: np.ndarray
    goal_high: np.ndarray
    start: np.ndarray
    end: np.ndarray
    goal: np.ndarray
    start_repr: np.ndarray
    end_repr: np.ndarray
    length: np.ndarray

    @property
    def change(self) -> np.ndarray:
        """What was reached of each goal, f(s_{t+length}) - f(s_t), [n, G]."""
        return self.end_repr - self.start_repr

    @property
    def has_places(self) -> bool:
        """Whether goals are places: the first two dimensions of f are x and y up to a constant."""
        if not len(self.goal) or self.goal.shape[-1] < 2:
            return False
        offsets = np.concatenate(
            [self.start_repr[:, :2] - self.start, self.end_repr[:, :2] - self.end]
        ).astype(np.float64)
        return bool(np.ptp(offsets, axis=0).max() < 1e-4)


_COUNT = Array((), is_whole=True, least=0)
_METRES = 1e9  # nothing is farther away
# What a file may hold, see `ExplorationMap`.
_FIELDS = {
    **dict.fromkeys(("env_steps", "from_steps", "transitions", "outside", "segments"), _COUNT),
    "segment_steps": Array((), is_whole=True, least=1),
    "x_edges": Array(("nx+1",), least=-_METRES, most=_METRES, is_increasing=True),
    "y_edges": Array(("ny+1",), least=-_METRES, most=_METRES, is_increasing=True),
    "visits": Array(("ny", "nx"), is_whole=True, least=0, most=2**53),
    "block_visits": Array(("blocks", "ny", "nx"), is_whole=True, least=0, most=2**53),
    **dict.fromkeys(("goal_low", "goal_high"), Array(("G",))),
    **dict.fromkeys(("start", "end"), Array(("n", "2"), least=-_METRES, most=_METRES)),
    **dict.fromkeys(("goal", "start_repr", "end_repr"), Array(("n", "G"))),
    "length": Array(("n",), is_whole=True, least=0),
}


class ExplorationMaps:
    """Writes a run's maps."""

    def __init__(
        self,
        root: pathlib.Path,
        maze: Maze | None,
        hierarchy: Hierarchy,
        low_replay: UniformReplayBuffer,
        high_replay: UniformReplayBuffer,
        clocks: ScalarState,
    ):
        """Deletes what is later than the last evaluation in `clocks`.

        Args:
          root: the run's folder.
          maze: the definition; None where there is none, and then nothing is written.
          hierarchy: for f and the goal range.
          low_replay, high_replay: transitions and segments, in the order of their numbers.
          clocks: part of a run's checkpoints; holds what is mapped already, as
            `mapped_steps`, `mapped_transitions` and `mapped_segments`, and `evaluated_steps`.
        """
        self._folder = root / FOLDER
        self._maze = maze
        self._hierarchy = hierarchy
        self._replays = {"transitions": low_replay, "segments": high_replay}
        self._clocks = clocks
        for name in ("steps", *self._replays):
            clocks.values.setdefault(f"mapped_{name}", 0)
        if self._folder.is_dir():
            remove_partials(self._folder)
            for path in map_files(root):
                if env_steps_in(path) > clocks.values["evaluated_steps"]:
                    path.unlink()
            sync(self._folder)

    def write(self, env_steps: int) -> ExplorationMap | None:
        """Writes what has happened since the last map, and returns it; None without a maze."""
        if self._maze is None:
            return None
        made = self._made(env_steps)
        if not self._folder.is_dir():
            self._folder.mkdir()
            sync(self._folder.parent)
        content = io.BytesIO()
        np.savez_compressed(content, **made._asdict())
        write_bytes(self._folder / f"map-{env_steps}.npz", content.getvalue())
        self._clocks.values["mapped_steps"] = env_steps
        for name, replay in self._replays.items():
            self._clocks.values[f"mapped_{name}"] = int(replay.num_added)
        return made

    def _made(self, env_steps):
        maze, known = self._maze, self._clocks.values
        low, high = self._replays.values()
        edges = bin_edges(maze.layout, maze.robot.cell_size)
        counts = np.zeros([1 + len(maze.observed_block_ids), *(len(axis) - 1 for axis in edges[::-1])], int)
        outside = 0
        first, end = _newest(low, known["mapped_transitions"])
        for at in range(first, end, _ROWS):
            states = low.read_rows(at, min(at + _ROWS, end)).next_state.numpy()
            for count, xy in zip(counts, [states[:, :2], *observed_blocks_xy(maze, states)]):
                count += histogram(xy, *edges)
            outside += len(states)
        outside -= int(counts[0].sum())
        goal_spec = self._hierarchy.low.context.specs[0]
        return ExplorationMap(
            env_steps,
            known["mapped_steps"],
            int(low.num_added) - known["mapped_transitions"],
            *edges,
            counts[0],
            outside,
            counts[1:],
            int(high.num_added) - known["mapped_segments"],
            high.data_spec.low_actions.shape[0],
            np.array(goal_spec.minimum, np.float32),
            np.array(goal_spec.maximum, np.float32),
            *self._segments(high, known["mapped_segments"], goal_spec.shape[0]),
        )

    def _segments(self, replay, since, goal_size):
        """The fields from `start` on."""
        first, end = _newest(replay, since)
        most = min(MOST_SEGMENTS, _MOST_NUMBERS // (5 + 3 * goal_size))
        rows = spread(replay, first, end, most)
        f = self._hierarchy.representation
        return (
            rows.state[:, :2].numpy(),
            rows.next_state[:, :2].numpy(),
            rows.goal.numpy(),
            f(rows.state)[:, :goal_size].numpy(),
            f(rows.next_state)[:, :goal_size].numpy(),
            rows.length.numpy(),
        )


def bin_edges(layout: Layout, cell_size: float) -> tuple[np.ndarray, np.ndarray]:
    """Edges of the squares of a map along x and along y, metres."""
    corner = layout.centre((0, 0), cell_size) - cell_size / 2
    rows, columns = np.shape(layout.cells)
    at = lambda start, cells: start + cell_size / BINS_PER_CELL * np.arange(cells * BINS_PER_CELL + 1)
    return at(corner[0], columns), at(corner[1], rows)


def histogram(xy: np.ndarray, x_edges: np.ndarray, y_edges: np.ndarray) -> np.ndarray:
    """How many of the positions [n, 2] are in each square, int64 [ny, nx]."""
    counts, _, _ = np.histogram2d(xy[:, 1], xy[:, 0], bins=(y_edges, x_edges))
    return counts.astype(np.int64)


def observed_blocks_xy(maze: Maze, states: np.ndarray) -> list[np.ndarray]:
    """x, y of every movable block that observations hold, [n, 2] each."""
    first = lambda block: 3 + 3 * block  # after the robot's x, y and third coordinate
    return [states[:, first(block) : first(block) + 2] for block in range(len(maze.observed_block_ids))]


def spread(replay: UniformReplayBuffer, first: int, end: int, most: int):
    """At most `most` of the items number `first` to `end` - 1, evenly spread, oldest first."""
    numbers = np.unique(np.linspace(first, end - 1, min(end - first, most)).round().astype(np.int64))
    return replay.read(tf.constant(numbers, tf.int64))


def map_files(root: pathlib.Path) -> list[pathlib.Path]:
    """A run's maps, oldest first."""
    found = [path for path in (root / FOLDER).glob("map-*.npz") if re.fullmatch(r"map-\d+\.npz", path.name)]
    return sorted(found, key=env_steps_in)


def env_steps_in(path: pathlib.Path) -> int:
    """The environment steps in the name of a map."""
    return int(path.stem.removeprefix("map-"))


def read_maps(root: pathlib.Path) -> Sequence[ExplorationMap]:
    """A run's maps, oldest first; [] when there are none.

    Raises:
      UsageError: one of them is not as this program writes it.
    """
    maps, first = [], None
    for path in map_files(root):
        try:
            fields = checked_arrays(path, _FIELDS, "a map")
        except FileNotFoundError:
            continue  # a run that goes on again has deleted it
        found = ExplorationMap(
            **{name: value if value.ndim else value.item() for name, value in fields.items()}
        )
        if maps and _sizes(found) != _sizes(maps[0]):
            raise UsageError(
                f"{path} has {_sizes(found)} blocks, squares and dimensions of goals, and {first} has"
                f" {_sizes(maps[0])}; allowed: the same in all of a run's maps; the wrong one may be deleted"
            )
        first = first or path
        maps.append(found)
    return maps


def _sizes(found):
    """What all maps of a run share: blocks, rows, columns, and G."""
    return (*found.block_visits.shape, len(found.goal_low))


def _newest(replay, since):
    """Numbers of the first item since number `since` that is still in the buffer, and of the next one."""
    added = int(replay.num_added)
    return max(since, added - int(replay.capacity)), added
