"""The gin files of gather tasks: no target, the environment's reward, and all of it at work."""

import gin
import numpy as np
import pytest

from efficient_hrl.configuration.config import bindings, load_config
from efficient_hrl.run.training_run import TrainingRun
from efficient_hrl.storage.rows import read_rows
from efficient_hrl.storage.run_folder import RunFolder
from efficient_hrl.train import train_uvf
from tests.configuration.test_gin_files import GIN, METHODS, ORIG_MAXIMUM, build

FLAT = "td3"
NAMES = [f"{method}_{robot}_gather" for method in (*METHODS, FLAT) for robot in ("ant", "point")]
SHORT = (
    "create_gather_env.activity_range = 5",  # so full that something is taken
    "RESET_EPISODE_PERIOD = 100",
    "train_uvf.num_episodes_train = 3",
    "train_uvf.initial_episodes = 1",
    "train_uvf.batch_size = 20",
    "agent/CircularBuffer.buffer_size = 1000",
    "meta/CircularBuffer.buffer_size = 1000",
    "train_uvf.eval_every_n_steps = 150",
)


def default_for(*chosen):
    """All names; those that are not chosen are for CI."""
    return [pytest.param(name, marks=[] if name in chosen else [pytest.mark.ci]) for name in NAMES]


@pytest.mark.parametrize("name", default_for("hiro_ant_gather", "norl_point_gather", "td3_ant_gather"))
def test_key_values(name):
    trainer = build(name)
    is_point, is_flat = "point" in name, name.startswith(FLAT)
    arena = trainer.spec.task.environment.maze
    assert (arena.name, arena.activity_range) == ("PointGather" if is_point else "AntGather", 10.0)
    assert not arena.ends_on_fall and trainer.evaluator.environment.maze.name == arena.name
    assert trainer.spec.task.episode_steps == 500 and trainer.spec.total_steps == 25_000 * 500
    low, high = trainer.hierarchy.low, trainer.hierarchy.high
    assert high.context.size == 0 and trainer.evaluator.eval_modes == ("eval",)
    assert trainer.evaluator.success_distance is None
    assert low.noisy_action.stddev == (0.1 if is_point else 1.0)
    size, actions = arena.observation_size, 2 if is_point else 8
    goals = {"hiro": (10, 10, 3.14) if is_point else ORIG_MAXIMUM, FLAT: ()}
    maximum = goals.get(name.split("_")[0] if name.count("_") == 2 else "", (10, 10))
    np.testing.assert_allclose(low.context.specs[0].maximum, maximum)
    sizes = [layer.shape.as_list() for layer in low.actor_net.variables[::2]]
    assert sizes == [[size + len(maximum), 300], [300, 300], [300, actions]]
    assert low.context.meta_action_every_n == (1 if is_flat else 10)
    if not is_flat:
        assert high.actor_net.variables[0].shape.as_list() == [size, 300]


@pytest.mark.parametrize("name", ["hiro_xy_ant_gather", "td3_point_gather"])
def test_the_task_s_reward_is_the_environment_s(name):
    hierarchy = build(name).hierarchy
    size = hierarchy.low.training_data_spec.state.shape[0]
    states = np.random.default_rng(0).normal(size=(2, 5, size)).astype(np.float32)
    given, nothing = np.array([1, -1, 0, 2, -10], np.float32), np.zeros((5, 0), np.float32)
    reward, discount = hierarchy.high.rewards(*states, [nothing], None, given)
    np.testing.assert_array_equal(reward, given)
    np.testing.assert_array_equal(discount, np.ones(5))
    if name.startswith(FLAT):
        reward, _ = hierarchy.low.rewards(*states, [nothing], None, given)
        np.testing.assert_allclose(reward, 0.1 * given, rtol=1e-6)


def trained(name, folder, *more):
    load_config([str(GIN / f"{name}.gin")], [*SHORT, "evaluate.num_episodes_eval = 3", *more])
    trainer = train_uvf(0)
    run_folder, lines = RunFolder(folder), []
    run_folder.create(0, bindings())
    TrainingRun(trainer, run_folder, lines.append).run()
    assert "finished at 300 environment steps" in lines[-1]
    return trainer


@pytest.mark.parametrize("name", default_for("hiro_xy_point_gather"))
def test_300_steps_of_training(name, tmp_path):
    trainer = trained(name, tmp_path / name)
    hierarchy, arena = trainer.hierarchy, trainer.spec.task.environment.maze
    assert all(np.isfinite(variable).all() for variable in hierarchy.learned_variables())
    assert int(hierarchy.low.train_step_counter) == 210

    # What is stored: rewards are the environment's, and segments sum them up.
    low = trainer.low_replay.gather_all()
    assert low.state.shape[1] == arena.observation_size and set(np.unique(low.reward)) <= {-2, -1, 0, 1, 2}
    if name.startswith(FLAT):
        assert int(trainer.high_replay.num_added) == 0
    else:
        high, rewards = trainer.high_replay.gather_all(), np.array(low.reward)
        assert high.target.shape == high.next_target.shape == (len(high.reward), 0)
        assert int(hierarchy.high.train_step_counter) == 21
        ends = np.cumsum(high.length)
        sums = [0.1 * rewards[end - n : end].sum() for end, n in zip(ends, high.length.numpy())]
        together = min(len(rewards), ends[-1])
        known = [i for i, end in enumerate(ends) if end <= together]
        np.testing.assert_allclose(high.reward.numpy()[known], np.array(sums)[known], atol=1e-6)
        assert rewards.any() or name != "hiro_xy_point_gather"

    # What is told: returns and no success.
    rows = read_rows(tmp_path / name / "eval.csv")
    assert [(row["env_steps"], row["target"]) for row in rows] == [("150", "eval"), ("300", "eval")]
    for row in rows:
        assert row["success_rate"] == row["reached_rate"] == "nan"
        thirds = 3 * float(row["high_return"])
        assert thirds == pytest.approx(round(thirds), abs=1e-4)
    assert (tmp_path / name / "plots" / "return_curve.png").exists()
    assert not (tmp_path / name / "plots" / "success_curve.png").exists()
    assert gin.query_parameter("evaluate.success_distance") is None


def test_a_return_is_what_the_environment_paid():
    """The evaluator's mean return, once more from its trajectories and the places of objects in them."""
    trainer = build("hiro_xy_point_gather", *SHORT, "evaluate.num_episodes_eval = 6")
    trainer.hierarchy.low.actor_net.variables[-1].assign([3.0, 0.15])  # forward, in wide curves
    evaluator = trainer.evaluator
    result = evaluator.evaluate_target("eval", 70)
    trajectories = evaluator.trajectories("eval", 70)
    arena = evaluator.environment.maze
    paid = []
    for trajectory in trajectories:
        heights = trajectory.simulation.xpos[:, arena.object_ids, 2]  # [T + 1, 16]
        taken = (heights[0] > 0) & (heights[-1] < 0)
        paid.append(taken[:8].sum() - taken[8:].sum())
        assert trajectory.target_value.shape == (0,)
        assert trajectory.high_rewards.sum() == paid[-1]
    assert result.high_return == pytest.approx(np.mean(paid)) and any(paid)
    assert np.isnan(result.success_rate) and np.isnan(result.reached_rate)


def test_targets_can_be_drawn_anew_for_learning(tmp_path):
    trained("hiro_xy_point_gather", tmp_path / "a", "train_uvf.meta_relabel_contexts = True")
