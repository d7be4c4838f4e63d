"""An exported policy acts as the original, in processes that cannot import this package."""

import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap

import gin
import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.commands import main
from efficient_hrl.configuration.config import load_config
from efficient_hrl.context.context_transition_functions import (
    periodic_context_fn,
    relative_context_transition_fn,
)
from efficient_hrl.eval import evaluate
from efficient_hrl.evaluation import exported_policy as exporting
from efficient_hrl.evaluation.exported_policy import describe_policy, exported_policy, save_policy
from efficient_hrl.modes.loading import restore_newest
from efficient_hrl.storage.run_folder import RunFolder
from tests import tiny_hierarchy
from tests.commands.test_wrong_inputs import REPOSITORY, RUN, snapshot

STEPS = 500
SMALL = ("ACTOR_HIDDEN_SIZE_1 = 24", "ACTOR_HIDDEN_SIZE_2 = 24")
# Name -> gin file, episodes side by side.
EPISODES = {"point": ("hiro_xy_point_maze", 3), "ant": ("norl_ant_maze", 1)}

BLOCK = """
import importlib.abc
import sys


class Blocked(importlib.abc.MetaPathFinder):
    def __init__(self, *names):
        self.names = names

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.names:
            raise ImportError(f"{name} is not to be imported")
"""
# Recorded states -> actions, then the environment itself: arguments are a folder and a name.
REPLAY = """
sys.meta_path.insert(0, Blocked("efficient_hrl", "tf_agents", "environments", "gin", "gymnasium", "mujoco"))
import numpy as np
import tensorflow as tf

folder = sys.argv[1]
for name in sys.argv[2:]:
    policy = tf.saved_model.load(f"{folder}/{name}")
    recorded = np.load(f"{folder}/{name}.npz")
    batch = len(recorded["target"])
    results = {}
    for how, act in {"function": policy.act, "signature": policy.signatures["act"]}.items():
        memory = policy.initial_memory(batch)
        steps = []
        for i in range(len(recorded["states"]) - 1):
            inputs = {"observation": recorded["states"][i], "target": recorded["target"]}
            inputs["first"] = np.full(batch, i == 0)
            step = act(**{key: tf.constant(value) for key, value in inputs.items()}, **memory)
            memory = {key: step[key] for key in memory}
            steps.append(step)
        for key in steps[0]:
            results[f"{how}/{key}"] = np.stack([step[key] for step in steps])
    np.savez(f"{folder}/{name}_replayed.npz", **results)

sys.meta_path[0] = Blocked("efficient_hrl", "tf_agents")
import json
import gymnasium
import environments

for name in sys.argv[2:]:
    policy = tf.saved_model.load(f"{folder}/{name}")
    recorded = np.load(f"{folder}/{name}.npz")
    about = json.load(open(f"{folder}/{name}/efficient_hrl.json"))
    batch = len(recorded["target"])
    envs = [gymnasium.make(about["environment"]["id"]).unwrapped for _ in range(batch)]
    state = np.stack([env.set_state(*at) for env, *at in zip(envs, recorded["qpos"], recorded["qvel"])])
    memory, states = policy.initial_memory(batch), [state]
    for i in range(len(recorded["states"]) - 1):
        step = policy.act(state, recorded["target"], np.full(batch, i == 0), **memory)
        memory = {key: step[key] for key in memory}
        state = np.stack([env.step(action)[0] for env, action in zip(envs, step["action"].numpy())])
        states.append(state)
    np.savez(f"{folder}/{name}_closed.npz", states=states)
"""


def call(*arguments):
    gin.clear_config()
    return main.main(["run.py", *arguments])


def evaluator_of(gin_file, *more):
    """An evaluator with small networks whose actions and goals are not near zero."""
    gin.clear_config()
    files = [str(REPOSITORY / "gin" / f"{name}.gin") for name in gin_file.split("+")]
    load_config(files, [*SMALL, *more])
    tf.keras.utils.set_random_seed(1)  # of initial weights
    evaluator = evaluate(seed=0)
    low, high = evaluator.hierarchy.low, evaluator.hierarchy.high
    for i, agent in enumerate((low, high)):
        if agent.learns:
            kernel = agent.actor_net.trainable_variables[-2]
            kernel.assign(0.5 * tf.random.stateless_normal(kernel.shape, [3, i]))
    return evaluator


