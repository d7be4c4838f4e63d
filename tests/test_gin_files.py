"""Every shipped gin file parses, builds, and says what the paper's configuration says."""

import pathlib
from typing import NamedTuple

import gin
import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.agents.ddpg_agent import DdpgAgent
from efficient_hrl.agents.td3_agent import TD3Agent
from efficient_hrl.config import bindings, check_continues, load_config, usage_errors
from efficient_hrl.run_folder import RunFolder, UsageError
from efficient_hrl.train import Trainer

GIN = pathlib.Path(__file__).parent.parent / "gin"
FILES = sorted(path.stem for path in GIN.glob("*.gin") if path.stem != "base")
SMALL = (
    "agent/CircularBuffer.buffer_size = 100",
    "meta/CircularBuffer.buffer_size = 100",
    "evaluate.num_episodes_eval = 2",
)
ORIG_MAXIMUM = (10, 10, 0.5, 1, 1, 1, 1, 0.5, 0.3, 0.5, 0.3, 0.5, 0.3, 0.5, 0.3)
METHODS = ("hiro", "hiro_xy", "hiro_repr", "norl")
THREE = ("eval1", "eval2", "eval3")


class Task(NamedTuple):
    """What a task's file should say."""

    env_name: str
    low: tuple
    high: tuple
    targets: dict
    indices: tuple = (0, 1)
    has_one_target: bool = False
    has_view: bool = False


_MAZE = Task("AntMaze", (-4, -4), (20, 20), dict(zip(THREE, ((16, 0), (16, 16), (0, 16)))))
_PUSH = Task("AntPush", (-16, -4), (16, 20), {"eval2": (0, 19)})
_FALL = Task("AntFall", (-4, -4, 0), (12, 28, 5), {"eval1": (0, 27, 4.5)}, indices=(0, 1, 2))
TASKS = {
    "ant_maze": _MAZE,
    "ant_maze_img": _MAZE._replace(has_view=True),
    "ant_push": _PUSH,
    "ant_push_single": _PUSH._replace(has_one_target=True),
    "ant_push_img": _PUSH._replace(has_view=True),
    "ant_fall": _FALL,
    "ant_fall_single": _FALL._replace(has_one_target=True),
    "ant_fall_img": _FALL._replace(has_view=True, targets={"eval1": (0, 27, 0)}),
    "ant_block": _MAZE._replace(env_name="AntBlock", indices=(3, 4)),
    "ant_block_maze": Task(
        "AntBlockMaze", (-4, -4), (12, 20), dict(zip(THREE, ((8, 0), (8, 16), (0, 16)))), indices=(3, 4)
    ),
    "point_maze": Task("PointMaze", (-2, -2), (10, 10), dict(zip(THREE, ((8, 0), (8, 8), (0, 8))))),
}
SEED = tf.constant([1, 2], tf.int64)


def build(name, *bindings):
    load_config([str(GIN / f"{name}.gin")], [*SMALL, *bindings])
    return Trainer(0)


