"""What `run.py` can do with a configuration: train or evaluate a run, act at random."""

import contextlib
import functools
import os

import tensorflow as tf

from efficient_hrl.checkpoints import env_steps_of, newest_weights, restore_weights
from efficient_hrl.config import bindings, check_continues, load_config, usage_errors
from efficient_hrl.eval import Evaluator, results_table
from efficient_hrl.eval_repeatedly import evaluate_checkpoint_repeatedly
from efficient_hrl.random_policy import RandomPolicyRun
from efficient_hrl.run_folder import RunFolder, UsageError
from efficient_hrl.train import Trainer


def use_threads() -> None:
    """Divides the CPUs among two chains of operations.

    Updates of the low and of the high level run side by side, so a product with
    half of the CPUs in each is faster than one product at a time with all of them.
    """
    with contextlib.suppress(RuntimeError):  # TensorFlow is in use already, e.g. in a notebook
        tf.config.threading.set_inter_op_parallelism_threads(2)
        tf.config.threading.set_intra_op_parallelism_threads(max(1, (os.cpu_count() or 1) // 2))


# At once, also into a pipe: a run takes hours.
_announce = functools.partial(print, flush=True)


def train(folder: RunFolder, seed: int, gin_files: list[str], gin_bindings: list[str]) -> int:
    """Trains, or continues the run in `folder`; returns the exit status."""
    use_threads()
    load_config(gin_files, gin_bindings)
    if folder.is_run:
        check_continues(folder.record()["config"], bindings(), folder.root)
    with usage_errors():
        trainer = Trainer(seed)
        trainer.prepare(is_new=not folder.is_run, announce=_announce)
    if not folder.is_run:
        folder.create(seed, bindings())
    trainer.run(folder, announce=_announce)
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

    def evaluate_one(path):
        restore_weights(path, evaluator.hierarchy.weights())
        env_steps = env_steps_of(path)
        with usage_errors():
            results = evaluator.evaluate(env_steps)
        print(f"{folder.root} at {env_steps:,} environment steps")
        print(results_table(results), flush=True)

    checkpoints = folder.path("checkpoints")
    if not paths and evaluator.max_number_of_evaluations is not None:
        with usage_errors():
            evaluate_checkpoint_repeatedly(
                checkpoints,
                evaluate_one,
                evaluator.eval_interval_secs,
                evaluator.max_number_of_evaluations,
                evaluator.checkpoint_timeout,
                evaluator.timeout_fn,
            )
        return 0
    for path in paths or [newest_weights(checkpoints)]:
        evaluate_one(path)
    return 0


def act_at_random(gin_files: list[str], gin_bindings: list[str], seed: int) -> int:
    """Runs the random policy and prints what it achieves."""
    load_config(gin_files, gin_bindings)
    with usage_errors():
        run = RandomPolicyRun(seed=seed)
    run.run(announce=print)
    return 0
