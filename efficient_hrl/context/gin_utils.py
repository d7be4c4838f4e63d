"""Small calculations inside gin files, where values are constants otherwise."""

import functools
import operator
from collections.abc import Sequence
from typing import Any

import gin
import numpy as np


@gin.configurable
def gin_sparse_array(
    size: int,
    values: float | Sequence[float],
    indices: int | Sequence[int],
    fill_value: float = 0,
) -> np.ndarray:
    """An array that is `fill_value` except at some places.

    Args:
      size: n, how many numbers.
      values: one number for each index, or one for all.
      indices: which places they go to, -n to n - 1.
      fill_value: the number at all other places.

    Returns:
      float64 [n].

    Raises:
      ValueError: an index outside the array, or values that do not fit the indices.
    """
    array = np.full(size, fill_value, np.float64)
    try:
        # NumPy reads a tuple as one index into several dimensions.
        array[list(indices) if isinstance(indices, tuple) else indices] = values
    except (IndexError, ValueError):
        raise ValueError(
            f"gin_sparse_array.values = {values!r} at gin_sparse_array.indices = {indices!r}; allowed:"
            f" indices from {-size} to {size - 1} and one value for each, or one for all"
        ) from None
    return array


@gin.configurable
def gin_sum(values: Sequence[Any]) -> Any:
    """values[0] + values[1] + ...: numbers are added, lists joined; the values stay as they are.

    Args:
      values: one or more.

    Raises:
      ValueError: no values; or texts, with which a name could be put together from harmless pieces.
    """
    if len(values) == 0:
        raise ValueError(f"gin_sum.values = {values!r}; allowed: 1 value or more")
    if any(isinstance(value, str) for value in values):
        raise ValueError(f"gin_sum.values = {values!r}; allowed: numbers, lists, arrays")
    return functools.reduce(operator.add, values)


@gin.configurable
def gin_range(n: int) -> range:
    """0, 1, ..., n - 1, e.g. for indices.

    Args:
      n: how many, from 0.

    Raises:
      ValueError: n below 0.
    """
    if n < 0:
        raise ValueError(f"gin_range.n = {n!r}; allowed: 0 or more")
    return range(n)
