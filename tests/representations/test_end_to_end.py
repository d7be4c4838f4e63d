"""A representation that the high level's critics train, against the same done by hand."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.agents.ddpg_networks import ActorNetwork
from efficient_hrl.agents.losses import huber_loss
from efficient_hrl.representations.end_to_end import EndToEnd
from efficient_hrl.representations.representation import StatePreprocessNetwork
from tests import tiny_hierarchy

NET = functools.partial(StatePreprocessNetwork, states_hidden_layers=(6,))
BATCH = 12


def made(**high):
    """Both levels, with a representation that is not close to zero."""
    f = EndToEnd(tf.TensorSpec([7], tf.float32), tiny_hierarchy.action_spec(), 10, state_preprocess_net=NET)
    for i, variable in enumerate(f.state_net.trainable_variables):
        variable.assign(0.5 * tf.random.stateless_normal(variable.shape, [4, i]))
    low = {"state_preprocess_class": lambda *specs: f}
    return tiny_hierarchy.hierarchy(low=low, high=high)


def segments(of):
    def drawn(i, spec):
        if spec.dtype != tf.float32:
            return tf.fill([BATCH, *spec.shape], tf.constant(10, spec.dtype))
        return tf.random.stateless_normal([BATCH, *spec.shape], [5, i])

    flat = tf.nest.flatten(of.high.training_data_spec)
    drawn = [drawn(i, spec) for i, spec in enumerate(flat)]
    return tf.nest.pack_sequence_as(of.high.training_data_spec, drawn)._replace(bootstrap=tf.ones([BATCH]))


def values(variables):
    return [v.numpy() for v in variables]


def differ(before, variables):
    return [not np.array_equal(b, v) for b, v in zip(before, variables)]


def test_the_high_level_sees_states_through_f():
    of = made()
    states, targets = tf.random.stateless_normal([5, 7], [1, 1]), tf.ones([5, 2])
    goals = of.high.action(states, [targets])
    seen = tf.concat([of.representation(states), targets], axis=-1)
    np.testing.assert_array_equal(goals, of.high.actor_net(seen)[0])
    assert of.high.actor_net.variables[0].shape[0] == 4
    assert of.high.critic_nets[0].variables[0].shape[0] == 6  # with the goal
    assert of.high.training_data_spec.state.shape == [7]
    assert of.low.actor_net.variables[0].shape[0] == 9  # the low level sees states as they are


def test_the_critics_loss_is_that_of_encoded_states_with_a_target_of_f():
    of = made()
    target_net = of.high.actor_critic._target_encoder.net
    for i, variable in enumerate(target_net.trainable_variables):
        variable.assign(0.4 * tf.random.stateless_normal(variable.shape, [6, i]))
    batch = of.high.learning_batch(segments(of))
    noise = 0.1 * tf.random.stateless_normal([BATCH, 2], [2, 2])
    split = lambda observation: (observation[:, :7], observation[:, 7:])
    states, targets = split(batch.observation)
    next_states, next_targets = split(batch.next_observation)
    seen = tf.concat([of.representation(states), targets], axis=-1)
    next_seen = tf.concat([target_net(next_states)[0], next_targets], axis=-1)
    action = of.high.actor_critic.target_actor_net(next_seen)[0] + noise
    lowest = tf.minimum(*(net((next_seen, action))[0] for net in of.high.actor_critic.target_critic_nets))
    targets = batch.reward + batch.discount * lowest
    expected = np.mean([huber_loss(targets, net((seen, batch.action))[0]) for net in of.high.critic_nets])
    np.testing.assert_allclose(of.high.actor_critic.critic_loss(batch, noise), expected, rtol=1e-5)


def test_f_learns_from_the_high_levels_critics_and_from_nothing_else():
    of = made()
    f, target = of.representation.state_net, of.high.actor_critic._target_encoder.net
    high, low = of.high, of.low
    for _ in range(2):  # an update with the actor's gradient, and one with target networks
        high.train(segments(of))
    at_first = values(made().representation.state_net.variables)
    assert all(differ(at_first, f.variables))

    before, old_target = values(f.variables), values(target.variables)
    batch = high.learning_batch(segments(of))
    with tf.GradientTape() as tape:
        loss = high.actor_critic.actor_loss(batch.observation)
    assert all(g is not None for g in tape.gradient(loss, high.actor_net.trainable_variables))
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(high.actor_critic.critic_variables)
        loss = high.actor_critic.critic_loss(batch, tf.zeros([BATCH, 2]))
    gradients = tape.gradient(loss, high.actor_critic.critic_variables)
    assert len(gradients) == len({id(v) for v in high.actor_critic.critic_variables})
    assert all(np.any(g != 0) for g in gradients[-len(f.trainable_variables) :])

    transition = tf.nest.map_structure(
        lambda spec: tf.random.stateless_normal([BATCH, *spec.shape], [8, 8]), low.training_data_spec
    )
    low.train(transition)
    assert not any(differ(before, f.variables)) and not any(differ(old_target, target.variables))
    assert not of.representation.trainable_representation


def test_the_target_of_f_follows_as_other_targets_do():
    of = made()
    f, target = of.representation.state_net, of.high.actor_critic._target_encoder.net
    assert not any(differ(values(f.variables), target.variables))  # after `initialize`
    high = of.high
    high.train(segments(of))
    old = values(target.variables)
    high.train(segments(of))
    for before, online, after in zip(old, f.variables, target.variables):
        np.testing.assert_allclose(after, 0.995 * before + 0.005 * online, rtol=1e-5, atol=1e-8)
    names = high.checkpointed()
    assert names["state_process_net"] is f and names["target_state_process_net"] is target


def test_without_such_a_representation_nothing_is_between():
    of = tiny_hierarchy.hierarchy()
    states = tf.random.stateless_normal([3, 7], [1, 1])
    assert of.high.seen(states) is states
    assert len(of.high.actor_critic.critic_variables) == 2 * len(of.high.critic_nets[0].trainable_variables)


def test_wrong_networks_are_refused():
    with pytest.raises(ValueError, match="EndToEnd.state_preprocess_net = None; allowed: a function"):
        EndToEnd(tf.TensorSpec([7], tf.float32), tiny_hierarchy.action_spec(), 10)
    hides = functools.partial(ActorNetwork, hidden_layers=(8,), images=True)
    with pytest.raises(ValueError, match="hides its first two inputs .*; allowed: False"):
        made(actor_net=hides)
