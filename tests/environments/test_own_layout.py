"""Mazes of a user's own: what is read, what is refused, and what comes of them."""

import os
import re

import gymnasium
import numpy as np
import pytest

from environments.batched import BatchedMazeEnvironment
from environments.create_maze_env import create_maze_env, make_maze_env, recipe
from environments.layouts import D4RL_LAYOUTS, Layout
from environments.own_layout import fault_of, own_layout
from environments.position_grid import nearest_positions, path_lengths, position_grid
from environments.robots import Ant, Point
from environments.tasks import own_task

ROWS = ["1111111", "1r..1.1", "111.111", "1.....1", "1111111"]  # with a cell that no way leads to
CELLS = (
    ("1", "1", "1", "1", "1", "1", "1"),
    ("1", "r", "0", "0", "1", "0", "1"),
    ("1", "1", "1", "0", "1", "1", "1"),
    ("1", "0", "0", "0", "0", "0", "1"),
    ("1", "1", "1", "1", "1", "1", "1"),
)


def make(robot="Point", layout=ROWS, **more):
    return make_maze_env(robot, layout=layout, **more)


# Reading.


@pytest.mark.parametrize(
    "rows", [ROWS, tuple(ROWS), [row.replace(".", "0") for row in ROWS], [" ".join(row) for row in ROWS]]
)
def test_rows_become_cells(rows):
    assert own_layout(rows).cells == CELLS


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_file_has_a_row_in_each_line(tmp_path, ends):
    path = tmp_path / "maze.txt"
    path.write_bytes(ends.join(["", *ROWS[:2], *(" ".join(row) for row in ROWS[2:]), "", ""]).encode())
    assert own_layout(str(path)).cells == CELLS


def test_a_path_may_begin_with_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "maze.txt").write_text("\n".join(ROWS))
    assert own_layout("~/maze.txt").cells == CELLS


@pytest.mark.parametrize(
    "layout, message",
    [
        (5, "layout = 5; allowed: a list of rows, e.g. ['11111', '1r..1', '11111'], or the path"),
        ([[1, 1], [1, "r"]], "layout = [[1, 1], [1, 'r']]; allowed: a list of rows"),
        ({"rows": ROWS}, "allowed: a list of rows"),
        ([], "layout has no rows; allowed: a list of rows"),
        (["111", "1x1", "111"], "row 2, column 2 is 'x'; allowed: 1 (wall), 0 or . (floor), r (start)"),
        (["111", "1R1", "111"], "row 2, column 2 is 'R'; allowed: "),
        (["1111", "1rC1", "1111"], "row 2, column 3 is 'C'; allowed: "),
        (["111", "1r1", "11"], "row 3 has 2 cells and row 1 has 3; allowed: rows of one length"),
        (["111", "", "1r1", "111"], "row 2 has 0 cells and row 1 has 3; allowed: rows of one length"),
        (["111", "101", "111"], "layout has 0 start cells (r); allowed: exactly one"),
        (["1111", "1rr1", "1111"], "layout has 2 start cells (r); allowed: exactly one"),
        (["1111", "1r.1", "11.1"], "row 3, column 3 at the edge is '.'; allowed: walls (1) all around"),
        (["1111", "1r..", "1111"], "row 2, column 4 at the edge is '.'; allowed: walls (1) all around"),
        (["1r1", "111", "111"], "row 1, column 2 at the edge is 'r'; allowed: walls"),
        (["1" * 60, "1r" + 57 * "." + "1", "1" * 60], "reaches 234 m from its start with cells of 4 m; all"),
    ],
)
def test_what_is_no_maze_is_refused_in_one_line(layout, message):
    with pytest.raises(ValueError) as error:
        make(layout=layout)
    assert message in str(error.value)
    assert str(error.value).startswith("create_maze_env.layout") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content, message",
    [
        (None, "no such file; allowed: a list of rows"),
        (b"\xff\xfe1", "not text in UTF-8; allowed"),
        (b"1" * 100_001, "more than 100,000 bytes; allowed"),
        (b"", "layout has no rows; allowed"),
        (b"111\n1?1\n111", "row 2, column 2 is '?'; allowed"),
    ],
)
def test_a_file_that_is_no_maze_is_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "maze.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        make(layout=str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("path", ["/dev/zero", os.path.dirname(__file__), "a\0b", "x" * 5000])
def test_what_is_no_file_is_refused_at_once(path):
    with pytest.raises(ValueError, match="create_maze_env.layout = .*; allowed: a list of rows"):
        make(layout=path)


