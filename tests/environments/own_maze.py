"""A maze that a user has made: a corridor of three cells, for gin files and with a gymnasium id."""

import gin
import gymnasium

from environments.layouts import Layout
from environments.maze import Maze
from environments.maze_env import MazeEnv
from environments.robots import ROBOTS

CELLS = (tuple("11111"), tuple("1r001"), tuple("11111"))


def make(render_mode=None):
    return MazeEnv(Maze(Layout("Corridor", CELLS), ROBOTS["Point"]()), render_mode)


@gin.configurable
def own_maze():
    """As `create_maze_env` makes one."""
    return make()


gymnasium.register("Corridor-v0", entry_point=make)
