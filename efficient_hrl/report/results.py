"""What evaluations of one run say, with intervals."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scipy import stats

LAST_EVALUATIONS = 5  # over which a steady rate is the mean


class TargetResult(NamedTuple):
    """A run's newest evaluation of one target, its best one, and how steady the last ones are.

    Attributes:
      target: name of the evaluation mode.
      env_steps: when.
      episodes: how many.
      success_rate: 0 to 1; NaN, as all that is made of it, where the task has no success.
      interval: Wilson's 95 % interval of the success rate over episodes.
      reached_rate: share of episodes that were near the target at any step, 0 to 1; NaN for runs that
        did not measure it.
      last_reward: mean task reward of the last step.
      best_success_rate: the highest of all evaluations.
      best_env_steps: when it was reached first.
      steady_success_rate: the mean of the last `LAST_EVALUATIONS`, or of all if there are fewer.
      task_return, best_return, best_return_env_steps, steady_return: the same of mean task returns; NaN
        for runs that did not measure them.
    """

    target: str
    env_steps: int
    episodes: int
    success_rate: float
    interval: tuple[float, float]
    reached_rate: float
    last_reward: float
    best_success_rate: float
    best_env_steps: int
    steady_success_rate: float
    task_return: float
    best_return: float
    best_return_env_steps: int
    steady_return: float

    @property
    def has_success(self) -> bool:
        """Whether there is a success; else returns are what counts."""
        return not math.isnan(self.success_rate)


def success_interval(success_rate: float, episodes: int) -> tuple[float, float]:
    """Wilson's 95 % interval for a share of episodes.

    It says how exactly one policy was measured, and nothing of how seeds differ.  NaN for a rate of NaN.
    """
    if math.isnan(success_rate):
        return math.nan, math.nan
    successes = round(success_rate * episodes)
    found = stats.binomtest(successes, episodes).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def target_results(rows: Sequence[Mapping[str, str]]) -> list[TargetResult]:
    """Results per target, sorted by name, from rows of eval.csv."""
    results = []
    for target in sorted({row["target"] for row in rows}):
        own = [row for row in rows if row["target"] == target]
        newest, best = own[-1], max(own, key=lambda row: _known(row["success_rate"]))
        rates = [float(row["success_rate"]) for row in own]
        returns = [float(row.get("high_return") or math.nan) for row in own]
        richest = max(range(len(own)), key=lambda number: _known(returns[number]))
        rate, episodes = rates[-1], int(float(newest["episodes"]))
        results.append(
            TargetResult(
                target=target,
                env_steps=int(float(newest["env_steps"])),
                episodes=episodes,
                success_rate=rate,
                interval=success_interval(rate, episodes),
                reached_rate=float(newest.get("reached_rate") or math.nan),
                last_reward=float(newest["high_last_reward"] or "nan"),
                best_success_rate=float(best["success_rate"]),
                best_env_steps=int(float(best["env_steps"])),
                steady_success_rate=statistics.fmean(rates[-LAST_EVALUATIONS:]),
                task_return=returns[-1],
                best_return=returns[richest],
                best_return_env_steps=int(float(own[richest]["env_steps"])),
                steady_return=statistics.fmean(returns[-LAST_EVALUATIONS:]),
            )
        )
    return results


def _known(value):
    """A number by which the highest is found; NaN is lower than all."""
    return -math.inf if math.isnan(float(value)) else float(value)
