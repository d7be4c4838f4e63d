"""Mazes of a user's own, and templates for environments of another package."""

import os
import pathlib
import subprocess
import sys

import gin
import gymnasium
import numpy as np
import pytest

from efficient_hrl.commands import main
from efficient_hrl.configuration.config import load_config, usage_errors
from efficient_hrl.exploration_maps import read_maps
from efficient_hrl.train import train_uvf
from tests.environments import own_maze  # noqa: F401  (registers Corridor-v0)
from tests.test_your_environment import SMALL

GIN = pathlib.Path(__file__).parent.parent / "gin"
MAZE = """
import tests.environments.own_maze
include 'hiro_xy_point_maze.gin'
ENVIRONMENT
meta_context_range = ((-2, -2), (10, 2))
evaluate.eval_modes = ["eval1"]
EVAL_MODES = ["eval1"]
eval1/ConstantSampler.value = [8, 0]
RESET_EPISODE_PERIOD = 40
train_uvf.num_episodes_train = 4
train_uvf.initial_episodes = 2
"""
BY_FUNCTION = "train_uvf.environment = @own_maze()\nevaluate.environment = @own_maze()"
BY_ID = (
    "train_uvf.environment = @create_gymnasium_env()\nevaluate.environment = @create_gymnasium_env()\n"
    "create_gymnasium_env.env_id = 'Corridor-v0'\ncreate_gymnasium_env.append_time = False"
)


@pytest.mark.ci
@pytest.mark.parametrize("environment", [BY_FUNCTION, BY_ID], ids=["function", "id"])
def test_a_maze_of_ones_own_is_mapped_and_filmed(environment, tmp_path, capfd):
    (tmp_path / "own.gin").write_text(MAZE.replace("ENVIRONMENT", environment))
    flags = [f"--root_dir={tmp_path / 'run'}", f"--gin_file={tmp_path / 'own.gin'}"]
    flags += [f"--gin_bindings={binding}" for binding in SMALL]
    for mode in ("train", "plot"):
        gin.clear_config()
        assert main.main(["run.py", f"--mode={mode}", *flags]) == 0, capfd.readouterr().err
    # A process of its own, so that OpenGL can be chosen before MuJoCo is imported.
    program = [sys.executable, str(GIN.parent / "run.py"), "--mode=video", *flags]
    path = {"PYTHONPATH": str(GIN.parent)}
    ended = subprocess.run(program, env=os.environ | path, capture_output=True, text=True, timeout=300)
    if "no OpenGL" in ended.stderr:
        pytest.skip("no OpenGL here")
    assert ended.returncode == 0, ended.stderr
    (found,) = read_maps(tmp_path / "run")
    # Three cells of four metres, walls around.
    assert found.visits.shape == (24, 40) and found.x_edges[[0, -1]].tolist() == [-6, 14]
    assert found.visits.sum() == found.transitions > 150 and not found.visits[:8].any()
    for name in ("plots/visits.png", "plots/goals.png", "videos/eval1.mp4", "videos/eval1_strip.png"):
        assert (tmp_path / "run" / name).stat().st_size > 1000, name


class Recorded(gymnasium.Env):
    """The spaces of Gymnasium-Robotics 1.4.2, as they were printed; nothing moves."""

    def __init__(self, numbers, actions, **kwargs):
        assert kwargs in ({}, {"include_cfrc_ext_in_observation": False})
        box = lambda size: gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float64)
        self.observation_space = gymnasium.spaces.Dict(
            achieved_goal=box(2), desired_goal=box(2), observation=box(numbers)
        )
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (actions,), np.float32)

    def _observe(self):
        number = self.observation_space["observation"].shape[0]
        there = np.array([-1.0, 1.0])
        rest = np.zeros(number) if number > 4 else np.append(there, [0.0, 0.0])
        return {"achieved_goal": there, "desired_goal": np.full(2, 99.0), "observation": rest}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self._observe(), {}

    def step(self, action):
        return self._observe(), 0.0, False, False, {}


@pytest.mark.parametrize(
    "name, env_id, sizes, limit",
    [
        ("point_maze_umaze_v3", "PointMaze_UMaze-v3", (4, 2), 300),
        ("ant_maze_umaze_v5", "AntMaze_UMaze-v5", (27, 8), 700),
    ],
)
def test_the_templates_of_gymnasium_robotics_learn(name, env_id, sizes, limit, monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium_robotics", sys.modules[__name__])
    monkeypatch.setitem(gymnasium.registry, env_id, None)
    del gymnasium.registry[env_id]
    make = lambda **kwargs: Recorded(*sizes, **kwargs)
    gymnasium.register(env_id, entry_point=make, max_episode_steps=limit)
    gin.clear_config()
    load_config([str(GIN / "examples" / f"{name}.gin")], [*SMALL, "train_uvf.initial_steps = 20"])
    with usage_errors():
        training = train_uvf(0)
    assert training.evaluator.eval_modes == ("eval1", "eval2")
    assert training.spec.task.episode_steps == limit
    training.collector.start()
    for _ in range(4):
        training.collector.collect()
        training.learn()
    states = training.low_replay.gather_all().state.numpy()
    np.testing.assert_allclose(states[:, :2], np.tile([-1.0, 1.0], (len(states), 1)))
    assert states.shape[1] == (30 if sizes[0] == 27 else 5) and not (states == 99).any()
    assert int(training.hierarchy.high.train_step_counter) == 3
