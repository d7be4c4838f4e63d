"""Every shipped gin file parses, builds, and says what the paper's configuration says."""

import pathlib
from typing import NamedTuple

import gin
import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.agents.ddpg_agent import DdpgAgent
from efficient_hrl.agents.td3_agent import TD3Agent
from efficient_hrl.configuration.config import bindings, check_continues, load_config
from efficient_hrl.errors import UsageError
from efficient_hrl.run.training_run import TrainingRun
from efficient_hrl.storage.run_folder import RunFolder
from efficient_hrl.train import train_uvf
from tests.covering import in_the_default_set_once_each

GIN = pathlib.Path(__file__).parents[2] / "gin"
FILES = sorted(path.stem for path in GIN.glob("*.gin") if path.stem != "base")
SMALL = (
    "agent/CircularBuffer.buffer_size = 100",
    "meta/CircularBuffer.buffer_size = 100",
    "evaluate.num_episodes_eval = 2",
)
ORIG_MAXIMUM = (10, 10, 0.5, 1, 1, 1, 1, 0.5, 0.3, 0.5, 0.3, 0.5, 0.3, 0.5, 0.3)
METHODS = ("hiro", "hiro_xy", "hiro_repr", "norl", "norl_full")
# What an ablation's file binds otherwise than HIRO's for the same task, as gin writes it.
COSINE = {"agent/Context.reward_fn": "@uvf/cosine_similarity"}
NO_CORRECTION = {"train_uvf.goal_sample_strategy": "None"}
NO_TRANSITION = {
    "agent/Context.context_transition_fn": "None",
    "agent/Context.context_multi_transition_fn": "None",
}
ABLATIONS = {
    "hiro_no_correction": NO_CORRECTION,
    "hiro_fun_goals": {"train_uvf.goal_sample_strategy": "'FuN'", "InverseDynamics.fun_sc": "0.1"},
    "hiro_fun_cosine": COSINE,
    "hiro_fun_transition": {
        **COSINE,
        **NO_CORRECTION,
        **NO_TRANSITION,
        "META_CLASS": "@TransitionMetaAgent",
        "TransitionMetaAgent.tf_context": "%META_CONTEXT",
        "TransitionMetaAgent.sub_context": "%CONTEXT",
        "TransitionMetaAgent.k": "%SUBGOAL_DIM",
        "TransitionMetaAgent.actor_net": "@meta/ddpg_actor_net",
        "TransitionMetaAgent.critic_net": "@meta/ddpg_critic_net",
        "TransitionMetaAgent.td_errors_loss": "@tf.losses.huber_loss",
        "TransitionMetaAgent.target_q_clipping": "%TARGET_Q_CLIPPING",
    },
    "hiro_low_relabeling": {"train_uvf.random_goal_share": "0.5"},
    "hiro_pretrained": {
        **NO_CORRECTION,
        "train_uvf.pretrain_steps": "2000000",
        "agent/Context.samplers": (
            "{'explore': [@explore/GaussianSampler], 'train': [@train/DirectionSampler]}"
        ),
        "explore/GaussianSampler.context_range": "%context_range",
        "explore/GaussianSampler.stddev": "0.5",
    },
    "td3": {
        **NO_CORRECTION,
        **NO_TRANSITION,
        "META_CLASS": "@TargetAgent",
        "TargetAgent.tf_context": "%META_CONTEXT",
        "TargetAgent.sub_context": "%CONTEXT",
        "META_EXPLORE_NOISE": "0.0",
        "meta/CircularBuffer.buffer_size": "100",
        "ZERO_OBS": "False",
        "StatePreprocess.ndims": "None",
        "SUBGOAL_DIM": "%TARGET_DIM",
        "context_range": "%meta_context_range",
        "agent/Context.meta_action_every_n": "1",
        "agent/Context.reward_fn": "@task/negative_distance",
        "agent/Context.reward_weights": "[0.1]",
    },
}
ABLATION_TASKS = ("ant_maze", "ant_push", "ant_fall", "point_maze")
OF_HIROS_GOALS = {"CONTEXT_RANGE_MIN", "CONTEXT_RANGE_MAX", "uvf/negative_distance.relative_context"}
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
    steps: int = 500
    avoids_walls: bool = False


