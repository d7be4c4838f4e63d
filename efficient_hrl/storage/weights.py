"""Networks alone: kept for good, and read from whatever holds them."""

import os
import pathlib
import re

import tensorflow as tf

from efficient_hrl.errors import UsageError
from efficient_hrl.storage.durable import partial_of, remove_partials, sync

_NAME = re.compile(r"policy-\d{1,18}", re.ASCII)


def save_weights(folder: pathlib.Path, weights: dict, env_steps: int, kept: int | None = None) -> None:
    """Writes named networks alone, to be kept for good.

    Args:
      folder: where to.
      weights: networks by name.
      env_steps: part of the files' names.
      kept: how many such weights stay, the newest; None is all.
    """
    folder.mkdir(exist_ok=True)
    remove_partials(folder)
    name = f"policy-{env_steps}"
    partial = partial_of(folder / name)
    partial.mkdir()
    write_networks(partial / name, weights=tf.train.Checkpoint(**weights))
    # The index last: it is what makes them weights.
    for file in sorted(partial.iterdir(), key=lambda path: path.suffix == ".index"):
        os.replace(file, folder / file.name)
    partial.rmdir()
    sync(folder)
    for path in saved_weights(folder)[:-kept] if kept else []:
        for file in sorted(folder.glob(f"{path.name}.*"), key=lambda path: path.suffix != ".index"):
            file.unlink()


def write_networks(prefix: pathlib.Path, **trackables) -> list[pathlib.Path]:
    """Writes TensorFlow's files of some objects, flushed to the disk; returns their paths."""
    tf.train.Checkpoint(**trackables).write(str(prefix))
    files = sorted(prefix.parent.glob(f"{prefix.name}.*"))
    for file in files:
        sync(file)
    return files


def saved_weights(folder: pathlib.Path) -> list[pathlib.Path]:
    """What `save_weights` has written to a folder, oldest first, as paths without ending."""
    found = (path.with_suffix("") for path in folder.glob("policy-*.index"))
    return sorted((path for path in found if _NAME.fullmatch(path.name)), key=env_steps_of)


def env_steps_of(path: str | pathlib.Path) -> int:
    """The environment steps in the name of a checkpoint or of saved weights."""
    return int(str(path).rsplit("-", 1)[1])


def check_weights(path: str) -> None:
    """Raises a ValueError unless `path` names saved weights."""
    if not pathlib.Path(f"{path}.index").is_file():
        raise ValueError(
            f"train_uvf.load_path = {path!r}: no such weights (no {path}.index); allowed: a path as in"
            " 'runs/a/policy/policy-100000'"
        )


def load_low_level(path: str, hierarchy) -> None:
    """Fills the low level and the representation from saved weights; its targets follow.

    Raises:
      UsageError: the weights belong to another configuration.
    """
    restore_weights(
        path, {name: net for name, net in hierarchy.weights().items() if not name.startswith("high")}
    )
    hierarchy.low.initialize()
    hierarchy.high.initialize()  # where it has a target of the representation


def restore_weights(path: str | pathlib.Path, weights: dict) -> None:
    """Restores named networks alone from saved weights or from the "state" of a checkpoint.

    Raises:
      UsageError: they belong to another configuration or are damaged.
    """
    try:
        # Partial is expected first: else TensorFlow lists what it has not found after the error.
        status = tf.train.Checkpoint(weights=tf.train.Checkpoint(**weights)).read(str(path)).expect_partial()
        status.assert_existing_objects_matched()
    except (AssertionError, ValueError, tf.errors.OpError) as error:
        raise does_not_fit(path, error) from None


def does_not_fit(path: str | pathlib.Path, error: Exception) -> UsageError:
    """What to raise when TensorFlow cannot restore from `path`."""
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    if isinstance(error, (tf.errors.DataLossError, tf.errors.NotFoundError)):
        return UsageError(f"{path}: damaged or deleted ({reason})")
    return UsageError(f"{path}: the checkpoint does not fit this configuration ({reason})")
