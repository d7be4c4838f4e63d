"""The benchmarks that start other processes."""

import csv
import pathlib

import pytest

from benchmarks import memory, scaling, startup

pytestmark = pytest.mark.ci  # seconds to minutes each

OF = {"machine": "a machine", "date": "2026-11-28"}
GIN = pathlib.Path(__file__).parents[2] / "gin"


def test_a_panel_for_every_sweep(tmp_path):
    rows = [
        {"sweep": sweep, "size": size, "steps_per_s": 100.0 / (i + 1), "resident_mib": 500.0 + i} | OF
        for sweep, (sizes, _) in scaling.SWEEPS.items()
        for i, size in enumerate(sizes)
    ]
    scaling.draw(rows, "norl_ant_maze", tmp_path / "scaling.png")
    assert (tmp_path / "scaling.png").stat().st_size > 20_000


def test_sweeps_are_kept_beside_those_of_earlier_calls(capsys, tmp_path, monkeypatch):
    row = lambda sweep, size, _: {
        "sweep": sweep,
        "size": size,
        "steps_per_s": 1.0 * size,
        "resident_mib": 9.0,
        **OF,
    }
    monkeypatch.setattr(scaling, "_measured", row)
    for sweep in ("batch size", "hidden units", "batch size"):
        assert scaling.main(["scaling", f"--sweep={sweep}", f"--out={tmp_path}"]) == 0
    capsys.readouterr()
    with open(tmp_path / "scaling.csv", newline="") as file:
        sizes = [int(row["size"]) for row in csv.DictReader(file)]
    assert sizes == [*scaling.SWEEPS["batch size"][0], *scaling.SWEEPS["hidden units"][0]]


def test_where_results_go_is_checked_before_anything_is_measured(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    for main in (scaling.main, memory.main):
        assert main(["x", f"--out={tmp_path}/file/out", "--root_dir=x"][: 2 + (main is memory.main)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "is not a folder that can be written" in line
    assert scaling.main(["scaling", "gin/norl_ant_maze.gin"]) == 2
    assert "unknown argument 'gin/norl_ant_maze.gin'" in capsys.readouterr().err


def test_help_names_the_flags(capsys):
    with pytest.raises(SystemExit) as ended:
        scaling.main(["scaling", "--help"])
    assert ended.value.code == 0 and "--sweep" in capsys.readouterr().out


def test_a_size_that_fails_is_one_line(capsys, tmp_path):
    arguments = ("--gin_file=gin/nowhere.gin", "--sweep=batch size", f"--out={tmp_path}/out")
    assert scaling.main(["scaling", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "batch size 25" in line and "nowhere.gin" in line
    assert not (tmp_path / "out").exists()
    assert scaling.main(["scaling", "--sweep=colour"]) == 2
    assert "colour" in capsys.readouterr().err


def test_milestones_of_a_start_come_in_order():
    bindings = ["train_uvf.initial_episodes = 1", "evaluate.num_episodes_eval = 1"]
    found = startup.seconds_until([str(GIN / "hiro_xy_point_maze.gin")], bindings)
    assert list(found) == ["command read", "first environment steps", "first gradient steps"]
    assert 0 < found["command read"] < found["first environment steps"] < found["first gradient steps"]


def test_a_run_that_does_not_start_is_one_line(capsys):
    assert startup.main(["startup", "--gin_file=gin/nowhere.gin"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "gin/nowhere.gin: no such file" in line


@pytest.mark.parametrize("steps", [0, 500])
def test_memory_of_a_run_is_read_from_outside(capfd, tmp_path, steps):
    arguments = [
        f"--gin_file={GIN / ('hiro_xy_point_maze.gin' if steps else 'nowhere.gin')}",
        "--gin_bindings=train_uvf.num_episodes_train=2",
        "--gin_bindings=train_uvf.initial_episodes=1",
        "--gin_bindings=evaluate.num_episodes_eval=1",
        "--gin_bindings=train_uvf.log_every_n_steps=100",
        f"--root_dir={tmp_path / 'run'}",
        f"--out={tmp_path / 'out'}",
        "--period_s=0.2",
    ]
    status = memory.main(["memory", *arguments])
    captured = capfd.readouterr()
    if not steps:
        assert status == 2 and "nowhere.gin" in captured.err
        return
    assert status == 0 and "resident memory: " in captured.out
    with open(tmp_path / "out" / "memory.csv", newline="") as file:
        rows = [(int(row["env_steps"]), float(row["resident_mib"])) for row in csv.DictReader(file)]
    assert rows == sorted(rows, key=lambda row: row[0]) and rows[-1][0] >= steps
    assert all(resident > 10 for _, resident in rows)
    assert (tmp_path / "out" / "memory.png").exists()