def export(evaluator, path):
    description = describe_policy(evaluator, 100, {"seed": 0})
    save_policy(exported_policy(evaluator.hierarchy, description), description, path)
    return description


def stacked(trajectories, name):
    """Arrays of episodes that are equally long, steps first."""
    return np.stack([getattr(trajectory, name) for trajectory in trajectories], axis=1)


def python(program, *arguments, **environment):
    """What a program prints in a process of its own."""
    result = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=REPOSITORY,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def replayed(tmp_path_factory):
    """Folder of exports, of the original's episodes and of what another process made of them."""
    folder = tmp_path_factory.mktemp("exports")
    for name, (gin_file, episodes) in EPISODES.items():
        evaluator = evaluator_of(gin_file, f"evaluate.num_episodes_eval = {episodes}")
        export(evaluator, folder / name)
        trajectories = evaluator.trajectories("eval2", 100)
        np.savez(
            folder / name,
            target=[trajectory.target_value for trajectory in trajectories],
            qpos=[trajectory.simulation.qpos[0] for trajectory in trajectories],
            qvel=[trajectory.simulation.qvel[0] for trajectory in trajectories],
            **{key: stacked(trajectories, key) for key in ("states", "actions", "goals", "clocks")},
        )
    python(BLOCK + REPLAY, folder, *EPISODES)
    return folder


@pytest.mark.parametrize("how", ["function", "signature"])
@pytest.mark.parametrize("name", EPISODES)
def test_from_recorded_states_it_acts_as_the_original_for_500_steps(name, how, replayed):
    recorded, made = np.load(replayed / f"{name}.npz"), np.load(replayed / f"{name}_replayed.npz")
    batch = EPISODES[name][1]
    assert recorded["actions"].shape[:2] == (STEPS, batch)
    assert np.abs(recorded["actions"]).mean() > 0.1 and np.abs(recorded["goals"]).std() > 0.1
    np.testing.assert_array_equal(made[f"{how}/action"], recorded["actions"])
    np.testing.assert_array_equal(made[f"{how}/goal"], recorded["goals"])
    np.testing.assert_array_equal(made[f"{how}/is_new_goal"], recorded["clocks"] % 10 == 0)
    np.testing.assert_array_equal(made[f"{how}/memory_clock"], recorded["clocks"] + 1)
    np.testing.assert_array_equal(made[f"{how}/memory_observation"], recorded["states"][:-1])
    np.testing.assert_array_equal(
        made[f"{how}/memory_target"], np.broadcast_to(recorded["target"], (STEPS, batch, 2))
    )


@pytest.mark.parametrize("name", EPISODES)
def test_in_the_environment_it_goes_the_original_s_way_for_500_steps(name, replayed):
    recorded, made = np.load(replayed / f"{name}.npz"), np.load(replayed / f"{name}_closed.npz")
    assert np.ptp(recorded["states"][:, :, :2], axis=0).max() > 0.1  # metres
    np.testing.assert_array_equal(made["states"], recorded["states"])


