"""Mazes against the recordings of the original, and as physical places."""

import json
import re

import mujoco
import numpy as np
import pytest

from environments.create_maze_env import create_maze_env
from environments.layouts import LAYOUTS, MAZE, Layout
from environments.maze import TIME_SCALE, Maze
from environments.maze_env import MazeEnv
from environments.robots import ROBOTS, Ant, Point
from environments.tasks import SUCCESS_DISTANCE
from tests import golden_data

RECORDINGS = sorted(path.stem.removeprefix("env_") for path in golden_data.FOLDER.glob("env_*.json"))
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


@pytest.fixture(scope="module", params=RECORDINGS)
def recorded(request):
    """An environment, and the arrays and the description recorded of it."""
    description = json.loads((golden_data.FOLDER / f"env_{request.param}.json").read_text())
    env = create_maze_env(description["env_name"], description["top_down_view"])
    return env, golden_data.load(f"env_{request.param}"), description


def test_every_recording_is_used():
    ant = {"AntBlock", "AntBlockMaze", "AntFall", "AntMaze", "AntPush"}
    views = {"AntFall_topdown", "AntMaze_topdown", "AntPush_topdown"}
    assert set(RECORDINGS) == ant | views | {"EgoAntMaze", "PointMaze"}
    arrays = {path.stem.removeprefix("env_") for path in golden_data.FOLDER.glob("env_*.npz")}
    assert arrays == set(RECORDINGS)


@pytest.mark.parametrize("group", COMPILED)
def test_compiled_model_agrees_with_the_recording(recorded, group):
    env, arrays, _ = recorded
    prefix, fields = COMPILED[group]
    assert {f"{group}/{field}" for field in fields.split()} == {
        k for k in arrays if k.startswith(f"{group}/")
    }
    for field in fields.split():
        value = getattr(env.maze.model, f"{prefix}_{field}")
        np.testing.assert_allclose(value, arrays[f"{group}/{field}"], rtol=0, atol=1e-12, err_msg=field)


def test_names_and_options_agree_with_the_recording(recorded):
    env, arrays, description = recorded
    maze, model = env.maze, env.maze.model
    assert [model.geom(i).name for i in range(model.ngeom)] == description["geom_names"]
    assert [model.joint(i).name for i in range(model.njnt)] == description["joint_names"]
    assert [model.body(i).name for i in range(model.nbody)] == description["body_names"]
    joints = [model.joint(model.actuator(i).trnid[0]).name for i in range(model.nu)]
    assert joints == description["actuator_joints"]
    option = description["option"]
    assert model.opt.timestep == option["timestep"]
    assert mujoco.mjtIntegrator(model.opt.integrator).name == option["integrator"]
    for field in ("cone", "solver", "iterations", "tolerance", "impratio"):
        assert getattr(model.opt, field) == option[field], field
    np.testing.assert_array_equal(model.opt.gravity, option["gravity"])
    assert maze.robot.frame_skip == description["frame_skip"]
    assert maze.robot.cell_size == description["maze_size_scaling"]
    assert maze.layout.is_elevated == description["elevated"]
    assert maze.num_rays == description["n_bins"]
    np.testing.assert_array_equal(env.action_space.low, arrays["action_low"])
    np.testing.assert_array_equal(env.action_space.high, arrays["action_high"])
    np.testing.assert_array_equal(model.qpos0, arrays["init_qpos"])


def test_observations_of_recorded_poses(recorded):
    env, arrays, description = recorded
    maze = env.maze
    assert maze.observation_size == description["obs_size"]
    for i in range(len(arrays["pose/obs"])):
        qpos, qvel, steps = (arrays[f"pose/{key}"][i] for key in ("qpos", "qvel", "t"))
        observation = env.set_state(qpos, qvel, steps)
        assert observation.dtype == np.float32
        np.testing.assert_array_equal(observation, arrays["pose/obs"][i].astype(np.float32))
        bodies = env.data.xpos
        np.testing.assert_array_equal(bodies[maze.torso_id], arrays["pose/torso"][i])
        if maze.block_ids.size:
            np.testing.assert_array_equal(bodies[maze.block_ids], arrays["pose/blocks"][i])
        # Views are recorded of every maze, whether observations hold them or not.
        np.testing.assert_allclose(maze.view(bodies), arrays["pose/view"][i], rtol=0, atol=1e-14)
        if maze.num_rays:
            readings = maze.range_readings(env.data.qpos, bodies)
            np.testing.assert_array_equal(readings, arrays["pose/range"][i])