_MAZE = Task("AntMaze", (-4, -4), (20, 20), dict(zip(THREE, ((16, 0), (16, 16), (0, 16)))))
_PUSH = Task("AntPush", (-16, -4), (16, 20), {"eval2": (0, 19)})
_FALL = Task("AntFall", (-4, -4, 0), (12, 28, 5), {"eval1": (0, 27, 4.5)}, indices=(0, 1, 2))
_POINT = Task("PointMaze", (-2, -2), (10, 10), dict(zip(THREE, ((8, 0), (8, 8), (0, 8)))))
TASKS = {
    "ant_maze": _MAZE,
    "ant_maze_img": _MAZE._replace(has_view=True),
    "ant_maze_medium": Task(
        "AntMazeMedium",
        (-2, -2),
        (22, 22),
        dict(zip(THREE, ((0, 16), (20, 4), (20, 20)))),
        steps=1000,
        avoids_walls=True,
    ),
    "ant_maze_large": Task(
        "AntMazeLarge",
        (-2, -2),
        (38, 26),
        dict(zip(THREE, ((16, 8), (20, 24), (32, 24)))),
        steps=1000,
        avoids_walls=True,
    ),
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
    "point_maze": _POINT,
    "point_maze_img": _POINT._replace(has_view=True),
}
# What NORL is compared with, for the mazes.
MAZES = ("ant_maze", "ant_maze_img", "point_maze", "point_maze_img")
LATENT_RANGES = {"point": {"vae": 2, "e2c": 1, "e2e": 5}, "ant": {"vae": 6, "e2c": 8, "e2e": 1.5}}
LATENTS = tuple(LATENT_RANGES["ant"])
COMPARED = ("xy", "whole_obs", *LATENTS)
SEED = tf.constant([1, 2], tf.int64)


def build(name, *bindings):
    load_config([str(GIN / f"{name}.gin")], [*SMALL, *bindings])
    return train_uvf(0)


def test_there_is_a_file_for_every_method_and_task_and_every_ablation_of_four_tasks():
    files = [f"{method}_{task}" for method in METHODS for task in TASKS]
    files += [f"{ablation}_{task}" for ablation in ABLATIONS for task in ABLATION_TASKS]
    files += [f"{method}_{task}" for method in COMPARED for task in MAZES]
    files += [f"{method}_{task}" for method in (*METHODS, "td3") for task in ("ant_gather", "point_gather")]
    assert sorted(files) == FILES


@pytest.mark.parametrize("ablation", ABLATIONS)
@pytest.mark.parametrize("task", ABLATION_TASKS)
def test_an_ablation_differs_from_hiro_in_what_it_is_about_alone(ablation, task):
    def configuration(name):
        gin.clear_config()
        load_config([str(GIN / f"{name}.gin")], [])
        return bindings()

    hiro, ablated = configuration(f"hiro_{task}"), configuration(f"{ablation}_{task}")
    differs = {name: value for name, value in ablated.items() if hiro.get(name) != value}
    assert differs == ABLATIONS[ablation]
    assert {*hiro} - {*ablated} == (OF_HIROS_GOALS if ablation == "td3" else set())


@pytest.mark.parametrize("task", ["ant_fall", "point_maze"])
def test_the_flat_agent_has_the_task_s_targets_and_the_low_level_s_networks(task):
    trainer = build(f"td3_{task}")
    low, maze = trainer.hierarchy.low, trainer.spec.task.environment.maze
    size, actions = (3, 8) if task == "ant_fall" else (2, 2)
    target = low.context.specs[0]
    np.testing.assert_allclose([target.minimum, target.maximum], [TASKS[task].low, TASKS[task].high])
    sizes = [layer.shape.as_list() for layer in low.actor_net.variables[::2]]
    assert sizes == [[maze.observation_size + size, 300], [300, 300], [300, actions]]
    assert not low.actor_net.hides_xy
    assert low.noisy_action.stddev == (0.1 if task == "point_maze" else 1.0)
    assert isinstance(low.actor_critic, TD3Agent) and trainer.spec.schedule.low_updates(0) == 10


