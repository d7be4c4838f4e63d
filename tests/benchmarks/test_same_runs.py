"""The comparison that the crash drill rests on finds every difference."""

import csv
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import same_runs
from efficient_hrl.replay import CircularBuffer
from efficient_hrl.storage.checkpoints import Checkpoints, ScalarState, complete_checkpoints
from tests.storage.test_replay_files import SPEC, add

METRICS = {"env_steps": "7", "wall_s": "1.5", "low_critic_loss": "0.25"}
EVALUATION = {"env_steps": "7", "target": "eval1", "success_rate": "1"}


class Plain(ScalarState):
    """Any state that is no clock."""


@pytest.fixture
def run(tmp_path):
    """A function that makes a run's folder of what is given."""

    def make(name, weight=0.5, wall_s=1.0, position=3.0, rows=7, shift=0, metrics=METRICS, eval_rows=1):
        root = tmp_path / name
        root.mkdir()
        (root / "run.json").write_text("{}")
        buffer = CircularBuffer(5).build(SPEC)
        add(buffer, shift)
        add(buffer, rows)
        Checkpoints(
            root / "checkpoints",
            {"weight": tf.Variable([weight, float("nan")])},
            {"clocks": ScalarState(wall_s=wall_s, evaluated_steps=0), "environment": Plain(x=position)},
            {"low_replay": buffer},
        ).save(7)
        for file, table in (("metrics.csv", [metrics]), ("eval.csv", [EVALUATION] * eval_rows)):
            with open(root / file, "w", newline="") as opened:
                writer = csv.DictWriter(opened, list(METRICS if file == "metrics.csv" else EVALUATION))
                writer.writeheader()
                writer.writerows(table)
        return root

    return make


def test_equal_runs_are_equal_whatever_the_clock_says(run, capsys):
    left, right = run("left"), run("right", wall_s=9.0, metrics=METRICS | {"wall_s": "99"})
    assert same_runs.main(["same_runs", str(left), str(right)]) == 0
    assert "equal, bit for bit" in capsys.readouterr().out


@pytest.mark.parametrize(
    "change, message",
    [
        ({"weight": np.nextafter(np.float32(0.5), np.float32(1.0))}, "weight.*differs by up to"),
        ({"position": 3.0000001}, "state of environment differs"),
        ({"rows": 8}, "low_replay: 7 and 8 rows were ever added"),
        ({"metrics": METRICS | {"low_critic_loss": "0.250001"}}, "metrics.csv, row 1 differs"),
        ({"eval_rows": 2}, "eval.csv: 1 and 2 rows"),
    ],
)
def test_every_difference_is_found(run, change, message, capsys):
    left, right = run("left"), run("right", **change)
    assert same_runs.main(["same_runs", str(left), str(right)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert np.all([part in line for part in message.split(".*")])


def test_maps_that_differ_or_are_missing_are_found(run):
    left, right = run("left"), run("right")
    for root, names in ((left, ("map-5", "map-10", "map-20")), (right, ("map-5", "map-10", "map-30"))):
        (root / "maps").mkdir()
        for name in names:
            (root / "maps" / f"{name}.npz").write_bytes(b"same")
    (right / "maps" / "map-10.npz").write_bytes(b"sane")
    assert same_runs.differences(left, right) == [
        "maps/map-20.npz: only in one run",
        "maps/map-30.npz: only in one run",
        "maps/map-10.npz differs",
    ]


def test_one_bit_in_a_stored_row_is_found(run):
    left, right = run("left"), run("right")
    (path,) = (right / "checkpoints" / "replay").iterdir()
    rows = np.load(path)
    rows["state"][-1, 2] = np.nextafter(rows["state"][-1, 2], np.float32(99))
    np.save(path, rows)
    (found,) = same_runs.differences(left, right)
    assert found.startswith("low_replay, state: differs by up to")


def test_another_end_is_found(run):
    left, right = run("left"), run("right")
    newest = complete_checkpoints(right / "checkpoints")[0]
    newest.rename(newest.with_name("ckpt-8"))
    assert same_runs.differences(left, right) == ["newest checkpoint: ckpt-7 and ckpt-8"]


def test_what_is_no_run_is_named(run, tmp_path, capsys):
    left = run("left")
    (tmp_path / "empty").mkdir()
    assert same_runs.main(["same_runs", str(left), str(tmp_path / "empty")]) == 2
    assert "empty: not a run" in capsys.readouterr().err
    assert same_runs.main(["same_runs", str(left)]) == 2
    right = run("right")
    shutil.rmtree(right / "checkpoints")
    assert same_runs.main(["same_runs", str(left), str(right)]) == 2
    assert f"{right}: no checkpoint" in capsys.readouterr().err
    assert json.loads((left / "run.json").read_text()) == {}