@pytest.mark.parametrize(
    "robot, cell_size, least",
    [("Point", 1.9, "2"), ("Ant", 2.9, "3"), ("Ant", 41, "3"), ("Ant", True, "3"), ("Ant", "8", "3")]
    + [("Ant", float("nan"), "3"), ("Ant", float("inf"), "3")],
)
def test_cells_are_neither_too_small_nor_too_large(robot, cell_size, least):
    with pytest.raises(ValueError, match=f"cell_size = .*; allowed: {least} to 40 \\(metres\\)"):
        make(robot, cell_size=cell_size)


@pytest.mark.parametrize("name", ["training_targets", "evaluation_targets"])
@pytest.mark.parametrize(
    "places, message",
    [
        ([[0, 4]], "[0] = [0, 4] is in a wall; allowed: places in free cells that can be reached"),
        ([[8, 0], [8, 40]], "[1] = [8, 40] is outside the maze; allowed"),
        ([[16, 0]], "[0] = [16, 0] cannot be reached from the start; allowed"),
        ([], " = []; allowed: a list of places, e.g. [[8, 0], [8, 8]], metres from the start"),
        ([8, 0], " = [8, 0]; allowed: a list of places"),
        ([[8, 0, 0]], " = [[8, 0, 0]]; allowed: a list of places"),
        ([[8, "0"]], " = [[8, '0']]; allowed: a list of places"),
        ([[8, True]], " = [[8, True]]; allowed: a list of places"),
        ([[float("nan"), 0]], " = [[nan, 0]]; allowed: a list of places"),
        ("north", " = 'north'; allowed: a list of places"),
    ],
)
def test_targets_lie_where_the_robot_can_go(name, places, message):
    with pytest.raises(ValueError) as error:
        make(**{name: places})
    assert str(error.value).startswith(f"create_maze_env.{name}{message}") and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["AntPush", "AntMazeLarge", "Humanoid", None, "", "AntMazeMaze"])
def test_with_a_layout_the_name_is_that_of_the_robot(name):
    with pytest.raises(ValueError, match="with create_maze_env.layout: the robot, Ant, Point, EgoAnt"):
        make(name)


@pytest.mark.parametrize(
    "more", [{"cell_size": 4}, {"training_targets": [[8, 0]]}, {"evaluation_targets": [[8, 0]]}]
)
def test_what_belongs_to_a_layout_is_refused_without_one(more):
    (name,) = more
    message = f"create_maze_env.{name} = .* without create_maze_env.layout; allowed: None"
    with pytest.raises(ValueError, match=message):
        create_maze_env("AntMaze", **more)


# Reaching.


@pytest.mark.parametrize("layout", [own_layout(ROWS), *D4RL_LAYOUTS.values()], ids=lambda layout: layout.name)
def test_reachable_cells_are_those_to_which_paths_lead(layout):
    grid = position_grid(layout, 4.0, per_cell=2)
    lengths = path_lengths(grid, nearest_positions(grid, np.zeros([1, 2])))[0]
    ends = {tuple(int(i) for i in layout.cell_at(xy, 4.0)) for xy in grid.xy[np.isfinite(lengths)]}
    assert layout.reachable_cells == ends


def test_a_place_is_judged_by_its_cell():
    layout = own_layout(ROWS)
    found = {
        place: fault_of(place, layout, 4.0) for place in [(0, 0), (1.9, 1.9), (0, 2.1), (16, 0), (0, 99)]
    }
    assert [*found.values()] == [
        "",
        "",
        "is in a wall",
        "cannot be reached from the start",
        "is outside the maze",
    ]


# What comes of them.


