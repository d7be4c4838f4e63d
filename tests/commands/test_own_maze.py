"""A maze of one's own through every mode."""

import json
import pathlib

import gin
import pytest

from efficient_hrl.commands import main
from tests.commands.test_wrong_inputs import REPOSITORY, RUN

ROWS = ["11111", "1r..1", "111.1", "1...1", "11111"]
SMALL = [binding for binding in RUN if "RESET" not in binding] + ["RESET_EPISODE_PERIOD = 20"]


def call(*arguments):
    gin.clear_config()
    return main.main(["run.py", *arguments])


def bound(*bindings):
    return [f"--gin_bindings={binding}" for binding in bindings]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run, and the command that made it."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "maze.txt").write_text("\n".join(ROWS))
    flags = [f"--gin_file={REPOSITORY}/gin/examples/own_maze.gin", f"--root_dir={folder / 'run'}"]
    flags += bound(
        f"create_maze_env.layout = {str(folder / 'maze.txt')!r}",
        "create_maze_env.evaluation_targets = [[8, 0], [8, 8]]",
        "train_uvf.num_envs = 2",
        *SMALL,
    )
    assert call(*flags) == 0
    return folder / "run", flags


@pytest.mark.ci
def test_a_run_is_trained_shown_and_exported(trained, capsys):
    root, flags = trained
    assert json.loads((root / "run.json").read_text())["config"]["create_maze_env.layout"] == repr(ROWS)
    for mode in ("eval", "report", "export"):
        assert call(f"--mode={mode}", f"--root_dir={root}") == 0, mode
    out = capsys.readouterr().out
    assert "eval1" in out and "eval2" in out and "eval3" not in out
    for name in ("visits.png", "goals.png", "representation_grid.png", "success_curve.png"):
        assert (root / "plots" / name).is_file(), name
    made = json.loads(next((root / "export").glob("*.json")).read_text())
    assert made["environment"]["id"] == "PointMaze-v0"
    assert made["environment"]["kwargs"]["layout"] == [row.replace(".", "0") for row in ROWS]
    assert made["targets"] == {"eval1": [8.0, 0.0], "eval2": [8.0, 8.0]}


@pytest.mark.ci
def test_a_video_shows_it(trained):
    root, _ = trained
    assert call("--mode=video", f"--root_dir={root}", *bound("evaluate.eval_modes = ['eval2']")) == 0
    assert {path.name for path in (root / "videos").iterdir()} == {"eval2.mp4", "eval2_strip.png"}


@pytest.mark.ci
def test_it_goes_on_with_the_same_maze_alone(trained, capsys):
    root, flags = trained
    longer = bound("train_uvf.num_episodes_train = 8")
    path = pathlib.Path(root.parent / "maze.txt")
    path.write_text("\n".join([*ROWS[:3], "11..1", ROWS[4]]))
    assert call(*flags, *longer) == 2
    err = capsys.readouterr().err
    assert "create_maze_env.layout = " in err and "began with" in err and len(err.splitlines()) == 1
    path.write_text("\n".join(ROWS))
    assert call(*flags, *longer, *bound("create_maze_env.evaluation_targets = [[4, 8]]")) == 0
    out = capsys.readouterr().out
    assert "finished at 160 environment steps" in out
    assert "create_maze_env.evaluation_targets [[8, 0], [8, 8]] -> [[4, 8]]" in out


@pytest.mark.ci
def test_the_random_policy_is_judged_in_it(capsys):
    flags = [f"--gin_file={REPOSITORY}/gin/examples/own_maze.gin"]
    assert call("--mode=random", *flags, *bound("run_random.num_episodes = 2")) == 0
    out = capsys.readouterr().out
    assert "robot to training targets" in out and "robot to (16, 8)" in out