def test_observations_are_laid_out_as_recorded(recorded):
    """Every part lies where the description says; its values are looked up by the part's name."""
    env, arrays, description = recorded
    observation = env.set_state(*(arrays[f"pose/{key}"][3] for key in ("qpos", "qvel", "t")))
    stops = [0]
    for part in description["obs_layout"]:
        name = part["name"]
        if match := re.match(r"(qpos|qvel)\[(\d+):(\d+)\]", name):
            expected = arrays[f"pose/{match[1]}"][3][int(match[2]) : int(match[3])]
        elif match := re.match(r"xpos of body (\w+)", name):
            expected = env.data.body(match[1]).xpos
        elif name.startswith("range sensors"):
            expected = arrays["pose/range"][3].ravel()
        elif name.startswith("top-down view"):
            expected = arrays["pose/view"][3].ravel()
        else:
            assert name == "t*0.001"
            expected = [TIME_SCALE * arrays["pose/t"][3]]
        assert part["start"] == stops[-1]
        stops.append(part["stop"])
        np.testing.assert_array_equal(
            observation[part["start"] : part["stop"]], np.float32(expected), err_msg=name
        )
    assert stops[-1] == len(observation)


def test_recorded_rollout(recorded):
    env, arrays, _ = recorded
    observation = env.set_state(arrays["roll/qpos0"], arrays["roll/qvel0"])
    np.testing.assert_array_equal(observation, arrays["roll/obs0"].astype(np.float32))
    for t, action in enumerate(arrays["roll/actions"]):
        observation, reward, terminated, truncated, _ = env.step(action)
        np.testing.assert_allclose(env.data.qpos, arrays["roll/qpos"][t], atol=1e-9)
        np.testing.assert_allclose(env.data.qvel, arrays["roll/qvel"][t], atol=1e-7)
        np.testing.assert_allclose(env.data.xpos[env.maze.torso_id], arrays["roll/torso_xpos"][t], atol=1e-9)
        np.testing.assert_allclose(observation, arrays["roll/obs"][t], atol=1e-6)
        np.testing.assert_allclose(reward, arrays["roll/reward"][t], atol=1e-6)
        assert not terminated and not truncated