@pytest.mark.parametrize(
    "gin_file",
    [
        "td3_point_maze",
        "e2e_point_maze_img",
        "hiro_fun_transition_point_maze",
        "hiro_point_maze+agents/ddpg",
        "vae_point_maze",
        "whole_obs_point_maze",
        "hiro_ant_fall",
        "examples/ant_v5",
    ],
)
def test_every_kind_of_policy_can_be_exported(gin_file, tmp_path):
    steps = 23
    evaluator = evaluator_of(
        gin_file, "evaluate.num_episodes_eval = 2", f"evaluate.max_steps_per_episode = {steps}"
    )
    about = export(evaluator, tmp_path / "export")
    mode = evaluator.eval_modes[-1]
    trajectories = evaluator.trajectories(mode, 100)
    # An episode from elsewhere may end sooner: what both have.
    steps = min(len(trajectory.actions) for trajectory in trajectories)
    target = np.stack([trajectory.target_value for trajectory in trajectories])
    np.testing.assert_array_equal(target, np.float32([about["targets"][mode]] * 2))
    policy = tf.saved_model.load(str(tmp_path / "export"))
    memory = policy.initial_memory(2)
    c = about["goal_period"]
    assert c == evaluator.hierarchy.low.context.meta_action_every_n
    for i in range(steps):
        states, actions, goals = (
            np.stack([getattr(trajectory, name)[i] for trajectory in trajectories])
            for name in ("states", "actions", "goals")
        )
        step = policy.act(states, target, np.full(2, i == 0), **memory)
        memory = {name: step[name] for name in memory}
        np.testing.assert_array_equal(step["action"], actions)
        np.testing.assert_array_equal(step["goal"], goals)
        assert step["is_new_goal"].numpy().tolist() == [i % c == 0] * 2
    assert states.shape[1] == about["state_size"] and actions.shape[1] == about["action_size"]
    assert goals.shape[1] == about["goal_size"] and target.shape[1] == about["target_size"]
    np.testing.assert_array_equal(
        np.float32(about["action_low"]), evaluator.hierarchy.low.action_spec.minimum
    )
    f = evaluator.hierarchy.representation(states)
    np.testing.assert_array_equal(policy.representation(states), f)
    made = policy.signatures["representation"](observation=tf.constant(states))
    np.testing.assert_array_equal(made["representation"], f)
    assert json.loads(policy.metadata().numpy()) == json.loads(json.dumps(about))


@pytest.fixture(scope="module")
def tiny():
    """A loaded policy of the tiny hierarchy, whose goals are given every 4 steps."""
    return exported_policy(tiny_hierarchy.hierarchy(c=4), {})


def test_episodes_in_a_batch_begin_when_they_want_and_keep_their_targets(tiny):
    rng = np.random.default_rng(0)
    states = rng.normal(size=(9, 3, 7)).astype(np.float32)
    targets = rng.uniform(-2, 10, size=(9, 3, 2)).astype(np.float32)
    begins = np.zeros([9, 3], bool)
    begins[[0, 0, 0, 5, 6], [0, 1, 2, 1, 2]] = True
    memory, steps = tiny.initial_memory(tf.constant(3)), []
    for at in zip(states, targets, begins):
        steps.append(tiny.act(*map(tf.constant, at), **memory))
        memory = {name: steps[-1][name] for name in memory}
    for row, beginnings in enumerate(([0], [0, 5], [0, 6])):
        for begin, end in zip(beginnings, [*beginnings[1:], 9]):
            alone = tiny.initial_memory(tf.constant(1))
            for i in range(begin, end):
                # Neither memory from before the episode nor later targets matter.
                target = targets[begin if i == begin else 0, row][None]
                step = tiny.act(states[i, row][None], target, tf.constant([i == begin]), **alone)
                alone = {name: step[name] for name in alone}
                assert bool(steps[i]["is_new_goal"][row]) == ((i - begin) % 4 == 0)
                for name, value in step.items():
                    if value.dtype == tf.float32:
                        np.testing.assert_allclose(steps[i][name][row], value[0], atol=1e-5, err_msg=name)
                np.testing.assert_array_equal(step["memory_target"][0], targets[begin, row])


def test_targets_that_follow_the_state_do_so_in_the_memory():
    of = tiny_hierarchy.hierarchy(targets={"context_transition_fn": relative_context_transition_fn})
    policy = exported_policy(of, {})
    states = np.random.default_rng(1).normal(size=(5, 1, 7)).astype(np.float32)
    target, memory = np.float32([[3, 4]]), policy.initial_memory(tf.constant(1))
    for i, state in enumerate(states):
        step = policy.act(state, target, np.array([i == 0]), **memory)
        memory = {name: step[name] for name in memory}
        expected = target + states[0, :, :2] - state[:, :2]
        np.testing.assert_allclose(memory["memory_target"], expected, atol=1e-5)


