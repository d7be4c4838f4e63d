import numpy as np
import pytest

from environments.layouts import LAYOUTS, Layout
from environments.maze import Maze
from environments.robots import ROBOTS, Ant, Point
from environments.tasks import SUCCESS_DISTANCE, Task, task_for

# The original's gin files: meta_context_range, the values of evaluation samplers, state_indices.
RECORDED = {
    "AntMaze": (((-4, -4), (20, 20)), ((16, 0), (16, 16), (0, 16)), (0, 1)),
    "AntPush": (((-16, -4), (16, 20)), ((0, 19),), (0, 1)),
    "AntFall": (((-4, -4, 0), (12, 28, 5)), ((0, 27, 4.5),), (0, 1, 2)),
    "AntBlock": (((-4, -4), (20, 20)), ((16, 0), (16, 16), (0, 16)), (3, 4)),
    "AntBlockMaze": (((-4, -4), (12, 20)), ((8, 0), (8, 16), (0, 16)), (3, 4)),
    "PointMaze": (((-2, -2), (10, 10)), ((8, 0), (8, 8), (0, 8)), (0, 1)),
}
ALL = [(robot, layout) for robot in ROBOTS for layout in LAYOUTS]


@pytest.mark.parametrize("name", RECORDED)
def test_ranges_and_targets_are_the_originals(name):
    robot = Ant if name.startswith("Ant") else Point
    task = task_for(LAYOUTS[name.removeprefix(robot.name)], robot())
    (low, high), targets, indices = RECORDED[name]
    for value, expected in ((task.low, low), (task.high, high), (task.evaluation_targets, targets)):
        assert value.dtype == np.float32
        np.testing.assert_array_equal(value, np.array(expected))
    assert task.indices == indices


def test_success_is_within_five_metres():
    assert SUCCESS_DISTANCE == 5


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_points_task_is_half_an_ants_without_height(layout):
    ant, point = (task_for(LAYOUTS[layout], robot()) for robot in (Ant, Point))
    for field in ("low", "high", "evaluation_targets"):
        np.testing.assert_array_equal(getattr(point, field), getattr(ant, field)[..., :2] / 2)
    assert point.indices == ant.indices[:2]


@pytest.mark.parametrize("robot, layout", ALL)
def test_evaluation_targets_lie_in_the_maze_and_in_the_range(robot, layout):
    maze = Maze(LAYOUTS[layout], ROBOTS[robot]())
    for target in maze.task.evaluation_targets:
        np.testing.assert_array_equal(maze.checked_target(target), target)
        assert np.all((maze.task.low <= target) & (target <= maze.task.high))


@pytest.mark.parametrize("robot, layout", ALL)
def test_what_is_achieved_is_the_robots_or_the_blocks_position(robot, layout):
    maze = Maze(LAYOUTS[layout], ROBOTS[robot]())
    observations = np.arange(3 * maze.observation_size, dtype=np.float32).reshape(3, -1)
    first, size = (3 if layout.startswith("Block") else 0), len(maze.task.low)
    np.testing.assert_array_equal(maze.task.achieved(observations), observations[:, first : first + size])


@pytest.mark.parametrize("robot, layout", ALL)
def test_drawn_targets_are_in_range_off_walls_not_reached_and_everywhere(robot, layout):
    maze = Maze(LAYOUTS[layout], ROBOTS[robot]())
    task, side, rng = maze.task, maze.robot.cell_size, np.random.default_rng(0)
    observation = np.zeros(maze.observation_size, np.float32)
    targets = np.array([maze.draw_target(rng, observation) for _ in range(1000)])
    assert targets.dtype == np.float32
    assert np.all((targets >= task.low) & (targets <= task.high))
    assert maze.layout.is_inside(targets[:, :2], side).all()
    distances = np.linalg.norm(targets - task.achieved(observation), axis=-1)
    assert distances.min() >= SUCCESS_DISTANCE
    # Every free cell that is in range, and out of reach, gets some.
    cells = set(zip(*maze.layout.cell_at(targets[:, :2], side)))
    for row, tokens in enumerate(maze.layout.cells):
        for column, token in enumerate(tokens):
            centre = maze.layout.centre((row, column), side)
            in_range = np.all((centre >= task.low[:2]) & (centre <= task.high[:2]))
            if token != "1" and in_range and np.linalg.norm(centre) > SUCCESS_DISTANCE:
                assert (row, column) in cells


def test_a_task_without_a_place_inside_its_maze_is_told():
    in_a_wall = Task((0, 1), np.array([-3, 2]), np.array([-2.5, 2.5]), np.zeros([0, 2]))
    maze = Maze(LAYOUTS["Maze"], ROBOTS["Point"](), task=in_a_wall)
    message = r"PointMaze: none of 100,000 targets drawn within \[-3, 2\] to \[-2.5, 2.5\] lies inside"
    with pytest.raises(ValueError, match=message):
        maze.draw_target(np.random.default_rng(0), np.zeros(maze.observation_size, np.float32))


@pytest.mark.parametrize("robot", ROBOTS.values())
def test_an_unknown_layout_has_targets_all_over_its_grid(robot):
    task = task_for(Layout("Mine", (("0", "r", "0"), ("0", "0", "0"))), robot())
    np.testing.assert_array_equal(task.low, np.array([-1.5, -0.5]) * robot.cell_size)
    np.testing.assert_array_equal(task.high, np.array([1.5, 1.5]) * robot.cell_size)
    assert task.evaluation_targets.shape == (0, 2) and task.indices == (0, 1)
