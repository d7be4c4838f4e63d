"""Scores of several seeds -> one number and an interval around it.

What is estimated, and by whom it is used:
* "iqm": the interquartile mean of Agarwal et al. (arXiv 2108.13264), the mean of what is
  left when the lowest and the highest quarter of the scores are dropped (of n scores,
  floor(n / 4) on either side, so that up to three scores have their plain mean).  The interval
  is that of their library rliable: percentiles 2.5 and 97.5 of the statistic over
  resampled runs, resampled for each target on its own (stratified bootstrap).
* "mean": the mean with one standard error on either side, as in HIRO (arXiv 1805.08296).
* "median": the median with the 30th and 70th percentiles, as in NORL (arXiv 1810.01257).
"""

import contextlib
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from efficient_hrl.run_groups import Group

KINDS = ("iqm", "mean", "median")
ALL = "all targets"
RETURNS = "task return"
REPETITIONS = 2000  # of the bootstrap
_SEED = 0  # of the bootstrap, so that pictures and tables are the same every time
_INTERVALS = {
    "iqm": ("IQM", f"95 % stratified bootstrap interval ({REPETITIONS:,} resamples)"),
    "mean": ("mean", "± standard error"),
    "median": ("median", "30th to 70th percentile"),
}


class Estimate(NamedTuple):
    """A statistic of a group's scores and its interval.

    Attributes:
      steps: environment steps [n].
      names: evaluation targets, and `ALL` at the end where there are several [t].
      point: the statistic [t, n].
      low, high: the interval [t, n]; NaN with one seed, which has none.
      seeds: how many runs.
    """

    steps: np.ndarray
    names: tuple[str, ...]
    point: np.ndarray
    low: np.ndarray
    high: np.ndarray
    seeds: int


def statistic_in_words(kind: str) -> tuple[str, str]:
    """What is estimated and what the interval is, e.g. ("mean", "± standard error")."""
    return _INTERVALS[kind]


def aggregate(
    group: Group, column: str = "success_rate", kind: str = "iqm", targets: Sequence[str] | None = None
) -> Estimate:
    """Sums up a group's evaluations at each step that all of its runs have.

    Args:
      group: runs that are seeds of one method.
      column: "success_rate" or "high_last_reward".
      kind: one of `KINDS`, see above.
      targets: evaluation modes; None stands for those that all runs have.
    """
    if targets is None:
        first, *others = (run.evaluations for run in group.runs)
        targets = [target for target in first if all(target in other for other in others)]
    steps, scores = group.scores(column, targets)
    names = (*targets, ALL) if len(targets) > 1 else tuple(targets)
    return Estimate(steps, names, *estimate(scores, kind), len(group.runs))


def aggregate_returns(group: Group, kind: str = "iqm") -> Estimate:
    """Sums up a group's task returns while collecting, see `Group.returns`."""
    steps, scores = group.returns()
    return Estimate(steps, (RETURNS,), *estimate(scores, kind), len(group.runs))


def estimate(scores: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The statistic of each target and, where there are several, of all together.

    Over all targets, "iqm" takes every run at every target as one score; "mean" and
    "median" take the mean over targets of each run as one.

    Args:
      scores: [runs, targets, n]; NaN makes what depends on it NaN.
      kind: one of `KINDS`.

    Returns:
      The statistic and the lower and the upper end of its interval, each [targets, n] or
      [targets + 1, n]; the ends are NaN with one run.

    Raises:
      ValueError: another kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind = {kind!r}; allowed: {', '.join(KINDS)}")
    if kind == "iqm":
        point = _iqms(scores)
        low, high = _bootstrap(scores) if len(scores) > 1 else (None, None)
    else:
        if scores.shape[1] > 1:
            scores = np.concatenate([scores, scores.mean(axis=1, keepdims=True)], axis=1)
        if kind == "mean":
            point = scores.mean(axis=0)
            error = scores.std(axis=0, ddof=1) / np.sqrt(len(scores)) if len(scores) > 1 else 0.0
            low, high = point - error, point + error
        else:
            low, point, high = np.percentile(scores, (30, 50, 70), axis=0)
    if len(scores) == 1:
        low = high = np.full_like(point, np.nan)
    return point, low, high


def interquartile_mean(scores: np.ndarray) -> np.ndarray:
    """The mean of the middle half of scores [m, ...] along the first axis; NaN where one is NaN.

    `rliable.metrics.aggregate_iqm` for many sets of scores at once.
    """
    drop = len(scores) // 4
    middle = np.sort(scores, axis=0)[drop : len(scores) - drop].mean(axis=0)
    return np.where(np.isnan(scores).any(axis=0), np.nan, middle)


def _iqms(scores):
    """`interquartile_mean` of each target over runs, and over runs and targets."""
    each = interquartile_mean(scores)
    if scores.shape[1] == 1:
        return each
    together = interquartile_mean(scores.reshape(-1, scores.shape[-1]))
    return np.concatenate([each, together[None]])


def _bootstrap(scores):
    """The ends of `_iqms`' interval, each of its shape."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of statsmodels and pandas, which are not used here
        from rliable import library  # only now: it takes seconds

        with _seeded():
            _, ends = library.get_interval_estimates(
                {"": scores}, lambda resampled: _iqms(resampled).ravel(), reps=REPETITIONS
            )
    return ends[""].reshape(2, -1, scores.shape[-1])


@contextlib.contextmanager
def _seeded():
    """Seeds numpy's own generator, from which rliable draws whatever random_state it is given."""
    state = np.random.get_state()
    np.random.seed(_SEED)
    try:
        yield
    finally:
        np.random.set_state(state)
