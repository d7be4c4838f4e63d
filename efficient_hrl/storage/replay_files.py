"""A replay buffer on disk, in blocks of rows that are written once.

Rows are numbered as they are added.  Block k holds rows k R to (k + 1) R; once full
it never changes, so that a checkpoint writes only what has come since the one before
it, and checkpoints share the rest.  What is shared is read again every time, and
written again if the disk has lost it.  A block is a NumPy file of one structured array,
a record per row: `numpy.load` reads it, and nothing in it can be executed.
"""

import io
import math
import pathlib
import re
import zlib
from typing import NamedTuple

import numpy as np

from efficient_hrl.replay import UniformReplayBuffer, row_dtype, rows_of
from efficient_hrl.storage.durable import DamagedError, check_file, remove, write_bytes

_SMALLEST_BLOCK, _MOST_BLOCKS = 1024, 64


class Block(NamedTuple):
    """A file of rows `first` to `end` - 1; `size` in bytes, `crc` of all of them."""

    first: int
    end: int
    size: int
    crc: int


class ReplayFiles:
    """The blocks of one buffer in a folder."""

    def __init__(self, folder: pathlib.Path, name: str, buffer: UniformReplayBuffer):
        """Remembers where to; nothing is written.

        Args:
          folder: of the blocks of all buffers.
          name: the beginning of the files' names.
          buffer: what is saved and restored.
        """
        self._folder = folder
        self._name = name
        self._buffer = buffer
        self._capacity = int(buffer.capacity)
        self._rows = max(_SMALLEST_BLOCK, math.ceil(self._capacity / _MOST_BLOCKS))
        self._dtype = row_dtype(buffer.data_spec)
        self._full: dict[int, Block] = {}  # by number: on disk, never to be written again

    def save(self) -> tuple[dict, int]:
        """Writes what is not on disk yet.

        Returns:
          What `restore` needs, for JSON; and the number of bytes written.
        """
        added = int(self._buffer.num_added)
        oldest = max(0, added - self._capacity)
        blocks, written = [], 0
        for number in range(oldest // self._rows, math.ceil(added / self._rows)):
            block = self._full.get(number)
            if block is None or not self._is_whole(block):
                first, end = max(oldest, number * self._rows), min(added, (number + 1) * self._rows)
                block = self._write(first, end)
                written += block.size
                if end == (number + 1) * self._rows:
                    self._full[number] = block
            blocks.append(block)
        self._full = {k: b for k, b in self._full.items() if b in blocks}
        return {"added": added, "blocks": [list(block) for block in blocks]}, written

    def _is_whole(self, block):
        """Whether a block is still as it was written; else it is written again while its rows are there."""
        try:
            check_file(self._path(block), block.size, block.crc)
        except DamagedError:
            return False
        return True

    def restore(self, saved: dict) -> None:
        """Fills the buffer with what `save` has described; `check` it before.

        Raises:
          ValueError: rows of another kind.
        """
        self._full = {}
        added = saved["added"]
        oldest = max(0, added - self._capacity)
        for block in map(Block._make, saved["blocks"]):
            path = self._path(block)
            try:
                records = np.lib.format.open_memmap(path, mode="r")  # which knows no pickles and no archives
            except (OSError, ValueError, EOFError) as error:
                raise ValueError(f"{path.name}: {error}") from None
            if not self._are_alike(records.dtype) or records.shape != (block.end - block.first,):
                raise ValueError(f"{path.name} holds rows of another kind than this configuration's")
            first = max(oldest, block.first)
            records = records[first - block.first :]
            self._buffer.write_rows(first, [np.ascontiguousarray(records[n]) for n in records.dtype.names])
            if block.end % self._rows == 0:
                self._full[block.first // self._rows] = block
        self._buffer.set_added(added)

    def _are_alike(self, dtype):
        """Whether rows hold the same columns by place; what a column is called is not part of the format."""
        columns = lambda of: [of[i] for i in range(len(of.names or ()))]
        return columns(dtype) == columns(self._dtype)

    def check(self, saved: dict) -> None:
        """Reads all blocks once.

        Raises:
          DamagedError: one is missing or is not as it was written.
        """
        try:
            added, blocks = saved["added"], [Block._make(block) for block in saved["blocks"]]
        except (KeyError, TypeError):
            raise DamagedError(f"its list of {self._name} blocks cannot be read") from None
        if not all(isinstance(number, int) for number in (added, *(n for block in blocks for n in block))):
            raise DamagedError(f"its list of {self._name} blocks cannot be read")
        at = max(0, added - self._capacity)
        for block in blocks:
            if not block.first <= at < block.end <= added:
                raise DamagedError(f"its {self._name} blocks leave rows out")
            at = block.end
            check_file(self._path(block), block.size, block.crc)
        if at != added:
            raise DamagedError(f"its {self._name} blocks leave rows out")

    def _path(self, block):
        return self._folder / f"{self._name}-{block.first}-{block.end}.npy"

    def _write(self, first, end):
        records = rows_of(self._buffer.read_rows(first, end), self._dtype)
        content = io.BytesIO()
        np.save(content, records, allow_pickle=False)
        data = content.getvalue()
        block = Block(first, end, len(data), zlib.crc32(data))
        write_bytes(self._path(block), data)
        return block


def names_of(name: str, saved: dict) -> list[str]:
    """Names of the files that `ReplayFiles.save` of `name` has described, oldest first."""
    return [f"{name}-{first}-{end}.npy" for first, end, *_ in saved["blocks"]]


def remove_others(folder: pathlib.Path, needed: set[str]) -> None:
    """Deletes the blocks in `folder` whose names are not `needed`."""
    for path in folder.iterdir():
        if path.name not in needed and re.fullmatch(r"\w+-\d+-\d+\.npy", path.name):
            remove(path)


def total_bytes(saved: dict) -> int:
    """Bytes of all blocks that `ReplayFiles.save` has described."""
    return sum(size for *_, size, _ in saved["blocks"])
