"""Checkpoints: the newest that is whole is used, whatever has happened to the others."""

import contextlib
import json
import os
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.errors import UsageError
from efficient_hrl.replay import CircularBuffer
from efficient_hrl.storage import replay_files
from efficient_hrl.storage.checkpoints import Checkpoints, ScalarState, complete_checkpoints, newest_whole
from efficient_hrl.storage.durable import DamagedError, checksum
from efficient_hrl.storage.weights import restore_weights, save_weights, saved_weights
from tests.faults import Died, Fault, FullDisk
from tests.storage.test_replay_files import SPEC, Payload, add


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(replay_files, "_SMALLEST_BLOCK", 4)


class Run:
    """A variable, a number in Python and a buffer, which are the same number of steps old."""

    def __init__(self, folder, shape=(3,), **arguments):
        self.steps = tf.Variable(tf.zeros(shape))
        self.clock = ScalarState(steps=0)
        self.buffer = CircularBuffer(10).build(SPEC)
        trackables = {"weights": tf.train.Checkpoint(steps=self.steps)}
        self.checkpoints = Checkpoints(
            folder, trackables, {"clock": self.clock}, {"low_replay": self.buffer}, **arguments
        )
        self.said = []

    def go(self, count):
        self.steps.assign_add(tf.fill(self.steps.shape, float(count)))
        self.clock.values["steps"] += count
        add(self.buffer, count)

    def save(self, **arguments):
        return self.checkpoints.save(self.clock.values["steps"], **arguments)

    def restore(self):
        """Restores, and returns how many steps it is old; fails when its parts disagree."""
        if not self.checkpoints.restore(self.said.append):
            return None
        steps = self.clock.values["steps"]
        np.testing.assert_array_equal(self.steps, np.full(self.steps.shape, steps))
        assert int(self.buffer.num_added) == steps
        stored = self.buffer.gather_all().reward
        np.testing.assert_array_equal(stored, range(max(0, steps - 10), steps))
        return steps


def saved_run(folder, *counts, **arguments):
    run = Run(folder, **arguments)
    for count in counts:
        run.go(count)
        run.save()
    return run


def test_nothing_is_restored_from_nothing(tmp_path):
    assert Run(tmp_path).restore() is None
    assert list(tmp_path.iterdir()) == []


def test_what_was_saved_last_is_restored(tmp_path):
    saved_run(tmp_path / "c", 3, 5, 9)
    assert Run(tmp_path / "c").restore() == 17


def test_checkpoints_of_another_program_are_named(tmp_path):
    (tmp_path / "ckpt-500.index").write_bytes(b"x")
    with pytest.raises(UsageError, match="another program, or an older version of this one"):
        Run(tmp_path).restore()


def test_a_checkpoint_that_lacks_a_part_does_not_fit(tmp_path):
    parts = {
        "weights": tf.train.Checkpoint(w=tf.Variable(1.0)),
        "counts": tf.train.Checkpoint(n=tf.Variable(7.0)),
    }
    made = lambda *names: Checkpoints(tmp_path / "c", {name: parts[name] for name in names}, {})
    made("weights").save(1)
    with pytest.raises(UsageError, match="does not fit"):
        made("weights", "counts").restore(pytest.fail)


def test_the_newest_are_kept_and_those_for_good_with_all_their_rows(tmp_path):
    run = Run(tmp_path / "c", kept=2)
    for i in range(7):
        run.go(7)
        run.save(for_good=i == 1)
    names = lambda: {path.name for path in complete_checkpoints(tmp_path / "c")}
    assert names() == {"ckpt-14", "ckpt-42", "ckpt-49"}
    for name in ("ckpt-49", "ckpt-42"):
        shutil.rmtree(tmp_path / "c" / name)
    old = Run(tmp_path / "c")
    assert old.restore() == 14


