"""Mazes and arenas with an ant or a point in them; importing this registers them with gymnasium."""

from environments import opengl

opengl.import_mujoco()  # first, because it may have to say something

from environments.create_gather_env import register_gather_environments  # noqa: E402
from environments.create_maze_env import register_environments  # noqa: E402

register_environments()
register_gather_environments()
