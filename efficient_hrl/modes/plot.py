"""`--mode=plot`: everything that a run can show, as pictures and tables."""

import itertools

from efficient_hrl.comparison.run_summary import EVALUATIONS, METRICS
from efficient_hrl.configuration.config import usage_errors
from efficient_hrl.errors import RunError, UsageError
from efficient_hrl.eval import evaluate
from efficient_hrl.figures.run_figures import draw_curves, draw_exploration, draw_representation
from efficient_hrl.figures.subject import EPISODES, subject_of
from efficient_hrl.graph.threads import use_threads
from efficient_hrl.modes.loading import load_config_of, newest_weights
from efficient_hrl.storage.rows import checked_rows
from efficient_hrl.storage.run_folder import RunFolder, check_output_folder
from efficient_hrl.storage.run_name import run_name
from efficient_hrl.storage.weights import restore_weights
from efficient_hrl.terminal.console import announce
from environments.make_batched import maze_of


def run(folder: RunFolder, seed: int, gin_files: list[str], gin_bindings: list[str]) -> int:
    """Draws everything that the run in `folder` can show into its folder `plots/`."""
    use_threads()
    load_config_of(folder, gin_files, gin_bindings)
    plots = check_output_folder(folder.path("plots"))
    with usage_errors():
        evaluator = evaluate(seed=seed, num_episodes_eval=EPISODES)
    weights, reason = newest_weights(evaluator, folder)
    subject = None
    if weights is not None:
        path, env_steps = weights
        restore_weights(path, evaluator.hierarchy.weights())
        with usage_errors():
            subject = subject_of(evaluator, run_name(folder.root), env_steps)
    elif not any(checked_rows(folder.path(name)) for name in (METRICS, EVALUATIONS)):
        missing = f"no rows in {METRICS} and {EVALUATIONS}, {reason}"
        raise UsageError(f"{folder.root}: nothing to draw yet: {missing}")
    else:
        announce(f"no figures of the representation: {reason}")
    maze = maze_of(evaluator.environment)
    num_candidates = evaluator.hierarchy.inverse_dynamics.num_samples
    drawings = [
        draw_curves(folder.root, announce),
        draw_exploration(folder.root, maze, subject, num_candidates, announce),
    ]
    if subject is not None:
        drawings.append(draw_representation(subject, plots, announce))
    with usage_errors(f"{folder.root}: "):
        try:
            plots.mkdir(exist_ok=True)
            for path in itertools.chain(*drawings):
                announce(f"wrote {path}")
        except OSError as error:
            raise RunError(f"{plots}: {error}") from None
    return 0