def test_what_was_written_and_what_there_is_are_told(tmp_path):
    run = saved_run(tmp_path / "c", 9)
    run.go(1)
    saved = run.save()
    size = lambda folder: sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    blocks = tmp_path / "c" / "replay"
    newest = sum((blocks / f"low_replay-{name}.npy").stat().st_size for name in ("0-4", "4-8", "8-10"))
    own = size(saved.path) - (saved.path / "complete.json").stat().st_size
    assert saved.total == own + newest
    assert saved.written == own + (blocks / "low_replay-8-10.npy").stat().st_size
    assert saved.seconds > 0


@pytest.mark.ci
@pytest.mark.parametrize("kind", [Died, FullDisk])
@pytest.mark.parametrize("is_again", [False, True])
def test_whenever_saving_ends_the_old_or_the_new_checkpoint_is_there(tmp_path, kind, is_again):
    """Also when a checkpoint of the same number is replaced, as after a restart without a step."""
    results = set()
    for acts in range(100):
        folder = tmp_path / str(acts)
        run = saved_run(folder, 6, 3)
        if not is_again:
            run.go(5)
        with Fault(acts, kind) as fault:
            with contextlib.suppress(kind, tf.errors.OpError):
                run.save()
        if kind is FullDisk:  # the room is given back
            assert not any(name.endswith(".partial") for _, d, f in os.walk(folder) for name in d + f)
        after = Run(folder)
        results.add(after.restore())
        assert after.said == []  # nothing looks damaged
        after.go(2)
        after.save()
        assert Run(folder).restore() == after.clock.values["steps"]
        assert not any(name.startswith(".") for _, d, f in os.walk(folder) for name in d + f)
        if not fault.happened:
            break
    assert 10 < acts < 99  # every act was the one that failed
    assert results == ({9} if is_again else {9, 14})


def files_of_newest(folder):
    newest = complete_checkpoints(folder)[0]
    return sorted([*newest.iterdir(), folder / "replay" / "low_replay-8-12.npy"])


def test_rows_that_the_disk_has_lost_are_written_again_while_they_are_in_memory(tmp_path):
    """Checkpoints share them: one bit could spoil all that are to come."""
    run = saved_run(tmp_path / "c", 9)
    for name, change in (("0-4", lambda path: path.unlink()), ("4-8", lambda path: path.write_bytes(b"x"))):
        change(tmp_path / "c" / "replay" / f"low_replay-{name}.npy")
        assert run.checkpoints.last_good.name.startswith("ckpt-")
        run.go(1)
        run.save()
        after = Run(tmp_path / "c")
        assert after.restore() == run.clock.values["steps"] and after.said == []


