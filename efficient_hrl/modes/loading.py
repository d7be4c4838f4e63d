"""A run's configuration and weights, read again for whatever looks at a run."""

import pathlib

from efficient_hrl.configuration.config import (
    bindings,
    check_continues,
    load_config,
    load_recorded_config,
    usage_errors,
)
from efficient_hrl.errors import UsageError
from efficient_hrl.evaluation.evaluator import Evaluator
from efficient_hrl.storage.checkpoints import newest_whole, weights_in
from efficient_hrl.storage.run_folder import RunFolder
from efficient_hrl.storage.weights import env_steps_of, restore_weights, saved_weights
from efficient_hrl.terminal.console import announce


def load_config_of(folder: RunFolder, gin_files: list[str], gin_bindings: list[str]) -> None:
    """Parses gin files and bindings or, without files, what the run itself has recorded.

    Raises:
      UsageError: there is no run; or the configuration is not the run's in what decides how it acts.
    """
    if not folder.is_run:
        raise UsageError(f"--root_dir={folder.root}: there is no run")
    if gin_files:
        load_config(gin_files, gin_bindings, announce)
    else:
        load_recorded_config(folder, gin_bindings)
    check_continues(folder.record()["config"], bindings(), folder.root, evaluates=True)


def newest_weights(
    evaluator: Evaluator, folder: RunFolder
) -> tuple[tuple[str | pathlib.Path, int] | None, str]:
    """Weights that `evaluate.checkpoint_path` or `checkpoint_range` ask for, or the newest that there are.

    Returns:
      (what `restore_weights` reads, its environment steps) or None; and why there are none.
    """
    with usage_errors():
        asked_for = evaluator.kept_weights.paths(folder.root)
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
    kept = saved_weights(folder.path(evaluator.kept_weights.folder))
    return ((kept[-1], env_steps_of(kept[-1])), "") if kept else (None, reason)


def restore_newest(evaluator: Evaluator, folder: RunFolder) -> int:
    """Restores `newest_weights` into an evaluator's hierarchy; returns their environment steps.

    Raises:
      UsageError: there are none, or they do not fit.
    """
    while True:
        weights, reason = newest_weights(evaluator, folder)
        if weights is None:
            raise UsageError(f"{reason}; train the run first")
        path, env_steps = weights
        try:
            restore_weights(path, evaluator.hierarchy.weights())
            return env_steps
        except UsageError:
            if pathlib.Path(f"{path}.index").exists():  # else a run that goes on has deleted it
                raise
