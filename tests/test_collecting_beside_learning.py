"""Collecting beside learning, against the same done one after the other by hand."""

import gin
import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.configuration.config import load_config
from efficient_hrl.context.context import Context
from efficient_hrl.train import train_uvf
from tests import test_train

BESIDE = "train_uvf.collect_beside_learning = True"


@pytest.fixture(autouse=True)
def small_config(clean_gin):
    del clean_gin
    load_config([test_train.GIN_FILE], [*test_train.SMALL, BESIDE])


def block_by_hand(trainer):
    """The updates for the last blocks, then a block with the weights from before those updates."""
    due = trainer.due_updates()
    weights = trainer.hierarchy.acting_variables
    before = [v.numpy() for v in weights]
    for low_updates in due:
        trainer.learner.learn(tf.constant(low_updates))
    after = [v.numpy() for v in weights]
    for variable, value in zip(weights, before):
        variable.assign(value)
    trainer.collector.collect()
    for variable, value in zip(weights, after):
        variable.assign(value)


@pytest.mark.parametrize("num_envs", [1, 3])
def test_a_block_is_collected_with_old_weights_and_learned_from_one_block_later(num_envs):
    with gin.unlock_config():
        gin.parse_config(f"train_uvf.num_envs = {num_envs}")
    beside = train_uvf(0)
    with gin.unlock_config():
        gin.parse_config(BESIDE.replace("True", "False"))
    by_hand = train_uvf(0)
    for trainer in (beside, by_hand):
        trainer.collector.start()
    seen = []
    while int(beside.collector.env_steps) < 8 * test_train.EPISODE:
        seen.append(len(beside.due_updates()))
        beside.train_block()
        block_by_hand(by_hand)
    assert 0 in seen and sum(seen) == int(beside.hierarchy.high.train_step_counter) > 5
    left, right = test_train.contents(beside), test_train.contents(by_hand)
    for name in left:
        for a, b in zip(tf.nest.flatten(left[name]), tf.nest.flatten(right[name])):
            np.testing.assert_array_equal(a, b, err_msg=name)


@pytest.mark.ci
def test_stopped_and_continued_equals_uninterrupted(tmp_path):
    whole = test_train.contents(test_train.run(tmp_path / "whole")[0])
    pieces = test_train.contents(test_train.run(tmp_path / "pieces", stop_after=(5, 17))[0])
    for name in whole:
        for a, b in zip(tf.nest.flatten(whole[name]), tf.nest.flatten(pieces[name])):
            np.testing.assert_array_equal(a, b, err_msg=name)


def test_what_does_not_go_together_is_refused(monkeypatch):
    with gin.unlock_config():
        gin.parse_config("meta/CircularBuffer.buffer_size = 11")
    with pytest.raises(ValueError, match="buffer_size = 11; allowed .* 12 or more"):
        train_uvf(0)
    with gin.unlock_config():
        gin.parse_config("meta/CircularBuffer.buffer_size = 12")
    context = train_uvf(0).hierarchy.low.context
    assert not context.normalizes
    context._normalizers[0] = object()
    assert context.normalizes
    monkeypatch.setattr(Context, "normalizes", True)
    with pytest.raises(ValueError, match="a normaliser follows what it sees"):
        train_uvf(0)


def test_mistakes_come_out_before_anything_is_written():
    train_uvf(0).prepare(is_new=True)
    with gin.unlock_config():
        gin.parse_config("train_uvf.collect_beside_learning = 1")
    with pytest.raises(ValueError, match="collect_beside_learning = 1; allowed: True, False"):
        train_uvf(0)