def test_a_damaged_checkpoint_never_costs_a_good_one(tmp_path):
    """One that was written off the clock, e.g. by a signal, and is passed by without being replaced."""
    folder = tmp_path / "c"
    saved_run(folder, 7, 5)
    (folder / "ckpt-12" / "python.json").write_text("")
    run = Run(folder)
    assert run.restore() == 7 and run.checkpoints.last_good == folder / "ckpt-7"
    run.go(8)
    run.save()
    assert [path.name for path in complete_checkpoints(folder)] == ["ckpt-15", "ckpt-7"]
    (folder / "ckpt-15" / "complete.json").write_text("")
    assert Run(folder).restore() == 7


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("damage", ["a bit", "the end", "all", "gone"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(tmp_path, number, damage):
    folder = tmp_path / "c"
    saved_run(folder, 7, 5)
    path = files_of_newest(folder)[number]
    data = bytearray(path.read_bytes())
    if damage == "gone":
        path.unlink()
    else:
        if damage == "a bit":
            data[len(data) // 2] ^= 64
        path.write_bytes({"a bit": data, "the end": data[:-7], "all": b""}[damage])
    run = Run(folder)
    assert run.restore() == 7
    (said,) = run.said
    assert f"{folder / 'ckpt-12'} is damaged and skipped: " in said and "\n" not in said
    # It is out of the way once the run has gone on, and goes when the next one is damaged.
    run.go(2)
    run.save()
    assert {p.name for p in folder.iterdir()} == {"ckpt-7", "ckpt-9", "damaged-ckpt-12", "replay"}
    again = Run(folder)
    assert again.restore() == 9 and again.said == []


def test_a_run_does_not_silently_begin_anew_when_no_checkpoint_is_whole(tmp_path):
    folder = tmp_path / "c"
    saved_run(folder, 7, 5)
    for path in complete_checkpoints(folder):
        (path / "state.index").write_bytes(b"")
    run = Run(folder)
    with pytest.raises(UsageError, match=r"none of its checkpoints \(ckpt-12, ckpt-7\) is whole"):
        run.restore()
    assert len(run.said) == 2


def test_another_configurations_checkpoint_is_refused_and_kept(tmp_path):
    folder = tmp_path / "c"
    saved_run(folder, 7)
    with pytest.raises(UsageError, match="ckpt-7: the checkpoint does not fit this configuration") as caught:
        Run(folder, shape=(4,)).restore()
    assert "\n" not in str(caught.value)
    assert Run(folder).restore() == 7


def test_a_deleted_folder_does_not_come_back(tmp_path):
    run = Run(tmp_path / "run" / "checkpoints")
    run.go(3)
    with pytest.raises(FileNotFoundError):
        run.save()
    assert list(tmp_path.iterdir()) == []


def rewrite(folder, change):
    """Changes what the newest checkpoint says of itself."""
    path = complete_checkpoints(folder)[0] / "complete.json"
    marker = json.loads(path.read_text())
    change(marker)
    path.write_text(json.dumps(marker))


HOSTILE = {
    "a path outside": lambda marker: marker["files"].update({"../../secret": [6, 0]}),
    "an absolute path": lambda marker: marker["files"].update({"/etc/hostname": [6, 0]}),
    "a name that is none": lambda marker: marker["files"].update({"a\x00b": [6, 0]}),
    "rows outside": lambda marker: marker["replays"]["low_replay"]["blocks"].append(["/../x", 9, 1, 1]),
    "no files": lambda marker: marker.update(files=None),
    "files without sizes": lambda marker: marker.update(files={"state.index": []}),
    "another format": lambda marker: marker.update(format="2; import os"),
    "nothing to restore": lambda marker: marker.update(files={}),
    "no rows": lambda marker: marker.update(replays=[]),
    "rows of nothing": lambda marker: marker["replays"].update(low_replay=None),
    "far too many rows": lambda marker: marker["replays"]["low_replay"].update(added=10**30),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_marker_is_only_damaged(tmp_path, change):
    saved_run(tmp_path / "c", 7, 5)
    (tmp_path / "secret").write_text("secret")
    rewrite(tmp_path / "c", change)
    run = Run(tmp_path / "c")
    assert run.restore() == 7
    assert "ckpt-12 is damaged and skipped" in run.said[0]


@pytest.mark.parametrize("text", ["", "null", "[]", "[" * 100_000, '{"format": 2}', "\x00\xff"])
def test_a_marker_that_is_something_else_is_only_damaged(tmp_path, text):
    saved_run(tmp_path / "c", 7, 5)
    (tmp_path / "c" / "ckpt-12" / "complete.json").write_text(text, encoding="latin-1")
    assert Run(tmp_path / "c").restore() == 7


def _with_checksum(folder, path, data):
    """Replaces a file of the newest checkpoint so that only its content is wrong."""
    path.write_bytes(data)
    size, crc = checksum(path)

    def change(marker):
        marker["files"] = {n: [size, crc] if n == path.name else s for n, s in marker["files"].items()}
        blocks = marker["replays"]["low_replay"]["blocks"]
        name = path.name.removeprefix("low_replay-").removesuffix(".npy").split("-")
        blocks[:] = [[f, e, size, crc] if [str(f), str(e)] == name else [f, e, *r] for f, e, *r in blocks]

    rewrite(folder, change)


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("save", [np.save, np.savez], ids=["file", "archive"])
def test_a_hostile_folder_executes_nothing(tmp_path, number, save):
    """Every file in turn is a pickle that would make a folder, with sizes and checksums that are right."""
    folder = tmp_path / "c"
    saved_run(folder, 12)
    paths = sorted([*(folder / "ckpt-12").glob("[!c]*"), folder / "replay" / "low_replay-4-8.npy"])
    payload = tmp_path / "executed"
    with open(tmp_path / "payload.npy", "wb") as file:
        save(file, np.array([Payload(payload)] * 4, object))
    _with_checksum(folder, paths[number], (tmp_path / "payload.npy").read_bytes())
    with pytest.raises(UsageError, match="does not fit this configuration|damaged or deleted") as caught:
        Run(folder).restore()
    assert "\n" not in str(caught.value)
    assert not payload.exists()


@pytest.mark.parametrize("text", ["[]", "{}", '{"clock": 3}', '{"clock": "__import__"}', "[" * 100_000])
def test_a_hostile_python_state_is_refused(tmp_path, text):
    folder = tmp_path / "c"
    saved_run(folder, 12)
    _with_checksum(folder, folder / "ckpt-12" / "python.json", text.encode())
    with pytest.raises(UsageError, match="does not fit this configuration"):
        Run(folder).restore()


def test_kept_weights_are_whole_or_not_there_whenever_writing_ends(tmp_path):
    for acts in range(40):
        folder = tmp_path / str(acts)
        folder.mkdir()
        weights = {"low": tf.Variable(1.0)}
        save_weights(folder / "policy", weights, 100)
        weights["low"].assign(2.0)
        with Fault(acts, Died) as fault:
            with contextlib.suppress(Died):
                save_weights(folder / "policy", weights, 200)
        for path in saved_weights(folder / "policy"):
            low = tf.Variable(0.0)
            restore_weights(path, {"low": low})
            assert low == {"policy-100": 1.0, "policy-200": 2.0}[path.name]
        save_weights(folder / "policy", weights, 300, kept=1)
        assert {p.name.split(".")[0] for p in (folder / "policy").iterdir()} <= {"policy-200", "policy-300"}
        assert saved_weights(folder / "policy") == [folder / "policy" / "policy-300"]
        if not fault.happened:
            break
    assert 3 < acts < 39


def test_the_newest_whole_is_found_without_knowing_what_is_in_it(tmp_path):
    saved_run(tmp_path / "c", 7, 5)
    said = []
    assert newest_whole(tmp_path / "c", said.append) == tmp_path / "c" / "ckpt-12"
    (tmp_path / "c" / "ckpt-12" / "python.json").write_text("{}")
    assert newest_whole(tmp_path / "c", said.append) == tmp_path / "c" / "ckpt-7"
    assert newest_whole(pathlib.Path(tmp_path / "nowhere"), said.append) is None
    assert len(said) == 1


def test_a_checkpoint_that_is_replaced_while_it_is_looked_at_is_no_damage(tmp_path):
    """A run that keeps one checkpoint saves the next and deletes the one that is being read."""
    folder = tmp_path / "c"
    run, said = saved_run(folder, 7), []

    def replace(marker):
        if (folder / "ckpt-7").exists():
            run.go(5)
            run.save()
            shutil.rmtree(folder / "ckpt-7", ignore_errors=True)
            raise DamagedError("its files are gone")

    assert newest_whole(folder, said.append, replace) == folder / "ckpt-12"
    assert not said


def test_files_that_are_no_weights_are_left_out(tmp_path):
    for name in (
        "policy-200",
        "policy-1000",
        "policy-abc",
        "policy-",
        "policy-1e3",
        "policy--5",
        "mypolicy-3",
    ):
        (tmp_path / f"{name}.index").touch()
    assert [path.name for path in saved_weights(tmp_path)] == ["policy-200", "policy-1000"]
