"""One process at a time in a folder."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from efficient_hrl.errors import RunError, UsageError
from efficient_hrl.storage.run_folder import RunFolder
from efficient_hrl.storage.run_lock import hold
from tests.faults import FullDisk

HOLD = """
import pathlib, sys, time
from efficient_hrl.storage.run_lock import hold
with hold(pathlib.Path(sys.argv[1]), print):
    print("holding", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "holding\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_second_process_says_who_holds_the_folder_since_when(tmp_path, holder):
    since = json.loads((tmp_path / "lock").read_text())["since"]
    with pytest.raises(UsageError) as caught:
        with hold(tmp_path / "lock", pytest.fail):
            pytest.fail("two processes hold it")
    message = str(caught.value)
    assert f"process {holder.pid} on {socket.gethostname()} (since {since})" in message
    assert str(tmp_path) in message and "\n" not in message
    assert json.loads((tmp_path / "lock").read_text())["pid"] == holder.pid  # it is still the holder's


def test_the_lock_of_a_process_that_was_killed_is_taken_over_with_a_message(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    said = []
    with hold(tmp_path / "lock", said.append):
        assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()
    (line,) = said
    assert line.startswith(f"taking over {tmp_path} from process {holder.pid} on ") and "has died" in line


def test_a_lock_that_was_given_back_is_taken_without_a_word(tmp_path):
    for _ in range(2):
        with hold(tmp_path / "lock", pytest.fail):
            pass
    assert (tmp_path / "lock").read_text() == ""


@pytest.mark.parametrize("content", ["garbage", "[]", "{}"])
def test_whatever_is_in_the_file_does_not_matter(tmp_path, content):
    (tmp_path / "lock").write_text(content)
    said = []
    with hold(tmp_path / "lock", said.append):
        with pytest.raises(UsageError, match=f"process {os.getpid()} on "):
            with hold(tmp_path / "lock", said.append):
                pass
    assert said == [f"taking over {tmp_path} from another process, which has died"]


def test_a_folder_that_is_gone_at_the_end_is_no_mistake(tmp_path):
    (tmp_path / "run").mkdir()
    with hold(tmp_path / "run" / "lock", pytest.fail):
        (tmp_path / "run" / "lock").unlink()
        (tmp_path / "run").rmdir()


def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch):
    def no_locks(*unused):
        raise OSError(95, os.strerror(95))

    monkeypatch.setattr("fcntl.flock", no_locks)
    said = []
    with hold(tmp_path / "lock", said.append):
        pass
    assert "has no locks (Operation not supported)" in said[0]


def test_a_command_that_is_refused_leaves_the_trace_of_the_dead_process(tmp_path):
    (tmp_path / "lock").write_bytes(b"\xff\xfe trace")  # whatever it is
    with pytest.raises(UsageError, match="wrong input"):
        with hold(tmp_path / "lock", lambda line: None):
            raise UsageError("wrong input")
    assert (tmp_path / "lock").read_bytes() == b"\xff\xfe trace"


def test_a_disk_that_is_still_full_is_one_line(tmp_path, monkeypatch):
    def full(*unused):
        raise FullDisk

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(UsageError, match="lock: No space left on device"):
        with hold(tmp_path / "lock", pytest.fail):
            pass


def test_a_folder_that_was_replaced_is_not_written_to(tmp_path):
    """Somebody deletes a run that is under way, and starts it again."""
    root = tmp_path / "run"
    root.mkdir()
    with hold(root / "lock", pytest.fail) as lock:
        lock.check()
        shutil.rmtree(root)
        lock.check()  # what is written next says that it is gone
        root.mkdir()
        with pytest.raises(RunError, match="is not the folder any more in which this run began"):
            lock.check()
        with hold(root / "lock", pytest.fail) as other:
            other.check()
            with pytest.raises(RunError, match=str(root)):
                lock.check()


def test_a_lock_that_is_deleted_under_a_run_does_no_harm_until_another_one_takes_it(tmp_path):
    with hold(tmp_path / "lock", pytest.fail) as lock:
        (tmp_path / "lock").unlink()
        lock.check()
        with hold(tmp_path / "lock", pytest.fail) as other:
            other.check()
            with pytest.raises(RunError, match="is not the folder any more"):
                lock.check()


def test_what_a_lock_that_is_a_link_leads_to_stays_as_it_is(tmp_path):
    precious, run = tmp_path / "precious", tmp_path / "run"
    precious.write_text("mine")
    run.mkdir()
    (run / "lock").symlink_to(precious)
    with pytest.raises(UsageError, match="--root_dir=.*run: .*lock"), hold(run / "lock", print):
        pytest.fail("it is held")
    assert precious.read_text() == "mine"


def test_a_folder_with_a_lock_alone_may_be_used(tmp_path):
    """A process has died between the lock and the record."""
    (tmp_path / "lock").write_text("{}")
    (tmp_path / ".run.json.partial").write_text("{")
    assert not RunFolder(tmp_path).is_run
