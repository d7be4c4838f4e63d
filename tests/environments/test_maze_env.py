import json

import mujoco
import numpy as np
import pytest

from environments.create_maze_env import create_maze_env
from environments.layouts import Layout
from environments.maze_env import EPISODE_STEPS, Maze, MazeEnv
from environments.robots import Ant, Point
from tests import golden_data

NAMES = ("AntMaze", "PointMaze")
COMPILED = {
    "geom": (
        "geom",
        "type bodyid pos quat size rgba contype conaffinity condim friction solref solimp margin",
    ),
    "joint": ("jnt", "type bodyid axis range limited qposadr dofadr pos margin stiffness"),
    "dof": ("dof", "damping armature"),
    "body": ("body", "mass inertia pos quat ipos parentid"),
    "actuator": ("actuator", "gear ctrlrange trnid"),
}


@pytest.fixture(params=NAMES)
def recorded(request):
    description = json.loads((golden_data.FOLDER / f"env_{request.param}.json").read_text())
    return create_maze_env(request.param), golden_data.load(f"env_{request.param}"), description


@pytest.mark.parametrize("group", COMPILED)
def test_compiled_model_agrees_with_the_recording(recorded, group):
    env, arrays, _ = recorded
    prefix, fields = COMPILED[group]
    for field in fields.split():
        np.testing.assert_allclose(
            getattr(env.maze.model, f"{prefix}_{field}"),
            arrays[f"{group}/{field}"],
            atol=1e-12,
            err_msg=field,
        )


def test_names_and_options_agree_with_the_recording(recorded):
    env, arrays, description = recorded
    model = env.maze.model
    assert [model.geom(i).name for i in range(model.ngeom)] == description["geom_names"]
    assert [model.joint(i).name for i in range(model.njnt)] == description["joint_names"]
    assert [model.body(i).name for i in range(model.nbody)] == description["body_names"]
    option = description["option"]
    assert model.opt.timestep == option["timestep"]
    assert mujoco.mjtIntegrator(model.opt.integrator).name == option["integrator"]
    for field in ("cone", "solver", "iterations", "tolerance", "impratio"):
        assert getattr(model.opt, field) == option[field], field
    np.testing.assert_array_equal(model.opt.gravity, option["gravity"])
    assert env.maze.robot.frame_skip == description["frame_skip"]
    np.testing.assert_array_equal(env.action_space.low, arrays["action_low"])
    np.testing.assert_array_equal(env.action_space.high, arrays["action_high"])
    np.testing.assert_array_equal(model.qpos0, arrays["init_qpos"])


def test_observations_of_recorded_poses(recorded):
    env, arrays, _ = recorded
    for qpos, qvel, steps, expected in zip(*(arrays[f"pose/{k}"] for k in ("qpos", "qvel", "t", "obs"))):
        observation = env.set_state(qpos, qvel, steps)
        assert observation.dtype == np.float32
        np.testing.assert_array_equal(observation, expected.astype(np.float32))


def test_recorded_rollout(recorded):
    env, arrays, _ = recorded
    env.set_state(arrays["roll/qpos0"], arrays["roll/qvel0"])
    for t, action in enumerate(arrays["roll/actions"]):
        observation, reward, terminated, truncated, _ = env.step(action)
        np.testing.assert_allclose(env.data.qpos, arrays["roll/qpos"][t], atol=1e-9)
        np.testing.assert_allclose(env.data.qvel, arrays["roll/qvel"][t], atol=1e-7)
        np.testing.assert_allclose(observation, arrays["roll/obs"][t], atol=1e-6)
        np.testing.assert_allclose(reward, arrays["roll/reward"][t], atol=1e-6)
        assert not terminated and not truncated


@pytest.mark.parametrize("name", NAMES)
def test_reset_perturbs_the_robot_only_a_little(name):
    env = create_maze_env(name)
    robot = env.maze.robot
    offsets, velocities = [], []
    for seed in range(300):
        env.reset(seed=seed)
        offsets.append(env.data.qpos - env.maze.model.qpos0)
        velocities.append(env.data.qvel.copy())
    offsets, velocities = np.array(offsets), np.array(velocities)
    assert offsets.shape[1] == robot.nq and velocities.shape[1] == robot.nv
    assert np.all(np.abs(offsets) <= 0.1)
    np.testing.assert_allclose(offsets.std(axis=0), 0.2 / np.sqrt(12), rtol=0.15)
    np.testing.assert_allclose(velocities.std(axis=0), 0.1, rtol=0.2)


