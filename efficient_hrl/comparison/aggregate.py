"""Scores of several seeds -> one number and an interval around it.

What is estimated, and by whom it is used:
* "iqm": the interquartile mean of Agarwal et al. (arXiv 2108.13264), the mean of what is
  left when the lowest and the highest quarter of the scores are dropped (of n scores,
  floor(n / 4) on either side, so that up to three scores have their plain mean).  The interval
  is that of their library rliable: percentiles 2.5 and 97.5 of the statistic over
  resampled runs.
* "mean": the mean with one standard error on either side, as in HIRO (arXiv 1805.08296).
* "median": the median with the 30th and 70th percentiles, as in NORL (arXiv 1810.01257).

Over all targets, a run's mean over its targets is its score.  The paper pools runs and tasks
and resamples each task on its own, because there every task has runs of its own.  Here all
targets measure one policy: they rise and fall together, and what is drawn anew is the run.
"""

import contextlib
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from efficient_hrl.comparison.run_groups import Group

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


class SeedEstimate(NamedTuple):
    """A statistic of a group's scores and its interval.

    Attributes:
      steps: environment steps [n].
      names: evaluation targets, and `ALL` at the end where there are several [t].
      point: the statistic [t, n].
      low, high: the interval [t, n]; NaN with one seed, which has none.
      seeds: how many runs.
      single: each run's own scores [seeds, t, n].
    """

    steps: np.ndarray
    names: tuple[str, ...]
    point: np.ndarray
    low: np.ndarray
    high: np.ndarray
    seeds: int
    single: np.ndarray


def statistic_in_words(kind: str) -> tuple[str, str]:
    """What is estimated and what the interval is, e.g. ("mean", "± standard error")."""
    return _INTERVALS[kind]


def aggregate(
    group: Group, column: str = "success_rate", kind: str = "iqm", targets: Sequence[str] | None = None
) -> SeedEstimate:
    """Sums up a group's evaluations at each step that all of its runs have.

    Args:
      group: runs that are seeds of one method.
      column: "success_rate", "high_return" or "high_last_reward".
      kind: one of `KINDS`, see above.
      targets: evaluation modes; None stands for those that all runs have.
    """
    if targets is None:
        first, *others = (run.evaluations for run in group.runs)
        targets = [target for target in first if all(target in other for other in others)]
    steps, scores = group.scores(column, targets)
    names = (*targets, ALL) if len(targets) > 1 else tuple(targets)
    return _estimate(steps, names, with_all_targets(scores), kind)


def aggregate_returns(group: Group, kind: str = "iqm") -> SeedEstimate | None:
    """Sums up a group's task returns while collecting, see `Group.returns`; None where there are none."""
    steps, scores = group.returns()
    return _estimate(steps, (RETURNS,), scores, kind) if len(steps) else None


def _estimate(steps, names, scores, kind):
    return SeedEstimate(steps, names, *estimate(scores, kind), len(scores), scores)


def with_all_targets(scores: np.ndarray) -> np.ndarray:
    """Scores [runs, targets, n], and each run's mean over targets behind them where there are several."""
    if scores.shape[1] == 1:
        return scores
    return np.concatenate([scores, scores.mean(axis=1, keepdims=True)], axis=1)


def estimate(scores: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The statistic over runs and its interval, for every column of scores on its own.

    Args:
      scores: [runs, columns, n], see `with_all_targets`; NaN makes what depends on it NaN.
      kind: one of `KINDS`.

    Returns:
      The statistic and the lower and the upper end of its interval, each [columns, n]; the
      ends are NaN with one run.

    Raises:
      ValueError: another kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind = {kind!r}; allowed: {', '.join(KINDS)}")
    if kind == "iqm":
        point = interquartile_mean(scores)
        low, high = _bootstrap(scores) if len(scores) > 1 else (None, None)
    elif kind == "mean":
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
    middle = stats.trim_mean(scores, 0.25, axis=0)
    return np.where(np.isnan(scores).any(axis=0), np.nan, middle)


def _bootstrap(scores):
    """The ends of the interval of `interquartile_mean`, each [columns, n].

    rliable draws runs for every column on its own, so that in that of all targets whole runs
    are drawn.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of statsmodels and pandas, which are not used here
        from rliable import library  # only now: it takes seconds

        with _seeded():
            _, ends = library.get_interval_estimates(
                {"": scores}, lambda resampled: interquartile_mean(resampled).ravel(), reps=REPETITIONS
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
