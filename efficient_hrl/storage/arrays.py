"""Files of named arrays (.npz), read without trusting them: what each may hold is declared."""

import math
import pathlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from efficient_hrl.errors import UsageError

_MOST_NUMBERS = 10_000_000  # of an array; a damaged file may ask for any


class Array(NamedTuple):
    """What an array may be.

    Attributes:
      shape: a name for each axis, or its length; those of one name have one length in all of a file's
        arrays, and "name+1" is one longer.
      is_whole: whether it holds whole numbers.
      least, most: limits of the numbers, included.
      is_increasing: whether each is above the one before it.
    """

    shape: tuple[str, ...] = ()
    is_whole: bool = False
    least: float = -math.inf
    most: float = math.inf
    is_increasing: bool = False

    def check(self, name: str, value: np.ndarray, sizes: dict[str, int]) -> None:
        """Raises a ValueError unless it fits; `sizes` are the axes that are known, and are added to."""
        if value.dtype.kind not in ("iu" if self.is_whole else "iuf"):
            kind = "whole numbers" if self.is_whole else "numbers"
            raise ValueError(f"{name} holds {value.dtype}; allowed: {kind}")
        wanted = f"{name} has shape {list(value.shape)}; allowed: [{', '.join(self.shape)}]"
        if value.ndim != len(self.shape):
            raise ValueError(wanted)
        for axis, length in zip(self.shape, value.shape):
            base, _, more = axis.partition("+")
            size = length - int(more or 0)
            known = int(base) if base.isdecimal() else sizes.setdefault(base, size)
            if known != size:
                raise ValueError(wanted if base.isdecimal() else f"{wanted}, {base} = {known}")
        if value.size and not (
            np.isfinite(value).all() and self.least <= value.min() and value.max() <= self.most
        ):
            raise ValueError(f"{name} has {value.min():g} to {value.max():g}; allowed: {self._limits}")
        if self.is_increasing and not (np.diff(value) > 0).all():
            raise ValueError(f"{name} does not increase; allowed: values that do")

    @property
    def _limits(self):
        if self.most < math.inf:
            return f"{self.least:g} to {self.most:g}"
        return "finite numbers" if self.least == -math.inf else f"finite numbers from {self.least:g}"


def checked_arrays(path: pathlib.Path, declared: Mapping[str, Array], what: str) -> dict[str, np.ndarray]:
    """The declared arrays of a file; others in it are not looked at.

    Args:
      path: of the file.
      declared: name -> what it may be.
      what: the file is, for the message, e.g. "a map".

    Raises:
      FileNotFoundError: there is none.
      UsageError: it is not as declared.
    """
    sizes: dict[str, int] = {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {}
            for name, array in declared.items():
                found[name] = _read(arrays, name)
                array.check(name, found[name], sizes)
        return found
    except FileNotFoundError:
        raise
    except Exception as error:  # NumPy and zipfile raise of all kinds when a file is damaged
        said = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(
            f"{path}: not {what} as this program writes it ({said[:300]}); it may be deleted"
        ) from None


def _read(arrays, name):
    """An array, unless its header says that it is larger than any that is written."""
    with arrays.zip.open(f"{name}.npy") as file:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, _ = read[version](file)
    if math.prod(shape) > _MOST_NUMBERS:
        raise ValueError(f"{name} has shape {list(shape)}; allowed: up to {_MOST_NUMBERS:,} numbers")
    return arrays[name]
