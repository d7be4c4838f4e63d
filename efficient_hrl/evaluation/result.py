"""What an evaluation finds."""

import math
from typing import NamedTuple


class EvalResult(NamedTuple):
    """Outcome for one target; rewards are means over episodes.

    Attributes:
      target: name of the evaluation mode, with "_nohrl" for the low level alone.
      episodes: how many.
      success_rate: share of successful episodes, 0 to 1: those near the target at the last step; NaN
        where there is no success, because the task has no target (`evaluate.success_distance = None`).
      reached_rate: share of episodes that were near the target at any step, 0 to 1, also where
        they left it or became unstable later; NaN as above.
      low_return, high_return: sums of rewards over an episode, of each level;
        the high level's are task rewards per environment step, not scaled.
      low_last_reward, high_last_reward: at the last step.
      unstable_episodes: how many were abandoned because their simulation became unstable;
        they are failures, and no part of the means.
    """

    target: str
    episodes: int
    success_rate: float
    reached_rate: float
    low_return: float
    high_return: float
    low_last_reward: float
    high_last_reward: float
    unstable_episodes: int

    @property
    def has_success(self) -> bool:
        """Whether there is a success; else `high_return` is what counts."""
        return not math.isnan(self.success_rate)
