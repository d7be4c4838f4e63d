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


def save_weights(folder: pathlib.Path, weights: dict, env_steps: int) -> None:
    """Writes named networks alone, to be kept for good."""
    tf.train.Checkpoint(weights=tf.train.Checkpoint(**weights)).write(str(folder / f"policy-{env_steps}"))


def restore_weights(folder: pathlib.Path, weights: dict) -> str:
    """Restores named networks alone from the newest checkpoint of a run; returns its path.

    Raises:
      UsageError: no checkpoint, or one of another configuration.
    """
    newest = tf.train.latest_checkpoint(str(folder))
    if newest is None:
        raise UsageError(f"{folder}: no checkpoint; train the run first")
    try:
        status = tf.train.Checkpoint(weights=tf.train.Checkpoint(**weights)).restore(newest)
        status.assert_existing_objects_matched().expect_partial()
    except (AssertionError, ValueError, tf.errors.OpError) as error:
        raise _foreign(newest, error) from None
    return newest


def _foreign(path, error):
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return UsageError(f"{path}: the checkpoint does not fit this configuration ({reason})")
