"""TensorFlow's names in gin files."""

import functools

import gin
import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.agents.ddpg_networks import ActorNetwork
from efficient_hrl.agents.losses import huber_loss
from efficient_hrl.agents.optimizers import adam_optimizer
from efficient_hrl.configuration.config import load_config
from efficient_hrl.configuration.external_configurables import (
    absolute_difference,
    gradient_descent_optimizer,
    mean_squared_error,
    momentum_optimizer,
)
from efficient_hrl.specifications.level import LevelSpec
from tests import tiny_hierarchy

TARGETS, VALUES = np.float32([[1.0, 2.0], [3.0, 4.0]]), np.float32([[1.5, 0.0], [3.0, -4.0]])


@gin.configurable
def bound(value=None):
    return value


@pytest.mark.parametrize(
    "name, function",
    [
        *((f"tf.nn.{name}", getattr(tf.nn, name)) for name in ("elu", "leaky_relu", "relu", "relu6", "selu")),
        *((f"tf.nn.{name}", getattr(tf.nn, name)) for name in ("sigmoid", "softmax", "softplus", "tanh")),
        ("tf.nn.softsign", tf.nn.softsign),
        ("tf.identity", tf.identity),
        ("tf.losses.mean_squared_error", tf.keras.losses.MeanSquaredError()),
        ("tf.losses.absolute_difference", tf.keras.losses.MeanAbsoluteError()),
        ("tf.losses.huber_loss", tf.keras.losses.Huber()),
    ],
)
def test_functions_can_be_bound_by_name(name, function):
    for reference in (name, name.rsplit(".", 1)[1]):
        gin.parse_config(f"bound.value = @{reference}")
        arguments = (TARGETS, VALUES) if "losses" in name else (VALUES,)
        np.testing.assert_allclose(bound()(*arguments), function(*arguments), rtol=1e-6)


def test_losses_are_their_formulas():
    errors = [0.5, 2.0, 0.0, 8.0]
    np.testing.assert_allclose(mean_squared_error(TARGETS, VALUES), np.mean(np.square(errors)))
    np.testing.assert_allclose(absolute_difference(TARGETS, VALUES), np.mean(errors))


def test_optimizers_are_their_formulas():
    gradients = [2.0, -1.0, 0.5]
    plain, momentum, nesterov = (tf.Variable(1.0) for _ in range(3))
    optimizers = [
        (gradient_descent_optimizer(0.1), plain),
        (momentum_optimizer(0.1, 0.9), momentum),
        (momentum_optimizer(0.1, 0.9, use_nesterov=True), nesterov),
    ]
    expected, speed = np.ones(3), 0.0
    for gradient in gradients:
        for optimizer, variable in optimizers:
            optimizer.apply_gradients([(tf.constant(gradient), variable)])
        speed = 0.9 * speed - 0.1 * gradient
        expected += [-0.1 * gradient, speed, 0.9 * speed - 0.1 * gradient]
        np.testing.assert_allclose([plain, momentum, nesterov], expected, rtol=1e-6)


def test_the_originals_import_line_keeps_this_projects_adam_and_huber_loss(tmp_path):
    path = tmp_path / "original.gin"
    path.write_text(
        """
        import gin.tf.external_configurables
        bound.value = (@tf.train.AdamOptimizer, @tf.losses.huber_loss, @tf.train.GradientDescentOptimizer())
        tf.train.GradientDescentOptimizer.learning_rate = 0.25
        """
    )
    load_config([str(path)], [])
    adam, huber, descent = bound()
    assert isinstance(adam(), type(adam_optimizer())) and huber.__wrapped__ is huber_loss.__wrapped__
    assert descent.get_config()["learning_rate"] == 0.25


def test_activations_losses_and_optimizers_reach_an_agent():
    gin.parse_config(
        """
        ddpg_actor_net.activation_fn = @tf.nn.elu
        DdpgAgent.td_errors_loss = @tf.losses.absolute_difference
        bound.value = @tf.train.MomentumOptimizer()
        MomentumOptimizer.learning_rate = 0.01
        MomentumOptimizer.momentum = 0.9
        """
    )
    of = tiny_hierarchy.hierarchy(low={"learning": LevelSpec(0.99, bound(), adam_optimizer(1e-3), 2)})
    net = functools.partial(ActorNetwork, hidden_layers=(8,))(
        tf.TensorSpec([3], tf.float32), tiny_hierarchy.action_spec()
    )
    net.create_variables()
    inputs = tf.random.stateless_normal([5, 3], [0, 0]).numpy()
    first, bias, last, last_bias = (v.numpy() for v in net.variables)
    linear = inputs @ first + bias
    hidden = np.where(linear > 0, linear, np.exp(linear) - 1)
    np.testing.assert_allclose(net(inputs)[0], np.tanh(hidden @ last + last_bias), rtol=1e-4, atol=1e-7)

    zeros = tf.nest.map_structure(lambda s: tf.ones([2, *s.shape], s.dtype), of.low.training_data_spec)
    batch = of.low.learning_batch(zeros)
    targets = of.low.actor_critic.td_targets(batch, tf.zeros([2, 2]))
    errors = [np.abs(targets - critic((batch.observation, batch.action))[0]) for critic in of.low.critic_nets]
    np.testing.assert_allclose(
        of.low.actor_critic.critic_loss(batch, tf.zeros([2, 2])), np.mean(errors), rtol=1e-5
    )
    before = of.low.critic_nets[0].variables[0].numpy()
    assert np.isfinite(of.low.train(zeros).loss)
    assert not np.array_equal(before, of.low.critic_nets[0].variables[0])
