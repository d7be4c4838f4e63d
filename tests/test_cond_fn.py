"""Conditions on steps against loops that count."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl import cond_fn
from tests import tiny_hierarchy

N = 3


def asked(condition, states=None, ended=None, steps=0, episodes=1, agent=None, **parameters):
    """A condition's answers, [N]; numbers stand for N equal ones."""
    states = tf.zeros([N, 7]) if states is None else tf.constant(states, tf.float32)
    ended = tf.fill([N], False) if ended is None else tf.constant(ended)
    counters = [tf.broadcast_to(tf.constant(x, tf.int64), [N]) for x in (steps, episodes)]
    answers = condition(agent, states, tf.zeros([N, 2]), ended, *counters, **parameters)
    assert answers.dtype == tf.bool and answers.shape == [N]
    return answers.numpy().tolist()


def test_constants_and_the_environments_own_episodes():
    ended = [True, False, True]
    assert asked(cond_fn.env_restart, ended=ended) == ended
    assert asked(cond_fn.env_transition, ended=ended) == [False, True, False]
    assert asked(cond_fn.true_fn, ended=ended) == [True] * 3
    assert asked(cond_fn.false_fn, ended=ended) == [False] * 3


@pytest.mark.parametrize("n", [1, 4, 150])
def test_every_n_steps_is_a_count_to_n(n):
    count = 0
    for step in range(1, 2 * n + 2):
        count += 1
        due = count == n
        count = 0 if due else count
        assert asked(cond_fn.every_n_steps, steps=step, n=n) == [due] * 3


def test_every_n_steps_looks_at_each_environments_own_steps_and_150_is_the_default():
    assert asked(cond_fn.every_n_steps, steps=[4, 5, 8], n=4) == [True, False, True]
    assert asked(cond_fn.every_n_steps, steps=[149, 150, 151]) == [False, True, False]


@pytest.mark.parametrize("n, due_episodes", [(1, [1, 2, 3, 4, 5, 6, 7]), (2, [1, 3, 5, 7]), (3, [2, 5])])
def test_every_n_episodes_is_due_at_the_end_of_these_episodes(n, due_episodes):
    upright = np.full([N, 7], 0.75)
    due = []
    for step in range(1, 7 * 5 + 1):
        episode = (step - 1) // 5 + 1
        (answer,) = {
            *asked(cond_fn.every_n_episodes, upright, steps=step, episodes=episode, n=n, steps_per_episode=5)
        }
        if answer:
            assert step % 5 == 0
            due.append(episode)
    assert due == due_episodes


@pytest.mark.parametrize(
    "height, fallen",
    [(0.1, True), (0.1999, True), (0.2001, False), (0.75, False), (1.0, False), (1.001, True)],
)
def test_an_episode_in_which_the_ant_fell_is_always_due_at_its_end(height, fallen):
    states = np.full([N, 7], 0.5)
    states[1, 2] = height
    parameters = {"n": 2, "steps_per_episode": 5}
    at = functools.partial(asked, cond_fn.every_n_episodes, states, **parameters)
    assert at(steps=10, episodes=2) == [False, fallen, False]
    assert at(steps=9, episodes=2) == [False] * 3
    assert at(steps=5, episodes=1) == [True] * 3


def test_failed_reset_is_a_distance_at_the_end_of_an_episode():
    rng = np.random.default_rng(0)
    goal = rng.normal(size=7).astype(np.float32)
    parameters = {"steps_per_episode": 4, "reset_state": tuple(goal.tolist()), "max_dist": 1.5}
    seen = set()
    for step in range(1, 60):
        states = goal + rng.normal(size=(N, 7)) * [[0.1], [0.6], [2.0]]
        distances = [np.sqrt(sum((s - g) ** 2 for s, g in zip(state, goal))) for state in states]
        expected = [bool(d > 1.5 and step % 4 == 0) for d in distances]
        seen |= set(expected)
        assert asked(cond_fn.failed_reset_after_n_episodes, states, steps=step, **parameters) == expected
    assert seen == {True, False}


def test_the_distance_of_a_failed_reset_must_be_above_the_limit_and_has_epsilon_under_its_root():
    ask = functools.partial(
        asked, cond_fn.failed_reset_after_n_episodes, steps=4, steps_per_episode=4, reset_state=[0.0] * 7
    )
    states = np.zeros([N, 7])
    states[:, 3] = [0.5, 1.0, 1.01]
    assert ask(states) == [False, False, True]
    assert ask(states, epsilon=0.76) == [True] * 3  # sqrt(0.25 + 0.76) > 1
    assert ask(states, max_dist=0.4) == [True] * 3


def test_q_too_small_asks_the_critic_without_clock_and_contexts():
    low = tiny_hierarchy.hierarchy().low
    kernel = low.critic_nets[0].trainable_variables[-2]
    kernel.assign(tf.random.stateless_normal(kernel.shape, [1, 1]))
    states = tf.random.stateless_normal([N, 7], [2, 2])
    merged = tf.concat([states[:, :6], tf.zeros([N, 1]), tf.zeros([N, 2])], axis=1)
    values = low.critic_nets[0]((merged, tf.zeros([N, 2])))[0].numpy()
    limit = float(np.median(values))
    for q_min in (limit, limit + 1e-5):
        expected = (values < q_min).tolist()
        assert asked(cond_fn.q_too_small, states, agent=low, q_min=q_min) == expected
    assert sum(expected) == 2  # and strictly smaller ones only, before
    default = (values < 0.5).tolist()
    assert asked(cond_fn.q_too_small, states, agent=low) == default


@pytest.mark.parametrize(
    "condition, parameters, message",
    [
        (cond_fn.every_n_steps, {"n": 0}, "every_n_steps.n = 0; allowed: a whole number from 1"),
        (cond_fn.every_n_steps, {"n": 2.5}, "every_n_steps.n = 2.5"),
        (cond_fn.every_n_steps, {"n": True}, "every_n_steps.n = True"),
        (cond_fn.every_n_episodes, {}, "every_n_episodes.steps_per_episode = None; allowed"),
        (cond_fn.every_n_episodes, {"n": -1, "steps_per_episode": 5}, "every_n_episodes.n = -1"),
        (
            cond_fn.failed_reset_after_n_episodes,
            {"reset_state": [0.0] * 7},
            "failed_reset_after_n_episodes.steps_per_episode = None",
        ),
        (
            cond_fn.failed_reset_after_n_episodes,
            {"steps_per_episode": 5},
            "reset_state = None; allowed: 7 numbers",
        ),
        (
            cond_fn.failed_reset_after_n_episodes,
            {"steps_per_episode": 5, "reset_state": [0.0]},
            r"reset_state = \[0.0\]; allowed: 7 numbers",
        ),
    ],
)
def test_wrong_parameters_are_named(condition, parameters, message):
    with pytest.raises(ValueError, match=message):
        asked(condition, **parameters)
