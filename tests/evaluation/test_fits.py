import pytest
import tensorflow as tf
from tf_agents.environments import tf_py_environment

from efficient_hrl.evaluation.fits import check_success_fn
from tests.tiny_hierarchy import hierarchy, point_mazes


def check(gives):
    def own(states, actions, rewards, next_states, contexts):
        return gives(next_states)

    env = tf_py_environment.TFPyEnvironment(point_mazes(1))
    check_success_fn(own, env, hierarchy())


def test_a_reward_for_each_episode_may_decide_about_success():
    check(lambda states: (-states[:, 0], tf.ones_like(states[:, 0])))


@pytest.mark.parametrize(
    "gives, message",
    [
        (lambda states: -states[:, 0], "gives no pair; allowed"),
        (lambda states: (-states, tf.ones([2])), r"gives rewards of shape \(2, 7\) .*; allowed: \[B\]\)"),
        (lambda states: (tf.reduce_sum(states), tf.ones([2])), r"gives rewards of shape \(\)"),
        (lambda states: (tf.reduce_sum(states)[None], tf.ones([2])), r"gives rewards of shape \(1,\)"),
        (lambda states: (states[:, 0] < 1, tf.ones([2])), "gives rewards of bool; allowed: float32"),
    ],
)
def test_what_cannot_is_told_before_any_episode(gives, message):
    with pytest.raises(ValueError, match=f"evaluate.success_fn does not fit states of 7 .*{message}"):
        check(gives)
