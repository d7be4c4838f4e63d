"""Collectors that a learner begins and looks after."""

import sys
import time

import pytest

from efficient_hrl.errors import UsageError
from efficient_hrl.remote import local_collectors
from efficient_hrl.remote.local_collectors import LocalCollectors


def tended(collectors, seconds, often=0.05):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        collectors.tend()
        time.sleep(often)


def begun(folder, number):
    path = folder / f"collector{number}.log"
    return path.read_text().count("sys.exit") if path.exists() else 0


@pytest.fixture(autouse=True)
def short_pause(monkeypatch):
    monkeypatch.setattr(local_collectors, "_PAUSE_SECONDS", 0.5)


def command_of(status):
    return lambda number: [sys.executable, "-c", f"import sys; sys.exit({status})"]


def test_one_that_dies_is_begun_again_after_a_pause_and_told_of_each_time(tmp_path):
    said = []
    collectors = LocalCollectors(command_of(1), 1, tmp_path, said.append)
    tended(collectors, 4.0)
    collectors.close()
    times = begun(tmp_path, 0)
    assert 2 <= times <= 8
    assert times - 1 <= len(said) <= times
    assert all("collector 0 has ended (status 1) and begins again" in line for line in said)


def test_one_that_is_wrong_is_not_begun_again(tmp_path):
    said = []
    collectors = LocalCollectors(command_of(2), 2, tmp_path, said.append)
    tended(collectors, 3.0)
    collectors.close()
    assert [begun(tmp_path, number) for number in (0, 1)] == [1, 1]
    assert len(said) == 2 and all("is wrong, and is not begun again" in line for line in said)


def test_when_all_are_wrong_and_no_others_can_come_it_ends_with_what_the_last_one_said(tmp_path):
    said = []
    says = "import sys; print('compiling'); print('run.py: room: allowed: 50'); sys.exit(2)"
    collectors = LocalCollectors(lambda number: [sys.executable, "-c", says], 2, tmp_path, said.append, True)
    with pytest.raises(UsageError, match=r"^collector [01] is wrong; it said: run.py: room: allowed: 50$"):
        tended(collectors, 20.0)
    assert len(said) == 1 and collectors.ended() == {0, 1}


def test_it_knows_which_have_ended(tmp_path):
    last = lambda number: [sys.executable, "-c", f"import time; time.sleep({60 * number})"]
    collectors = LocalCollectors(last, 2, tmp_path, print)
    assert collectors.ended() == {0, 1}
    collectors.tend()
    collectors._processes[0].wait(20)
    assert collectors.ended() == {0}
    collectors.close()


def test_all_are_asked_to_end(tmp_path):
    wait = lambda number: [sys.executable, "-c", "import time; time.sleep(60)"]
    collectors = LocalCollectors(wait, 2, tmp_path, print)
    collectors.tend()
    began = time.monotonic()
    collectors.close()
    assert time.monotonic() - began < 20
    assert all(process.poll() is not None for process in collectors._processes.values())
