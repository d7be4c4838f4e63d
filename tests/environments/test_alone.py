"""The mazes need neither TensorFlow nor tf-agents, nor the rest of this project."""

import pathlib
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).parent.parent.parent
PROGRAM = """
import importlib
import importlib.abc
import pkgutil
import sys

BLOCKED = {"tensorflow", "tf_agents", "tensorflow_probability", "keras", "efficient_hrl", "gym"}


class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ImportError(f"{name} is not to be imported")


sys.meta_path.insert(0, Blocked())
import gymnasium
import environments
from environments.create_gather_env import GATHER_ENVIRONMENTS
from environments.create_maze_env import ENVIRONMENTS, environment_id

for name in ENVIRONMENTS:
    for view, goals in ((False, False), (True, True)):
        env = gymnasium.make(environment_id(name, view, goals))
        env.reset(seed=0)
        env.step(env.action_space.sample())
        env.close()
for name in GATHER_ENVIRONMENTS:
    env = gymnasium.make(f"{name}-v0")
    env.reset(seed=0)
    env.step(env.action_space.sample())
crowd = gymnasium.make_vec("AntMazeGoal-v0", num_envs=2, vectorization_mode="sync")
crowd.reset(seed=0)
crowd.step(crowd.action_space.sample())
for module in pkgutil.iter_modules(environments.__path__):
    if "batched" not in module.name:  # what is made for tf-agents
        importlib.import_module(f"environments.{module.name}")
print(len(ENVIRONMENTS), "mazes")
"""


def test_every_maze_works_without_tensorflow(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env={"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == "28 mazes\n"