def test_there_is_a_file_for_every_method_and_task():
    assert sorted(f"{method}_{task}" for method in METHODS for task in TASKS) == FILES


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("task_name", TASKS)
def test_key_values(method, task_name):
    task, name = TASKS[task_name], f"{method}_{task_name}"
    trainer = build(name)
    hierarchy = trainer.hierarchy
    is_point, learned = "point" in name, method in ("norl", "hiro_repr")
    maze = trainer.environment.maze
    assert (maze.name, maze.has_view) == (task.env_name, task.has_view)
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
    is_hiro = method == "hiro"
    maximum = ((10, 10, 3.14) if is_point else ORIG_MAXIMUM) if is_hiro else (10, 10)
    np.testing.assert_allclose(goals.maximum, maximum)
    np.testing.assert_allclose(goals.minimum, -goals.maximum)
    assert hierarchy.low.noisy_action.stddev == (0.1 if is_point else 1.0)
    assert hierarchy.high.noisy_action.stddev == (5.0 if learned else 1.0)
    assert hierarchy.representation.trainable_representation == learned

    high = hierarchy.high.context
    np.testing.assert_allclose([high.specs[0].minimum, high.specs[0].maximum], [task.low, task.high])
    assert trainer.evaluator.eval_modes == tuple(task.targets)
    for mode, target in task.targets.items():
        np.testing.assert_allclose(high.samplers(mode)[0].value, target)
    for mode in ("train", "explore"):
        (drawn,), _ = high.sample(mode, 2000, SEED)
        only = next(iter(task.targets.values()))
        low, top = (only, only) if task.has_one_target else (task.low, task.high)
        np.testing.assert_allclose([np.min(drawn, axis=0), np.max(drawn, axis=0)], [low, top], atol=0.1)

    # The task's reward is minus the distance of the right entries to the target.
    state, next_state = np.random.default_rng(0).normal(size=(2, 1, maze.observation_size)).astype(np.float32)
    target = np.array([task.high], np.float32)
    indices = list(task.indices)
    goal = target + state[:, indices] if task.has_view else target
    reward, _ = hierarchy.high.rewards(state, next_state, [target])
    np.testing.assert_allclose(reward, -np.linalg.norm(next_state[:, indices] - goal, axis=-1), rtol=1e-5)
    (later,) = high.transition([target], state, next_state)
    moved = state[:, indices] - next_state[:, indices] if task.has_view else 0.0
    np.testing.assert_allclose(later, target + moved, rtol=1e-5)

    sizes = [layer.shape.as_list() for layer in hierarchy.low.actor_net.variables[::2]]
    observation, actions = maze.observation_size, 2 if is_point else 8
    assert sizes == [[observation + len(maximum), 300], [300, 300], [300, actions]]
    sees_block = "block" in name
    assert hierarchy.low.actor_net._hide_xy == (task.has_view or (is_hiro and not sees_block))
    assert hierarchy.high.actor_net._hide_xy == task.has_view
    if learned:
        sizes = [v.shape.as_list() for v in hierarchy.representation.trained_variables[::2]]
        inputs = [10 * actions + observation, 400]
        assert sizes == [[observation, 100], [100, 100], [100, 2], inputs, [400, 300], [300, 2]]


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_two_episodes(name, tmp_path):
    trainer = build(
        name,
        "train_uvf.num_episodes_train = 2",
        "train_uvf.initial_episodes = 1",
        "train_uvf.batch_size = 20",
    )
    folder, lines = RunFolder(tmp_path / name), []
    folder.create(0, bindings())
    trainer.run(folder, lines.append)
    assert "finished at 1,000 environment steps" in lines[-1]
    rows = (tmp_path / name / "eval.csv").read_text().splitlines()
    assert len(rows) == 1 + len(trainer.evaluator.eval_modes)
    assert all(np.isfinite(v).all() for v in trainer.hierarchy.low.actor_net.get_weights())


def test_ddpg_takes_the_place_of_td3():
    load_config([str(GIN / "norl_point_maze.gin"), str(GIN / "agents" / "ddpg.gin")], SMALL)
    hierarchy = Trainer(0).hierarchy
    for agent in (hierarchy.low, hierarchy.high):
        assert isinstance(agent, DdpgAgent) and not isinstance(agent, TD3Agent)
        assert len(agent.critic_nets) == 1


def test_sizes_that_other_tests_make_small():
    load_config([str(GIN / "norl_ant_maze.gin")], [])
    for parameter, value in (
        ("agent/CircularBuffer.buffer_size", 200_000),
        ("meta/CircularBuffer.buffer_size", 200_000),
        ("evaluate.num_episodes_eval", 50),
        ("evaluate.success_distance", 5.0),
        ("train_uvf.num_envs", 1),
        ("train_uvf.checkpoint_every_n_steps", 25_000),
        ("train_uvf.save_policy_every_n_steps", 100_000),
    ):
        assert gin.query_parameter(parameter) == value, parameter


