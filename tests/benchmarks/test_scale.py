"""The benchmark of collectors and sweeps: its tables, its picture, and real runs that are watched."""

import csv
import pathlib

import gymnasium
import numpy as np
import pytest

from benchmarks import collector_runs, scale, slow_environment, sweep_times

pytestmark = pytest.mark.ci

GIN = str(pathlib.Path(__file__).parents[2] / "gin" / "hiro_xy_point_maze.gin")
SMALL = (
    "train_uvf.batch_size = 4",
    "ddpg_actor_net.hidden_layers = (8,)",
    "ddpg_critic_net.states_hidden_layers = (8,)",
    "ddpg_critic_net.joint_hidden_layers = (8,)",
)


def fake(count):
    nan = float("nan")
    ages = (0.3, 1.5, 3.0) if count else (nan, nan, nan)
    return collector_runs.Measured(10.0, 100.0 + count, 100.0, *ages, 0.0 if count else nan, 0.1, 2.0 * count)


def test_rows_are_kept_at_once_and_replace_those_of_earlier_calls(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(scale, "measured_run", lambda gin_file, bindings, count, seconds: fake(count))
    monkeypatch.setattr(scale, "seconds_of", lambda way, gin_file, episodes, runs: 10.0 * runs)
    first, second = list(scale.SETTINGS)[:2]
    for name in (first, second, first):
        given = ["--part=collectors", f"--setting={name}", f"--out={tmp_path}"]
        assert scale.main(["scale", f"--gin_file={GIN}", *given]) == 0
    with open(tmp_path / "scale_collectors.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["setting"], int(row["collectors"])) for row in rows] == [
        (name, count) for name in (first, second) for count in scale.COUNTS
    ]
    assert scale.main(["scale", f"--gin_file={GIN}", "--part=sweeps", f"--out={tmp_path}"]) == 0
    with open(tmp_path / "scale_sweeps.csv", newline="") as file:
        found = {row["way"]: float(row["runs_per_hour"]) for row in csv.DictReader(file)}
    # As much in the same time as one after the other.
    assert list(found) == list(sweep_times.WAYS) and set(found.values()) == {360.0}
    assert (tmp_path / "scale.png").stat().st_size > 20_000


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--gin_file=nowhere.gin", "--gin_file=nowhere.gin: no such file"),
        ("--part=all", "flag --part=all"),
        ("--seconds=0", "flag --seconds=0"),
        ("again", "unknown argument 'again'"),
    ],
)
def test_wrong_flags_are_one_line(capsys, tmp_path, flag, message):
    assert scale.main(["scale", f"--out={tmp_path / 'out'}", flag]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line and not (tmp_path / "out").exists()


def test_a_run_that_cannot_begin_is_told_with_its_words():
    with pytest.raises(scale.UsageError, match="it said: run.py: .*'batchsize'"):
        collector_runs.measured_run(GIN, ["train_uvf.batchsize = 4"], 0, 1.0)
    with pytest.raises(scale.UsageError, match="have not finished: run.py: "):
        sweep_times.seconds_of(sweep_times.WAYS[sweep_times.ALONE], "nowhere.gin", 2, 1)


def test_a_run_is_watched_with_and_without_a_collector():
    pytest.importorskip("reverb", reason="requirements-scale.txt is not installed")
    alone = collector_runs.measured_run(GIN, SMALL, 0, 2.0)
    apart = collector_runs.measured_run(GIN, SMALL, 1, 2.0)
    for found in (alone, apart):
        assert found.seconds >= 2.0 and found.steps_per_s > 0
        # An update per step, up to the last round, which may go with steps to come.
        np.testing.assert_allclose(found.updates_per_s, found.steps_per_s, rtol=0.02)
    assert np.isnan(alone.waiting_share) and np.isnan(alone.blocks_mb_per_s)
    assert 0 <= apart.waiting_share <= 1 and 0 <= apart.mean_age <= apart.largest_age <= 2 + 1 + 1
    assert 0 < apart.blocks_mb_per_s < apart.loopback_mb_per_s


def test_a_run_of_two_episodes_is_timed_to_its_end():
    assert 0 < sweep_times.seconds_of(sweep_times.WAYS[sweep_times.ALONE], GIN, 2, 1) < 120


def test_the_slow_environment_is_ant_maze_with_slow_steps(monkeypatch):
    waited = []
    monkeypatch.setattr(slow_environment.time, "sleep", waited.append)
    slow, usual = (gymnasium.make(id) for id in ("SlowAntMaze-v0", "AntMaze-v0"))
    options = {"target": np.array([16.0, 0.0])}
    np.testing.assert_array_equal(*(env.reset(seed=0, options=options)[0] for env in (slow, usual)))
    action = np.full(usual.action_space.shape, 5.0)
    for _ in range(3):
        np.testing.assert_array_equal(slow.step(action)[0], usual.step(action)[0])
    assert waited == [slow_environment.STEP_SECONDS] * 3
