"""`--mode=eval`: success rates and rewards of a run's weights, as tables."""

import sys

from efficient_hrl.configuration.config import usage_errors
from efficient_hrl.eval import evaluate
from efficient_hrl.evaluation.eval_repeatedly import evaluate_checkpoint_repeatedly
from efficient_hrl.evaluation.evaluator import Evaluator
from efficient_hrl.evaluation.tables import results_table
from efficient_hrl.graph.threads import use_threads
from efficient_hrl.modes.closing import closed_afterwards
from efficient_hrl.modes.loading import load_config_of, restore_newest
from efficient_hrl.storage.checkpoints import weights_in
from efficient_hrl.storage.run_folder import RunFolder
from efficient_hrl.storage.weights import env_steps_of, restore_weights
from efficient_hrl.terminal.console import announce


def run(folder: RunFolder, seed: int, gin_files: list[str], gin_bindings: list[str]) -> int:
    """Evaluates the weights that gin asks for, or the newest, of a run; prints a table for each."""
    use_threads()
    load_config_of(folder, gin_files, gin_bindings)
    with usage_errors():
        evaluator = evaluate(seed=seed)
    with closed_afterwards(evaluator.close):
        _evaluate(evaluator, folder)
    return 0


def _evaluate(evaluator: Evaluator, folder: RunFolder) -> None:
    """Evaluates what gin asks for: kept weights, checkpoints as they come, or the newest ones."""
    with usage_errors():
        paths = evaluator.kept_weights.paths(folder.root)

    def evaluate_restored(env_steps):
        with usage_errors():
            results = evaluator.evaluate(env_steps)
        announce(f"{folder.root} at {env_steps:,} environment steps")
        announce(results_table(results, sys.stdout))

    def evaluate_weights(path, env_steps):
        restore_weights(path, evaluator.hierarchy.weights())
        evaluate_restored(env_steps)

    if not paths and evaluator.following.max_number_of_evaluations is not None:
        with usage_errors():
            evaluate_checkpoint_repeatedly(
                folder.path("checkpoints"),
                lambda path: evaluate_weights(weights_in(path), env_steps_of(path)),
                evaluator.following.eval_interval_secs,
                evaluator.following.max_number_of_evaluations,
                evaluator.following.checkpoint_timeout,
                evaluator.following.timeout_fn,
            )
        return
    for path in paths:
        evaluate_weights(path, env_steps_of(path))
    if not paths:
        evaluate_restored(restore_newest(evaluator, folder))