@pytest.mark.parametrize("robot", ROBOTS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_batch_of_states_is_observed_like_each_of_them(robot, layout):
    maze = Maze(LAYOUTS[layout], ROBOTS[robot](), num_rays=8, has_view=True)
    env = MazeEnv(maze)
    rng = np.random.default_rng(0)
    states, expected = [], []
    for steps in range(6):
        qpos, qvel = maze.first_state(rng)
        qpos[:2] = rng.uniform(-10, 20, 2)
        expected.append(env.set_state(qpos, qvel, steps))
        states.append((env.data.qpos.copy(), env.data.qvel.copy(), env.data.xpos.copy()))
    qpos, qvel, bodies = (np.stack(x).reshape(2, 3, *x[0].shape) for x in zip(*states))
    observations = maze.observe(qpos, qvel, bodies, np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(observations.reshape(6, -1), expected)
    assert observations.shape == (2, 3, maze.observation_size)


@pytest.mark.parametrize("robot", [Ant, Point])
def test_one_of_several_start_cells_is_drawn(robot):
    layout = Layout("Two", (("1", "1", "1", "1"), ("1", "r", "r", "1"), ("1", "1", "1", "1")))
    env = MazeEnv(Maze(layout, robot()))
    starts = np.array([env.reset(seed=seed)[0][:2] for seed in range(40)])
    on_second = starts[:, 0] > env.maze.robot.cell_size / 2
    assert 5 < on_second.sum() < 35
    np.testing.assert_allclose(starts[on_second, 0], env.maze.robot.cell_size, atol=0.1)


def test_a_move_into_a_wall_is_undone_and_others_are_not():
    maze = create_maze_env("PointMaze").maze
    before = np.array([[-1.9, 0.0], [0.0, 0.0]])
    after = np.array([[-2.1, 0.1, 1.0], [0.2, 0.1, 1.0]])
    bodies = np.zeros((2, maze.model.nbody, 3))
    bodies[:, maze.torso_id, :2] = after[:, :2]
    hit = maze.undo_moves_into_walls(after, bodies, before)
    np.testing.assert_array_equal(hit, [True, False])
    np.testing.assert_array_equal(after, [[-1.9, 0.0, 1.0], [0.2, 0.1, 1.0]])
    np.testing.assert_array_equal(bodies[:, maze.torso_id, :2], after[:, :2])


def test_an_ant_is_stopped_by_contact_alone():
    maze = create_maze_env("AntMaze").maze
    qpos = np.array([[-4.1, 0.0]])
    assert not maze.undo_moves_into_walls(qpos, np.zeros((1, maze.model.nbody, 3)), np.zeros((1, 2)))
    np.testing.assert_array_equal(qpos, [[-4.1, 0.0]])


def test_a_target_is_drawn_even_where_all_is_reached():
    tiny = Layout("Tiny", (("1", "1", "1"), ("1", "r", "1"), ("1", "1", "1")))
    env = MazeEnv(Maze(tiny, Point()))
    _, info = env.reset(seed=0)
    assert info["distance"] < SUCCESS_DISTANCE and tiny.is_inside(env.target, 4.0)


def test_a_layout_of_a_known_name_has_targets_of_its_own():
    small = Layout(MAZE.name, (("1", "1", "1", "1"), ("1", "r", "0", "1"), ("1", "1", "1", "1")))
    maze = Maze(small, Ant())
    np.testing.assert_array_equal(maze.task.high, [20, 12])
    MazeEnv(maze).reset(seed=0)


# What follows is physics: blocks and platforms behave as the pictures of the mazes suggest.


def block_of(env):
    return env.maze.block_ids[0]


def push(env, force, steps):
    """Pushes the first block, N; returns how far it moves, [steps, 3]."""
    data, block = env.data, block_of(env)
    start, path = data.xpos[block].copy(), []
    for _ in range(steps):
        data.xfrc_applied[block, :3] = force
        mujoco.mj_step(env.maze.model, data)
        path.append(data.xpos[block] - start)
    return np.array(path)


@pytest.mark.parametrize("axis, force", [(0, -3.0), (1, 3.0), (2, 3.0), (2, -3.0)])
def test_the_block_of_push_moves_along_the_floor_and_not_up(axis, force):
    env = create_maze_env("AntPush")
    env.reset(seed=0)
    moved = push(env, force * np.eye(3)[axis], 100)
    assert np.all(moved[:, 2] == 0)
    if axis == 2:
        assert np.all(np.abs(moved) < 0.05)
    else:
        assert moved[-1, axis] * np.sign(force) > 0.3
        assert abs(moved[-1, 1 - axis]) < 0.05


def test_the_block_of_push_stops_at_a_wall():
    env = create_maze_env("AntPush")
    env.reset(seed=0)
    assert abs(push(env, (-3.0, 0, 0), 500)[-1, 0] + 8) < 0.1  # one cell further, at the left wall


def test_the_block_of_fall_fills_the_chasm():
    env = create_maze_env("AntFall")
    env.reset(seed=0)
    data, block, first = env.data, block_of(env), env.maze.robot.nv
    top = lambda: data.xpos[block, 2] + env.maze.robot.cell_size / 4
    assert top() == pytest.approx(8.0, abs=0.1)  # it stands on the platform and bars the way
    heights = []
    for _ in range(450):
        if data.xpos[block, 1] < 15.9:  # not wholly over the chasm yet
            heights.append(top())
        if data.xpos[block, 1] < 15.99:
            data.qvel[first] = 2.0  # along y, m/s
        mujoco.mj_step(env.maze.model, data)
    np.testing.assert_allclose(heights, 8.0, atol=0.1)
    assert top() == pytest.approx(4.0, abs=0.05)  # flush with the platforms
    np.testing.assert_allclose(data.xpos[block, :2], [8, 16], atol=0.05)


def test_an_ant_can_stand_on_the_block_that_fills_the_chasm():
    env = create_maze_env("AntFall")
    qpos, qvel = env.maze.model.qpos0.copy(), np.zeros(env.maze.model.nv)
    qpos[:2] = 8, 16
    qpos[-2:] = 8, -4  # the block's y and z
    env.set_state(qpos, qvel)
    for _ in range(30):
        observation = env.step(np.zeros(8))[0]
    assert 4.2 < observation[2] < 5.0


def test_an_ant_without_that_block_falls_into_the_chasm():
    env = create_maze_env("AntFall")
    qpos, qvel = env.maze.model.qpos0.copy(), np.zeros(env.maze.model.nv)
    qpos[:2] = 0, 16
    env.set_state(qpos, qvel)
    for _ in range(30):
        observation = env.step(np.zeros(8))[0]
    assert observation[2] < 1.0


def test_the_block_of_block_slides_and_turns_when_an_ant_hits_it():
    env = create_maze_env("AntBlock")
    maze, data = env.maze, env.data
    block = block_of(env)
    qpos, qvel = maze.model.qpos0.copy(), np.zeros(maze.model.nv)
    qpos[1] = 0.5  # beside the block's middle
    qvel[0] = 5.0
    env.set_state(qpos, qvel)
    start = data.xpos[block].copy()
    np.testing.assert_allclose(start, [2.0, 0.0, 0.2])
    turned = []
    for _ in range(20):
        observation = env.step(np.zeros(8))[0]
        turned.append(2 * np.arccos(np.clip(abs(data.xquat[block, 0]), 0, 1)))
        np.testing.assert_array_equal(observation[3:6], data.xpos[block].astype(np.float32))
    assert data.xpos[block, 0] - start[0] > 0.1
    assert max(turned) > 0.05  # rad
    assert data.xpos[block, 2] == start[2]


@pytest.mark.parametrize("name", ["PointPush", "PointFall"])
def test_a_point_pushes_the_block_ahead_of_itself(name):
    env = create_maze_env(name)
    qpos = env.maze.model.qpos0.copy()
    qpos[2] = np.pi / 2  # towards +y
    if name == "PointFall":
        qpos[0] = 4.0  # the block's column
    env.set_state(qpos, np.zeros(env.maze.model.nv))
    for _ in range(24):
        env.step(np.array([0.5, 0.0], np.float32))
    assert env.data.xpos[block_of(env), 1] > 5.0  # from 4
    assert 2.0 < env.data.qpos[1] < 2.5


def test_an_ant_starts_on_the_platform_and_stays_there():
    env = create_maze_env("AntFall")
    for seed in range(5):
        observation, _ = env.reset(seed=seed)
        assert observation[2] == pytest.approx(4.75, abs=0.1)
        for _ in range(30):
            observation = env.step(np.zeros(8))[0]
        assert 4.2 < observation[2] < 5.0


def test_a_point_starts_on_the_platform():
    env = create_maze_env("PointFall")
    env.reset(seed=0)
    assert env.data.xpos[env.maze.torso_id, 2] == 2.0
    assert create_maze_env("PointMaze").maze.model.body("torso").pos[2] == 0.0


@pytest.mark.parametrize("name", ["AntBlock", "AntPush", "PointBlockMaze", "PointFall"])
def test_blocks_begin_every_episode_where_they_belong(name):
    env = create_maze_env(name)
    robot = env.maze.robot
    for seed in range(3):
        env.reset(seed=seed)
        np.testing.assert_array_equal(env.data.qpos[robot.nq :], env.maze.model.qpos0[robot.nq :])
        np.testing.assert_array_equal(env.data.qvel[robot.nv :], 0)
        for _ in range(5):
            env.step(env.action_space.high)
