"""`--target`: a finished run judged and filmed at places of the user's choice."""

import re
import shutil

import gin
import numpy as np
import pytest

from efficient_hrl.commands import main
from efficient_hrl.configuration.config import bindings, check_continues, load_config
from efficient_hrl.errors import UsageError
from efficient_hrl.eval import evaluate
from tests.commands.test_wrong_inputs import REPOSITORY, snapshot

RUN = REPOSITORY / "results" / "point_maze" / "xy_seed1"
FEW = ("--gin_bindings=evaluate.num_episodes_eval = 2", "--gin_bindings=evaluate.max_steps_per_episode = 20")


def call(*arguments):
    gin.clear_config()
    return main.main(["run.py", *arguments])


@pytest.fixture
def root(tmp_path):
    return shutil.copytree(RUN, tmp_path / "run", ignore=shutil.ignore_patterns("plots", "*.png"))


@pytest.fixture
def error_of(root, capfd):
    """The one line that is the answer to flags, when nothing was written."""

    def check(*flags):
        before = snapshot(root)
        capfd.readouterr()
        assert call(f"--root_dir={root}", *flags) == 2
        out, err = capfd.readouterr()
        assert out == "" and len(err.splitlines()) == 1 and snapshot(root) == before, out + err
        return err

    return check


def rows(out):
    """Name of the target -> the other columns of the table."""
    lines = [line.split() for line in out.splitlines()[2:]]
    return {line[0]: line[1:] for line in lines}


def test_a_run_is_evaluated_at_the_targets_and_at_no_other(root, capsys):
    before = snapshot(root)
    assert call("--mode=eval", f"--root_dir={root}", "--target=8,0", "--target=8,4.5", *FEW) == 0
    at_targets = rows(capsys.readouterr().out)
    assert [*at_targets] == ["target_8_0", "target_8_4.5"]
    assert snapshot(root) == before
    # The first one is the run's first evaluation target: so are the episodes.
    assert call("--mode=eval", f"--root_dir={root}", *FEW) == 0
    assert at_targets["target_8_0"] == rows(capsys.readouterr().out)["eval1"]
    assert at_targets["target_8_0"] != at_targets["target_8_4.5"]


@pytest.mark.ci
def test_a_run_is_filmed_at_the_targets(root):
    flags = ["--target=8,4", "--gin_bindings=evaluate.max_steps_per_episode = 5"]
    assert call("--mode=video", f"--root_dir={root}", *flags) == 0
    assert {path.name for path in (root / "videos").iterdir()} == {
        "target_8_4.mp4",
        "target_8_4_strip.png",
    }


@pytest.mark.parametrize("mode", ["eval", "video"])
@pytest.mark.parametrize(
    "targets, message",
    [
        (["0,4"], r"--target.*\[0.0, 4.0\] is outside PointMaze or in a wall; targets lie within"),
        (["8,0", "100,0"], r"--target.*\[100.0, 0.0\] is outside PointMaze"),
        (["4"], r"--target.*\[4.0\]; allowed: 2 numbers"),
        (["4,0,1"], r"--target.*\[4.0, 0.0, 1.0\]; allowed: 2 numbers"),
        (["1e39,4"], "--target=1e39,4: allowed: numbers with commas"),
        (["8,0", "8.0,0"], r"\[8.0, 0.0\] is given twice; allowed: each place once"),
        (["x,y"], "--target=x,y: allowed: numbers with commas between them, e.g. --target=4,4"),
        (["4,"], "--target=4,: allowed: numbers"),
        ([""], "--target=: allowed: numbers"),
        (["nan,0"], "--target=nan,0: allowed: numbers"),
        (["8,0", "1e999,0"], "--target=1e999,0: allowed: numbers"),
    ],
)
def test_what_is_no_target_is_refused(mode, targets, message, error_of):
    assert re.search(message, error_of(f"--mode={mode}", *(f"--target={text}" for text in targets)))


@pytest.mark.parametrize("mode", ["train", "plot", "report", "export", "random"])
def test_other_modes_have_no_targets(mode, error_of):
    err = error_of(f"--mode={mode}", "--target=8,0")
    assert f"--target=8,0: only for --mode=eval and --mode=video, not --mode={mode}" in err


@pytest.mark.parametrize("value", ["[]", "5", "[5]", "[[]]", "[['x', 1]]", "[[True, 1]]", "[[1e39, 4]]"])
def test_bound_targets_are_checked_too(value, error_of):
    err = error_of("--mode=eval", f"--gin_bindings=evaluate.targets = {value}")
    assert re.search(r"evaluate.targets = .*; allowed: None, a list of places, e.g. \[\[4, 4\]\]", err)


def test_where_a_target_is_more_than_one_context_none_can_be_given():
    gin_file = str(REPOSITORY / "gin" / "hiro_xy_point_maze.gin")
    two = [
        "meta/Context.context_ranges = [%meta_context_range, %meta_context_range]",
        "meta/Context.context_shapes = [2, 2]",
        "meta/Context.samplers = {'eval1': [@eval1/ConstantSampler, @eval1/ConstantSampler]}",
    ]
    load_config([gin_file], two)
    with pytest.raises(ValueError, match="allowed: no target of one's own"):
        evaluate(seed=0, num_episodes_eval=1, targets=[[8, 0]])


# Changing a target of the configuration.


def configuration(name, *more):
    gin.clear_config()
    load_config([str(REPOSITORY / "gin" / f"{name}.gin")], more)
    return bindings()


@pytest.mark.parametrize("name", ["hiro_ant_maze", "td3_ant_push", "norl_point_maze", "hiro_ant_maze_large"])
def test_a_run_may_go_on_with_another_evaluation_target(name):
    change = "eval2/ConstantSampler.value = [3, 3]"
    changed = check_continues(configuration(name), configuration(name, change), "runs/a")
    assert [*changed] == ["eval2/ConstantSampler.value"] and changed[[*changed][0]][1] == "[3, 3]"


def test_not_where_it_is_trained_towards_it():
    begun = configuration("hiro_ant_push_single")
    now = configuration("hiro_ant_push_single", "eval2/ConstantSampler.value = [3, 3]")
    with pytest.raises(UsageError, match=r"eval2/ConstantSampler.value = \[3, 3\], but the run in runs/a"):
        check_continues(begun, now, "runs/a")
    assert [*check_continues(begun, now, "runs/a", evaluates=True)] == ["eval2/ConstantSampler.value"]


def test_a_finished_run_with_another_evaluation_target_is_still_finished(root, capsys):
    flags = ["--mode=eval", f"--root_dir={root}", "--gin_bindings=eval1/ConstantSampler.value = [8, 4.5]"]
    assert call(*flags, *FEW) == 0
    changed = rows(capsys.readouterr().out)
    assert call("--mode=eval", f"--root_dir={root}", *FEW) == 0
    unchanged = rows(capsys.readouterr().out)
    assert changed["eval1"] != unchanged["eval1"] and changed["eval2"] == unchanged["eval2"]
    assert np.isfinite([float(number) for number in changed["eval1"]]).all()
