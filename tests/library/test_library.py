"""The library does what the command line does, with values in place of files."""

import itertools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap

import gin
import gymnasium
import matplotlib
import numpy as np
import pytest
from matplotlib import figure as mpl_figure

from efficient_hrl import library
from efficient_hrl.commands import main
from efficient_hrl.figures.goal_positions import GoalPositions
from efficient_hrl.library import hierarchy_view
from efficient_hrl.run.metrics import METRICS_COLUMNS, training_row
from efficient_hrl.storage.rows import read_rows
from efficient_hrl.video import film
from efficient_hrl.video.episode import episode_of
from environments.opengl import OpenGLError
from tests.commands.test_wrong_inputs import REPOSITORY, RUN, snapshot

SHIPPED = REPOSITORY / "results/point_maze/xy_seed1"
CLOCKS = ("wall_s", "steps_per_s")
SMALL = (*RUN, "train_uvf.log_every_n_steps = 100")
FEW = "evaluate.num_episodes_eval = 2"


@pytest.fixture(scope="module")
def experiment():
    """Trained for 300 steps, as long as the run in `trained`."""
    gin.clear_config()
    built = library.build("hiro_xy_point_maze", SMALL, seed=3)
    rows = []
    assert built.train(150, rows.append) == 150
    assert built.train(145) == 300  # whole blocks
    assert rows == built.metrics[:1]
    return built


@pytest.fixture(scope="module")
def shipped():
    gin.clear_config()
    return library.load(SHIPPED, FEW)


