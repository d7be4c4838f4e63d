import re

import gin
import numpy as np
import pytest

from environments.create_maze_env import (
    ENVIRONMENTS,
    create_maze_env,
    environment_id,
    make_maze_env,
    variant_of,
)


def test_names_are_all_mazes_with_both_robots_with_and_without_sensors():
    layouts = ("Maze", "Push", "Fall", "Block", "BlockMaze", "MazeMedium", "MazeLarge")
    expected = {
        f"{ego}{robot}{layout}" for ego in ("", "Ego") for robot in ("Ant", "Point") for layout in layouts
    }
    assert set(ENVIRONMENTS) == expected and len(expected) == 28


@pytest.mark.parametrize("top_down_view", [False, True])
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_known_name_makes_its_environment(name, top_down_view):
    env = create_maze_env(name, top_down_view)
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    assert env.maze.name == name
    assert (env.maze.has_view, env.maze.num_rays) == (top_down_view, 8 if name.startswith("Ego") else 0)
    robot = 29 if "Ant" in name else 6
    parts = (robot, 3 * ("Block" in name), 24 * name.startswith("Ego"), 75 * top_down_view, 1)
    assert observation.shape == (sum(parts),)


@pytest.mark.parametrize(
    "name", ["AntMaz", "antmaze", "", None, "HumanoidMaze", "EgoEgoAntMaze", "AntMaze-v0"]
)
def test_unknown_names_are_answered_with_the_known_ones(name):
    with pytest.raises(ValueError) as error:
        make_maze_env(name)
    message = str(error.value)
    assert message.startswith(f"unknown environment {name!r}; known environments: ") and "\n" not in message
    with pytest.raises(ValueError, match=re.escape(message)):  # gin adds where it was called
        create_maze_env(name)
    assert set(message.split("known environments: ")[1].split(", ")) == set(ENVIRONMENTS)


@pytest.mark.parametrize("value", ["False", 1, None])
def test_a_view_is_asked_for_by_true_or_false(value):
    with pytest.raises(ValueError, match=f"top_down_view = {value!r}; allowed: True, False"):
        create_maze_env("AntMaze", top_down_view=value)


def test_unknown_render_modes_are_refused():
    with pytest.raises(ValueError, match="render_mode = 'ansi'; allowed: None, 'human', 'rgb_array'"):
        make_maze_env("AntMaze", render_mode="ansi")


def test_a_window_without_a_screen_is_refused(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.setenv(name, "")
    with pytest.raises(ValueError, match="render_mode = 'human'; allowed: None, 'rgb_array'") as error:
        make_maze_env("AntMaze", render_mode="human")
    assert "neither DISPLAY nor WAYLAND_DISPLAY is set" in str(error.value)
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert make_maze_env("AntMaze", render_mode="human").render_mode == "human"


@pytest.mark.parametrize(
    "name, variant",
    [
        ("AntMaze-v0", ("AntMaze", False)),
        ("EgoPointMazeLargeImage-v0", ("EgoPointMazeLarge", True)),
        ("AntMazeGoal-v0", None),
        ("AntMaze", None),
        ("AntMaze-v1", None),
        ("Ant-v5", None),
    ],
)
def test_an_id_is_a_name_and_a_view(name, variant):
    assert variant_of(name) == variant


def test_gin_chooses_the_environment():
    gin.parse_config("create_maze_env.env_name = 'EgoPointPush'\ncreate_maze_env.top_down_view = True")
    env = create_maze_env()
    assert env.maze.name == "EgoPointPush" and env.maze.has_view


def test_ids_say_what_an_environment_has():
    assert environment_id("AntMaze", False, False) == "AntMaze-v0"
    assert environment_id("EgoPointFall", True, True) == "EgoPointFallImageGoal-v0"


def test_a_view_and_sensors_only_add_to_an_observation():
    plain, full = create_maze_env("PointBlock"), create_maze_env("EgoPointBlock", top_down_view=True)
    short, long = plain.reset(seed=4)[0], full.reset(seed=4)[0]
    np.testing.assert_array_equal(short[:-1], long[: len(short) - 1])
    assert short[-1] == long[-1]