def test_reset_is_decided_by_the_seed():
    first, second = create_maze_env("AntMaze"), create_maze_env("AntMaze")
    np.testing.assert_array_equal(first.reset(seed=3)[0], second.reset(seed=3)[0])
    assert not np.array_equal(first.reset()[0], first.reset()[0])


@pytest.mark.parametrize("name", NAMES)
def test_episode_is_truncated_after_500_steps_and_never_terminates(name):
    env = create_maze_env(name)
    env.reset(seed=0)
    for step in range(1, EPISODE_STEPS + 1):
        observation, _, terminated, truncated, _ = env.step(env.action_space.high)
        assert not terminated
        assert truncated == (step == 500)
        assert observation[-1] == np.float32(0.001 * step)
    assert env.observation_space.contains(observation)


@pytest.mark.parametrize("name", NAMES)
def test_step_leaves_the_callers_action_alone_and_clips_a_copy(name):
    env = create_maze_env(name)
    env.reset(seed=0)
    action = 1000 * np.ones(env.action_space.shape, np.float32)
    far = env.step(action)[0]
    np.testing.assert_array_equal(action, 1000)
    env.reset(seed=0)
    np.testing.assert_array_equal(env.step(env.action_space.high)[0], far)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (5, 8)])
def test_wrong_action_shape_is_named(shape):
    env = create_maze_env("AntMaze")
    env.reset(seed=0)
    with pytest.raises(ValueError, match="action has shape .*; this robot takes .8,."):
        env.step(np.zeros(shape))


def test_point_drives_along_its_heading():
    env = create_maze_env("PointMaze")
    env.set_state(np.array([0.0, 0.0, 0.3]), np.zeros(3))
    env.step(np.array([0.5, 0.2], np.float32))
    heading = 0.3 + np.float32(0.2)
    expected = [0.1 * np.cos(heading), 0.1 * np.sin(heading), heading]
    np.testing.assert_allclose(env.data.qpos, expected, atol=1e-6)


def test_point_never_ends_a_step_inside_a_wall():
    env = create_maze_env("PointMaze")
    rng = np.random.default_rng(0)
    env.reset(seed=0)
    touched = 0
    for _ in range(2000):
        before = env.data.qpos[:2].copy()
        env.step(np.array([1.0, rng.uniform(-0.25, 0.25)], np.float32))
        after = env.data.qpos[:2]
        assert not env.maze.layout.is_wall(after, env.maze.robot.cell_size)
        touched += np.linalg.norm(after - before) < 0.1
    assert touched > 10  # it did meet walls


def test_a_move_into_a_wall_is_undone_and_others_are_not():
    maze = create_maze_env("PointMaze").maze
    before = np.array([[-1.9, 0.0], [0.0, 0.0]])
    after = np.array([[-2.1, 0.1, 1.0], [0.2, 0.1, 1.0]])
    hit = maze.undo_moves_into_walls(after, before)
    np.testing.assert_array_equal(hit, [True, False])
    np.testing.assert_array_equal(after, [[-1.9, 0.0, 1.0], [0.2, 0.1, 1.0]])


@pytest.mark.parametrize("robot", [Ant, Point])
def test_one_of_several_start_cells_is_drawn(robot):
    layout = Layout("Two", (("1", "1", "1", "1"), ("1", "r", "r", "1"), ("1", "1", "1", "1")))
    env = MazeEnv(Maze(layout, robot()))
    starts = np.array([env.reset(seed=seed)[0][:2] for seed in range(40)])
    on_second = starts[:, 0] > env.maze.robot.cell_size / 2
    assert 5 < on_second.sum() < 35
    np.testing.assert_allclose(starts[on_second, 0], env.maze.robot.cell_size, atol=0.1)