def test_an_experiment_learns_what_the_command_line_learns(experiment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flags = [f"--gin_bindings={binding}" for binding in SMALL]
    assert main.main(["run.py", "--gin_file=gin/hiro_xy_point_maze.gin", "--seed=3", *flags]) == 0
    root = tmp_path / "runs/hiro_xy_point_maze"
    without_clocks = lambda row: {name: row[name] for name in METRICS_COLUMNS if name not in CLOCKS}
    found = [without_clocks(training_row(row)) for row in experiment.metrics]
    assert found == [without_clocks(row) for row in read_rows(root / "metrics.csv")]
    assert [row["env_steps"] for row in found] == ["100", "200", "300"]
    assert float(found[-1]["low_critic_loss"]) > 0
    results = {result.target: result for result in experiment.evaluate()}
    assert experiment.evaluations[-1] == (300, [*results.values()])
    for row in read_rows(root / "eval.csv"):
        assert f"{results[row['target']].high_return:.6g}" == row["high_return"]
    # The run's weights are the experiment's.
    run = library.load(root)
    states = experiment.trajectories("eval2")[0].states
    policies = [each.policy() for each in (run, experiment)]
    for policy in policies:
        policy.begin([8.0, 8.0])
    for state in states[:15]:
        np.testing.assert_array_equal(*(policy.act(state) for policy in policies))


def test_trajectories_are_arrays(experiment):
    trajectories = experiment.trajectories("eval2")
    assert len(trajectories) == 2
    for trajectory in trajectories:
        assert trajectory.states.shape == (51, 7) and trajectory.actions.shape == (50, 2)
        assert trajectory.goals.shape == (50, 2) and trajectory.xy.shape == (51, 2)
        np.testing.assert_allclose(trajectory.states[:, :2], trajectory.xy, atol=1e-5)
        np.testing.assert_array_equal(trajectory.target_value, [8, 8])
    np.testing.assert_array_equal(
        experiment.representation(trajectories[0].states)[:, :2], trajectories[0].states[:, :2]
    )


@pytest.mark.ci
def test_two_experiments_do_not_disturb_each_other(experiment):
    """The second is built, and gin emptied, before the first one traces its evaluation."""
    alone = library.build("hiro_xy_point_maze", [*SMALL, "task/negative_distance.norm = 'L1'"])
    other = library.build("hiro_xy_point_maze", SMALL)
    gin.clear_config()
    (trajectory, *_) = alone.trajectories("eval1")
    achieved = trajectory.states[1:, :2]
    np.testing.assert_allclose(
        trajectory.high_rewards, -np.abs(achieved - trajectory.target_value).sum(axis=-1), rtol=1e-5
    )
    (trajectory, *_) = other.trajectories("eval1")
    achieved = trajectory.states[1:, :2]
    expected = -np.linalg.norm(achieved - trajectory.target_value, axis=-1)
    np.testing.assert_allclose(trajectory.high_rewards, expected, rtol=1e-4)


@pytest.mark.ci
def test_figures_are_matplotlibs_and_nothing_is_written(experiment, shipped, tmp_path):
    root = tmp_path / "xy_seed1"
    shutil.copytree(SHIPPED, root, ignore=shutil.ignore_patterns("plots"))
    before = snapshot(root)
    said = []
    found = library.load(root, FEW).figures(said.append)
    assert snapshot(root) == before
    assert {*found} == {
        "learning_curve",
        "success_curve",
        "relabelling",
        "representation_trajectories",
        "representation_grid",
        "sensitivity_shifted",
    }
    assert all(isinstance(figure, mpl_figure.Figure) for figure in found.values())
    assert any("no figure of visits: there is no map yet" in line for line in said)
    assert any("no picture of sensitivity to position: f always changes" in line for line in said)
    assert found["learning_curve"].get_suptitle() == "xy_seed1"
    rows = read_rows(root / "eval.csv")
    (line, *_) = found["success_curve"].axes[0].get_lines()
    assert len(line.get_xdata()) == len([row for row in rows if row["target"] == line.get_label()]) > 3

    experiment.evaluate()
    own = experiment.figures(said.append)
    np.testing.assert_array_equal(
        own["learning_curve"].axes[0].get_lines()[0].get_xdata(),
        [row["env_steps"] for row in experiment.metrics],
    )
    assert own["success_curve"].get_suptitle() == "hiro_xy_point_maze"
    assert matplotlib.pyplot.get_fignums() == []


@pytest.mark.ci
def test_frames_are_those_of_the_video(shipped, monkeypatch):
    def fail(maze):
        raise OpenGLError("no OpenGL here")

    monkeypatch.setattr(hierarchy_view, "Camera", fail)
    with pytest.warns(UserWarning, match="a map without the camera's view: no OpenGL here"):
        pictures = list(shipped.frames("eval2", every=200))
    assert [(p.shape, p.dtype) for p in pictures] == [((720, 1280, 3), np.uint8)] * 3
    assert not np.array_equal(pictures[0], pictures[1])
    # They are what `--mode=video` writes of that episode.
    trajectory = shipped.trajectories("eval2")[1]
    positions = GoalPositions(shipped._evaluator.environment.maze, shipped.representation)
    episode = episode_of(shipped._evaluator, trajectory, positions, "xy_seed1", 300_000)
    expected = list(itertools.islice(film.frames(episode, None), 0, 101, 100))
    with pytest.warns(UserWarning):
        found = list(itertools.islice(shipped.frames("eval2", episode=1, every=100), 2))
    np.testing.assert_array_equal(found, [picture[..., :3] for picture in expected])


def test_a_shipped_policy_reaches_its_target_step_by_step(shipped):
    policy = shipped.policy()
    env = policy.make_environment()
    assert env.spec.id == "PointMaze-v0"
    target = policy.targets["eval2"]
    np.testing.assert_array_equal(target, [8, 8])
    observation, info = env.reset(seed=0, options={"target": target})
    policy.begin(target)
    news = []
    for _ in range(500):
        action = policy.act(observation)
        news.append(policy.is_new_goal)
        assert policy.goal.shape == (2,)
        observation, _, _, truncated, info = env.step(action)
    assert truncated and info["success"]
    assert news == [step % 10 == 0 for step in range(500)]


def test_a_policy_acts_as_the_evaluation_does_also_with_goal_observations(shipped):
    trajectory = shipped.trajectories("eval3")[1]
    policy = shipped.policy()
    for seen in (lambda state: state, lambda state: {"observation": state, "desired_goal": None}):
        policy.begin(trajectory.target_value)
        for state, action, goal in zip(trajectory.states[:25], trajectory.actions, trajectory.goals):
            np.testing.assert_allclose(policy.act(seen(state)), action, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(policy.goal, goal, rtol=1e-4, atol=1e-5)


@pytest.mark.ci
def test_a_policy_acts_in_an_environment_from_elsewhere():
    built = library.build(
        "examples/ant_v5",
        [binding for binding in SMALL if "HIDDEN" in binding or "buffer" in binding] + [FEW],
    )
    policy = built.policy()
    env = policy.make_environment()
    assert isinstance(env.unwrapped, gymnasium.envs.mujoco.ant_v5.AntEnv)
    trajectory = built.trajectories(built.targets[0])[0]
    policy.begin(trajectory.target_value)
    for state, action in zip(trajectory.states[:12], trajectory.actions):
        # The last entry of a state is the time, which the policy knows by itself.
        np.testing.assert_allclose(policy.act(state[:-1]), action, rtol=1e-4, atol=1e-5)
    with pytest.raises(library.UsageError, match="Ant-v5 is not a maze; allowed: mazes"):
        built.frames(built.targets[0])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: library.build("nowhere"), "--gin_file=nowhere: no such file"),
        (lambda: library.build([]), "no configuration"),
        (
            lambda: library.build("hiro_xy_point_maze", "train_uvf.batchsize = 5"),
            "batchsize.*Allowed: .*batch_size",
        ),
        (lambda: library.build("hiro_xy_point_maze", seed=-1), "seed = -1; allowed: a whole number from 0"),
        (lambda: library.build("hiro_xy_point_maze", seed=True), "seed = True; allowed"),
        (lambda: library.load(REPOSITORY / "docs"), "the folder is not empty and not a run"),
        (lambda: library.load(REPOSITORY / "nowhere"), "nowhere: there is no run"),
        (lambda: library.load(SHIPPED, "UvfAgent.actor_net = None"), "only these may change"),
    ],
)
def test_what_the_user_can_mend_is_a_usage_error_of_one_line(call, message):
    with pytest.raises(library.UsageError, match=message) as caught:
        call()
    assert len(str(caught.value).splitlines()) == 1


