"""Several gin files in one command: the later one wins, and that is said of tasks."""

import pathlib

import gin
import pytest

from efficient_hrl.configuration.config import bindings, load_config

GIN = pathlib.Path(__file__).parents[2] / "gin"


@pytest.fixture(autouse=True)
def forgotten():
    gin.clear_config()
    yield
    gin.clear_config()


def told_of(*names):
    lines = []
    load_config(
        [str(name if isinstance(name, pathlib.Path) else GIN / name) for name in names], [], lines.append
    )
    return lines


@pytest.mark.parametrize(
    "files, line",
    [
        (
            ("norl_ant_maze.gin", "hiro_point_maze.gin"),
            "create_maze_env.env_name = 'PointMaze' replaces 'AntMaze'; the rest of the files before it"
            " stays",
        ),
        (
            ("norl_ant_maze.gin", "examples/ant_v5.gin"),
            "create_gymnasium_env.env_id = 'Ant-v5' replaces the other task; the rest of the files before it"
            " stays",
        ),
    ],
)
def test_a_file_that_replaces_the_task_of_another_is_told(files, line):
    assert told_of(*files) == [f"--gin_file={GIN / files[1]}: {line}"]
    name, value = line.split(" replaces")[0].split(" = ")
    assert bindings()[name] == value


@pytest.mark.parametrize(
    "text",
    ["train_uvf.batch_size = 5", "create_maze_env.env_name = 'AntMaze'", "include 'tasks/ant_maze.gin'"],
)
def test_a_file_that_keeps_the_task_is_not(text, tmp_path):
    (tmp_path / "own.gin").write_text(text)
    assert told_of("norl_ant_maze.gin", tmp_path / "own.gin") == []
    gin.clear_config()
    assert told_of("norl_ant_maze.gin") == []
