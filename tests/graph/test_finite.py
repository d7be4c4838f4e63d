"""NaN and infinities end the update in which they appear."""

import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.agents.ddpg_agent import AgentBatch
from efficient_hrl.graph.compiled import compiled
from efficient_hrl.graph.finite import check_finite, culprit, gradients_by_name
from tests import tiny_hierarchy


def found(tensors):
    try:
        compiled(lambda: check_finite(tensors))()
    except tf.errors.InvalidArgumentError as error:
        return culprit(error)
    return None


@pytest.mark.parametrize("value, words", [(np.nan, "NaN"), (np.inf, "Inf"), (-np.inf, "Inf")])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_tensor_is_named(value, words, place):
    names = ["a loss", "gradient of net/kernel", "gradient of net/bias"]
    arrays = [np.zeros(()), np.ones([3, 2]), np.ones([2])]
    arrays[place] = arrays[place].astype(np.float32)
    arrays[place].flat[-1] = value
    tensors = {name: tf.constant(array, tf.float32) for name, array in zip(names, arrays)}
    assert found(tensors) == f"{names[place]} holds {words}"


def test_the_first_of_several_is_named():
    bad = tf.constant([np.nan])
    assert found({"first": bad, "second": bad, "third": bad}) == "first holds NaN"
    infinities = tf.constant([np.inf, -np.inf, np.nan])
    assert found({"zeros": tf.zeros([2]), "mixed": infinities}) == "mixed holds Inf and NaN"


def test_finite_numbers_pass_also_when_their_sum_overflows():
    assert found({"large": tf.fill([4], 3e38), "small": tf.zeros([])}) is None
    assert found({"positive": tf.fill([2], 3e38), "negative": tf.fill([2], -3e38)}) is None


def test_other_errors_are_not_claimed():
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tf.debugging.check_numerics(tf.constant(np.nan), "somebody else's")
    assert culprit(caught.value) is None


@tf.custom_gradient
def finite_with_nan_gradient(x):
    return x, lambda upstream: upstream * np.nan


def agent_and_batch(**low):
    hierarchy = tiny_hierarchy.hierarchy(low=low)
    agent = hierarchy.low
    size = agent.actor_critic.time_step_spec.observation.shape[0]
    rng = np.random.default_rng(0)
    draw = lambda *shape: tf.constant(rng.normal(size=shape), tf.float32)
    batch = AgentBatch(draw(4, size), draw(4, 2), draw(4), tf.ones([4]), draw(4, size))
    return agent, batch


def update(agent, batch):
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        compiled(lambda: agent.actor_critic.update(batch, tf.zeros_like(batch.action)))()
    return culprit(caught.value)


def test_a_critic_loss_is_named():
    agent, batch = agent_and_batch()
    assert update(agent, batch._replace(reward=batch.reward + np.nan)) == "uvf_agent critic loss holds NaN"


def test_an_actor_loss_is_named():
    agent, batch = agent_and_batch()
    kernel = agent.actor_net.trainable_variables[-2]  # behind a ReLU, which may hide NaN
    kernel.assign_add(tf.fill(kernel.shape, np.nan))
    assert update(agent, batch) == "uvf_agent actor loss holds NaN"


def test_a_gradient_is_named_although_the_loss_is_finite():
    loss = lambda targets, values: tf.reduce_mean(finite_with_nan_gradient(tf.abs(targets - values)))
    agent, batch = agent_and_batch(td_errors_loss=loss)
    assert update(agent, batch) == "gradient of uvf_agent/critic_net/states_1/kernel holds NaN"


def test_gradients_have_the_names_of_their_variables():
    kernel = tf.Variable([1.0], name="net/kernel")
    assert gradients_by_name("low", [kernel], [tf.zeros([1])]).keys() == {"gradient of low/net/kernel"}
