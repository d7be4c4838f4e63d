import csv
import pathlib
import re

import gin
import pytest

from benchmarks import machine, relabel_dtype, throughput

pytestmark = pytest.mark.ci  # seconds to minutes each

GIN = pathlib.Path(__file__).parents[2] / "gin"
SMALL = (
    f"--gin_file={GIN / 'hiro_xy_point_maze.gin'}",
    "--gin_bindings=train_uvf.initial_episodes=1",
    "--gin_bindings=evaluate.num_episodes_eval=1",
    "--gin_bindings=agent/CircularBuffer.buffer_size=2000",
    "--gin_bindings=meta/CircularBuffer.buffer_size=200",
    "--steps=25",
)


def test_prints_shares_and_ends_with_the_rate(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_SECONDS", 0.01)
    assert throughput.main(["throughput", *SMALL, f"--out={tmp_path}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "GFLOP/s" in lines[1] and "bare physics" in lines[2]
    assert lines[3].startswith("30 environment steps in")
    whole, *shares = (float(re.search(r"([\d.]+) ms", line).group(1)) for line in lines[4:7])
    rate = float(re.fullmatch(r"steps_per_s=([\d.]+)", lines[-1]).group(1))
    assert abs(whole - sum(shares)) < 0.02 and abs(1e3 / rate - whole) < 0.02
    assert lines[7].startswith("one evaluation: ")
    with open(tmp_path / "throughput_hiro_xy_point_maze.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["steps_per_s"]) == rate and float(row["floor_steps_per_s"]) > rate
    assert 0 < float(row["evaluation_share"]) < 1 and float(row["resident_mib"]) > 100
    assert (tmp_path / "throughput_hiro_xy_point_maze.png").stat().st_size > 10_000


def test_collecting_beside_learning_and_full_buffers(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_SECONDS", 0.01)
    more = ("--gin_bindings=train_uvf.collect_beside_learning=True", "--full_buffers", "--noevaluation")
    assert throughput.main(["throughput", *SMALL, *more, f"--out={tmp_path}"]) == 0
    out = capsys.readouterr().out
    assert "whole loop" in out and "  learning" not in out and "one evaluation" not in out


def test_what_a_user_can_mend_is_one_line(capsys):
    assert throughput.main(["throughput", "--gin_file=gin/nowhere.gin"]) == 2
    assert throughput.main(["throughput", "--steps=0"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and "nowhere.gin: no such file" in lines[0] and "steps" in lines[1]


def test_choices_in_both_types_are_compared(capsys):
    arguments = (*SMALL[:-1], "--batches=2")
    assert relabel_dtype.main(["relabel_dtype", *arguments]) == 0
    counts, loss, seconds = capsys.readouterr().out.splitlines()[-3:]
    differ, total = map(int, re.match(r"(\d+) of (\d+) choices differ", counts).groups())
    assert total == 200 and differ < 20
    assert float(loss.split()[-1]) < 0.01 and re.fullmatch(
        r"float32 .* ms, bfloat16 .* ms per batch", seconds
    )
    gin.clear_config()
    none = "--gin_bindings=train_uvf.goal_sample_strategy=None"
    assert relabel_dtype.main(["relabel_dtype", *arguments, none]) == 2
    assert "nothing is chosen" in capsys.readouterr().err
