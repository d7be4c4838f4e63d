"""Rows of the CSV files that a run writes."""

import csv
import io
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from efficient_hrl.errors import UsageError


def read_rows(path: pathlib.Path) -> list[dict[str, str]]:
    """Complete rows of a CSV file, [] when there is none; a torn last line is left out."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    complete = text[: text.rfind("\n") + 1]
    return list(csv.DictReader(io.StringIO(complete)))


def checked_rows(path: pathlib.Path) -> list[dict[str, str]]:
    """`read_rows` of a file that this program wrote.

    Raises:
      UsageError: the file was changed by somebody else.
    """
    rows = read_rows(path)
    try:
        for row in rows:
            float(row["env_steps"])
    except (KeyError, TypeError, ValueError):
        raise UsageError(
            f"{path}: not as this program writes it; allowed: a first column env_steps of numbers"
        ) from None
    return rows


def column(rows: Sequence[Mapping[str, str]], name: str) -> np.ndarray:
    """A column as numbers, float64 [n]; NaN where there is none."""
    return np.array([float(row[name] or "nan") for row in rows])
