"""CPUs that runs of different programs do not share."""

import os
import subprocess
import sys

import pytest

from efficient_hrl.errors import UsageError
from efficient_hrl.sweeps.cpus import check_cpus, own_cpus

HOLDER = """
import pathlib, sys, time
from efficient_hrl.sweeps.cpus import own_cpus
with own_cpus(1, pathlib.Path(sys.argv[1])) as mine:
    print(*mine, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def four_cpus(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 3, 5, 7})


def test_nobody_gets_what_another_has(tmp_path):
    with own_cpus(1, tmp_path) as first, own_cpus(2, tmp_path) as second:
        assert (first, second) == ({1}, {3, 5})
        with own_cpus(2, tmp_path) as rest:
            assert rest == {7}
            with own_cpus(1, tmp_path) as shared:
                assert shared == {1, 3, 5, 7}
    with own_cpus(4, tmp_path) as everything:
        assert everything == {1, 3, 5, 7}


def test_what_a_process_had_is_free_when_it_is_killed(tmp_path, monkeypatch):
    monkeypatch.undo()
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    cpu = int(process.stdout.readline())
    with own_cpus(1000, tmp_path) as others:
        assert others == os.sched_getaffinity(0) - {cpu} or len(os.sched_getaffinity(0)) == 1
    process.kill()
    process.wait()
    with own_cpus(1000, tmp_path) as everything:
        assert cpu in everything


def test_more_than_there_are_is_refused():
    assert check_cpus(4) == 4
    with pytest.raises(UsageError, match=r"--cpus_per_run=5: allowed: 1 to 4"):
        check_cpus(5)
