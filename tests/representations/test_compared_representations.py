"""Small runs with every representation that NORL compares: training, continuing, side by side."""

import pathlib

import gin
import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.configuration.config import load_config
from efficient_hrl.eval import evaluate
from efficient_hrl.storage.checkpoints import newest_whole, weights_in
from efficient_hrl.storage.rows import read_rows
from efficient_hrl.storage.weights import load_low_level, restore_weights
from efficient_hrl.train import train_uvf
from tests import test_train

pytestmark = pytest.mark.ci  # seconds to minutes each

GIN = pathlib.Path(__file__).parents[2] / "gin"
SMALL = (
    *(binding for binding in test_train.SMALL if "action_embed_net" not in binding),
    "train_uvf.eval_every_n_steps = 1000",
    "evaluate.generate_summaries = False",
)
TINY = {
    "whole_obs": (),
    "vae": ("encoder_net.hidden_layers = (8,)", "decoder_net.hidden_layers = (8,)"),
    "e2c": (
        "encoder_net.hidden_layers = (8,)",
        "decoder_net.hidden_layers = (8,)",
        "transition_net.hidden_layers = (8,)",
    ),
    "e2e": ("state_preprocess_net.states_hidden_layers = (8,)",),
}
LEARNED = ("vae", "e2c", "e2e")
HAS_LOSS = ("vae", "e2c")


def configure(method, *more, task="point_maze"):
    gin.clear_config()
    load_config([str(GIN / f"{method}_{task}.gin")], [*SMALL, *TINY[method], *more])


def variables(trainer):
    """All that learning changes, and what was collected."""
    replays = (trainer.low_replay, trainer.high_replay)
    stored = [x.numpy() for replay in replays for x in tf.nest.flatten(replay.gather_all())]
    return [v.numpy() for v in trainer.hierarchy.learned_variables()] + stored


def differs_nowhere(left, right):
    pairs = zip(left.acting_variables, right.acting_variables)
    return all(np.array_equal(a, b) for a, b in pairs)


def weights(net):
    return [v.numpy() for v in net.variables]


def same(left, right):
    assert len(left) == len(right)
    for a, b in zip(left, right):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """Method -> the trainer of a finished run and its folder; each is run once."""
    runs = {}

    def finished(method):
        if method not in runs:
            root = tmp_path_factory.mktemp("runs") / method
            configure(method)
            runs[method] = (test_train.run(root)[0], root)
        return runs[method]

    return finished


@pytest.mark.parametrize("method", TINY)
def test_a_run_learns_and_tells_of_what_exists(method, whole_run):
    trainer, root = whole_run(method)
    configure(method)
    first = [v.numpy() for v in train_uvf(0).hierarchy.acting_variables]
    assert all(not np.array_equal(a, b) for a, b in zip(first, trainer.hierarchy.acting_variables))
    row = read_rows(root / "metrics.csv")[-1]
    for name in ("loss", "close_loss", "far_loss", "bound", "kl"):
        exists = method in HAS_LOSS and name != "kl"
        column = f"representation_{name}"
        assert np.isfinite(float(row[column])) == exists, column


@pytest.mark.parametrize(
    "method", ["e2e", *(pytest.param(m, marks=pytest.mark.slow) for m in ("vae", "e2c"))]
)
def test_a_stopped_run_continues_as_if_it_had_not_been_stopped(method, whole_run, tmp_path):
    whole, _ = whole_run(method)
    configure(method)
    pieces, lines = test_train.run(tmp_path / "pieces", stop_after=(17,))
    assert any("continuing" in line for line in lines)
    same(variables(whole), variables(pieces))


@pytest.mark.parametrize("method", LEARNED)
def test_a_low_level_begins_with_the_representation_of_another_run(method, whole_run):
    whole, root = whole_run(method)
    configure(method)
    hierarchy = train_uvf(1).hierarchy
    load_low_level(str(root / "policy" / f"policy-{test_train.TOTAL}"), hierarchy)
    learned = weights(whole.hierarchy.representation.state_net)
    same(weights(hierarchy.representation.state_net), learned)
    if method == "e2e":  # targets begin with what was loaded
        same(weights(hierarchy.high.actor_critic._target_encoder.net), learned)


@pytest.mark.parametrize("method", LEARNED)
def test_a_checkpoint_is_evaluated_with_its_representation(method, whole_run):
    whole, root = whole_run(method)
    configure(method, "evaluate.generate_summaries = True")
    evaluator = evaluate(seed=0)
    assert not differs_nowhere(evaluator.hierarchy, whole.hierarchy)
    prefix = newest_whole(root / "checkpoints", pytest.fail)
    restore_weights(weights_in(prefix), evaluator.hierarchy.weights())
    assert differs_nowhere(evaluator.hierarchy, whole.hierarchy)


@pytest.mark.parametrize(
    "method", ["e2e", *(pytest.param(m, marks=pytest.mark.slow) for m in ("vae", "e2c"))]
)
def test_collecting_beside_learning_acts_with_the_representation_from_before_the_updates(method):
    configure(method, "train_uvf.collect_beside_learning = True")
    beside = train_uvf(0)
    beside.collector.start()
    for _ in range(18):
        before = weights(beside.hierarchy.representation.state_net)
        beside.train_block()
    acting = beside._acting.representation.state_net
    same(before, weights(acting))
    learned = beside.hierarchy.representation.state_net.variables
    assert all(not np.array_equal(b, v) for b, v in zip(before, learned))


def test_whole_observations_leave_out_time_and_what_a_view_replaces():
    states = tf.constant([[float(i) for i in range(82)]])
    configure("whole_obs")
    f = train_uvf(0).hierarchy.representation
    np.testing.assert_array_equal(f(states[:, :7]), states[:, :6])
    configure("whole_obs", task="point_maze_img")
    f = train_uvf(0).hierarchy.representation
    np.testing.assert_array_equal(f(states), states[:, 2:81])


def test_noise_may_differ_from_dimension_to_dimension():
    configure("whole_obs")
    high = train_uvf(0).hierarchy.high
    states, targets = tf.zeros([1, 7]), [tf.zeros([1, 2])]
    noise = high.noisy_action(states, targets, tf.ones([1, 6])) - high.action(states, targets)
    np.testing.assert_allclose(noise[0], [1, 1, 0.314, 0.5, 0.5, 0.5], rtol=1e-4)
