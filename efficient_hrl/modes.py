"""What `run.py` can do with a configuration: train, evaluate or draw a run, act at random."""

import contextlib
import itertools
import os

import tensorflow as tf

from efficient_hrl.checkpoints import newest_whole, weights_in
from efficient_hrl.config import (
    bindings,
    check_continues,
    load_config,
    load_recorded_config,
    usage_errors,
)
from efficient_hrl.console import announce
from efficient_hrl.eval import Evaluator, results_table
from efficient_hrl.eval_repeatedly import evaluate_checkpoint_repeatedly
from efficient_hrl.figures.run_figures import draw_curves, draw_representation
from efficient_hrl.figures.subject import EPISODES, subject_of
from efficient_hrl.metrics import read_rows
from efficient_hrl.random_policy import RandomPolicyRun
from efficient_hrl.run_folder import RunError, RunFolder, UsageError, is_writable
from efficient_hrl.run_lock import hold
from efficient_hrl.train import Trainer
from efficient_hrl.weights import env_steps_of, restore_weights, saved_weights


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


def plot(folder: RunFolder, seed: int, gin_files: list[str], gin_bindings: list[str]) -> int:
    """Draws everything that the run in `folder` can show into its folder `plots/`."""
    if not folder.is_run:
        raise UsageError(f"--root_dir={folder.root}: there is no run to draw")
    use_threads()
    if gin_files:
        load_config(gin_files, gin_bindings)
    else:
        load_recorded_config(folder, gin_bindings)
    check_continues(folder.record()["config"], bindings(), folder.root, evaluates=True)
    plots = folder.path("plots")
    if plots.exists() and not (plots.is_dir() and is_writable(plots)):
        raise UsageError(f"{plots}: not a folder that can be written to")
    with usage_errors():
        evaluator = Evaluator(seed=seed, num_episodes_eval=EPISODES)
    weights, reason = _weights_to_draw(evaluator, folder)
    subject = None
    if weights is not None:
        path, env_steps = weights
        restore_weights(path, evaluator.hierarchy.weights())
        with usage_errors():
            subject = subject_of(evaluator, folder.root.name, env_steps)
    elif not any(read_rows(folder.path(name)) for name in ("metrics.csv", "eval.csv")):
        raise UsageError(f"{folder.root}: nothing to draw yet: no rows in metrics.csv and eval.csv, {reason}")
    else:
        announce(f"no figures of the representation: {reason}")
    drawings = [draw_curves(folder.root, announce)]
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


def _weights_to_draw(evaluator, folder):
    """Weights that are asked for, or the newest that there are.

    Returns:
      (what `restore_weights` reads, its environment steps) or None; and why there are none.
    """
    with usage_errors():
        asked_for = evaluator.paths(folder.root)
    if asked_for:
        return (asked_for[-1], env_steps_of(asked_for[-1])), ""
    checkpoints = folder.path("checkpoints")
    reason = f"{checkpoints}: no checkpoint yet"
    try:
        newest = newest_whole(checkpoints, announce)
        if newest is not None:
            return (weights_in(newest), env_steps_of(newest)), ""
    except UsageError as error:
        reason = str(error)
    kept = saved_weights(folder.path(evaluator.policy_save_dir))
    return ((kept[-1], env_steps_of(kept[-1])), "") if kept else (None, reason)


def act_at_random(gin_files: list[str], gin_bindings: list[str], seed: int) -> int:
    """Runs the random policy and prints what it achieves."""
    load_config(gin_files, gin_bindings)
    with usage_errors():
        RandomPolicyRun(seed=seed).run(announce)
    return 0
