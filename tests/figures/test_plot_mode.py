"""`python run.py --mode=plot`: what it writes, and that pictures and tables say the same."""

import csv
import re
import shutil

import gin
import numpy as np
import pytest

from efficient_hrl.commands import main
from efficient_hrl.figures import (
    bound,
    curves,
    embedding,
    goals,
    position_sensitivity,
    relabeling,
    visits,
)
from efficient_hrl.figures.run_figures import draw_curves
from efficient_hrl.storage.rows import read_rows
from tests.commands.test_wrong_inputs import REPOSITORY, RUN, snapshot
from tests.figures.capture import captured, cut_off

CURVES = {"learning_curve.png", "success_curve.png"}
TABLES = {
    "visits.csv",
    "goals.csv",
    "goals_miss.csv",
    "relabelling.csv",
    "representation_trajectories.csv",
    "representation_grid.csv",
    "representation_numbers.csv",
    "sensitivity.csv",
    "sensitivity_shifted.csv",
}
# Of sensitivity there are numbers alone: the run's f is x, y and the heading, for which it is a constant.
PICTURES = {
    name.replace(".csv", ".png")
    for name in TABLES - {"representation_numbers.csv", "goals_miss.csv", "sensitivity.csv"}
}


def call(*arguments):
    gin.clear_config()
    return main.main(["run.py", *arguments])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run of 300 steps with a goal space of three dimensions, so that it is projected."""
    root = tmp_path_factory.mktemp("runs") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(REPOSITORY)
        bindings = [*RUN, "SUBGOAL_DIM = 3", "train_uvf.log_every_n_steps = 100"]
        flags = ["--gin_file=gin/hiro_xy_point_maze.gin", f"--root_dir={root}"]
        assert call(*flags, *(f"--gin_bindings={binding}" for binding in bindings)) == 0
    return root


@pytest.fixture
def root(trained, tmp_path):
    """A copy of the run, without its pictures, far from gin files."""
    root = tmp_path / "elsewhere"
    shutil.copytree(trained, root)
    shutil.rmtree(root / "plots")
    return root


def table(path):
    """Columns of a CSV file: numbers where they are, text otherwise."""
    rows = list(csv.DictReader(path.open()))
    columns = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        try:
            columns[name] = np.array([float(value or "nan") for value in values])
        except ValueError:
            columns[name] = np.array(values)
    return columns


@pytest.mark.ci
def test_everything_is_drawn_from_the_folder_alone_and_pictures_say_what_tables_say(
    root, monkeypatch, tmp_path, capfd
):
    monkeypatch.chdir(tmp_path)
    before = snapshot(root)
    modules = (bound, curves, embedding, goals, position_sensitivity, relabeling, visits)
    figures = captured(monkeypatch, *modules)
    assert call("--mode=plot", f"--root_dir={root}") == 0
    plots = root / "plots"
    out = capfd.readouterr().out.splitlines()
    assert {line for line in out if line.startswith("wrote ")} == {
        f"wrote {path}" for path in plots.iterdir()
    }
    assert {path.name for path in plots.iterdir()} == CURVES | TABLES | PICTURES
    assert sum("no figure of the representation's bound" in line for line in out) == 1
    constant = "no picture of sensitivity to position: f always changes as much per metre: point x, y 1.41"
    assert out.count(constant) == 1
    assert set(figures) == CURVES | PICTURES
    assert {name: texts for name, figure in figures.items() if (texts := cut_off(figure))} == {}
    after = snapshot(root)
    assert {path: after[path] for path in before} == before
    assert all(path == plots or path.parent == plots for path in set(after) - set(before))

    trajectories = table(plots / "representation_trajectories.csv")
    assert list(trajectories) == ["target", "step", "x", "y", "f0", "f1", "f2", "pc1", "pc2"]
    axes = figures["representation_trajectories.png"].axes[:6]
    for row, target in enumerate(("eval1", "eval2", "eval3")):
        own = trajectories["target"] == target
        assert trajectories["step"][own].tolist() == list(range(51))
        for axis, names in ((axes[2 * row], "x y"), (axes[2 * row + 1], "pc1 pc2")):
            expected = np.stack([trajectories[name][own] for name in names.split()], axis=-1)
            np.testing.assert_allclose(axis.collections[0].get_offsets(), expected, atol=1e-5)
    # This representation is x, y and the heading.
    np.testing.assert_allclose(trajectories["f0"], trajectories["x"], atol=1e-5)
    np.testing.assert_allclose(trajectories["f1"], trajectories["y"], atol=1e-5)

    grid = table(plots / "representation_grid.csv")
    assert len(grid["x"]) == 7 * 144
    for axis, names in zip(figures["representation_grid.png"].axes, ("x y", "pc1 pc2")):
        expected = np.stack([grid[name] for name in names.split()], axis=-1)
        np.testing.assert_allclose(axis.collections[1].get_offsets(), expected, atol=1e-5)
        np.testing.assert_allclose(axis.collections[1].get_facecolors()[:, :3].min(), 0.05, atol=0.05)

    norms = table(plots / "sensitivity.csv")
    np.testing.assert_allclose(norms["point_x_y"], 2**0.5, atol=1e-3)
    shifted = table(plots / "sensitivity_shifted.csv")
    first = (shifted["target"] == "eval1") & (shifted["step"] == 10)
    drawn = figures["sensitivity_shifted.png"].axes[0].lines[1].get_xydata()[:-1]
    np.testing.assert_allclose(drawn, np.stack([shifted["pc1"][first], shifted["pc2"][first]], -1), atol=1e-5)
    at = (trajectories["target"] == "eval1") & (trajectories["step"] == 10)
    radii = np.hypot(
        shifted["f0"][first] - trajectories["f0"][at], shifted["f1"][first] - trajectories["f1"][at]
    )
    np.testing.assert_allclose(radii, 1.0, atol=1e-4)

    (numbers,) = read_rows(plots / "representation_numbers.csv")
    assert float(numbers["readout_r2_x"]) == pytest.approx(1.0, abs=1e-4)
    assert float(numbers["readout_r2_y"]) == pytest.approx(1.0, abs=1e-4)
    assert 0.9 < float(numbers["rank_correlation_grid"]) < 0.99  # as the crow flies
    assert 0 < float(numbers["rank_correlation_trajectories"]) <= 1
    assert (numbers["train_episodes"], numbers["held_out_episodes"]) == ("6", "6")
    title = figures["representation_grid.png"].get_suptitle()
    assert f"path length over the maze: {float(numbers['rank_correlation_grid']):.2f}" in title

    again = {path: path.read_bytes() for path in plots.iterdir()}
    flag = f"--gin_file={REPOSITORY}/gin/hiro_xy_point_maze.gin"
    bindings = [f"--gin_bindings={binding}" for binding in (*RUN, "SUBGOAL_DIM = 3")]
    assert call("--mode=plot", f"--root_dir={root}", flag, *bindings) == 0
    assert {path: path.read_bytes() for path in plots.iterdir()} == again


def test_without_a_checkpoint_kept_weights_are_drawn_and_without_those_the_curves(root, capfd):
    shutil.rmtree(root / "checkpoints")
    few = "--gin_bindings=evaluate.eval_modes = ['eval2']"
    assert call("--mode=plot", f"--root_dir={root}", few) == 0
    assert set(table(root / "plots/representation_trajectories.csv")["target"]) == {"eval2"}
    capfd.readouterr()
    for name in ("policy", "plots", "maps"):
        shutil.rmtree(root / name)
    assert call("--mode=plot", f"--root_dir={root}") == 0
    drawn = {path.name for path in (root / "plots").iterdir()}
    assert drawn == CURVES | {"relabelling.png", "relabelling.csv"}
    out = capfd.readouterr().out
    assert f"no figures of the representation: {root}/checkpoints: no checkpoint yet" in out
    assert "no figure of visits: there is no map yet" in out and "no figure of goals: there is no" in out


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda root: (root / "plots").write_text("mine"), "plots: not a folder that can be written to"),
        (lambda root: (root / "plots").mkdir(mode=0o555), "plots: not a folder that can be written to"),
        (lambda root: root.chmod(0o555), "is not writable"),
        (
            lambda root: [
                *map(shutil.rmtree, (root / "checkpoints", root / "policy")),
                *((root / name).unlink() for name in ("metrics.csv", "eval.csv")),
            ],
            "nothing to draw yet: no rows in metrics.csv and eval.csv, .*/checkpoints: no checkpoint yet",
        ),
        (
            lambda root: (root / "run.json").write_text(
                (root / "run.json").read_text().replace("train_uvf.gamma", "train_uvf.gama")
            ),
            "run.json: .*'gama'.*; give the run's --gin_file=PATH instead",
        ),
        (
            lambda root: (root / "operative_config.gin").write_text("import no_such_module\n"),
            "no_such_module",
        ),
    ],
)
def test_what_cannot_be_drawn_is_one_line(damage, message, root, capfd):
    damage(root)
    before = snapshot(root)
    capfd.readouterr()
    try:
        assert call("--mode=plot", f"--root_dir={root}") == 2
        out, err = capfd.readouterr()
        assert out == "" and len(err.splitlines()) == 1 and re.search(message, err), out + err
        assert snapshot(root) == before
    finally:
        root.chmod(0o755)
        if (root / "plots").is_dir():
            (root / "plots").chmod(0o755)


def test_without_a_folder_there_is_nothing_to_draw(capfd):
    assert call("--mode=plot") == 2
    assert "--mode=plot needs --root_dir=PATH" in capfd.readouterr().err


@pytest.mark.ci
def test_a_run_that_learns_its_goal_space_shows_the_bound(tmp_path, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    root = tmp_path / "run"
    bindings = (*RUN, "train_uvf.log_every_n_steps = 100")
    flags = ["--gin_file=gin/norl_point_maze.gin", f"--root_dir={root}"]
    assert call(*flags, *(f"--gin_bindings={binding}" for binding in bindings)) == 0
    said = []
    written = {path.name for path in draw_curves(root, said.append)}
    assert {"representation_bound.png", "representation_bound.csv"} <= written and not said
    bounds, metrics = table(root / "plots/representation_bound.csv"), table(root / "metrics.csv")
    learned = ~np.isnan(metrics["representation_kl"])
    assert learned.any()
    np.testing.assert_array_equal(bounds["env_steps"], metrics["env_steps"][learned])
    np.testing.assert_allclose(bounds["epsilon"] ** 2 / 8, metrics["representation_kl"][learned], rtol=1e-5)
