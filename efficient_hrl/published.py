"""Success rates that the papers publish, for marks beside one's own.

HIRO (arXiv 1805.08296) has a table of methods and mazes.  NORL (arXiv 1810.01257) shows
curves alone, without a table, so that there is nothing of it here.
"""

from collections.abc import Sequence
from typing import NamedTuple

_TABLE_1 = "HIRO, Table 1: best policy within 10 million steps, mean of 10 seeds ± standard error"
# Where each task of the table is evaluated, metres.
_TARGETS = {"ant_maze": (0.0, 16.0), "ant_push": (0.0, 19.0), "ant_fall": (0.0, 27.0, 4.5)}
# Rows that are a method of this repository: success rate and standard error, None where the
# table has a 0 without one.  What each row is: docs/ablations.md.
_ROWS = {
    "hiro": ("HIRO", {"ant_maze": (0.99, 0.01), "ant_push": (0.92, 0.04), "ant_fall": (0.66, 0.07)}),
    "hiro_fun_goals": (
        "FuN transition PG",
        {"ant_maze": (0.0, None), "ant_push": (0.56, 0.39), "ant_fall": (0.01, 0.02)},
    ),
    "hiro_fun_cosine": (
        "FuN cos similarity",
        {"ant_maze": (0.16, 0.33), "ant_push": (0.06, 0.17), "ant_fall": (0.07, 0.22)},
    ),
}


class Published(NamedTuple):
    """A published success rate.

    Attributes:
      row: what the paper calls the method.
      success_rate: 0 to 1.
      standard_error: of the mean over seeds; None where none is given.
      source: paper, table, and what the number is.
    """

    row: str
    success_rate: float
    standard_error: float | None
    source: str

    @property
    def in_words(self) -> str:
        """E.g. "0.92 ± 0.04"."""
        error = "" if self.standard_error is None else f" ± {self.standard_error:.2f}"
        return f"{self.success_rate:.2f}{error}"


def published_success(method: str, task: str, target: Sequence[float] | None) -> Published | None:
    """What a paper says about a method at a target, or None where none says anything.

    Args:
      method: the method's part of a gin file's name, e.g. "hiro".
      task: the task's part, without "_single", e.g. "ant_push".
      target: where it is evaluated, metres; None where that is not known.
    """
    if method not in _ROWS or target is None or tuple(target) != _TARGETS.get(task):
        return None
    row, numbers = _ROWS[method]
    return Published(row, *numbers[task], _TABLE_1)
