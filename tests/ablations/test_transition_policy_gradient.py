"""FuN's transition policy gradient against NumPy, and what it teaches."""

import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.ablations.transition_policy_gradient import TransitionMetaAgent, transition_policy_loss
from efficient_hrl.agents.optimizers import adam_optimizer
from efficient_hrl.learner import Learner
from efficient_hrl.specifications.learning import LearningSettings
from efficient_hrl.specifications.level import LevelSpec
from tests import tiny_hierarchy

BATCH = 8


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def test_loss_and_gradient_are_those_of_equation_7():
    rng = np.random.default_rng(0)
    advantages = rng.normal(size=BATCH).astype(np.float32)
    moved, goals = rng.normal(size=(2, BATCH, 3)).astype(np.float32)
    variable = tf.Variable(goals)
    with tf.GradientTape() as tape:
        loss = transition_policy_loss(tf.constant(advantages), tf.constant(moved), variable)
    cosine = np.sum(unit(moved) * unit(goals), axis=-1)
    np.testing.assert_allclose(loss, -np.mean(advantages * cosine), rtol=1e-5)
    # d cos(m, g) / dg = (m/|m| - cos g/|g|) / |g|
    slope = (unit(moved) - cosine[:, None] * unit(goals)) / np.linalg.norm(goals, axis=-1, keepdims=True)
    expected = -advantages[:, None] * slope / BATCH
    np.testing.assert_allclose(tape.gradient(loss, variable), expected, rtol=1e-4, atol=1e-6)


def test_standing_still_has_no_direction_and_a_goal_of_length_zero_a_finite_gradient():
    goals = tf.Variable([[1.0, 2.0], [0.0, 0.0]])
    with tf.GradientTape() as tape:
        loss = transition_policy_loss(tf.ones([2]), tf.constant([[0.0, 0.0], [3.0, 4.0]]), goals)
    gradient = tape.gradient(loss, goals).numpy()
    assert loss == 0 and np.all(gradient[0] == 0) and np.all(np.isfinite(gradient[1]))


def hierarchy(**high):
    return tiny_hierarchy.hierarchy(high_class=TransitionMetaAgent, high=high)


def collected(of):
    env = tiny_hierarchy.point_mazes(2)
    driver, low_replay, high_replay = tiny_hierarchy.collector(env, of, 2 * 61, explore=True, seed=2)
    driver.collect()
    return low_replay, high_replay


@pytest.mark.parametrize("actions_reg", [0.0, 0.3])
def test_the_advantage_is_the_critics_target_minus_their_value_of_the_policy(actions_reg):
    of = hierarchy(actions_reg=actions_reg, k=1)
    _, replay = collected(of)
    segments = replay.sample(BATCH, tf.constant([1, 2], tf.int64))
    batch = of.high.learning_batch(segments)
    np.testing.assert_array_equal(batch.moved, segments.next_state[:, :2] - segments.state[:, :2])
    noise = tf.random.stateless_normal([BATCH, 2], [3, 4])
    goals = of.high.actor_net(batch.observation)[0]
    next_goals = of.high.actor_critic.target_actor_net(batch.next_observation)[0] + np.clip(noise, -0.5, 0.5)
    value = lambda nets, s, g: np.minimum(*(net((s, g))[0] for net in nets))
    targets = batch.reward + batch.discount * value(
        of.high.actor_critic.target_critic_nets, batch.next_observation, next_goals
    )
    advantages = targets - value(of.high.critic_nets, batch.observation, goals)
    cosine = np.sum(unit(batch.moved.numpy()) * unit(goals.numpy()), axis=-1)
    expected = -np.mean(advantages * cosine) + actions_reg * np.mean(np.abs(goals[:, 1]))
    np.testing.assert_allclose(of.high.actor_critic.policy_loss(batch, noise), expected, rtol=1e-4)


def test_no_gradient_reaches_a_critic_and_an_update_moves_the_actor():
    of = hierarchy()
    low_replay, high_replay = collected(of)
    segments = high_replay.sample(BATCH, tf.constant([1, 2], tf.int64))
    batch = of.high.learning_batch(segments)
    with tf.GradientTape() as tape:
        loss = of.high.actor_critic.policy_loss(batch, tf.zeros([BATCH, 2]))
    assert all(g is None for g in tape.gradient(loss, of.high.actor_critic.critic_variables))
    learner = Learner(of, low_replay, high_replay, LearningSettings(BATCH, None), 3)
    before = [v.numpy() for v in of.high.actor_net.variables]
    learner.learn(tf.constant(1))
    assert all(np.any(v.numpy() != old) for v, old in zip(of.high.actor_net.variables, before))


def test_goals_learn_to_point_where_moving_is_rewarded():
    """Rewards are the way to the right; critics that know nothing leave the advantage to them."""
    of = hierarchy(learning=LevelSpec(0.0, adam_optimizer(1e-9), adam_optimizer(0.01), 2))
    _, replay = collected(of)
    segments = replay.sample(64, tf.constant([5, 6], tf.int64))
    angle = tf.random.stateless_uniform([64], [7, 8], 0, 2 * np.pi)
    moved = tf.stack([tf.cos(angle), tf.sin(angle)], axis=1)
    next_state = tf.concat([segments.state[:, :2] + moved, segments.state[:, 2:]], axis=1)
    segments = segments._replace(next_state=next_state, reward=10 * moved[:, 0])
    goals = lambda: unit(of.high.action(segments.state, [segments.target]).numpy())
    before = np.mean(goals()[:, 0])
    train = tf.function(of.high.train, autograph=False)
    for _ in range(40):
        train(segments)
    assert np.mean(goals()[:, 0]) > 0.7 and before < 0
