"""From what updates are made."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class LearningSettings:
    """From what updates are made.

    Attributes:
      batch_size: B of every update.
      goal_sample_strategy: "sample", "FuN" or None, see `relabeling`.
      relabel_contexts, meta_relabel_contexts: whether the low level's goals, or the high level's
        targets, are drawn from the "train" sampler instead.
      repeat_size: how often a batch is repeated in addition.  (In the original the low level's batch
        grows by the square of that.)
      reward_scale_factor: factor on stored rewards.
      random_goal_share: of the low level's goals, see `with_random_goals`.
      low_replay_window: the low level draws from the newest so many transitions only; None is all.
    """

    batch_size: int
    goal_sample_strategy: str | None = "sample"
    relabel_contexts: bool = False
    meta_relabel_contexts: bool = False
    repeat_size: int = 0
    reward_scale_factor: float = 1.0
    random_goal_share: float = 0.0
    low_replay_window: int | None = None

    @property
    def update_size(self) -> int:
        """Rows of every update."""
        return self.batch_size * (self.repeat_size + 1)