@pytest.mark.parametrize("ablation", ["hiro_fun_cosine", "hiro_fun_transition"])
def test_cosine_rewards_are_of_the_change_in_the_goal_s_dimensions(ablation):
    hierarchy = build(f"{ablation}_ant_maze").hierarchy
    state, next_state = np.random.default_rng(0).normal(size=(2, 5, 30)).astype(np.float32)
    goal = np.random.default_rng(1).normal(size=(5, 15)).astype(np.float32)
    moved = (next_state - state)[:, :15]
    cosine = np.sum(moved * goal, axis=1) / np.linalg.norm(moved, axis=1) / np.linalg.norm(goal, axis=1)
    np.testing.assert_allclose(hierarchy.low.rewards(state, next_state, [goal])[0], cosine, rtol=1e-4)
    (kept,) = hierarchy.low.context.transition([goal], state, next_state)
    np.testing.assert_allclose(kept, goal if ablation.endswith("transition") else goal - moved, rtol=1e-4)


def test_pretraining_draws_goals_in_the_whole_range_of_goals():
    low = build("hiro_pretrained_ant_maze").hierarchy.low
    (goals,), _ = low.context.sample("explore", 5000, SEED)
    np.testing.assert_allclose(np.std(goals, axis=0), 0.48 * np.array(ORIG_MAXIMUM), rtol=0.05)


@pytest.mark.parametrize("task", MAZES)
def test_xy_is_hiro_xy(task):
    def configuration(name):
        gin.clear_config()
        load_config([str(GIN / f"{name}.gin")], [])
        return bindings()

    assert configuration(f"xy_{task}") == configuration(f"hiro_xy_{task}")


@pytest.mark.parametrize("task", MAZES)
def test_goals_in_whole_observations(task):
    trainer = build(f"whole_obs_{task}")
    low, high, f = trainer.hierarchy.low, trainer.hierarchy.high, trainer.hierarchy.representation
    size, has_view = trainer.spec.task.environment.maze.observation_size, task.endswith("img")
    states = tf.range(float(size))[None]
    np.testing.assert_array_equal(f(states), states[:, 2 if has_view else 0 : -1])
    velocities = [2] * 3 + [3] * 3 + [7] * 8 if "ant" in task else [5] * 3
    positions = [*(ORIG_MAXIMUM if "ant" in task else (10, 10, 3.14))]
    maximum = [*positions[2 if has_view else 0 :], *velocities, *[1] * (75 if has_view else 0)]
    np.testing.assert_allclose(low.context.specs[0].maximum, maximum)
    np.testing.assert_allclose(low.context.specs[0].minimum, -np.array(maximum))
    np.testing.assert_allclose(high.noisy_action.stddev, np.array(maximum) / 10, atol=1e-6)
    assert low.actor_net.hides_xy == has_view and not f.trainable_representation


@pytest.mark.parametrize("task", MAZES)
@pytest.mark.parametrize("method", LATENTS)
def test_goals_in_latent_spaces(task, method):
    trainer = build(f"{method}_{task}")
    low, high, f = trainer.hierarchy.low, trainer.hierarchy.high, trainer.hierarchy.representation
    robot = task.split("_")[0]
    most = LATENT_RANGES[robot][method]
    np.testing.assert_allclose(low.context.specs[0].maximum, [most, most])
    np.testing.assert_allclose(low.context.specs[0].minimum, [-most, -most])
    assert high.noisy_action.stddev == most / 2
    if method != "e2e":
        stddev = gin.query_parameter(f"{type(f).__name__}.reconstruction_stddev")
        assert stddev == {"point": 1.0, "ant": 0.2}[robot]
    size, has_view = trainer.spec.task.environment.maze.observation_size, task.endswith("img")
    sizes = [layer.shape.as_list() for layer in f.state_net.variables[::2]]
    assert sizes == [[size, 100], [100, 100], [100, 2 if method == "e2e" else 4]]
    # What f does not see: time, and x, y beside a view.
    for variable in f.state_net.variables:
        variable.assign(0.1 * tf.random.stateless_normal(variable.shape, SEED))
    state = np.random.default_rng(0).normal(size=(1, size)).astype(np.float32)
    for entry, is_seen in (
        (0, not has_view),
        (1, not has_view),
        (2, True),
        (size - 2, True),
        (size - 1, False),
    ):
        other = state.copy()
        other[:, entry] += 1.0
        assert np.array_equal(f(other), f(state)) != is_seen, entry
    assert f.trainable_representation == (method != "e2e")
    assert f.trained_by_high_level == (method == "e2e")
    assert low.actor_net.hides_xy == has_view
    sees = 2 if method == "e2e" else size
    assert high.actor_net.variables[0].shape[0] == sees + 2
    assert high.actor_net.hides_xy == (has_view and method != "e2e")