@pytest.mark.parametrize("robot, rays", [("Ant", 0), ("Point", 0), ("EgoAnt", 8), ("EgoPoint", 8)])
@pytest.mark.parametrize("suffix", ["", "Maze"])
def test_a_layout_takes_the_place_of_the_maze_of_the_name(robot, rays, suffix):
    maze = make(robot + suffix, cell_size=6).maze
    assert maze.name == robot + "OwnMaze" and maze.num_rays == rays
    assert maze.layout.cells == CELLS and maze.robot.cell_size == 6.0
    walls = [maze.model.geom(i).name for i in range(maze.model.ngeom) if "block" in maze.model.geom(i).name]
    assert len(walls) == sum(row.count("1") for row in CELLS)
    np.testing.assert_allclose(maze.model.geom("block_2_4").pos, [18, 6, 1.5])
    np.testing.assert_allclose(maze.model.geom("block_2_4").size, [3, 3, 1.5])


def test_without_a_size_cells_have_the_robots_own():
    assert [make(robot).maze.robot.cell_size for robot in ("Ant", "Point")] == [8.0, 4.0]
    assert Ant().cell_size == 8.0 and Point(3).cell_size == 3.0 and Point().cell_size == 4.0


def test_the_floor_is_drawn_under_all_of_a_large_maze():
    wide = ["1" * 20, "1r" + 17 * "." + "1", "1" * 20]
    assert make(layout=wide, cell_size=5).maze.model.geom("floor").size[0] == pytest.approx(92.5)
    assert make().maze.model.geom("floor").size[0] == 40


def test_the_task_is_to_reach_places_with_the_robots_x_and_y():
    task = make(evaluation_targets=[[8, 0], [8, 8.5]]).maze.task
    assert task.indices == (0, 1) and task.episode_steps == 500
    np.testing.assert_array_equal(task.evaluation_targets, np.float32([[8, 0], [8, 8.5]]))
    np.testing.assert_array_equal(task.low, [-2, -2])
    np.testing.assert_array_equal(task.high, [18, 10])
    assert make().maze.task.evaluation_targets.shape == (0, 2)


def test_training_targets_are_everywhere_that_can_be_reached_and_nowhere_else():
    env = make()
    maze, rng = env.maze, np.random.default_rng(0)
    drawn = maze.task.draw(rng, 4000)
    cells = [tuple(cell) for cell in np.stack(maze.layout.cell_at(drawn, 4.0), axis=-1).tolist()]
    counts = {cell: cells.count(cell) for cell in set(cells)}
    assert counts.keys() == maze.layout.reachable_cells and (1, 5) not in counts
    assert min(counts.values()) > 0.8 * 4000 / len(counts)
    inside = (drawn + 2.0) % 4.0
    assert inside.min() < 0.05 and inside.max() > 3.95
    targets = []
    for seed in range(200):
        _, info = env.reset(seed=seed)
        assert info["distance"] >= 5
        targets.append(env.target)
    cells = {tuple(cell) for cell in np.stack(maze.layout.cell_at(np.array(targets), 4.0), axis=-1).tolist()}
    assert cells <= maze.layout.reachable_cells and len(cells) >= 6


def test_given_training_targets_are_the_only_ones():
    places = [[8, 0], [4, 8], [16, 8]]
    env = make(training_targets=places)
    drawn = np.array([(env.reset(seed=seed), env.target)[1] for seed in range(60)])
    np.testing.assert_array_equal(np.unique(drawn, axis=0), np.unique(np.float32(places), axis=0))


@pytest.mark.parametrize("target, words", [([16, 0], "cannot be reached"), ([0, 4], "or in a wall")])
def test_a_target_for_one_episode_is_judged_likewise(target, words):
    env = make()
    env.reset(seed=0)
    with pytest.raises(ValueError, match=re.escape(f"{[float(x) for x in target]}") + f".*{words}"):
        env.reset(options={"target": target})
    env.reset(options={"target": [16, 8]})


def test_the_point_is_stopped_by_the_walls_of_ones_own_maze():
    env = make(cell_size=3)
    env.reset(seed=0)
    for _ in range(100):
        observation = env.step(np.array([1.0, 0.0], np.float32))[0]
        assert env.maze.layout.is_inside(observation[:2], 3.0)
    assert 6 < observation[0] < 7.5  # at the end of the first corridor


