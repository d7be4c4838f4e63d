"""What a video tells agrees with the trajectory that was run."""

import numpy as np
import pytest

from efficient_hrl.configuration.config import load_config
from efficient_hrl.eval import evaluate
from efficient_hrl.figures.goal_positions import GoalPositions
from efficient_hrl.video.episode import episode_of, has_goals
from tests.test_eval import GIN, TARGETS, TINY_STEPS, point_maze, tiny_evaluator

EXACT = lambda states: states[..., :2]
LEARNED = lambda states: 3.0 * states[..., :2]


@pytest.fixture(scope="module")
def evaluator():
    return tiny_evaluator(num_episodes_eval=1)


@pytest.fixture(scope="module")
def trajectory(evaluator):
    return evaluator.trajectories("eval2", 70)[0]


def read(evaluator, trajectory, f=EXACT):
    return episode_of(evaluator, trajectory, GoalPositions(point_maze().maze, f), "a", 70)


def test_distances_and_rewards_are_those_of_the_moments_that_they_led_to(evaluator, trajectory):
    episode = read(evaluator, trajectory)
    assert episode.steps == TINY_STEPS and episode.success_distance == 5.0
    np.testing.assert_array_equal(episode.target_position, TARGETS["eval2"])
    np.testing.assert_allclose(episode.distance[1:], -episode.task_rewards[1:], rtol=1e-4)
    np.testing.assert_array_equal(episode.low_rewards[1:], trajectory.low_rewards)
    assert np.isnan([episode.low_rewards[0], episode.task_rewards[0]]).all()
    assert episode.title == "a, trained for 70 environment steps: towards eval2 at (8, 8) m"


def test_goals_stay_where_they_were_given(evaluator, trajectory):
    episode = read(evaluator, trajectory)
    assert np.flatnonzero(episode.is_new_goal).tolist() == [0, 5, 10]
    wanted = trajectory.states[:-1, :2] + trajectory.goals
    np.testing.assert_allclose(episode.goals_xy[:-1], wanted, atol=1e-5)
    np.testing.assert_array_equal(episode.goals_xy[-1], episode.goals_xy[-2])
    assert episode.goals_are_exact


def test_learned_goals_are_looked_for_once_each(evaluator, trajectory):
    given = [0, 5, 10]
    positions = GoalPositions(point_maze().maze, LEARNED)
    expected = positions(
        type(trajectory.simulation)(*(part[given] for part in trajectory.simulation)), trajectory.goals[given]
    )
    episode = read(evaluator, trajectory, LEARNED)
    assert not episode.goals_are_exact
    np.testing.assert_array_equal(episode.goals_xy, np.repeat(expected, [5, 5, 3], axis=0))


@pytest.mark.parametrize("length", [0, 1, 6])
@pytest.mark.parametrize("f", [EXACT, LEARNED])
def test_an_episode_that_became_unstable_is_shorter(evaluator, trajectory, length, f):
    whole = read(evaluator, trajectory, f)
    cut = trajectory._replace(
        states=trajectory.states[: length + 1],
        simulation=type(trajectory.simulation)(*(part[: length + 1] for part in trajectory.simulation)),
        **{
            name: getattr(trajectory, name)[:length]
            for name in ("actions", "goals", "clocks", "low_rewards", "high_rewards")
        },
    )
    episode = read(evaluator, cut, f)
    assert episode.steps == length
    np.testing.assert_array_equal(episode.distance, whole.distance[: length + 1])
    if length:
        np.testing.assert_array_equal(episode.goals_xy[:-1], whole.goals_xy[:length])
        assert len(episode.is_new_goal) == length + 1
    else:
        assert episode.goals_xy is None


def test_there_are_no_goals_beside_the_target_without_a_hierarchy(evaluator, trajectory):
    assert has_goals(evaluator)
    assert episode_of(evaluator, trajectory, None, "a", 70).goals_xy is None
    load_config([str(GIN / "td3_point_maze.gin")], ["ACTOR_HIDDEN_SIZE_1 = 16", "RESET_EPISODE_PERIOD = 5"])
    flat = evaluate(seed=0, num_episodes_eval=1)
    assert not has_goals(flat)
