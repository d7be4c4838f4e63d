import csv
import pathlib

import pytest

from benchmarks import roofline

pytestmark = pytest.mark.ci  # seconds to minutes each

GIN = pathlib.Path(__file__).parents[2] / "gin"


@pytest.mark.parametrize("num_envs", [1, 4])
def test_every_part_has_a_floor_below_what_it_takes(capsys, tmp_path, monkeypatch, num_envs):
    from benchmarks import machine

    # Far above what any core does: floors then are exact, and below whatever is measured.
    rate = 1e13
    for name in ("product_rate", "_size_rate"):
        monkeypatch.setattr(machine, name, lambda product, chains=1: rate)
    arguments = (
        f"--gin_file={GIN / 'norl_point_maze.gin'}",
        "--gin_bindings=train_uvf.initial_episodes=1",
        "--gin_bindings=evaluate.num_episodes_eval=1",
        "--gin_bindings=agent/CircularBuffer.buffer_size=2000",
        "--gin_bindings=meta/CircularBuffer.buffer_size=200",
        f"--gin_bindings=train_uvf.num_envs={num_envs}",
        "--seconds=1",
        f"--out={tmp_path}",
    )
    assert roofline.main(["roofline", *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "GFLOP/s one at a time" in "".join(lines) and lines[-1].startswith("steps_per_s=")
    with open(tmp_path / "roofline_norl_point_maze.csv", newline="") as file:
        rows = {row["part"]: row for row in csv.DictReader(file)}
    assert tuple(rows) == roofline.PARTS
    for name, row in rows.items():
        assert 0 < float(row["floor_ms"]) < float(row["measured_ms"]), name
        assert float(row["floor_ms"]) == float(row["floor_by_size_ms"]), name
        if name not in ("collect", "whole loop"):
            exact = 1e3 * 1e9 * float(row["gflop_per_step"]) / rate
            assert abs(float(row["floor_ms"]) - exact) < 1e-4, name
        assert abs(float(row["ratio"]) - float(row["floor_ms"]) / float(row["measured_ms"])) < 0.01
    parts = ("low", "representation", "relabel", "high")
    assert abs(sum(float(rows[p]["floor_ms"]) for p in parts) - float(rows["learning"]["floor_ms"])) < 0.001
    assert (tmp_path / "roofline_norl_point_maze.png").stat().st_size > 10_000


def test_a_folder_that_is_no_run_is_one_line(capsys, tmp_path):
    arguments = (f"--gin_file={GIN / 'norl_point_maze.gin'}", f"--root_dir={tmp_path}")
    assert roofline.main(["roofline", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path) in line and "there is no run" in line
