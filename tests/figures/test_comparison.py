"""`--mode=plot` with several runs: what is drawn, what the tables say, and what is refused."""

import csv
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from efficient_hrl.commands import main
from efficient_hrl.comparison.aggregate import estimate, with_all_targets
from efficient_hrl.comparison.run_groups import compare
from efficient_hrl.comparison.run_summary import find_runs, read_run
from efficient_hrl.errors import UsageError
from efficient_hrl.figures import comparison as module
from efficient_hrl.figures import curves
from efficient_hrl.figures.comparison import draw_comparison, published_marks
from efficient_hrl.modes.compare import output_folder
from tests.commands.test_wrong_inputs import REPOSITORY, snapshot
from tests.figures.capture import captured
from tests.runs_on_disk import ANT_MAZE, ANT_PUSH, write_run

NAMES = ("comparison_success", "comparison_reward", "comparison_return", "comparison_final")
STEPS = (50_000, 100_000, 150_000)


def seeds(folder, method, count, level):
    """Runs of one method on AntMaze with success rates around a level."""
    rng = np.random.default_rng(count)
    for seed in range(count):
        rates = {steps: np.round(level * rng.uniform(0.5, 1, 3), 3).tolist() for steps in STEPS}
        returns = {steps: float(-1000 * rng.uniform()) for steps in range(1000, 20_000, 1000)}
        gin_file = f"gin/{method}_ant_maze.gin"
        write_run(folder / f"{method}_seed{seed}", seed, gin_file, success=rates, returns=returns)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    seeds(folder, "hiro", 3, 1.0)
    seeds(folder, "hiro_fun_cosine", 2, 0.3)
    seeds(folder, "norl", 1, 0.8)
    return folder


@pytest.fixture(scope="module")
def comparison(runs):
    (found,), _ = compare([read_run(root) for root in find_runs([runs])])
    return found


@pytest.fixture(scope="module", params=["mean", "iqm"])
def drawn(request, comparison, tmp_path_factory):
    """The statistic, figures by name, and the folder."""
    folder = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        figures = captured(patch, module)
        notes = []
        paths = list(draw_comparison(comparison, folder, request.param, notes.append))
    assert notes == []
    assert [path.name for path in paths] == [f"{name}.{end}" for name in NAMES for end in ("png", "csv")]
    return request.param, figures, folder


