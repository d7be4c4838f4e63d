"""Gin files that come with the program are found by name, from any folder."""

import gin
import pytest

from efficient_hrl.configuration import shipped
from efficient_hrl.configuration.config import bindings, load_config
from efficient_hrl.configuration.shipped import SHIPPED_FILES, find_gin_file, shipped_names


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "name, found",
    [
        ("norl_ant_maze", "norl_ant_maze.gin"),
        ("norl_ant_maze.gin", "norl_ant_maze.gin"),
        ("gin/norl_ant_maze.gin", "norl_ant_maze.gin"),
        ("gin/norl_ant_maze", "norl_ant_maze.gin"),
        ("tasks/point_maze.gin", "tasks/point_maze.gin"),
        ("gin/examples/ant_v5", "examples/ant_v5.gin"),
    ],
)
def test_a_shipped_file_is_found_where_there_is_none(folder, name, found):
    assert find_gin_file(name) == str(SHIPPED_FILES / found)


@pytest.mark.parametrize(
    "name", ["nowhere", "gin", "", "gin/tasks", "ant_maze", "/norl_ant_maze", "../gin/norl_ant_maze", "\0"]
)
def test_nothing_else_is(folder, name):
    assert find_gin_file(name) is None


def test_ones_own_file_goes_before_a_shipped_one(folder):
    (folder / "norl_ant_maze.gin").write_text("include 'hiro_xy_point_maze.gin'\n")
    assert find_gin_file("norl_ant_maze.gin") == "norl_ant_maze.gin"
    assert find_gin_file("gin/norl_ant_maze.gin") == str(SHIPPED_FILES / "norl_ant_maze.gin")
    (folder / "gin").mkdir()
    (folder / "gin/norl_ant_maze.gin").write_text("")
    assert find_gin_file("gin/norl_ant_maze.gin") == "gin/norl_ant_maze.gin"


def test_what_is_named_is_loaded(folder):
    load_config(["hiro_xy_point_maze"], [])
    by_name = bindings()
    gin.clear_config()
    load_config([str(SHIPPED_FILES / "hiro_xy_point_maze.gin")], [])
    assert bindings() == by_name and by_name["create_maze_env.env_name"] == "'PointMaze'"


def test_names_are_of_whole_runs_and_each_is_found(folder):
    names = shipped_names()
    assert {"norl_ant_maze", "td3_point_maze", "examples/ant_v5"} <= {*names} and "base" not in names
    assert names == sorted(names) and all(find_gin_file(name) for name in names)


def test_both_places_are_known():
    assert shipped.SHIPPED_FILES.name == "gin" and (shipped.SHIPPED_FILES / "base.gin").is_file()
    assert shipped._INSTALLED.parent.name == "efficient_hrl"
