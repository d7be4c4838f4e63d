"""Everything that can be asked of a run, asked of one without a target."""

import gin
import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.commands import main
from efficient_hrl.configuration.config import load_config
from efficient_hrl.eval import evaluate
from efficient_hrl.modes import video
from efficient_hrl.modes.loading import restore_newest
from efficient_hrl.storage.run_folder import RunFolder
from environments.opengl import opengl_error
from tests.configuration.test_gather_gin_files import SHORT
from tests.configuration.test_gin_files import GIN

pytestmark = pytest.mark.ci
MORE = ("evaluate.num_episodes_eval = 3", "ACTOR_HIDDEN_SIZE_1 = 24", "CRITIC_HIDDEN_SIZE_1 = 24")
METHODS = ("norl", "td3")


def call(*arguments):
    gin.clear_config()
    return main.main(["run.py", *arguments])


def flags_of(method):
    return [f"--gin_file={GIN}/{method}_point_gather.gin"] + [f"--gin_bindings={x}" for x in (*SHORT, *MORE)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for method in METHODS:
        assert call(*flags_of(method), f"--root_dir={folder / method}") == 0
    return folder


@pytest.mark.parametrize("method", METHODS)
def test_every_mode_of_one_run(runs, method, monkeypatch, capfd):
    def no_camera(maze):
        raise opengl_error(RuntimeError("not here"))

    monkeypatch.setattr(video, "Camera", no_camera)
    root = runs / method
    for mode in ("eval", "plot", "video", "export", "report"):
        assert call(f"--mode={mode}", f"--root_dir={root}") == 0, capfd.readouterr().err
        said = capfd.readouterr().out
        if mode == "eval":
            assert said.splitlines()[-1].split()[:4] == ["eval", "3", "-", "-"]
    assert {path.name for path in (root / "videos").iterdir()} == {"eval.mp4", "eval_strip.png"}
    plots = {path.name for path in (root / "plots").iterdir()}
    assert {"visits.png", "return_curve.png", "representation_trajectories.png"} <= plots
    assert ("goals.png" in plots) == (method == "norl")  # without a high level there are none


def test_several_runs(runs, tmp_path):
    for mode in ("plot", "report"):
        roots = [f"--root_dir={runs / method}" for method in METHODS]
        assert call(f"--mode={mode}", *roots, f"--out_dir={tmp_path / mode}") == 0
    assert list((tmp_path / "plot").rglob("comparison_evaluated_return.png"))
    assert not list((tmp_path / "plot").rglob("comparison_success.png"))


def test_a_run_goes_on(runs, tmp_path, capfd):
    root = tmp_path / "norl"
    begun = [*flags_of("norl"), f"--root_dir={root}"]
    assert call(*begun, "--gin_bindings=train_uvf.num_episodes_train = 2") == 0
    assert call(*begun) == 0
    assert "finished at 300 environment steps" in capfd.readouterr().out
    whole, parts = ((folder / "eval.csv").read_text().splitlines() for folder in (runs / "norl", root))
    assert whole[-1].startswith("300,") and whole[-1] == parts[-1]  # as if it had never stopped


@pytest.mark.parametrize("method", METHODS)
def test_an_exported_policy_acts_as_the_original(runs, method, capfd):
    root = runs / method
    assert call("--mode=export", f"--root_dir={root}") == 0
    gin.clear_config()
    load_config([f"{GIN}/{method}_point_gather.gin"], [*SHORT, *MORE])
    evaluator = evaluate(seed=0)
    steps = restore_newest(evaluator, RunFolder(root, writes=False))
    trajectory = evaluator.trajectories("eval", steps)[0]
    policy = tf.saved_model.load(str(root / "export"))
    memory = policy.initial_memory(1)
    nothing = np.zeros((1, 0), np.float32)
    for number, (state, action) in enumerate(zip(trajectory.states, trajectory.actions)):
        step = policy.act(state[None], nothing, np.array([number == 0]), **memory)
        memory = {name: step[name] for name in memory}
        np.testing.assert_allclose(step["action"][0], action, atol=1e-5)
    assert number == 99