def test_bindings_override_files():
    trainer = build(
        "hiro_xy_point_maze", "train_uvf.num_episodes_train = 3", "uvf_add_noise_fn.stddev = 0.25"
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
        ("task/negative_distance.state_indices = [0, 99]", r"indices \[0, 99\] of a vector of 30; allowed"),
        ("meta/Context.reward_fn = None", "reward_fn is not set"),
        ("tf.losses.huber_loss.delta = 'x'", "x"),
        ("td3_update_targets.tau = 'x'", "x|str"),
        ("StatePreprocess.ndims = None", "."),
        ("train_uvf.num_envs = 0", "num_envs = 0; allowed: a whole number from 1"),
        ("train_uvf.num_envs = 1.5", "num_envs = 1.5"),
        ("meta/Context.context_ranges = [((-4, -4, 0), (20, 20, 1))]", "-4, -4, 0.*2 numbers"),
        ("eval1/ConstantSampler.value = [30, 0]", r"eval1.*\[30.0, 0.0\] is outside AntMaze or in a wall"),
        ("eval1/ConstantSampler.value = [0, 8]", r"eval1.*\[0.0, 8.0\] is outside AntMaze or in a wall"),
        ("eval1/ConstantSampler.value = None", "ConstantSampler.value is not set"),
        ("train_uvf.train_dir = 'x'", "train_dir = 'x'.*--root_dir"),
        ("train_uvf.load_path = 'nowhere'", "load_path = 'nowhere': no such weights"),
        ("train_uvf.replay_num_steps = 2", "replay_num_steps = 2; allowed: 1"),
        ("evaluate.generate_videos = True", "generate_videos = True is not available; allowed: False"),
        ("evaluate.checkpoint_range = (1,)", "checkpoint_range"),
        ("UvfAgent.reset_env_cond_fn = @every_n_episodes", "steps_per_episode = None"),
        ("every_n_steps.n = -5", "every_n_steps.n = -5; allowed: a whole number from 1"),
        ("create_maze_env.top_down_view = 'x'", "top_down_view = 'x'; allowed: True, False"),
        ("meta/ddpg_actor_net.images = True", "images = True, but AntMaze shows no view; allowed: False"),
        ("train_uvf.clip_gradient_norm = -1", "clip_gradient_norm = -1; allowed: 0 or more"),
        ("train_uvf.clip_gradient_norm = 'a'", "clip_gradient_norm = 'a'; allowed"),
        ("train_uvf.reward_scale_factor = 'a'", "reward_scale_factor = 'a'; allowed: a number"),
        ("train_uvf.should_stop_early = True", "should_stop_early = True; allowed: a function"),
        ("train_uvf.gamma = 'a'", "gamma = 'a'; allowed: 0 to 1"),
        ("train_uvf.critic_optimizer = @critic/AdamOptimizer", "critic_optimizer.*allowed: an optimizer"),
        ("train_uvf.relabel_contexts = True\ntrain/DirectionSampler.k = 50", "r.k = 50; allowed: up to 15"),
        ("critic/AdamOptimizer.learning_rate = -1", "learning_rate = -1; allowed: a number above 0"),
        ("TARGET_Q_CLIPPING = (1, -1)", r"target_q_clipping = \(1, -1\); allowed: None"),
        ("TARGET_Q_CLIPPING = (1, 2, 3)", r"target_q_clipping = \(1, 2, 3\); allowed: None"),
        ("TARGET_Q_CLIPPING = 5", "target_q_clipping = 5; allowed: None"),
        ("agent/ddpg_actor_net.hidden_layers = 300", "hidden layers 300; allowed: a list"),
        ("uvf_add_noise_fn.stddev = 'a'", "stddev = 'a'; allowed: 0 or more"),
        ("evaluate.gamma = 'a'", "evaluate.gamma = 'a'; allowed: 0 to 1"),
        ("evaluate.checkpoint_range = 5", "checkpoint_range = 5; allowed"),
        ("evaluate.eval_modes = 'eval1'", "eval_modes = 'eval1'; allowed: a list"),
        ("evaluate.tuner_hook = 1", "tuner_hook = 1; allowed: a function"),
        ("evaluate.success_fn = @uvf/negative_distance", r"success_fn does not fit states of 30 .* \[2\]"),
        ("evaluate.max_steps_per_episode = 0", "max_steps_per_episode = 0; allowed"),
        ("meta/Context.samplers = [@RandomSampler]", r"Context.samplers = \[.*allowed: a dictionary"),
        ("meta/Context.samplers = {'explore': [@RandomSampler]}", "no context sampler for mode 'eval1'"),
        ("train/RandomSampler.context_range = None", "RandomSampler.context_range is not set; allowed"),
        ("agent/Context.context_transition_fn = @periodic_context_fn", "periodic_context_fn draws new"),
        ("UvfAgent.reset_episode_cond_fn = 5", "reset_episode_cond_fn = 5; allowed: a function"),
        ("train_uvf.environment = 'AntMaze'", "environment = 'AntMaze'; allowed: @create_maze_env"),
        ("train_uvf.environment = @create_maze_env", "allowed: @create_maze_env"),
    ],
)
def test_wrong_bindings_are_one_line_that_names_value_and_choice(binding, message):
    with pytest.raises(UsageError, match=message) as caught:
        conditions = ("UvfAgent.reset_episode_cond_fn = @every_n_steps",) if "every_n" in binding else ()
        load_config([str(GIN / "hiro_ant_maze.gin")], [*SMALL, *conditions, binding])
        with usage_errors():
            Trainer(0).prepare(is_new=True)
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
