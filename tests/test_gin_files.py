"""Every shipped gin file parses, builds, and says what the paper's configuration says."""

import pathlib

import gin
import numpy as np
import pytest

from efficient_hrl.config import bindings, check_continues, load_config, usage_errors
from efficient_hrl.run_folder import UsageError
from efficient_hrl.train import Trainer

GIN = pathlib.Path(__file__).parent.parent / "gin"
FILES = sorted(path.name for path in GIN.glob("*.gin") if path.name != "base.gin")
SMALL = (
    "agent/CircularBuffer.buffer_size = 100",
    "meta/CircularBuffer.buffer_size = 100",
    "evaluate.num_episodes_eval = 2",
)
ORIG_MAXIMUM = (10, 10, 0.5, 1, 1, 1, 1, 0.5, 0.3, 0.5, 0.3, 0.5, 0.3, 0.5, 0.3)


def build(name, *bindings):
    load_config([str(GIN / name)], [*SMALL, *bindings])
    return Trainer(0)


def test_the_promised_files_are_there():
    assert {
        "norl_ant_maze.gin",
        "norl_point_maze.gin",
        "hiro_ant_maze.gin",
        "hiro_xy_ant_maze.gin",
        "hiro_xy_point_maze.gin",
    } <= set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_key_values(name):
    trainer = build(name)
    hierarchy = trainer.hierarchy
    is_point, is_hiro, learned = "point" in name, name.startswith("hiro_ant"), name.startswith("norl")
    assert gin.query_parameter("create_maze_env.env_name") == ("PointMaze" if is_point else "AntMaze")
    assert trainer.total_steps == 25_000 * 500 and trainer.initial_steps == 2500
    assert hierarchy.low.context.meta_action_every_n == 10
    assert trainer.steps_per_block == 10
    for parameter, value in (
        ("train_uvf.batch_size", 100),
        ("train_uvf.gamma", 0.99),
        ("train_uvf.meta_gamma", 0.99),
        ("train_uvf.target_update_period", 2),
        ("critic/AdamOptimizer.learning_rate", 0.001),
        ("actor/AdamOptimizer.learning_rate", 0.0001),
        ("meta_critic/AdamOptimizer.learning_rate", 0.001),
        ("meta_actor/AdamOptimizer.learning_rate", 0.0001),
        ("repr/AdamOptimizer.learning_rate", 0.0001),
        ("td3_update_targets.tau", 0.005),
        ("train_uvf.eval_every_n_steps", 50_000),
    ):
        assert gin.query_parameter(parameter) == value, parameter
    goals = hierarchy.low.context.specs[0]
    np.testing.assert_allclose(goals.maximum, ORIG_MAXIMUM if is_hiro else (10, 10))
    np.testing.assert_allclose(goals.minimum, -goals.maximum)
    targets = hierarchy.high.context.specs[0]
    np.testing.assert_allclose(
        [targets.minimum, targets.maximum], [[-2, -2], [10, 10]] if is_point else [[-4, -4], [20, 20]]
    )
    assert hierarchy.low.noisy_action.stddev == (0.1 if is_point else 1.0)
    assert hierarchy.high.noisy_action.stddev == (5.0 if learned else 1.0)
    assert hierarchy.representation.trainable_representation == learned
    assert trainer.evaluator.eval_modes == ("eval1", "eval2", "eval3")
    far = 8.0 if is_point else 16.0
    values = [hierarchy.high.context.samplers(mode)[0].value for mode in trainer.evaluator.eval_modes]
    np.testing.assert_allclose(values, [[far, 0], [far, far], [0, far]])
    sizes = [layer.shape.as_list() for layer in hierarchy.low.actor_net.variables[::2]]
    observation = 7 if is_point else 30
    assert sizes == [[observation + len(goals.maximum), 300], [300, 300], [300, 2 if is_point else 8]]
    assert hierarchy.low.actor_net._hide_xy == is_hiro and not hierarchy.high.actor_net._hide_xy
    if learned:
        sizes = [v.shape.as_list() for v in hierarchy.representation.trained_variables[::2]]
        actions = 10 * (2 if is_point else 8)
        assert sizes == [
            [observation, 100],
            [100, 100],
            [100, 2],
            [actions + observation, 400],
            [400, 300],
            [300, 2],
        ]


