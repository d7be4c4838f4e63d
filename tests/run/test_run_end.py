"""Whatever ends a run is one line that says what to do."""

import errno
import os

import pytest
import tensorflow as tf

from efficient_hrl.errors import RunError, UsageError
from efficient_hrl.run.run_end import explained
from efficient_hrl.storage.checkpoints import Checkpoints
from efficient_hrl.storage.run_folder import RunFolder
from environments.instability import NonFiniteError


def line_of(root, error, fault=None, saved=False, where="after 5 steps", **options):
    checkpoints = Checkpoints(root / "checkpoints", {"v": tf.Variable(1.0)}, {})
    if saved:
        checkpoints.save(5)
    with pytest.raises(RunError) as caught:
        with explained(RunFolder(root, writes=False), checkpoints, lambda: where, lambda: fault, **options):
            raise error
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    return tmp_path / "run"


def test_tensorflows_own_full_disk_is_told_without_its_inner_names(root):
    message = (
        f"{{{{function_node __wrapped__SaveV2}}}} {root}/x.data; No space left on device [Op:SaveV2] name: "
    )
    assert line_of(root, tf.errors.ResourceExhaustedError(None, None, message), saved=True) == (
        f"cannot write: {root}/x.data; No space left on device (the disk is full); the last good checkpoint"
        f" is {root / 'checkpoints' / 'ckpt-5'}, and the same command continues from there"
    )


def test_a_full_disk_before_the_first_checkpoint_begins_anew(root):
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(root / "metrics.csv"))
    assert line_of(root, error) == (
        f"cannot write: {root / 'metrics.csv'}: No space left on device (the disk is full); there is no"
        " checkpoint, and the same command begins anew"
    )


def test_a_folder_given_without_its_name_is_as_good(root, monkeypatch):
    """Of --root_dir=. paths are "metrics.csv" and the like; deleting trees names files alone."""
    monkeypatch.chdir(root)
    for name in ("metrics.csv", "x", None):
        assert line_of(root, OSError(errno.EIO, os.strerror(errno.EIO), name)).startswith("cannot write: ")


def test_wrong_numbers_come_from_where_they_are_known(root):
    unknown = tf.errors.UnknownError(None, None, "NonFiniteError: and a long trace")
    assert line_of(root, unknown, fault="observation[2] is nan").startswith(
        "observation[2] is nan after 5 steps"
    )
    assert line_of(root, NonFiniteError("w is not finite")).startswith(
        "w is not finite after 5 steps; there is no"
    )
    assert not (root / "error.txt").exists()


def test_only_a_run_that_repeats_its_steps_says_that_they_come_again(root):
    comes_again = "the run comes to the same place again unless something is changed"
    assert line_of(root, NonFiniteError("w is nan")).endswith(f"nothing was saved since; {comes_again}")
    assert line_of(root, NonFiniteError("w is nan"), repeats=False).endswith(
        "nothing was saved since; the same command goes on with other steps, and may come to the same again"
    )


@pytest.mark.parametrize(
    "error", [ConnectionResetError(104, "reset"), tf.errors.UnknownError(None, None, "")]
)
def test_what_is_no_ones_fault_is_in_full_in_a_file(root, error):
    assert f"(in full in {root / 'error.txt'}) after 5 steps" in line_of(root, error)
    assert type(error).__name__ in (root / "error.txt").read_text()


def test_stack_traces_can_be_asked_for(root, monkeypatch):
    monkeypatch.setenv("EFFICIENT_HRL_TRACEBACK", "1")
    with pytest.raises(LookupError):
        with explained(RunFolder(root, writes=False), None, str, str):
            raise LookupError


@pytest.mark.parametrize("error", [UsageError("mendable"), RunError("ended")])
def test_what_is_explained_already_stays(root, error):
    with pytest.raises(type(error), match=str(error)):
        with explained(RunFolder(root, writes=False), None, str, str):
            raise error