def test_actions_and_goals_stay_within_the_limits_that_the_description_names():
    evaluator = evaluator_of("hiro_point_maze", "evaluate.num_episodes_eval = 1")
    about = describe_policy(evaluator, 7, {"seed": 3, "gin_files": ["a.gin"], "python": "3.11.1"})
    assert about["goal_high"] == [10.0, 10.0, 3.14] and about["action_high"] == [1.0, 0.25]
    assert about["targets"] == {"eval1": [8.0, 0.0], "eval2": [8.0, 8.0], "eval3": [0.0, 8.0]}
    assert (about["env_steps"], about["seed"], about["gin_files"]) == (7, 3, ["a.gin"])
    assert about["environment"] == {"id": "PointMaze-v0"} and about["goal_period"] == 10
    policy = exported_policy(evaluator.hierarchy, about)
    states = 100 * np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    step = policy.act(states, states[:, :2], np.ones(50, bool), **policy.initial_memory(tf.constant(50)))
    for name in ("action", "goal"):
        low, high = np.float32(about[f"{name}_low"]), np.float32(about[f"{name}_high"])
        assert np.all(step[name] >= low) and np.all(step[name] <= high)
        assert np.abs(step[name]).max() > 0.5 * high.max()


def test_targets_of_random_samplers_are_named_as_none():
    evaluator = evaluator_of("hiro_point_maze", "evaluate.eval_modes = ['explore']")
    assert describe_policy(evaluator, 0, {"seed": 0})["targets"] == {"explore": None}


class Halved:
    def __init__(self, zeros):
        del zeros


def python_f(*specs, **arguments):
    from efficient_hrl.representations.representation import StatePreprocess

    class ThroughPython(StatePreprocess):
        def __call__(self, states):
            x = tf.numpy_function(lambda x: x, [states], tf.float32)
            return super().__call__(tf.ensure_shape(x, states.shape))

    return ThroughPython(*specs, ndims=2, **arguments)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            {"targets": {"context_transition_fn": functools.partial(periodic_context_fn, period=3)}},
            "draws new",
        ),
        ({"targets": {"normalizers": [Halved]}}, "meta/Context.normalizers change"),
        ({"low": {"state_preprocess_class": python_f}}, r"calls Python functions \(PyFunc\)"),
    ],
)
def test_what_cannot_be_exported_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message) as error:
        exported_policy(tiny_hierarchy.hierarchy(**arguments), {})
    assert "allowed for --mode=export: " in str(error.value)


