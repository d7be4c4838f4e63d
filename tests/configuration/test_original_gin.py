"""The original's gin files run as they are, and mean what they meant."""

import ast
import shutil

import gin
import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.configuration.config import load_config, usage_errors
from efficient_hrl.episodes import ConditionedEnvironment
from efficient_hrl.eval import evaluate
from efficient_hrl.train import train_uvf
from tests import golden_data, original_gin
from tests.covering import in_the_default_set_once_each

SMALL = (
    "agent/CircularBuffer.buffer_size = 200",
    "meta/CircularBuffer.buffer_size = 50",
    "evaluate.num_episodes_eval = 2",
)
TASKS = original_gin.tasks()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("original")
    original_gin.write_files(folder)
    return folder


def test_the_list_is_complete():
    assert len(original_gin.bindings()) == 585
    assert len(TASKS) == 11
    assert (golden_data.FOLDER / "gin_bindings.tsv").is_file()


@pytest.mark.parametrize("method, task", in_the_default_set_once_each(original_gin.METHODS, TASKS))
def test_every_method_and_task_trains_and_evaluates(folder, method, task):
    load_config(original_gin.files(folder, method, task), [*SMALL, "train_uvf.batch_size=50"])
    with usage_errors():
        trainer = train_uvf(0)
    assert gin.query_parameter("train_uvf.batch_size") == 50
    assert trainer.spec.total_steps == 25_000 * 500 and trainer.spec.schedule.initial_steps == 2500
    modes = gin.query_parameter("EVAL_MODES/gin.macro.value")
    assert list(trainer.evaluator.eval_modes) == modes
    gin.clear_config()
    load_config(original_gin.files(folder, method, task, "eval"), ["evaluate.num_episodes_eval = 2"])
    with usage_errors():
        evaluator = evaluate(seed=0)
    assert list(evaluator.eval_modes) == modes


def test_every_binding_is_taken_as_it_was_written(folder):
    """Parses each file alone and looks for all that it binds."""
    checked = 0
    for file in sorted({file for file, _, _ in original_gin.bindings()}):
        gin.clear_config()
        gin.parse_config_file(str(folder / file))
        for other, binding, value in original_gin.bindings():
            if other == file and binding != "import":
                name = binding if "." in binding else f"{binding}/gin.macro.value"
                held = gin.query_parameter(name)
                if not set("@%") & set(value):
                    assert held == ast.literal_eval(value), (file, binding)
                checked += 1
    assert checked == 584


def trained(files, *more):
    """What is in the buffers and the weights after 70 steps."""
    gin.clear_config()
    load_config(files, [*SMALL, *more])
    trainer = train_uvf(0)
    trainer.collector.start()
    while int(trainer.collector.env_steps) < 70:
        trainer.collector.collect()
        trainer.learn()
    assert int(trainer.collector.episodes) == 3
    contents = {
        "low_replay": trainer.low_replay.gather_all()._asdict(),
        "high_replay": trainer.high_replay.gather_all()._asdict(),
        "low": [v.numpy() for v in trainer.hierarchy.low.actor_net.variables],
        "high": [v.numpy() for v in trainer.hierarchy.high.critic_nets[0].variables],
    }
    return isinstance(trainer.collector._env, ConditionedEnvironment), contents


@pytest.mark.ci
@pytest.mark.parametrize(
    "theirs, ours",
    [
        (("hiro_xy", "point_maze"), "hiro_xy_point_maze.gin"),
        (("hiro_repr", "ant_maze_img"), "hiro_repr_ant_maze_img.gin"),
        (("hiro_orig", "ant_fall_single"), "hiro_ant_fall_single.gin"),
        (("hiro_xy", "ant_push_multi"), "hiro_xy_ant_push.gin"),
        (("hiro_orig", "ant_block_maze"), "hiro_ant_block_maze.gin"),
    ],
)
def test_our_files_mean_the_same(folder, theirs, ours):
    """Episodes of 20 steps: ended by time-out in ours, by condition functions in theirs."""
    more = (
        "RESET_EPISODE_PERIOD = 20",
        "train_uvf.num_episodes_train = 4",
        "train_uvf.initial_episodes = 1",
        "train_uvf.batch_size = 8",
        "uvf_add_noise_fn.stddev = 0.5",
    )
    shipped = golden_data.FOLDER.parent.parent / "gin" / ours
    has_conditions, theirs = trained(original_gin.files(folder, *theirs), *more)
    has_none, ours = trained([str(shipped)], *more)
    assert has_conditions and not has_none
    tf.nest.map_structure(np.testing.assert_array_equal, theirs, ours)


def test_a_run_from_the_command_line(folder, tmp_path, capsys, monkeypatch):
    """Train, then evaluate with the evaluation file, with the original's flag names."""
    from efficient_hrl.commands import main

    monkeypatch.setattr("efficient_hrl.modes.train.use_threads", lambda: None)
    small = [
        "--params=train_uvf.num_episodes_train = 3",
        "--params=train_uvf.initial_episodes = 1",
        "--params=RESET_EPISODE_PERIOD = 30",
        "--params=train_uvf.batch_size=5",
        *(f"--params={binding}" for binding in SMALL[:2]),
    ]
    flags = [f"--config_file={path}" for path in original_gin.files(folder, "hiro_orig", "point_maze")]
    root = f"--root_dir={tmp_path / 'run'}"
    assert main.main(["run.py", *flags, *small, root]) == 0
    assert "finished at 90 environment steps" in capsys.readouterr().out
    gin.clear_config()
    flags = [f"--config_file={p}" for p in original_gin.files(folder, "hiro_orig", "point_maze", "eval")]
    small = ["--params=evaluate.num_episodes_eval = 2", "--params=RESET_EPISODE_PERIOD = 30"]
    status = main.main(["run.py", *flags, *small, root, "--mode=eval"])
    out = capsys.readouterr()
    assert status == 0, out.err
    assert all(mode in out.out for mode in ("eval1", "eval2", "eval3"))
    shutil.rmtree(tmp_path / "run")