@pytest.mark.parametrize("method, task_name", in_the_default_set_once_each(METHODS, TASKS))
def test_key_values(method, task_name):
    task, name = TASKS[task_name], f"{method}_{task_name}"
    trainer = build(name)
    hierarchy = trainer.hierarchy
    is_point, learned = "point" in name, method in ("norl", "norl_full", "hiro_repr")
    maze = trainer.spec.task.environment.maze
    assert (maze.name, maze.has_view) == (task.env_name, task.has_view)
    assert trainer.spec.total_steps == 25_000 * task.steps
    assert trainer.spec.schedule.initial_steps == 5 * task.steps
    assert hierarchy.low.context.meta_action_every_n == 10
    assert trainer.spec.steps_per_block == 10
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
    assert hierarchy.low.learns_from_segments == (method == "norl_full")

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
        assert maze.layout.is_inside(drawn, maze.robot.cell_size).all() or not task.avoids_walls

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
    assert hierarchy.low.actor_net.hides_xy == (task.has_view or (is_hiro and not sees_block))
    assert hierarchy.high.actor_net.hides_xy == task.has_view
    if learned:
        sizes = [v.shape.as_list() for v in hierarchy.representation.trained_variables[::2]]
        inputs = [10 * actions + observation, 400]
        assert sizes == [[observation, 100], [100, 100], [100, 2], inputs, [400, 300], [300, 2]]
        # f sees all but time, and x, y beside a view; phi as well, but in the released code it sees x, y.
        f, phi = hierarchy.representation, hierarchy.representation.inverse_goal
        plan = tf.zeros([1, 10, actions])
        for entries, f_sees, phi_sees in (
            ([0, 1], not task.has_view, not task.has_view or method == "hiro_repr"),
            ([2], True, True),
            ([observation - 1], False, False),
        ):
            other = state.copy()
            other[:, entries] += 1.0
            assert np.array_equal(f(other), f(state)) != f_sees, entries
            assert np.array_equal(phi(other, plan), phi(state, plan)) != phi_sees, entries


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
    TrainingRun(trainer, folder, lines.append).run()
    steps = next(task.steps for end, task in reversed(TASKS.items()) if name.endswith(end))
    assert f"finished at {2 * steps:,} environment steps" in lines[-1]
    rows = (tmp_path / name / "eval.csv").read_text().splitlines()
    assert len(rows) == 1 + len(trainer.evaluator.eval_modes)
    assert all(np.isfinite(v).all() for v in trainer.hierarchy.low.actor_net.get_weights())


def test_ddpg_takes_the_place_of_td3():
    load_config([str(GIN / "norl_point_maze.gin"), str(GIN / "agents" / "ddpg.gin")], SMALL)
    hierarchy = train_uvf(0).hierarchy
    for agent in (hierarchy.low, hierarchy.high):
        assert isinstance(agent.actor_critic, DdpgAgent) and not isinstance(agent.actor_critic, TD3Agent)
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
    assert trainer.spec.total_steps == 1500
    assert trainer.hierarchy.low.noisy_action.stddev == 0.25


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