# The command.


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run of 300 steps and its export; and what the command printed."""
    root = tmp_path_factory.mktemp("runs") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(REPOSITORY)
        flags = ["--gin_file=gin/hiro_xy_point_maze.gin", f"--root_dir={root}", "--seed=4"]
        assert call(*flags, *(f"--gin_bindings={binding}" for binding in RUN)) == 0
    return root


@pytest.fixture
def root(trained, tmp_path):
    root = tmp_path / "elsewhere"
    shutil.copytree(trained, root)
    return root


def test_the_command_exports_the_newest_checkpoint_and_replaces_what_is_there(root, capfd, monkeypatch):
    before = snapshot(root)
    capfd.readouterr()
    assert call("--mode=export", f"--root_dir={root}") == 0
    out, err = capfd.readouterr()
    path = root / "export"
    lines = out.splitlines()
    assert lines[0].startswith(f"wrote {path}: the policy after 300 environment steps, ")
    assert f"tf.saved_model.load('{path}')" in out and "Traceback" not in err and "WARNING" not in err
    after = snapshot(root)
    assert {name: after[name] for name in before} == before
    assert all(path in (name, *name.parents) for name in set(after) - set(before))

    about, record = json.loads((path / "efficient_hrl.json").read_text()), RunFolder(root).record()
    assert (about["env_steps"], about["seed"]) == (300, 4)
    assert about["gin_files"] == ["gin/hiro_xy_point_maze.gin"] == record["gin_files"]
    assert about["packages"] == record["packages"] and about["packages"]["tensorflow"] == tf.__version__

    evaluator = evaluate(seed=4)
    assert restore_newest(evaluator, RunFolder(root)) == 300
    (trajectory, _) = evaluator.trajectories("eval1", 300)
    policy = tf.saved_model.load(str(path))
    of = lambda x: x[:1]
    step = policy.act(
        of(trajectory.states), trajectory.target_value[None], np.array([True]), **policy.initial_memory(1)
    )
    np.testing.assert_allclose(step["goal"], of(trajectory.goals), rtol=1e-5)
    np.testing.assert_allclose(step["action"], of(trajectory.actions), rtol=1e-5)
    # The names of the printed example are right.
    example = textwrap.dedent("\n".join(lines[1:]))
    names = {"tf": tf, "np": np, "state": trajectory.states[0], "target": trajectory.target_value}
    exec(example, names)
    np.testing.assert_array_equal(names["action"], step["action"][0])

    def killed(*unused_paths):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(exporting, "publish_folder", killed)
        assert call("--mode=export", f"--root_dir={root}") == 130
    assert snapshot(root) == after
    (path / "left.txt").write_text("from the export before")
    assert call("--mode=export", f"--root_dir={root}") == 0
    assert not (path / "left.txt").exists() and not list(root.glob(".*"))
    assert json.loads((path / "efficient_hrl.json").read_text()) == about


def test_a_full_disk_is_said_in_one_line_and_leaves_nothing(root, capfd, monkeypatch):
    def full(path):
        raise OSError(28, "No space left on device", str(path))

    before = snapshot(root)
    monkeypatch.setattr(exporting, "sync", full)
    capfd.readouterr()
    assert call("--mode=export", f"--root_dir={root}") == 1
    out, err = capfd.readouterr()
    assert out == "" and len(err.splitlines()) == 1 and "/export: [Errno 28] No space left" in err
    assert snapshot(root) == before


def test_a_link_gives_way_to_an_export(root, tmp_path):
    path = root / "export"
    path.symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "efficient_hrl.json").write_text("{}")
    for _ in range(2):
        assert call("--mode=export", f"--root_dir={root}") == 0
        assert not path.is_symlink() and (path / "saved_model.pb").is_file() and not list(root.glob(".*"))
    assert (tmp_path / "efficient_hrl.json").read_text() == "{}"


def test_kept_weights_can_be_exported(root, capfd):
    shutil.rmtree(root / "checkpoints")
    chosen = "--gin_bindings=evaluate.checkpoint_path = 'policy-300'"
    assert call("--mode=export", f"--root_dir={root}", chosen) == 0
    assert "after 300 environment steps" in capfd.readouterr().out


@pytest.mark.parametrize(
    "damage, flags, message",
    [
        (
            lambda root: (root / "export").write_text("mine"),
            "",
            "export: not a folder that can be written to",
        ),
        (
            lambda root: [(root / "export").mkdir(), (root / "export/mine.txt").write_text("")],
            "",
            r"export: not an exported policy \(no efficient_hrl.json\); allowed: one, or no such folder",
        ),
        (lambda root: root.chmod(0o555), "", "is not writable"),
        (lambda root: (root / "run.json").unlink(), "", "not empty and not a run"),
        (
            lambda root: [*map(shutil.rmtree, (root / "checkpoints", root / "policy"))],
            "",
            "checkpoints: no checkpoint yet; train the run first",
        ),
        (lambda root: None, "ACTOR_HIDDEN_SIZE_1 = 8", "SIZE_1 = 8, but the run in .* began with 16"),
        (lambda root: None, "evaluate.checkpoint_path = 'policy-1'", "'policy-1'; .* holds policy-300"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(damage, flags, message, root, capfd):
    damage(root)
    before = snapshot(root)
    capfd.readouterr()
    try:
        bindings = [f"--gin_bindings={flags}"] if flags else []
        assert call("--mode=export", f"--root_dir={root}", *bindings) == 2
        out, err = capfd.readouterr()
        assert out == "" and len(err.splitlines()) == 1
        assert re.search(message, err), err
        assert snapshot(root) == before
    finally:
        root.chmod(0o755)


def example_of(page):
    """The program on a page of docs/: the indented lines that begin with an import."""
    lines = (pathlib.Path(REPOSITORY) / "docs" / page).read_text().splitlines()
    begin = lines.index("    import json")
    end = next(i for i in range(begin, len(lines)) if lines[i] and not lines[i].startswith("    "))
    return textwrap.dedent("\n".join(lines[begin:end]))


@pytest.mark.ci
def test_the_program_in_the_documentation_runs_without_this_package(root):
    assert call("--mode=export", f"--root_dir={root}") == 0
    blocked = BLOCK + "sys.meta_path.insert(0, Blocked('efficient_hrl', 'tf_agents'))\n"
    out = python(blocked + example_of("export.md"), root / "export", "eval2")
    distance = float(out.split(" m from the target [8. 8.] after 500 steps")[0].splitlines()[-1])
    assert 0 < distance < 30
