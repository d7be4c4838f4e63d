"""A run on disk, looked at."""

import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence

from efficient_hrl.comparison.run_summary import EVALUATIONS, METRICS
from efficient_hrl.eval import evaluate
from efficient_hrl.evaluation.evaluator import Evaluator
from efficient_hrl.figures.run_figures import draw_curves, draw_exploration
from efficient_hrl.figures.subject import Subject
from efficient_hrl.graph.threads import use_threads
from efficient_hrl.library.hierarchy_view import HierarchyView
from efficient_hrl.library.own_configuration import OwnConfiguration, texts
from efficient_hrl.modes.loading import load_config_of, restore_newest
from efficient_hrl.storage.run_folder import RECORD, RunFolder
from efficient_hrl.storage.run_name import run_name
from environments.make_batched import maze_of


def load(
    folder: str | os.PathLike,
    gin_bindings: str | Sequence[str] = (),
    allow_import: str | Sequence[str] = (),
) -> "Run":
    """Builds the hierarchy of a run on disk and restores its newest weights; nothing is written.

    Args:
      folder: the run's, e.g. "results/point_maze/xy_seed1".
      gin_bindings: override its configuration where that may change, e.g.
        "evaluate.num_episodes_eval = 10" or "evaluate.checkpoint_path = 'policy-100000'".
      allow_import: modules that the run's own configuration may import, which runs their code.

    Raises:
      UsageError: what the command line refuses, in the same words.
    """
    overrides = texts(gin_bindings)
    run_folder = RunFolder(folder, writes=False, allowed_imports=texts(allow_import))
    use_threads()
    configuration = OwnConfiguration(lambda: load_config_of(run_folder, [], overrides))
    with configuration.in_use():
        evaluator = evaluate(seed=run_folder.record()["seed"])
        env_steps = restore_newest(evaluator, run_folder)
    return Run(configuration, evaluator, run_folder, env_steps)


class Run(HierarchyView):
    """A run on disk: its newest weights, and what its files say of its training."""

    def __init__(
        self, configuration: OwnConfiguration, evaluator: Evaluator, folder: RunFolder, env_steps: int
    ):
        """Remembers the parts; `load` makes them."""
        super().__init__(configuration, evaluator, run_name(folder.root), folder.record())
        self._folder = folder
        self._env_steps = env_steps

    @property
    def env_steps(self) -> int:
        """Environment steps after which the weights were written."""
        return self._env_steps

    def _draw_history(self, subject: Subject, say: Callable[[str], object]) -> Iterator[pathlib.Path]:
        """Draws curves from copies, because what draws them makes a folder beside the files."""
        with tempfile.TemporaryDirectory() as holder:
            copy = pathlib.Path(holder, self.name)
            copy.mkdir(parents=True)
            for name in (RECORD, METRICS, EVALUATIONS):
                if self._folder.path(name).is_file():
                    shutil.copy(self._folder.path(name), copy)
            yield from draw_curves(copy, say)
        maze = maze_of(self._evaluator.environment)
        yield from draw_exploration(self._folder.root, maze, subject, self._num_candidates, say)
