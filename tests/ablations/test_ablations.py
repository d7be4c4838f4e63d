"""HIRO's ablations: short runs of each, and what makes it one."""

import pathlib

import gin
import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.ablations.no_hierarchy import TargetAgent
from efficient_hrl.configuration.config import load_config
from efficient_hrl.graph.random_streams import Stream, stream_seed
from efficient_hrl.storage.rows import read_rows
from efficient_hrl.train import train_uvf
from tests import test_train

GIN = pathlib.Path(__file__).parents[2] / "gin"
EPISODE, TOTAL, BEGIN = test_train.EPISODE, test_train.TOTAL, 3 * test_train.EPISODE
FREEZE = 300  # the number of environment steps after which a low level is frozen here


def configure(name, *more):
    gin.clear_config()
    bindings = [line for line in test_train.SMALL if not line.startswith("action_embed_net")]
    if "pretrained" in name:
        bindings.append(f"train_uvf.pretrain_steps = {FREEZE}")
    load_config([str(GIN / f"{name}.gin")], [*bindings, *more])


def contents(trainer):
    """All that was learned and stored."""
    stored = tf.nest.flatten([trainer.low_replay.gather_all(), trainer.high_replay.gather_all()])
    return [np.array(x) for x in [*trainer.hierarchy.learned_variables(), *stored]]


def updates(trainer):
    return [int(agent.train_step_counter) for agent in (trainer.hierarchy.low, trainer.hierarchy.high)]


@pytest.mark.ci
@pytest.mark.parametrize(
    "name",
    [
        "hiro_fun_transition",
        "hiro_low_relabeling",
        # Single bindings, whose effects have tests of their own.
        *(pytest.param(f"hiro_{name}", marks=pytest.mark.slow) for name in ("no_correction", "fun_goals")),
        pytest.param("hiro_fun_cosine", marks=pytest.mark.slow),
    ],
)
def test_an_ablation_of_a_part_trains_as_hiro_does(name, tmp_path):
    configure(f"{name}_point_maze", *test_train.QUICK)
    trainer, lines = test_train.run(tmp_path / "run")
    assert "finished at 540" in lines[-1]
    assert updates(trainer) == [410, 41]
    assert all(np.isfinite(x).all() for x in contents(trainer))
    last = read_rows(tmp_path / "run" / "metrics.csv")[-1]
    assert float(last["low_critic_loss"]) > 0 and float(last["high_critic_loss"]) > 0


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    configure("hiro_pretrained_point_maze")
    root = tmp_path_factory.mktemp("runs") / "pretrained"
    trainer, _ = test_train.run(root)
    return root, contents(trainer), updates(trainer)


def test_pretraining_makes_each_level_learn_in_its_phase(pretrained):
    root, _, made = pretrained
    # Until the end of the block at which the low level is frozen, one update per step.
    low_learned = FREEZE - BEGIN
    assert made[0] == low_learned // 10 * 10 + 10 * (low_learned % 10 > 0)
    # Then as many steps as in the beginning before the high level learns.
    high_learned = TOTAL - FREEZE - BEGIN
    assert made[1] == high_learned // 10 + (high_learned % 10 > 0)
    losses = {int(r["env_steps"]): r for r in read_rows(root / "metrics.csv")}
    assert losses[270]["high_critic_loss"] == "nan" != losses[270]["low_critic_loss"]
    assert losses[540]["low_critic_loss"] == "nan" != losses[540]["high_critic_loss"]


@pytest.mark.ci
@pytest.mark.parametrize(
    "stops", [(35,), pytest.param((20, 20), marks=pytest.mark.slow)], ids=["frozen", "both"]
)
def test_a_pretrained_run_stopped_in_either_phase_ends_as_one_that_was_not(stops, pretrained, tmp_path):
    root, state, _ = pretrained
    configure("hiro_pretrained_point_maze")
    trainer, again = test_train.run(tmp_path / "pieces", stop_after=stops)
    assert "continuing" in again[1]
    for left, right in zip(contents(trainer), state, strict=True):
        np.testing.assert_array_equal(left, right)
    for name in ("metrics.csv", "eval.csv"):
        assert test_train.rows(tmp_path / "pieces", name) == test_train.rows(root, name)


def test_what_is_collected_before_and_after_the_low_level_is_frozen():
    configure("hiro_pretrained_point_maze")
    trainer = train_uvf(0)
    trainer.collector.start()
    low, high = trainer.hierarchy.low, trainer.hierarchy.high
    weights = lambda agent: np.concatenate([v.numpy().ravel() for v in agent.actor_net.variables])
    first = weights(low), weights(high)
    while int(trainer.collector.env_steps) < FREEZE:
        trainer.train_block()
    frozen = weights(low)
    assert np.any(frozen != first[0]) and np.all(weights(high) == first[1])
    assert int(trainer.high_replay.num_added) == 0
    before = trainer.low_replay.gather_all()
    while int(trainer.collector.env_steps) < FREEZE + 2 * EPISODE + BEGIN:
        trainer.train_block()
    assert np.all(weights(low) == frozen) and np.any(weights(high) != first[1])
    assert int(trainer.high_replay.num_added) > 0
    after = trainer.low_replay.gather_all()

    # Goals of an episode's first step, where the time is 0: Gaussian ones, and then given ones.
    goals = before.goal[before.state[:, -1] == 0].numpy()
    seeds = [stream_seed(0, Stream.GOALS, draws) for draws in range(320)]
    drawn = np.concatenate([low.context.sample("explore", 1, seed)[0][0] for seed in seeds])
    distance = np.abs(drawn[None] - goals[:, None]).max(axis=-1)
    assert len(goals) >= 5 and np.all(distance.min(axis=1) == 0)
    noise = lambda data: data.action - low.action(data.state, [data.goal])
    newest = tf.nest.map_structure(lambda x: x[-60:], after)
    np.testing.assert_allclose(noise(newest), 0, atol=1e-6)
    assert np.mean(np.abs(noise(before))) > 0.01