@pytest.mark.parametrize("name", FILES)
def test_sizes_that_other_tests_make_small(name):
    load_config([str(GIN / name)], [])
    for parameter, value in (
        ("agent/CircularBuffer.buffer_size", 200_000),
        ("meta/CircularBuffer.buffer_size", 200_000),
        ("evaluate.num_episodes_eval", 50),
        ("evaluate.success_distance", 5.0),
        ("train_uvf.checkpoint_every_n_steps", 25_000),
        ("train_uvf.save_policy_every_n_steps", 100_000),
    ):
        assert gin.query_parameter(parameter) == value, parameter


def test_bindings_override_files():
    trainer = build(
        "hiro_xy_point_maze.gin", "train_uvf.num_episodes_train = 3", "uvf_add_noise_fn.stddev = 0.25"
    )
    assert trainer.total_steps == 1500
    assert trainer.hierarchy.low.noisy_action.stddev == 0.25


@pytest.mark.parametrize(
    "binding, message",
    [
        ("train_uvf.batchsize = 50", "batchsize.*Allowed: .*batch_size"),
        ("train_uv.batch_size = 50", "'train_uv'.*Did you mean: train_uvf"),
        ("UvfAgent.actor_nett = None", "actor_nett.*Allowed: .*actor_net"),
        ("train_uvf.batch_size = ", "batch_size"),
        ("train_uvf.agent_class = @UvfAgentt", "UvfAgentt.*Did you mean: UvfAgent"),
        ("create_maze_env.env_name = 'AntMaz'", "'AntMaz'.*AntMaze,.*PointMaze"),
        ("train_uvf.batch_size = 0", "batch_size = 0; allowed: a whole number from 1"),
        ("train_uvf.batch_size = 'x'", "batch_size = 'x'; allowed"),
        ("train_uvf.log_every_n_steps = -1", "log_every_n_steps = -1"),
        ("train_uvf.initial_episodes = 0", "initial_episodes = 0"),
        ("train_uvf.gamma = 1.5", "gamma = 1.5; allowed: 0 to 1"),
        ("train_uvf.goal_sample_strategy = 'best'", "'best'; allowed: 'sample'"),
        ("train_uvf.replay_buffer = None", "replay_buffer is not set"),
        ("train_uvf.agent_class = None", "agent_class is not set"),
        ("agent/Context.context_shapes = [16]", r"context_ranges\[0\]|context_shapes"),
        ("agent/Context.meta_action_every_n = None", "meta_action_every_n is not set"),
        ("evaluate.eval_modes = ['eval9']", "'eval9'.*eval1"),
        ("evaluate.num_episodes_eval = 0", "num_episodes_eval = 0"),
        ("evaluate.num_episodes_eval = 10.5", "num_episodes_eval = 10.5"),
        ("evaluate.success_distance = '5'", "success_distance = '5'; allowed: a number"),
        ("evaluate.eval_modes = []", "at least one mode"),
        ("uvf_add_noise_fn.stddev = -1.0", "stddev = -1.0"),
        ("train_uvf.batch_size = (1,", "batch_size"),
        ("train_uvf.batch_size = %FOO", "the macro %FOO is not defined"),
        ("CRITIC_HIDDEN_SIZ_1 = 64", "did you mean CRITIC_HIDDEN_SIZE_1"),
        ("uvff/negative_distance.norm = 'L1'", "did you mean uvf/negative_distance"),
        ("uvf/negative_distance.norm = 'L3'", "'L3'; allowed: 'L1', 'L2'"),
        ("task/negative_distance.state_indices = [0, 99]", "99|indices"),
        ("meta/Context.reward_fn = None", "reward_fn is not set"),
        ("tf.losses.huber_loss.delta = 'x'", "x"),
        ("td3_update_targets.tau = 'x'", "x|str"),
        ("StatePreprocess.ndims = None", "."),
        ("train_uvf.environment = 'AntMaze'", "environment = 'AntMaze'; allowed: @create_maze_env"),
        ("train_uvf.environment = @create_maze_env", "allowed: @create_maze_env"),
    ],
)
def test_wrong_bindings_are_one_line_that_names_value_and_choice(binding, message):
    with pytest.raises(UsageError, match=message) as caught:
        load_config([str(GIN / "hiro_ant_maze.gin")], [*SMALL, binding])
        with usage_errors():
            Trainer(0)
    assert "\n" not in str(caught.value)


