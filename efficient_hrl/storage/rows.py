"""Rows of the CSV files that a run writes, read without trusting them.

A run's folder may come from somebody else, and files break.  What each column may hold is declared
here; what holds something else is told with file and line.
"""

import csv
import io
import math
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from efficient_hrl.errors import UsageError

# Beyond it nothing is computed: networks and rewards are float32.
_LARGEST = float(np.finfo(np.float32).max)
_MOST_STEPS = 2**53  # whole numbers up to it are exact in float64


class Column(NamedTuple):
    """What the cells of a column may be.

    Attributes:
      least, most: limits of numbers, included.
      is_whole: whether numbers are whole.
      is_text: whether it holds a name instead of numbers.
      may_be_empty: whether a number may be missing, as "" or "nan".
      may_be_nan: whether it may be missing as "nan" alone.
      is_required: whether a file without the column is none.
    """

    least: float = -_LARGEST
    most: float = _LARGEST
    is_whole: bool = False
    is_text: bool = False
    may_be_empty: bool = True
    may_be_nan: bool = False
    is_required: bool = False

    def fits(self, text: str) -> bool:
        """Whether a cell may be `text`."""
        if self.is_text:
            return bool(text) and text.isprintable()
        if text in ("", "nan"):
            return self.may_be_empty or (self.may_be_nan and text == "nan")
        try:
            value = float(text)
        except ValueError:
            return False
        return self.least <= value <= self.most and (not self.is_whole or value.is_integer())

    @property
    def in_words(self) -> str:
        """What fits, e.g. "0 to 1"."""
        if self.is_text:
            return "a name"
        kind = "a whole number" if self.is_whole else "a finite number"
        if self.most not in (_LARGEST, _MOST_STEPS):
            kind = f"{self.least:g} to {self.most:g}"
        elif self.least > -_LARGEST:
            kind += f" from {self.least:g}"
        return kind + ", or nothing" * self.may_be_empty + ", or nan" * self.may_be_nan


_STEPS = Column(0, _MOST_STEPS, is_whole=True, may_be_empty=False, is_required=True)
_COUNT = Column(0, _MOST_STEPS, is_whole=True)
_SHARE = Column(0, 1)
_POSITIVE = Column(0)
# File name -> the columns that are known; others are passed on as text.
TABLES: Mapping[str, Mapping[str, Column]] = {
    "eval.csv": {
        "env_steps": _STEPS,
        # nan where a task has no success.
        "success_rate": Column(0, 1, may_be_empty=False, may_be_nan=True, is_required=True),
        "high_last_reward": Column(is_required=True),
        "target": Column(is_text=True, is_required=True),
        "episodes": Column(1, _MOST_STEPS, is_whole=True, may_be_empty=False),
        "reached_rate": _SHARE,
        "unstable_episodes": _COUNT,
        **dict.fromkeys(("low_return", "high_return", "low_last_reward"), Column()),
    },
    "metrics.csv": {
        "env_steps": _STEPS,
        "high_episode_return": Column(is_required=True),
        "low_episode_return": Column(),
        "episodes": _COUNT,
        "unstable_episodes": _COUNT,
        **dict.fromkeys(("wall_s", "steps_per_s"), _POSITIVE),
        **dict.fromkeys(("relabel_sampled", "relabel_reached", "relabel_stored"), _SHARE),
        **dict.fromkeys(
            [
                *(f"{level}_{kind}_loss" for level in ("low", "high") for kind in ("critic", "actor")),
                *(f"representation_{part}" for part in ("loss", "close_loss", "far_loss", "bound", "kl")),
            ],
            Column(),
        ),
    },
    "representation_numbers.csv": {
        "env_steps": _STEPS,
        **dict.fromkeys(("dimensions", "train_episodes", "held_out_episodes", "positions"), _COUNT),
        **dict.fromkeys(("readout_r2_x", "readout_r2_y"), Column(most=1)),
        **dict.fromkeys(("rank_correlation_grid", "rank_correlation_trajectories"), Column(-1, 1)),
    },
}
_ANY_TABLE = {"env_steps": _STEPS}


def read_rows(path: pathlib.Path) -> list[dict[str, str]]:
    """Complete rows of a CSV file, [] when there is none; a torn last line is left out."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    complete = text[: text.rfind("\n") + 1]
    return list(csv.DictReader(io.StringIO(complete)))


def checked_rows(path: pathlib.Path) -> list[dict[str, str]]:
    """`read_rows` of a file that this program wrote, every cell of it as `TABLES` has it.

    Raises:
      UsageError: the file cannot be read, or was changed by somebody else; says in which line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return list(_checked(text, TABLES.get(path.name, _ANY_TABLE)))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (csv.Error, ValueError) as error:
        raise UsageError(f"{path}: not as this program writes it: {error}") from None


def _checked(text: str, table: Mapping[str, Column]) -> Iterator[dict[str, str]]:
    """Rows of a file's text; raises a ValueError that names line and cell."""
    complete = text[: text.rfind("\n") + 1]  # a process may die while it writes a line
    reader = csv.reader(io.StringIO(complete))
    header = next(reader, None)
    if header is None:
        raise ValueError("line 1 is cut short; allowed: names of columns")
    required = [name for name, column in table.items() if column.is_required]
    if not {*required} <= {*header} or len({*header}) < len(header):
        raise ValueError(
            f"line 1: {_shown(','.join(header))}; allowed: columns {', '.join(required)}, each once"
        )
    columns = [table.get(name) for name in header]
    for cells in reader:
        if len(cells) != len(header):
            raise ValueError(f"line {reader.line_num}: {len(cells)} cells; allowed: {len(header)}")
        for name, column, cell in zip(header, columns, cells):
            if column is not None and not column.fits(cell):
                raise ValueError(
                    f"line {reader.line_num}: {name} = {_shown(cell)}; allowed: {column.in_words}"
                )
        yield dict(zip(header, cells))


def _shown(text):
    """A user's text for a message of one line."""
    return repr(text if len(text) <= 80 else f"{text[:80]}...")


def column(rows: Sequence[Mapping[str, str]], name: str) -> np.ndarray:
    """A column as numbers, float64 [n]; NaN where there is none, and where an older version wrote none."""
    return np.array([float(row.get(name) or math.nan) for row in rows])