def test_wrong_calls_name_what_is_allowed(experiment, shipped):
    policy = shipped.policy()
    for call, message in (
        (lambda: experiment.train(-1), "steps = -1; allowed: a whole number from 0"),
        (lambda: experiment.train(1.5), "steps = 1.5; allowed"),
        (lambda: experiment.trajectories("eval9"), "target = 'eval9'; allowed: eval1, eval2, eval3"),
        (lambda: shipped.frames("eval1", episode=2), "episode = 2; allowed: 0 to 1"),
        (lambda: shipped.frames("eval1", every=0), "every = 0; allowed: 1 to 500"),
        (lambda: policy.act(np.zeros(7)), "no episode; call begin"),
        (lambda: policy.begin([8.0]), r"target = \[8.0\]; allowed: 2 finite numbers"),
        (lambda: policy.begin([8.0, np.nan]), "allowed: 2 finite numbers"),
        (lambda: policy.begin("eval1"), "target = 'eval1'; allowed: 2 finite numbers"),
    ):
        with pytest.raises(library.UsageError, match=message):
            call()
    policy.begin([8.0, 8.0])
    with pytest.raises(library.UsageError, match=r"an observation of shape \(6,\); allowed: 7"):
        policy.act(np.zeros(6))


def test_what_a_function_of_ones_own_raises_is_not_taken_for_a_wrong_configuration(experiment):
    def progress(row):
        raise ValueError("mine")

    with pytest.raises(ValueError, match="^mine$") as caught:
        experiment.train(100, progress)
    assert type(caught.value) is ValueError


@pytest.mark.ci
def test_nan_is_a_run_error_that_says_where():
    built = library.build("hiro_xy_point_maze", SMALL)
    built.train(100)
    for variable in built._training.hierarchy.learned_variables():
        variable.assign(variable * np.nan)
    with pytest.raises(library.RunError, match="after .* environment steps") as caught:
        built.train(200)
    assert len(str(caught.value).splitlines()) == 1


def test_names_are_few_and_documented():
    page = (REPOSITORY / "docs/library.md").read_text(encoding="utf-8")
    assert len(library.__all__) <= 8
    for name in library.__all__:
        assert f"`{name}" in page and getattr(library, name).__doc__, name
    for kind in (library.Experiment, library.Run, library.Policy):
        members = [name for name in dir(kind) if not name.startswith("_")]
        assert len(members) >= 3
        for name in members:
            assert re.search(rf"^\|.*`{name}[`(]", page, re.MULTILINE), name
    assert "norl_ant_maze" in library.gin_names() and "examples/ant_v5" in library.gin_names()


def in_a_process(program, cwd=REPOSITORY, **environment):
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)} | environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout, result.stderr


@pytest.mark.ci
def test_the_package_itself_imports_no_tensorflow_and_the_library_leaves_the_backend():
    out, _ = in_a_process("import sys, efficient_hrl; print('tensorflow' in sys.modules)")
    assert out == "False\n"
    program = "import matplotlib; from efficient_hrl import library; print(matplotlib.get_backend())"
    out, _ = in_a_process(program, MPLBACKEND="svg")
    assert out == "svg\n"


@pytest.mark.ci
def test_the_program_in_the_documentation_runs(tmp_path):
    lines = (REPOSITORY / "docs/library.md").read_text(encoding="utf-8").splitlines()
    begin = lines.index("    from efficient_hrl import library as hrl")
    block = itertools.takewhile(lambda line: not line or line.startswith("    "), lines[begin:])
    program = textwrap.dedent("\n".join(block))
    program = program.replace('"results/', f'"{REPOSITORY}/results/')
    program += "\nprint(len(pictures), pictures[0].shape, pictures[0][:, :640].std())"
    out, err = in_a_process(program, tmp_path)
    number, *shape, spread = re.search(r"^(\d+) \((\d+), (\d+), 3\) ([\d.]+)$", out, re.MULTILINE).groups()
    assert (int(number), shape) == (21, ["720", "1280"]) and float(spread) > 20
    assert "Traceback" not in err
    assert re.search(r"^5000 0\.\d+$", out, re.MULTILINE), out
    assert "{'eval1': " in out
    assert float(re.search(r"([\d.]+) m from the target$", out, re.MULTILINE)[1]) < 5.0
    assert (tmp_path / "trajectories.png").stat().st_size > 10_000
    assert [*tmp_path.iterdir()] == [tmp_path / "trajectories.png"]
    assert pathlib.Path(SHIPPED, "plots").is_dir()