def test_a_loaded_low_level_can_be_frozen_from_the_beginning(pretrained, tmp_path):
    weights = str(pretrained[0] / "policy" / f"policy-{TOTAL}")
    configure(
        "hiro_pretrained_point_maze",
        "train_uvf.pretrain_steps = 0",
        f"train_uvf.load_path = '{weights}'",
        *test_train.QUICK,
    )
    trainer, _ = test_train.run(tmp_path / "run")
    assert updates(trainer) == [0, 41]
    reader = tf.train.load_checkpoint(weights)
    (name,) = (n for n in reader.get_variable_to_shape_map() if "low/_actions/bias" in n)
    bias = trainer.hierarchy.low.actor_net.variables[-1]
    assert np.any(bias.numpy() != 0)
    np.testing.assert_array_equal(bias, reader.get_tensor(name))


@pytest.fixture(scope="module")
def flat(tmp_path_factory):
    configure("td3_point_maze")
    root = tmp_path_factory.mktemp("runs") / "flat"
    trainer, _ = test_train.run(root)
    return root, trainer, contents(trainer)


def test_the_flat_agent_sees_state_and_target_and_is_rewarded_by_the_task(flat):
    _, trainer, _ = flat
    configure("td3_point_maze")  # rewards ask gin for their parameters
    low, stored = trainer.hierarchy.low, trainer.low_replay.gather_all()
    np.testing.assert_array_equal(stored.goal, stored.next_goal)
    starts = np.flatnonzero(stored.state[:, -1] == 0)
    targets = np.unique(stored.goal, axis=0)
    assert len(targets) in (len(starts), len(starts) + 1)  # one for each episode
    assert np.all((targets >= -2) & (targets <= 10))
    batch = low.learning_batch(stored)
    np.testing.assert_array_equal(batch.observation, np.concatenate([stored.state, stored.goal], axis=1))
    distance = np.linalg.norm(stored.next_state[:, :2] - stored.goal, axis=1)
    np.testing.assert_allclose(batch.reward, -0.1 * distance, rtol=1e-4)
    np.testing.assert_allclose(batch.discount, 0.99)
    moved = np.array(batch.observation)
    moved[:, :2] += 1.0
    assert np.any(low.actor_net(moved)[0] != low.actor_net(batch.observation)[0])  # it sees x, y


def test_the_flat_agent_has_an_update_per_step_and_is_evaluated_on_all_targets(flat):
    root, trainer, _ = flat
    assert updates(trainer) == [410, 0] and int(trainer.high_replay.num_added) == 0
    rows = read_rows(root / "eval.csv")
    assert [row["target"] for row in rows[:3]] == ["eval1", "eval2", "eval3"]
    for row in rows:
        np.testing.assert_allclose(float(row["low_return"]), 0.1 * float(row["high_return"]), rtol=1e-3)
    last = read_rows(root / "metrics.csv")[-1]
    assert last["high_critic_loss"] == "nan" != last["low_critic_loss"]


@pytest.mark.ci
def test_a_flat_run_stopped_and_continued_ends_as_one_that_was_not(flat, tmp_path):
    root, _, state = flat
    configure("td3_point_maze")
    trainer, _ = test_train.run(tmp_path / "pieces", stop_after=(30,))
    for left, right in zip(contents(trainer), state, strict=True):
        np.testing.assert_array_equal(left, right)
    assert test_train.rows(tmp_path / "pieces", "eval.csv") == test_train.rows(root, "eval.csv")


def test_the_flat_agent_learns_beside_collecting():
    configure("td3_point_maze", "train_uvf.collect_beside_learning = True")
    trainer = train_uvf(0)
    trainer.collector.start()
    while int(trainer.collector.env_steps) < BEGIN + EPISODE:
        trainer.train_block()
    # Learning is one block behind.
    assert updates(trainer)[0] in range(EPISODE - 10, EPISODE + 10)


def test_targets_are_handed_down_as_they_are_also_where_goals_have_a_range():
    configure("td3_point_maze")
    high = train_uvf(0).hierarchy.high
    assert isinstance(high, TargetAgent)
    state, target = tf.zeros([2, 7]), tf.constant([[50.0, -7.0], [1.0, 2.0]])
    np.testing.assert_array_equal(high.action(state, [target]), target)
    np.testing.assert_array_equal(high.noisy_action(state, [target], tf.ones([2, 2])), target)