@pytest.mark.parametrize("robot", ["EgoAnt", "EgoPoint"])
def test_batched_stepping_is_the_single_environments(robot):
    env = make(robot, top_down_view=True, cell_size=5)
    batch = BatchedMazeEnvironment(env.maze, num_envs=3, seed=4, num_threads=2)
    singles = [make(robot, top_down_view=True, cell_size=5) for _ in range(3)]
    first = np.stack([single.reset(seed=4 + i)[0] for i, single in enumerate(singles)])
    np.testing.assert_array_equal(batch.reset().observation, first)
    rng = np.random.default_rng(0)
    for _ in range(40):
        actions = rng.uniform(env.action_space.low, env.action_space.high, (3, *env.action_space.shape))
        actions = actions.astype(np.float32)
        expected = np.stack([single.step(a)[0] for single, a in zip(singles, actions)])
        np.testing.assert_array_equal(batch.step(actions).observation, expected)


def test_gymnasium_makes_ones_own_maze():
    env = gymnasium.make("PointMazeGoal-v0", layout=ROWS, cell_size=3, training_targets=[[6, 6]])
    observation, _ = env.reset(seed=0)
    np.testing.assert_array_equal(observation["desired_goal"], [6, 6])
    made_again = gymnasium.make(env.spec)
    np.testing.assert_array_equal(made_again.reset(seed=0)[0]["observation"], observation["observation"])


@pytest.mark.parametrize("env", [make("EgoAnt", cell_size=5), make_maze_env("AntPush", True)])
def test_a_recipe_makes_the_same_maze_again(env):
    found = recipe(env.maze)
    again = gymnasium.make(found["id"], **found.get("kwargs", {})).unwrapped
    assert again.maze.layout == env.maze.layout and again.maze.name == env.maze.name
    np.testing.assert_array_equal(again.reset(seed=1)[0], env.reset(seed=1)[0])


# D4RL's.


def test_the_mazes_of_d4rl_are_as_published():
    medium, large = (
        ["".join(row) for row in D4RL_LAYOUTS[name].cells] for name in ("MazeMedium", "MazeLarge")
    )
    # As numbers: a row's free cells as bits, from the left.
    free = lambda rows: [int("".join("1" if c in "0r" else "0" for c in row), 2) for row in rows]
    assert free(medium) == [0, 0b01100110, 0b01101110, 0b00111000, 0b01101110, 0b01011010, 0b01110110, 0]
    assert free(large) == [
        0,
        0b011110111110,
        0b010010101010,
        0b011111101110,
        0b010000100010,
        0b011010111110,
        0b001010101000,
        0b011011101110,
        0,
    ]
    assert medium[1][1] == large[1][1] == "r"


@pytest.mark.parametrize("size, last", [("Medium", (20, 20)), ("Large", (32, 24))])
@pytest.mark.parametrize("robot", ["Ant", "EgoPoint"])
def test_the_tasks_of_d4rl(robot, size, last):
    maze = make_maze_env(f"{robot}Maze{size}").maze
    assert maze.robot.cell_size == 4.0 and maze.task.episode_steps == 1000
    np.testing.assert_array_equal(maze.task.evaluation_targets[-1], last)
    for target in maze.task.evaluation_targets:
        maze.checked_target(target)
    assert len(maze.task.places.centres) == sum(row.count("0") + row.count("r") for row in maze.layout.cells)


def test_episodes_in_the_mazes_of_d4rl_have_1000_steps():
    env = gymnasium.make("PointMazeLarge-v0")
    env.reset(seed=0)
    ends = [env.step(np.zeros(2, np.float32))[3] for _ in range(1000)]
    assert ends == [False] * 999 + [True]


def test_a_task_of_ones_own_leaves_others_alone():
    task = own_task(Layout("Mine", (("r", "0"), ("1", "0"))), Point(5))
    np.testing.assert_array_equal(task.places.centres, [[0, 0], [5, 0], [5, 5]])
    assert task.places.half_width == 2.5
    assert make_maze_env("AntMaze").maze.task.places is None