def rows(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def test_lines_bands_and_tables_say_the_same(drawn, comparison):
    kind, figures, folder = drawn
    axes = figures["comparison_success.png"].axes
    assert [axis.get_title() for axis in axes[:4]] == [
        "eval1 at (16, 0)",
        "eval2 at (16, 16)",
        "eval3 at (0, 16)",
        "all targets",
    ]
    table = rows(folder / "comparison_success.csv")
    assert len(table) == 3 * 4 * 3  # groups, targets with all, steps
    for number, group in enumerate(comparison.groups):
        _, scores = group.scores("success_rate", comparison.targets)
        point, low, high = estimate(with_all_targets(scores), kind)
        for t, name in enumerate((*comparison.targets, "all targets")):
            own = [row for row in table if (row["group"], row["target"]) == (group.label, name)]
            assert [int(row["env_steps"]) for row in own] == list(STEPS)
            np.testing.assert_allclose([float(row["success_rate"]) for row in own], point[t], rtol=1e-6)
            assert {(row["seeds"], row["statistic"]) for row in own} == {(str(len(group.runs)), kind)}
            lines = [line for line in axes[t].lines if line.get_label().startswith(f"{group.method} ")]
            np.testing.assert_allclose(lines[0].get_ydata(), point[t])
            if len(group.runs) == 1:
                assert {(row["low"], row["high"]) for row in own} == {("", "")}
                continue
            np.testing.assert_allclose([float(row["low"]) for row in own], low[t], rtol=1e-6)
            band = axes[t].collections[number].get_paths()[0].vertices
            at_first = band[band[:, 0] == STEPS[0], 1]
            np.testing.assert_allclose((at_first.min(), at_first.max()), (low[t, 0], high[t, 0]))
    # Bands of two groups: one seed has none.  Lines: groups, seeds of those with several, marks.
    assert [len(axis.collections) for axis in axes[:4]] == [2, 2, 2, 2]
    assert [len(axis.lines) for axis in axes[:4]] == [8, 8, 10, 8]


def test_the_legend_tells_seeds_and_the_title_the_statistic(drawn):
    kind, figures, _ = drawn
    figure = figures["comparison_success.png"]
    labels = [text.get_text() for text in figure.legends[0].texts]
    assert labels == ["hiro_fun_cosine (2 seeds)", "hiro (3 seeds)", "norl (1 seed, no interval)"]
    title = figure.get_suptitle().replace("\n", " ")
    words = {
        "mean": "mean over seeds; band: ± standard error",
        "iqm": "IQM over seeds; band: 95 % stratified",
    }
    assert title.startswith(f"ant_maze line: {words[kind]}") and "HIRO, Table 1" in title
    styles = {
        (line.get_color(), line.get_marker(), line.get_linestyle()) for line in figure.legends[0].get_lines()
    }
    assert len(styles) == 3 and len({colour for colour, *_ in styles}) == 3


def test_published_numbers_are_marks_at_the_papers_target_alone(drawn, comparison):
    _, figures, folder = drawn
    axes = figures["comparison_success.png"].axes
    texts = [[text.get_text() for text in axis.texts] for axis in axes[:4]]
    expected = ["FuN cos similarity, published: 0.16 ± 0.33", "HIRO, published: 0.99 ± 0.01"]
    assert texts == [[], [], expected, []]
    levels = [line.get_ydata()[0] for line in axes[2].lines if len(set(line.get_ydata())) == 1][-2:]
    assert levels == [0.16, 0.99]
    final = rows(folder / "comparison_final.csv")
    marked = {(row["group"], row["target"], row["published"]) for row in final if row["published"]}
    assert marked == {("hiro_ant_maze", "eval3", "0.99"), ("hiro_fun_cosine_ant_maze", "eval3", "0.16")}
    assert [set(published_marks(comparison, group)) for group in comparison.groups] == [
        {"eval3"},
        {"eval3"},
        set(),
    ]
    assert not figures["comparison_reward.png"].axes[2].texts


def test_final_scores_are_those_of_the_last_common_evaluation(drawn, comparison):
    kind, figures, folder = drawn
    table = rows(folder / "comparison_final.csv")
    assert {row["env_steps"] for row in table} == {"150000"}
    for column in ("success_rate", "high_last_reward"):
        for group in comparison.groups:
            scores = with_all_targets(group.scores(column, comparison.targets)[1])
            point, low, _ = estimate(scores, kind)
            own = [row for row in table if (row["group"], row["score"]) == (group.label, column)]
            np.testing.assert_allclose([float(row["value"]) for row in own], point[:, -1], rtol=1e-6)
            if len(group.runs) > 1:
                np.testing.assert_allclose([float(row["low"]) for row in own], low[:, -1], rtol=1e-6)
    axis = figures["comparison_final.png"].axes[0]
    assert len(axis.patches) == 2  # intervals of the groups with several seeds
    drawn = [line.get_xdata()[0] for line in axis.lines]
    own = [float(row["value"]) for row in table if row["target"] == "eval1"][:3]
    np.testing.assert_allclose(drawn, own, rtol=1e-6)


def test_returns_are_drawn(drawn, comparison):
    kind, figures, folder = drawn
    table = rows(folder / "comparison_return.csv")
    _, returns = comparison.groups[1].returns()
    expected = estimate(returns, kind)[0][0]
    own = [float(row["high_episode_return"]) for row in table if row["group"] == "hiro_ant_maze"]
    np.testing.assert_allclose(own, expected, rtol=1e-6)
    axis = figures["comparison_return.png"].axes[0]
    assert any(
        np.allclose(line.get_ydata(), own, rtol=1e-6) for line in axis.lines if len(line.get_ydata()) > 2
    )


def test_groups_that_share_no_step_have_no_final_scores_and_runs_may_lack_metrics(tmp_path):
    write_run(tmp_path / "a", gin_file="hiro_ant_maze.gin", returns={})
    write_run(tmp_path / "b", gin_file="xy_ant_maze.gin", returns={}, success={7: [0, 0, 1]})
    (comparison,), _ = compare([read_run(root) for root in find_runs([tmp_path])])
    notes = []
    paths = list(draw_comparison(comparison, tmp_path, "iqm", notes.append))
    assert [path.stem for path in paths] == ["comparison_success"] * 2 + ["comparison_reward"] * 2
    assert notes == [
        "ant_maze: no curve of returns of hiro_ant_maze: metrics.csv has no rows yet",
        "ant_maze: no curve of returns of xy_ant_maze: metrics.csv has no rows yet",
        "ant_maze: no picture of final scores: the groups share no evaluation step",
    ]


def test_a_group_without_returns_is_named_and_the_others_keep_their_colours(tmp_path, monkeypatch):
    for seed, steps in enumerate((10, 11)):
        write_run(tmp_path / f"a{seed}", seed, gin_file="a_ant_maze.gin", returns={steps: 1})
    for method in "bc":
        write_run(tmp_path / method, gin_file=f"{method}_ant_maze.gin", returns={10: -1, 20: -2})
    (comparison,), _ = compare([read_run(root) for root in find_runs([tmp_path])])
    figures = captured(monkeypatch, module)
    notes = []
    list(draw_comparison(comparison, tmp_path, "mean", notes.append))
    assert notes == ["ant_maze: no curve of returns of a_ant_maze: its runs were logged at no common step"]
    styles = {}
    for name in NAMES[:3]:
        (legend,) = figures[f"{name}.png"].legends
        for text, line in zip(legend.texts, legend.get_lines()):
            style = (line.get_color(), line.get_marker(), line.get_linestyle())
            styles.setdefault(text.get_text()[0], []).append(style)
    assert {method: len(found) for method, found in styles.items()} == {"a": 2, "b": 3, "c": 3}
    assert all(len(set(found)) == 1 for found in styles.values())
    assert len({found[0] for found in styles.values()}) == 3


def test_a_name_with_dollar_signs_is_no_formula(tmp_path, monkeypatch):
    name = "costs_$5_or_$6_{"  # as a formula it were wrong
    write_run(tmp_path / f"{name}_seed0")
    (comparison,), _ = compare([read_run(root) for root in find_runs([tmp_path])], "folder")
    figures = captured(monkeypatch, module)
    list(draw_comparison(comparison, tmp_path, "mean", [].append))
    (text,) = figures["comparison_success.png"].legends[0].texts
    assert text.get_text().replace("\\$", "$").startswith(name)


def test_a_second_set_of_targets_has_its_marks(tmp_path, monkeypatch):
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", targets=ANT_MAZE | {"eval1": [8, 0]})
    (_, second), _ = compare([read_run(root) for root in find_runs([tmp_path])])
    assert second.name == "ant_maze_2"
    figures = captured(monkeypatch, module)
    list(draw_comparison(second, tmp_path, "mean", [].append))
    figure = figures["comparison_success.png"]
    (mark,) = figure.axes[2].texts
    assert mark.get_text() == "HIRO, published: 0.99 ± 0.01"
    assert [text.get_text() for text in figure.legends[0].texts] == ["hiro (1 seed, no interval)"]


def test_labels_of_marks_are_dark(drawn):
    _, figures, _ = drawn
    for label in figures["comparison_success.png"].axes[2].texts:
        assert max(to_rgb(label.get_color())) < 0.2


def test_pictures_of_runs_that_share_no_folder_need_a_place():
    with pytest.raises(UsageError, match="--root_dir=/b/y: no folder but / holds all runs; give --out_dir="):
        output_folder([pathlib.Path("/a/x"), pathlib.Path("/b/y")], None)


def test_the_command_draws_a_picture_for_each_task_without_tensorflow(tmp_path):
    for seed in range(2):
        write_run(tmp_path / "runs" / f"maze{seed}", seed)
    push = {"gin_file": "gin/hiro_ant_push.gin", "env": "AntPush", "targets": ANT_PUSH}
    write_run(tmp_path / "other" / "push", **push, success={50: [1], 100: [0.5]})
    before = snapshot(tmp_path)
    code = (
        "import sys; from efficient_hrl.commands import main; status = main.main(['run.py', *sys.argv[1:]]);"
        "sys.exit(9 if 'tensorflow' in sys.modules else status)"
    )
    flags = ["--mode=plot", "--root_dir=runs", "--root_dir=other/push", "--until=60"]
    command = [sys.executable, "-c", code, *flags]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": _path()}
    )
    assert (done.returncode, done.stderr) == (0, "")
    written = {
        str(pathlib.Path("plots", task, f"{name}.{end}"))
        for task in ("ant_maze", "ant_push")
        for name in NAMES
        for end in ("png", "csv")
    }
    assert {line.removeprefix("wrote ") for line in done.stdout.splitlines()} == written
    after = snapshot(tmp_path)
    assert {path: after[path] for path in before} == before
    assert {str(path.relative_to(tmp_path)) for path in set(after) - set(before) if path.is_file()} == written
    table = rows(tmp_path / "plots/ant_maze/comparison_success.csv")
    assert {row["env_steps"] for row in table} == {"50"}
    assert (tmp_path / "plots/ant_push/comparison_success.png").stat().st_size > 10_000


