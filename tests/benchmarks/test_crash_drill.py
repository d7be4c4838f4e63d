"""A part of the drill: real runs, killed in every way, end as one that was left in peace."""

import csv

import pytest

from benchmarks import crash_drill


@pytest.mark.ci
def test_a_run_that_is_killed_again_and_again_ends_as_an_undisturbed_one(tmp_path, capsys):
    command = ["crash_drill", "--kills=5", "--full_disks=1", "--steps=1500", f"--out={tmp_path}"]
    status = crash_drill.main(command)
    said = capsys.readouterr()
    assert status == 0, said.out + said.err
    assert "has ended as the undisturbed one, bit for bit" in said.out
    with open(tmp_path / "crash_drill.csv") as file:
        kinds = [row["kind"] for row in csv.DictReader(file)]
    assert sorted(kinds) == ["SIGKILL"] * 2 + ["SIGKILL while saving"] + ["SIGTERM"] * 2 + ["full disk"]
    assert (tmp_path / "crash_drill.png").stat().st_size > 0


@pytest.mark.parametrize("flag", ["--kills=0", "--steps=10", "--kils=3", "--seed=-1", "extra"])
def test_wrong_flags_are_one_line(flag, capsys):
    assert crash_drill.main(["crash_drill", flag]) == 2
    err = capsys.readouterr().err
    assert err.startswith("benchmarks.crash_drill: ") and len(err.splitlines()) == 1
