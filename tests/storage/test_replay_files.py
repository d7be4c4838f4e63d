"""Buffers on disk: only what is new is written, and nothing is lost on the way."""

import os
import pickle

import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.replay import CircularBuffer, segment_spec, transition_spec
from efficient_hrl.storage import replay_files
from efficient_hrl.storage.durable import DamagedError
from efficient_hrl.storage.replay_files import ReplayFiles, names_of, remove_others, total_bytes

SPEC = transition_spec(3, 2, 2)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(replay_files, "_SMALLEST_BLOCK", 4)
    monkeypatch.setattr(replay_files, "_MOST_BLOCKS", 5)


def buffer_of(capacity, spec=SPEC):
    return CircularBuffer(capacity).build(spec)


def add(buffer, count):
    """Adds rows of which every number differs."""
    first = int(buffer.num_added)
    rows = tf.range(first, first + count)
    items = tf.nest.map_structure(
        lambda spec: tf.cast(
            tf.reshape(rows, [-1] + [1] * len(spec.shape)) + tf.zeros(spec.shape, tf.int32), spec.dtype
        ),
        buffer.data_spec,
    )
    buffer.add(items, tf.fill([count], True))


def assert_equal(left, right):
    tf.nest.map_structure(np.testing.assert_array_equal, left.gather_all(), right.gather_all())
    np.testing.assert_array_equal(left.num_added, right.num_added)
    if not left.num_added:
        return
    seed = tf.constant([1, 2], tf.int64)
    tf.nest.map_structure(np.testing.assert_array_equal, left.sample(50, seed), right.sample(50, seed))


@pytest.mark.parametrize("counts", [(3,), (4,), (17,), (20, 1), (23, 2, 30), (1, 1, 70, 3, 5), (0, 6)])
def test_a_buffer_comes_back_as_it_was_after_every_save(tmp_path, counts):
    buffer = buffer_of(18)  # blocks of 4: its oldest row can lie in the middle of one
    files = ReplayFiles(tmp_path, "low", buffer)
    for count in counts:
        add(buffer, count)
        saved, _ = files.save()
        other = buffer_of(18)
        add(other, 5)  # is replaced
        restoring = ReplayFiles(tmp_path, "low", other)
        restoring.check(saved)
        restoring.restore(saved)
        assert_equal(buffer, other)


def test_a_restored_buffer_goes_on_saving_what_is_new(tmp_path):
    buffer = buffer_of(18)
    add(buffer, 15)
    saved, first = ReplayFiles(tmp_path, "low", buffer).save()
    other = buffer_of(18)
    files = ReplayFiles(tmp_path, "low", other)
    files.restore(saved)
    add(other, 2)
    saved, second = files.save()
    assert [block[:2] for block in saved["blocks"]] == [[0, 4], [4, 8], [8, 12], [12, 16], [16, 17]]
    assert 0 < second < first / 2  # rows 12 to 16, the block that had begun, and the one row after it
    assert total_bytes(saved) == sum((tmp_path / name).stat().st_size for name in names_of("low", saved))


def test_full_blocks_are_written_once(tmp_path):
    buffer = buffer_of(18)
    files = ReplayFiles(tmp_path, "low", buffer)
    add(buffer, 9)
    files.save()
    before = {path.name: path.stat().st_ino for path in tmp_path.iterdir()}
    add(buffer, 4)
    saved, _ = files.save()
    now = {path.name: path.stat().st_ino for path in tmp_path.iterdir()}
    assert {name for name in now if before.get(name) == now[name]} >= {"low-0-4.npy", "low-4-8.npy"}
    assert names_of("low", saved) == ["low-0-4.npy", "low-4-8.npy", "low-8-12.npy", "low-12-13.npy"]
    remove_others(tmp_path, set(names_of("low", saved)))
    assert {path.name for path in tmp_path.iterdir()} == set(names_of("low", saved))


def test_numpy_reads_a_block_alone(tmp_path):
    buffer = buffer_of(18, segment_spec(3, 2, 2, 2, 5))
    add(buffer, 6)
    saved, _ = ReplayFiles(tmp_path, "high", buffer).save()
    rows = np.load(tmp_path / "high-4-6.npy")
    assert rows["low_states"].shape == (2, 5, 3)
    np.testing.assert_array_equal(rows["low_states"][:, 0, 0], [4, 5])
    blocks = [np.load(tmp_path / name)["length"] for name in names_of("high", saved)]
    np.testing.assert_array_equal(np.concatenate(blocks), range(6))


@pytest.mark.parametrize(
    "saved",
    [
        {},
        {"added": 6},
        {"added": "6", "blocks": []},
        {"added": 6, "blocks": [[0, 4]]},
        {"added": 6, "blocks": [[0, 4, 1, 1.5]]},
        {"added": 6, "blocks": []},
        {"added": 6, "blocks": None},
        [],
    ],
)
def test_a_list_of_blocks_that_says_nothing_is_damaged(tmp_path, saved):
    with pytest.raises(DamagedError, match="low blocks"):
        ReplayFiles(tmp_path, "low", buffer_of(18)).check(saved)


def test_missing_rows_and_changed_bytes_are_found(tmp_path):
    buffer = buffer_of(18)
    add(buffer, 10)
    files = ReplayFiles(tmp_path, "low", buffer)
    saved, _ = files.save()
    for gap in range(3):
        blocks = [block for i, block in enumerate(saved["blocks"]) if i != gap]
        with pytest.raises(DamagedError, match="leave rows out"):
            files.check(saved | {"blocks": blocks})
    path = tmp_path / "low-4-8.npy"
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedError, match="low-4-8.npy is not as it was written"):
        files.check(saved)


def test_rows_of_another_kind_are_refused(tmp_path):
    buffer = buffer_of(18, transition_spec(4, 2, 2))
    add(buffer, 3)
    saved, _ = ReplayFiles(tmp_path, "low", buffer).save()
    with pytest.raises(ValueError, match="low-0-3.npy holds rows of another kind"):
        ReplayFiles(tmp_path, "low", buffer_of(18)).restore(saved)


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("write", [np.save, lambda file, payload: pickle.dump(payload, file)])
def test_nothing_in_a_block_is_executed(tmp_path, write):
    with open(tmp_path / "low-0-1.npy", "wb") as file:
        write(file, np.array([Payload(tmp_path / "executed")], object))
    with pytest.raises(ValueError, match="low-0-1.npy"):
        ReplayFiles(tmp_path, "low", buffer_of(18)).restore({"added": 1, "blocks": [[0, 1, 1, 1]]})
    assert not (tmp_path / "executed").exists()


def test_columns_are_known_by_their_place_and_not_by_their_names(tmp_path):
    buffer = buffer_of(18)
    add(buffer, 7)
    saved, _ = ReplayFiles(tmp_path, "low", buffer).save()
    for path in tmp_path.glob("*.npy"):
        rows = np.load(path)
        rows.dtype.names = [f"column{i}" for i in range(len(rows.dtype.names))]
        np.save(path, rows)
    other = buffer_of(18)
    ReplayFiles(tmp_path, "low", other).restore(saved)
    assert_equal(other, buffer)
