"""What `run.py` can do with a configuration: train or evaluate a run, act at random."""

import contextlib
import os

import tensorflow as tf

from efficient_hrl.checkpoints import newest_whole, weights_in
from efficient_hrl.config import bindings, check_continues, load_config, usage_errors
from efficient_hrl.console import announce
from efficient_hrl.eval import Evaluator, results_table
from efficient_hrl.eval_repeatedly import evaluate_checkpoint_repeatedly
from efficient_hrl.random_policy import RandomPolicyRun
from efficient_hrl.run_folder import RunFolder, UsageError
from efficient_hrl.run_lock import hold
from efficient_hrl.train import Trainer
from efficient_hrl.weights import env_steps_of, restore_weights


def use_threads() -> None:
    """Divides the CPUs among two chains of operations.

    Updates of the low and of the high level run side by side, so a product with
    half of the CPUs in each is faster than one product at a time with all of them.
    """
    with contextlib.suppress(RuntimeError):  # TensorFlow is in use already, e.g. in a notebook
        tf.config.threading.set_inter_op_parallelism_threads(2)
        tf.config.threading.set_intra_op_parallelism_threads(max(1, (os.cpu_count() or 1) // 2))


def train(folder: RunFolder, seed: int, gin_files: list[str], gin_bindings: list[str]) -> int:
    """Trains, or continues the run in `folder`; returns the exit status."""
    with contextlib.ExitStack() as stack:
        lock = None
        if folder.is_run or folder.lock.exists():
            lock = stack.enter_context(hold(folder.lock, announce))
        use_threads()
        load_config(gin_files, gin_bindings)
        is_new, changed = not folder.is_run, {}
        if not is_new:
            changed = check_continues(folder.record()["config"], bindings(), folder.root)
        with usage_errors():
            trainer = Trainer(seed)
            trainer.prepare(is_new, announce)
        if lock is None:
            # Only now, because nothing is written for a configuration that does not work.
            folder.make()
            lock = stack.enter_context(hold(folder.lock, announce))
        if is_new:
            folder.create(seed, bindings())
        trainer.run(folder, announce, changed, lock.check)
    return 0


def evaluate(folder: RunFolder, seed: int, gin_files: list[str], gin_bindings: list[str]) -> int:
    """Evaluates checkpoints or kept weights of the run in `folder`; prints a table for each."""
    if not folder.is_run:
        raise UsageError(f"--root_dir={folder.root}: there is no run to evaluate")
    use_threads()
    load_config(gin_files, gin_bindings)
    check_continues(folder.record()["config"], bindings(), folder.root, evaluates=True)
    with usage_errors():
        evaluator = Evaluator(seed=seed)
        paths = evaluator.paths(folder.root)

    def evaluate_one(path, env_steps):
        restore_weights(path, evaluator.hierarchy.weights())
        with usage_errors():
            results = evaluator.evaluate(env_steps)
        announce(f"{folder.root} at {env_steps:,} environment steps")
        announce(results_table(results))

    checkpoints = folder.path("checkpoints")

    def evaluate_checkpoint(path):
        evaluate_one(weights_in(path), env_steps_of(path))

    if not paths and evaluator.max_number_of_evaluations is not None:
        with usage_errors():
            evaluate_checkpoint_repeatedly(
                checkpoints,
                evaluate_checkpoint,
                evaluator.eval_interval_secs,
                evaluator.max_number_of_evaluations,
                evaluator.checkpoint_timeout,
                evaluator.timeout_fn,
            )
        return 0
    for path in paths:
        evaluate_one(path, env_steps_of(path))
    if not paths:
        newest = newest_whole(checkpoints, announce)
        if newest is None:
            raise UsageError(f"{checkpoints}: no checkpoint; train the run first")
        evaluate_checkpoint(newest)
    return 0


def act_at_random(gin_files: list[str], gin_bindings: list[str], seed: int) -> int:
    """Runs the random policy and prints what it achieves."""
    load_config(gin_files, gin_bindings)
    with usage_errors():
        RandomPolicyRun(seed=seed).run(announce)
    return 0
