"""Checkpoints: everything that a run needs to go on as if it had never stopped."""

import json
import pathlib

import tensorflow as tf

from efficient_hrl.run_folder import UsageError

KEPT = 2  # newest checkpoints


class _PythonState(tf.train.experimental.PythonState):
    """Saves and restores an object's `get_state` / `set_state` text."""

    def __init__(self, owner):
        self._owner = owner

    def serialize(self):
        return self._owner.get_state()

    def deserialize(self, string_value):
        self._owner.set_state(string_value.decode() if isinstance(string_value, bytes) else string_value)


class ScalarState:
    """A few named numbers that live in Python, e.g. the wall-clock of a run."""

    def __init__(self, **values: float):
        """Begins with `values`."""
        self.values = values

    def get_state(self) -> str:
        """The numbers as JSON."""
        return json.dumps(self.values)

    def set_state(self, state: str) -> None:
        """Takes the numbers of `get_state`."""
        self.values.update(json.loads(state))


class Checkpoints:
    """Saves and restores trackable objects and Python states in one folder."""

    def __init__(self, folder: pathlib.Path, trackables: dict, python_states: dict):
        """Joins what is to be saved.

        Args:
          folder: where checkpoints are.
          trackables: name -> TensorFlow object with variables.
          python_states: name -> object with `get_state` and `set_state`.
        """
        self._folder = folder
        states = {name: _PythonState(owner) for name, owner in python_states.items()}
        self._checkpoint = tf.train.Checkpoint(**trackables, **states)
        self._manager = tf.train.CheckpointManager(self._checkpoint, str(folder), max_to_keep=KEPT)

    @property
    def newest(self) -> str | None:
        """Path of the newest checkpoint, or None."""
        return self._manager.latest_checkpoint

    def save(self, env_steps: int) -> str:
        """Writes a checkpoint, numbered by environment steps."""
        return self._manager.save(checkpoint_number=env_steps)

    def restore(self) -> bool:
        """Restores the newest checkpoint; False when there is none.

        Raises:
          UsageError: the checkpoint belongs to another configuration or is damaged.
        """
        if self.newest is None:
            if any(self._folder.glob("ckpt-*.index")):
                raise UsageError(
                    f"{self._folder} holds checkpoints, but no file 'checkpoint' that names the newest"
                )
            return False
        try:
            self._checkpoint.restore(self.newest).assert_existing_objects_matched()
        except (AssertionError, LookupError, ValueError, tf.errors.OpError) as error:
            raise _foreign(self.newest, error) from None
        return True


def save_weights(folder: pathlib.Path, weights: dict, env_steps: int, kept: int | None = None) -> None:
    """Writes named networks alone, to be kept for good.

    Args:
      folder: where to.
      weights: networks by name.
      env_steps: part of the file's name.
      kept: how many such files stay, the newest; None is all.
    """
    tf.train.Checkpoint(weights=tf.train.Checkpoint(**weights)).write(str(folder / f"policy-{env_steps}"))
    for path in saved_weights(folder)[:-kept] if kept else []:
        for file in folder.glob(f"{path.name}.*"):
            file.unlink()


def saved_weights(folder: pathlib.Path) -> list[pathlib.Path]:
    """What `save_weights` has written to a folder, oldest first, as paths without ending."""
    paths = [path.with_suffix("") for path in folder.glob("policy-*.index")]
    return sorted(paths, key=env_steps_of)


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


def newest_weights(folder: pathlib.Path) -> str:
    """Path of the newest checkpoint of a run.

    Raises:
      UsageError: there is none.
    """
    newest = tf.train.latest_checkpoint(str(folder))
    if newest is None:
        raise UsageError(f"{folder}: no checkpoint; train the run first")
    return newest


def restore_weights(path: str, weights: dict) -> None:
    """Restores named networks alone from a checkpoint or from saved weights.

    Raises:
      UsageError: they belong to another configuration or are damaged.
    """
    try:
        status = tf.train.Checkpoint(weights=tf.train.Checkpoint(**weights)).read(str(path))
        status.assert_existing_objects_matched().expect_partial()
    except (AssertionError, ValueError, tf.errors.OpError) as error:
        raise _foreign(path, error) from None


def _foreign(path, error):
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return UsageError(f"{path}: the checkpoint does not fit this configuration ({reason})")
