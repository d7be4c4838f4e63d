import dataclasses

import gin
import pytest
import tensorflow as tf

from efficient_hrl.builder.training import build_training
from efficient_hrl.configuration.config import load_config
from efficient_hrl.representations.goal_space import GoalSpace
from efficient_hrl.train import train_uvf
from tests.commands.test_wrong_inputs import REPOSITORY, RUN


class FirstTwo(GoalSpace):
    """x and y, times weights that are trained or not."""

    def __init__(self, *specs, **settings):
        super().__init__()
        self.weights = tf.Variable([1.0, 1.0])

    def __call__(self, states):
        return self.weights * states[..., :2]


class Trained(FirstTwo):
    trainable_representation = True


class TrainedByHighLevel(FirstTwo):
    trained_by_high_level = True


def no_goal_space(*specs, **settings):
    return lambda states: states[..., :2]


def build_with(goal_space):
    gin.clear_config()
    load_config([str(REPOSITORY / "gin/hiro_xy_point_maze.gin")], RUN)

    def build(spec, make_evaluator):
        hierarchy = dataclasses.replace(spec.hierarchy, state_preprocess_class=goal_space)
        return build_training(dataclasses.replace(spec, hierarchy=hierarchy), make_evaluator)

    return train_uvf(0, build=build)


def test_one_that_is_not_trained_needs_no_network():
    assert isinstance(build_with(FirstTwo).hierarchy.representation, FirstTwo)


@pytest.mark.parametrize("goal_space", [Trained, TrainedByHighLevel])
def test_one_that_is_trained_needs_the_network_that_acting_follows(goal_space):
    with pytest.raises(
        ValueError, match=f"{goal_space.__name__}.state_net is None, though f is trained; allowed"
    ):
        build_with(goal_space)


def test_what_is_none_is_refused():
    with pytest.raises(ValueError, match="state_preprocess_class makes a function; allowed: a GoalSpace"):
        build_with(no_goal_space)
