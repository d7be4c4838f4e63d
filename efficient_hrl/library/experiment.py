"""A training run without a folder."""

import pathlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence

from efficient_hrl.checks import MOST_SEED, is_whole
from efficient_hrl.configuration.agreement import check_agreement
from efficient_hrl.configuration.config import bindings, load_config
from efficient_hrl.errors import UsageError
from efficient_hrl.evaluation.result import EvalResult
from efficient_hrl.figures.run_figures import draw_curves, draw_exploration
from efficient_hrl.figures.subject import Subject
from efficient_hrl.graph.threads import use_threads
from efficient_hrl.library.hierarchy_view import HierarchyView
from efficient_hrl.library.own_configuration import OwnConfiguration, texts
from efficient_hrl.run.metrics import RunLog
from efficient_hrl.run.run_end import wrong_numbers_told
from efficient_hrl.run.training import Training
from efficient_hrl.storage.run_folder import RunFolder
from efficient_hrl.train import train_uvf
from environments.make_batched import maze_of


def build(
    gin_files: str | Sequence[str], gin_bindings: str | Sequence[str] = (), seed: int = 0
) -> "Experiment":
    """Builds a training run in memory; nothing is written and no step is taken.

    Args:
      gin_files: paths, or names of shipped files such as "norl_ant_maze", see `gin_names`.
      gin_bindings: override them, e.g. "train_uvf.batch_size = 50".
      seed: of the whole run.

    Raises:
      UsageError: what the command line refuses, in the same words.
    """
    files, overrides = texts(gin_files), texts(gin_bindings)
    if not is_whole(seed, 0) or seed > MOST_SEED:
        raise UsageError(f"seed = {seed!r}; allowed: a whole number from 0 to {MOST_SEED}")
    use_threads()
    configuration = OwnConfiguration(lambda: load_config(files, overrides))
    with configuration.in_use():
        check_agreement(bindings())
        training = train_uvf(seed)
        training.prepare(is_new=True)
        training.begin()
    return Experiment(configuration, training, files)


class Experiment(HierarchyView):
    """A training run in memory, which also can be trained.

    It makes the same steps and updates as `run.py` with the same configuration and seed.

    Attributes:
      metrics: what metrics.csv would hold, a dictionary for every `train_uvf.log_every_n_steps` steps.
      evaluations: what eval.csv would hold: environment steps and results of every `evaluate`.
    """

    def __init__(self, configuration: OwnConfiguration, training: Training, gin_files: Sequence[str]):
        """Remembers the parts; `build` makes them."""
        name = "+".join(pathlib.Path(path).stem for path in gin_files) or "experiment"
        record = {"seed": training.spec.task.seed, "gin_files": list(gin_files)}
        super().__init__(configuration, training.evaluator, name, record)
        self.metrics: list[dict[str, float]] = []
        self.evaluations: list[tuple[int, list[EvalResult]]] = []
        self._training = training
        self._wall_s = self._interval_s = 0.0
        self._logged_at = training.env_steps

    @property
    def env_steps(self) -> int:
        """Environment steps so far."""
        return self._training.env_steps

    def train(self, steps: int, progress: Callable[[dict[str, float]], object] | None = None) -> int:
        """Collects and learns, in whole blocks of about ten environment steps.

        `train_uvf.num_episodes_train` and what a run does by the clock (evaluations, checkpoints) do
        not count here; `train_uvf.should_stop_early` does.

        Args:
          steps: environment steps, at least so many.
          progress: is called with every new row of `metrics`.

        Returns:
          Environment steps so far.

        Raises:
          UsageError: a wrong number of steps.
          RunError: NaN or infinity in a loss, a weight or an observation; says where.
        """
        if not is_whole(steps, 0):
            raise UsageError(f"steps = {steps!r}; allowed: a whole number from 0")
        end = self.env_steps + steps
        while (row := self._train_to_a_row(end)) is not None:
            if progress is not None:
                progress(row)
        return self.env_steps

    def evaluate(self) -> list[EvalResult]:
        """As of every `HierarchyView`; the results are kept in `evaluations`, too."""
        results = super().evaluate()
        self.evaluations.append((self.env_steps, results))
        return results

    def _train_to_a_row(self, end):
        """Trains until there is a new row of `metrics`, and returns it; None once `end` steps are reached."""
        training = self._training
        with (
            self._configuration.in_use(),
            wrong_numbers_told(lambda: training.where, lambda: training.fault),
        ):
            while training.env_steps < end and not training.spec.should_stop_early():
                row = self._train_block()
                if row is not None:
                    return row
        return None

    def _train_block(self):
        """Trains; returns a new row of `metrics`, or None."""
        training, before, began = self._training, self._training.env_steps, time.perf_counter()
        training.train_block()
        now, period = training.env_steps, training.spec.periods.log
        is_due = period > 0 and now // period > before // period
        row = training.measured() if is_due else None
        spent = time.perf_counter() - began
        self._wall_s += spent
        self._interval_s += spent
        if row is None:
            return None
        row |= {"wall_s": self._wall_s, "steps_per_s": (now - self._logged_at) / self._interval_s}
        self._logged_at, self._interval_s = now, 0.0
        self.metrics.append(row)
        return row

    def _draw_history(self, subject: Subject, say: Callable[[str], object]) -> Iterator[pathlib.Path]:
        """Draws from a folder that is gone afterwards, as if this were a run's."""
        with tempfile.TemporaryDirectory() as holder:
            folder = RunFolder(pathlib.Path(holder, self.name))
            folder.create(self._record["seed"], self._configuration.bindings, self._record["gin_files"])
            log = RunLog(folder.root, self.env_steps, self.env_steps)
            for row in self.metrics:
                log.log_training(row)
            for env_steps, results in self.evaluations:
                log.log_evaluation(env_steps, results)
            yield from draw_curves(folder.root, say)
            maze = maze_of(self._evaluator.environment)
            yield from draw_exploration(folder.root, maze, subject, self._num_candidates, say)