def test_missing_files_and_no_files_are_named(tmp_path):
    with pytest.raises(UsageError, match="nowhere.gin: no such file"):
        load_config([str(tmp_path / "nowhere.gin")], [])
    with pytest.raises(UsageError, match="--gin_file"):
        load_config([], [])


@pytest.mark.parametrize(
    "content, message",
    [
        (b"\x00\x01\xff\xfe", "NAME: "),
        (b"include 'NAME'\n", "NAME: a file includes itself"),
        (b"import no_such_module\n", "no_such_module"),
        (b"train_uvf.batch_size = [1,\n", "NAME: "),
        (b"this is not gin\n", "NAME: .*this is not gin"),
    ],
)
def test_files_that_are_not_gin_are_named(tmp_path, content, message):
    name = f"{tmp_path.name}.gin"  # gin remembers the folders of earlier tests
    (tmp_path / name).write_bytes(content.replace(b"NAME", name.encode()))
    with pytest.raises(UsageError, match=message.replace("NAME", name)) as caught:
        load_config([str(tmp_path / name)], [])
    assert "\n" not in str(caught.value)


def test_a_folder_is_not_a_gin_file():
    with pytest.raises(UsageError, match="gin: no such file"):
        load_config([str(GIN)], [])


def test_a_file_elsewhere_may_include_a_shipped_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.gin").write_text("include 'hiro_ant_maze.gin'\ntrain_uvf.batch_size = 7\n")
    load_config([str(tmp_path / "mine.gin")], [])
    assert gin.query_parameter("train_uvf.batch_size") == 7


def test_a_run_continues_only_with_the_configuration_that_it_began_with():
    def configuration(name, *more):
        gin.clear_config()
        load_config([str(GIN / name)], more)
        return bindings()

    begun = configuration("norl_ant_maze.gin")
    check_continues(begun, configuration("norl_ant_maze.gin"), "runs/a")
    check_continues(begun, configuration("norl_ant_maze.gin", "train_uvf.num_episodes_train = 7"), "runs/a")
    changed = configuration("norl_ant_maze.gin", "critic/AdamOptimizer.learning_rate = 0.1")
    with pytest.raises(UsageError, match="learning_rate = 0.1, but the run in runs/a began with") as caught:
        check_continues(begun, changed, "runs/a")
    assert "\n" not in str(caught.value)
    check_continues(begun, changed, "runs/a", evaluates=True)
    # Equal sizes everywhere, and yet another goal space.
    with pytest.raises(UsageError, match="but the run in runs/a began with"):
        check_continues(begun, configuration("hiro_xy_ant_maze.gin"), "runs/a", evaluates=True)


def test_a_missing_include_is_named(tmp_path):
    (tmp_path / "a.gin").write_text("include 'nowhere.gin'\n")
    with pytest.raises(UsageError, match="nowhere.gin") as caught:
        load_config([str(tmp_path / "a.gin")], [])
    assert "\n" not in str(caught.value)
