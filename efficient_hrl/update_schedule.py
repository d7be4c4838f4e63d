"""How many updates go with how many environment steps."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class UpdateSchedule:
    """Replay ratios of a run.

    High-level updates are due at regular numbers of environment steps, the first one
    as soon as learning begins; low-level updates are made in the round of the
    high-level update that follows their steps.

    Attributes:
      initial_steps: environment steps before learning begins.
      steps_per_low_round: environment steps per round of low-level updates.
      updates_per_low_round: low-level updates in such a round.
      steps_per_high_update: environment steps per high-level update; when it is less
        than `steps_per_low_round`, that takes its place, as in the original, which
        makes at most one per round.
    """

    initial_steps: int
    steps_per_low_round: int
    updates_per_low_round: int
    steps_per_high_update: int

    @property
    def period(self) -> int:
        """Environment steps between high-level updates."""
        return max(self.steps_per_high_update, self.steps_per_low_round)

    def high_updates_due(self, env_steps: int, done: int) -> int:
        """High-level updates to make after `env_steps` steps, when `done` have been made."""
        if env_steps < self.initial_steps:
            return 0
        return (env_steps - self.initial_steps) // self.period + 1 - done

    def low_updates(self, done: int) -> int:
        """Low-level updates that go with the high-level update after `done` others."""
        rounds = lambda updates: updates * self.period // self.steps_per_low_round
        return (rounds(done + 1) - rounds(done)) * self.updates_per_low_round

    def high_updates_beside(self, low_updates: int) -> int:
        """High-level updates with which so many low-level ones go in all.

        For a low level that learns alone, whose updates are the only ones to count by.
        """
        rounds = low_updates // self.updates_per_low_round
        return -(-rounds * self.steps_per_low_round // self.period)