def _path():
    return os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])])


@pytest.mark.parametrize(
    "flags, message",
    [
        ("--root_dir=A --root_dir=none", "--root_dir=.*none: No such file or directory"),
        ("--root_dir=A --root_dir=empty", "--root_dir=.*empty: no run and no folder of runs; allowed"),
        ("--root_dir=A --root_dir=A", "--root_dir=.*a: the run .*a is given twice; allowed: each run once"),
        ("--root_dir=A --root_dir=A2", "a2: seed 0 of hiro_ant_maze, as .*a; allowed: each seed once"),
        ("--root_dir=A --root_dir=~nobody-of-this-name/x", "--root_dir=~nobody-of-this-name/x: Could not"),
        ("--root_dir=~nobody-of-this-name/x", "--root_dir=~nobody-of-this-name/x: Could not"),
        ("--root_dir=./" + 5000 * "x", "File name too long"),
        ("--root_dir=empty", "--root_dir=.*empty: no run and no folder of runs; allowed: a folder with run"),
        ("--root_dir=empty --seed=1", "empty: no run and no folder of runs"),
        ("--mode=report --root_dir=notes", "notes: no run and no folder of runs; .* up to two levels deep"),
        ("--root_dir=unevaluated", "eval.csv: no evaluation yet; allowed: runs that have some"),
        ("--root_dir=A --root_dir=B --until=7", "eval.csv: no evaluation up to --until=7; allowed: runs"),
        ("--root_dir=A --root_dir=B --until=0", "until.*0"),
        ("--root_dir=A --root_dir=B --statistic=best", "statistic.*best"),
        (
            "--root_dir=A --root_dir=B --out_dir=locked/x",
            "--out_dir=.*locked/x: not a folder that can be written to; allowed: one",
        ),
        ("--root_dir=A --root_dir=B --out_dir=file", "--out_dir=.*file: not a folder that can be written to"),
        (
            "--root_dir=A --root_dir=B --seed=1",
            "--seed=1: runs drawn together have their own; allowed: no --seed",
        ),
        ("--root_dir=A --root_dir=B --gin_bindings=a=1", "--gin_bindings=a=1: runs drawn together"),
        (
            "--root_dir=A --out_dir=new",
            "--out_dir=.*new: only for --mode=plot and --mode=report with several",
        ),
        (
            "--root_dir=A --statistic=mean",
            "--statistic=mean: only for --mode=plot and --mode=report with several",
        ),
        ("--mode=eval --root_dir=A --root_dir=B", "--root_dir=.*b: --mode=eval takes one run"),
        ("--mode=eval --root_dir=A --group_by=folder", "--group_by=folder: only for --mode=plot"),
        ("--mode=random --env=AntMaze --out_dir=new", "--out_dir=.*new: only for --mode=plot"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(flags, message, tmp_path, capfd):
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", 1)
    write_run(tmp_path / "a2")
    write_run(tmp_path / "unevaluated" / "c", success={})
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "notes" / "more").mkdir(parents=True)
    (tmp_path / "notes" / "more" / "file").write_text("")
    (tmp_path / "locked").mkdir(mode=0o555)
    before = snapshot(tmp_path)
    named = re.sub(r"_dir=(\w+)", lambda found: f"_dir={tmp_path / found.group(1).lower()}", flags)
    mode = [] if "--mode" in flags else ["--mode=plot"]
    assert main.main(["run.py", *mode, *named.split()]) == 2
    out, err = capfd.readouterr()
    assert out == "" and len(err.splitlines()) == 1 and re.search(message, err), err
    assert snapshot(tmp_path) == before


def test_a_single_runs_success_curve_has_marks_too(tmp_path, monkeypatch):
    figures = captured(monkeypatch, curves)
    for method in ("hiro", "norl"):
        root = write_run(tmp_path / method, gin_file=f"gin/{method}_ant_maze.gin")
        (root / "metrics.csv").unlink()
        curves.draw_run(root)
        axis = figures["success_curve.png"].axes[0]
        marks = ["HIRO, published: 0.99 ± 0.01"] if method == "hiro" else []
        assert [text.get_text() for text in axis.texts] == marks
        assert ("HIRO, Table 1" in axis.get_title()) == (method == "hiro")


def test_a_damaged_record_costs_a_single_runs_curve_its_marks_alone(tmp_path):
    root = write_run(tmp_path / "a")
    (root / "metrics.csv").unlink()
    for record in ('{"seed": 0, "config": {}, "gin_files": [1]}', '{"seed": 0, "config": {"a": 1}}'):
        (root / "run.json").write_text(record)
        assert root / "plots/success_curve.png" in curves.draw_run(root)
