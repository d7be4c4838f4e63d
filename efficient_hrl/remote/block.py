"""A block of steps on its way from a collector to the learner, as bytes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

_MAGIC = 0x4B4C4248  # "HBLK"
_MOST_FAULT = 1000  # bytes of a message
FINISHED = -1  # version of weights that nobody needs any more
_HEADER = np.dtype(
    [
        ("magic", "<u4"),
        ("collector", "<i8"),
        ("session", "<i8"),
        ("number", "<i8"),
        ("version", "<i8"),
        ("steps", "<i8"),
        ("episodes", "<i8"),
        ("open_steps", "<i8"),
        ("unstable_episodes", "<i8"),
        ("learner", "<i8"),
        ("leaves", "<i8"),
        ("finished", "<f4", (3,)),
        ("transitions", "<i8"),
        ("segments", "<i8"),
        ("fault", "<i8"),
    ]
)
_WHOLE = _HEADER.names[1 : _HEADER.names.index("finished")]  # numbers that are a block's attributes


class Block(NamedTuple):
    """What one call of a collector has collected, and who it was.

    Attributes:
      collector: its number.
      session: a number that no other process of a collector has.
      number: of the block in its session, from 0.
      version: of the weights that acted, see `Publisher`.
      steps: environment steps taken, resets not counted.
      episodes: episodes that ended.
      open_steps: steps taken whose segment is not complete and not part of any block yet.
      unstable_episodes: abandoned in it.
      learner: the token of the learner's process that gave those weights, see `Server`.
      leaves: 1 for the last of a collector that has heard that the run is finished; it holds no steps.
      finished: the sums of `EpisodeReturns` of the episodes that ended, float32 [3].
      transitions, segments: rows for the two buffers in order, structured [n]; see `row_dtype`.
      fault: what has ended the collector, or "".
    """

    collector: int
    session: int
    number: int
    version: int
    steps: int = 0
    episodes: int = 0
    open_steps: int = 0
    unstable_episodes: int = 0
    learner: int = 0
    leaves: int = 0
    finished: np.ndarray = np.zeros(3, np.float32)
    transitions: np.ndarray = np.zeros(0)
    segments: np.ndarray = np.zeros(0)
    fault: str = ""


def block_bytes(rooms: Sequence[int], dtypes: Sequence[np.dtype]) -> int:
    """Bytes of every block of a run: Reverb wants all to be of one size.

    Args:
      rooms: most transitions, and most segments of a block.
      dtypes: types of their rows.
    """
    return _HEADER.itemsize + _MOST_FAULT + sum(room * dtype.itemsize for room, dtype in zip(rooms, dtypes))


def packed(block: Block, size: int) -> np.ndarray:
    """A block as bytes, uint8 [size]; what is left is zero."""
    fault = block.fault.encode(errors="replace")[:_MOST_FAULT]
    head = np.zeros(1, _HEADER)
    head["magic"] = _MAGIC
    for name in _WHOLE:
        head[name] = getattr(block, name)
    head["finished"] = block.finished
    head["transitions"], head["segments"] = len(block.transitions), len(block.segments)
    head["fault"] = len(fault)
    parts = (head.tobytes(), block.transitions.tobytes(), block.segments.tobytes(), fault)
    return np.frombuffer(b"".join(parts).ljust(size, b"\0"), np.uint8)


def unpacked(data: np.ndarray, transition: np.dtype, segment: np.dtype) -> Block:
    """The block of `packed`.

    Args:
      data: uint8 [n].
      transition, segment: types of rows.

    Raises:
      ValueError: it is none, or has rows of other kinds.
    """
    text = data.tobytes()
    head = np.frombuffer(text[: _HEADER.itemsize].ljust(_HEADER.itemsize, b"\0"), _HEADER)[0]
    counts = [int(head[name]) for name in ("transitions", "segments", "fault")]
    sizes = [count * size for count, size in zip(counts, (transition.itemsize, segment.itemsize, 1))]
    if head["magic"] != _MAGIC or min(counts) < 0 or _HEADER.itemsize + sum(sizes) > len(text):
        raise ValueError(f"{len(text)} bytes that are no block of this configuration")
    begins = np.cumsum([_HEADER.itemsize, *sizes])
    rows = [
        np.frombuffer(text[begin : begin + size], dtype)
        for begin, size, dtype in zip(begins, sizes, (transition, segment))
    ]
    values: dict[str, Any] = {name: int(head[name]) for name in _WHOLE}
    fault = text[begins[2] : begins[3]].decode(errors="replace")
    return Block(
        **values, finished=head["finished"].copy(), transitions=rows[0], segments=rows[1], fault=fault
    )
