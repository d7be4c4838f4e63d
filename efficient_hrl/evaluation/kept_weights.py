"""Which of a run's weights are evaluated, and how a run is followed."""

import dataclasses
import pathlib
from collections.abc import Callable

from efficient_hrl.storage.weights import env_steps_of, saved_weights


@dataclasses.dataclass(frozen=True)
class KeptWeights:
    """A choice among the weights that a run keeps for good.

    Attributes:
      folder: sub-folder of the run that holds them.
      name: of those to evaluate, e.g. "policy-100000"; None chooses by `steps`.
      steps: (first, last) environment steps of those to evaluate; None asks for none.
    """

    folder: str = "policy"
    name: str | None = None
    steps: tuple[int, int] | None = None

    def paths(self, root: pathlib.Path) -> list[pathlib.Path]:
        """The chosen weights of a run in `root`, [] where none are asked for.

        Raises:
          ValueError: those asked for are not there.
        """
        folder = root / self.folder
        known = saved_weights(folder)
        names = ", ".join(path.name for path in known) or "none"
        if self.name is not None:
            path = folder / self.name
            if path not in known:
                raise ValueError(f"evaluate.checkpoint_path = {self.name!r}; {folder} holds {names}")
            return [path]
        if self.steps is None:
            return []
        first, last = self.steps
        chosen = [path for path in known if first <= env_steps_of(path) <= last]
        if not chosen:
            raise ValueError(f"evaluate.checkpoint_range = {self.steps!r}; {folder} holds {names}")
        return chosen


@dataclasses.dataclass(frozen=True)
class Following:
    """How the checkpoints of a run are evaluated as they appear, see `eval_repeatedly`.

    Attributes:
      max_number_of_evaluations: None follows no run, and evaluates once.
      eval_interval_secs: seconds from one evaluation to the next, at least.
      checkpoint_timeout: seconds without a new checkpoint after which `timeout_fn` is asked.
      timeout_fn: whether to end then; None ends.
    """

    max_number_of_evaluations: int | None = None
    eval_interval_secs: float = 60
    checkpoint_timeout: float | None = None
    timeout_fn: Callable | None = None
