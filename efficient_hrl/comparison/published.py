"""Success rates, and returns in AntGather, that the papers publish, for marks beside one's own.

HIRO (arXiv 1805.08296) has a table of methods and tasks.  NORL (arXiv 1810.01257) shows
curves alone, without a table, so that there is nothing of it here.
"""

import ast
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from efficient_hrl.storage.bound_values import text_of

_TABLE_1 = "HIRO, Table 1: best policy within 10 million steps, mean of 10 seeds ± standard error"
_GATHER = f"{_TABLE_1}; returns, in an arena whose size the table does not give"
# Where each task of the table is evaluated, metres; None where there is no target.
_TARGETS = {
    "ant_gather": None,
    "ant_maze": (0.0, 16.0),
    "ant_push": (0.0, 19.0),
    "ant_fall": (0.0, 27.0, 4.5),
}
# Rows that are a method of this repository: success rate (in AntGather the return) and standard
# error, None where the table has a 0 without one.  What each row is: docs/ablations.md.
_ROWS = {
    "hiro": (
        "HIRO",
        {
            "ant_gather": (3.02, 1.49),
            "ant_maze": (0.99, 0.01),
            "ant_push": (0.92, 0.04),
            "ant_fall": (0.66, 0.07),
        },
    ),
    "hiro_fun_goals": (
        "FuN transition PG",
        {
            "ant_gather": (0.41, 0.06),
            "ant_maze": (0.0, None),
            "ant_push": (0.56, 0.39),
            "ant_fall": (0.01, 0.02),
        },
    ),
    "hiro_fun_cosine": (
        "FuN cos similarity",
        {
            "ant_gather": (0.85, 1.17),
            "ant_maze": (0.16, 0.33),
            "ant_push": (0.06, 0.17),
            "ant_fall": (0.07, 0.22),
        },
    ),
}


# HIRO's and NORL's protocol.  What is not bound has these values.  Without a limit, mazes end an
# episode after 500 steps.
_PROTOCOL = (
    ("evaluate.success_distance", (5,)),
    ("evaluate.success_fn", (None,)),
    ("evaluate.max_steps_per_episode", (500, None)),
)


class Published(NamedTuple):
    """A published number.

    Attributes:
      row: what the paper calls the method.
      value: success rate, 0 to 1, or return.
      standard_error: of the mean over seeds; None where none is given.
      source: paper, table, and what the number is.
    """

    row: str
    value: float
    standard_error: float | None
    source: str

    @property
    def in_words(self) -> str:
        """E.g. "0.92 ± 0.04"."""
        error = "" if self.standard_error is None else f" ± {self.standard_error:.2f}"
        return f"{self.value:.2f}{error}"


def published_success(method: str, task: str, target: Sequence[float] | None) -> Published | None:
    """What a paper says about a method at a target, or None where none says anything.

    In AntGather, which has no target, it is a return.

    Args:
      method: the method's part of a gin file's name, e.g. "hiro".
      task: the task's part, without "_single", e.g. "ant_push".
      target: where it is evaluated, metres; None where that is not known, or there is no target.
    """
    place = None if target is None else tuple(target)
    if method not in _ROWS or task not in _TARGETS or place != _TARGETS[task]:
        return None
    row, numbers = _ROWS[method]
    return Published(row, *numbers[task], _GATHER if place is None else _TABLE_1)


def is_papers_protocol(bindings: Mapping[str, str]) -> bool:
    """Whether a run's success rates or returns are measured as the papers measure theirs.

    A success is to be nearer than 5 m to the task's target at the last of 500 steps, in the
    environment that the run learns in.  In gather tasks there is to be no success, and the
    return is not discounted.

    Args:
      bindings: of the run, name -> value as gin writes it; what is missing has the value of
        the shipped gin files, which is the papers'.
    """
    environment = text_of(bindings, "evaluate.environment")
    if environment not in (None, text_of(bindings, "train_uvf.environment")):
        return False
    steps = {"evaluate.max_steps_per_episode": "%RESET_EPISODE_PERIOD"}
    bindings = steps | dict(bindings)
    protocol = dict(_PROTOCOL)
    if "create_gather_env" in (text_of(bindings, "train_uvf.environment") or ""):
        protocol |= {"evaluate.success_distance": (None,), "evaluate.gamma": (1,)}
    return all(_is_one_of(text_of(bindings, name), allowed) for name, allowed in protocol.items())


def is_papers_learner(bindings: Mapping[str, str]) -> bool:
    """Whether a run's levels learn by TD3 as in the papers, and not by DDPG (`gin/agents/ddpg.gin`)."""
    classes = (text_of(bindings, f"train_uvf.{name}") for name in ("agent_class", "meta_agent_class"))
    return not any("Ddpg" in (name or "") for name in classes)


def _is_one_of(text, allowed):
    """Whether a binding has one of some plain values; one that is not bound has."""
    if text is None:
        return True
    try:
        return ast.literal_eval(text) in allowed
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):  # the last for brackets
        return False
