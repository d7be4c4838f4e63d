import pytest

from environments.create_maze_env import ENVIRONMENTS, create_maze_env


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_known_name_makes_its_environment(name):
    env = create_maze_env(name)
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)


@pytest.mark.parametrize("name", ["AntMaz", "antmaze", "", None, "HumanoidMaze"])
def test_unknown_names_are_answered_with_the_known_ones(name):
    with pytest.raises(ValueError, match=f"{name!r}.*AntMaze.*PointMaze"):
        create_maze_env(name)


def test_a_view_is_refused_until_there_is_one():
    with pytest.raises(ValueError, match="top_down_view = True"):
        create_maze_env("AntMaze", top_down_view=True)
