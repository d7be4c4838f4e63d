"""Targets that a maze knows itself."""

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import tensor_spec

from efficient_hrl.context.maze_targets import MazeTargetSampler, maze_target_range, maze_target_samplers
from efficient_hrl.context.samplers import ConstantSampler
from environments.create_maze_env import make_maze_env

ROWS = ["11111", "1r..1", "111.1", "1...1", "11111"]
SEED = tf.constant([1, 2], tf.int32)
SPEC = tensor_spec.BoundedTensorSpec([2], tf.float32, -100.0, 100.0)


def own(**targets):
    return make_maze_env("Point", layout=ROWS, **targets)


def test_targets_are_uniform_over_the_cells_that_can_be_reached():
    env = own()
    contexts, next_contexts = MazeTargetSampler(SPEC, environment=env)(7000, SEED)
    assert contexts.shape == [7000, 2] and contexts.dtype == tf.float32
    np.testing.assert_array_equal(contexts, next_contexts)
    cells = np.stack(env.maze.layout.cell_at(contexts.numpy(), 4.0), axis=-1)
    found, counts = np.unique(cells, axis=0, return_counts=True)
    assert {tuple(cell) for cell in found.tolist()} == env.maze.layout.reachable_cells and len(found) == 7
    assert np.abs(counts - 1000).max() < 150  # five standard deviations
    inside = (contexts.numpy() + 2.0) % 4.0  # uniform within a cell
    np.testing.assert_allclose(
        np.quantile(inside, [0.25, 0.5, 0.75], axis=0), [[1] * 2, [2] * 2, [3] * 2], atol=0.1
    )
    assert abs(np.corrcoef(inside.T)[0, 1]) < 0.05


def test_given_targets_are_drawn_equally_often():
    places = [[8, 0], [8, 8], [0, 8]]
    contexts, _ = MazeTargetSampler(SPEC, environment=own(training_targets=places))(3000, SEED)
    found, counts = np.unique(contexts.numpy(), axis=0, return_counts=True)
    np.testing.assert_array_equal(found, np.unique(np.float32(places), axis=0))
    assert np.abs(counts - 1000).max() < 150


def test_equal_seeds_give_equal_targets():
    sampler = MazeTargetSampler(SPEC, environment=own())
    np.testing.assert_array_equal(sampler(5, SEED)[0], sampler(5, SEED)[0])
    assert np.any(sampler(5, SEED)[0] != sampler(5, SEED + 1)[0])


def test_the_range_is_around_what_can_be_reached():
    assert maze_target_range(own()) == ((-2.0, -2.0), (10.0, 10.0))
    assert maze_target_range(make_maze_env("AntMazeLarge")) == ((-2.0, -2.0), (38.0, 26.0))


def test_there_is_a_sampler_for_training_and_for_every_evaluation_target():
    env = own(evaluation_targets=[[8, 0], [8, 8]])
    samplers = {mode: make(SPEC) for mode, (make,) in maze_target_samplers(env).items()}
    assert [*samplers] == ["train", "explore", "eval1", "eval2"]
    assert all(isinstance(samplers[mode], MazeTargetSampler) for mode in ("train", "explore"))
    assert all(isinstance(samplers[mode], ConstantSampler) for mode in ("eval1", "eval2"))
    np.testing.assert_array_equal(samplers["eval1"].value, [8, 0])
    np.testing.assert_array_equal(samplers["eval2"].value, [8, 8])


def test_a_maze_without_evaluation_targets_is_told():
    with pytest.raises(ValueError, match="create_maze_env.evaluation_targets is not set; allowed: a list"):
        maze_target_samplers(own())


@pytest.mark.parametrize("environment", [None, 5, make_maze_env("AntMaze")])
@pytest.mark.parametrize("function", [maze_target_range, maze_target_samplers])
def test_only_mazes_that_know_their_targets_are_allowed(function, environment):
    message = f"{function.__name__}.environment has no targets of its own; allowed: @create_maze_env"
    with pytest.raises(ValueError, match=message):
        function(environment)
    with pytest.raises(ValueError, match="MazeTargetSampler.environment has no targets of its own"):
        MazeTargetSampler(SPEC, environment=environment)


def test_contexts_of_another_size_are_refused():
    spec = tensor_spec.BoundedTensorSpec([3], tf.float32, -100.0, 100.0)
    with pytest.raises(ValueError, match="draws 2 numbers; allowed: a context of as many, not of 3"):
        MazeTargetSampler(spec, environment=own())
