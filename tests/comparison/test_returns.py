"""Runs of tasks without a success: by what they are judged, drawn and reported."""

import csv
import math
import re

import pytest

from efficient_hrl.comparison.run_groups import compare
from efficient_hrl.comparison.run_summary import RETURN, SUCCESS, find_runs, read_run
from efficient_hrl.figures import comparison as module
from efficient_hrl.figures import curves
from efficient_hrl.figures.comparison import draw_comparison
from efficient_hrl.report.build import report_run
from efficient_hrl.report.group_tables import task_tables
from efficient_hrl.report.results import target_results
from efficient_hrl.storage.rows import read_rows
from tests.figures.capture import captured
from tests.runs_on_disk import write_gather_run, write_run

EVALUATED = {50: 0.5, 100: 2.5, 150: 1.25}


@pytest.fixture
def comparison(tmp_path):
    for seed in range(3):
        values = {steps: value + 0.1 * seed for steps, value in EVALUATED.items()}
        write_gather_run(tmp_path / f"hiro_seed{seed}", values, seed)
    write_gather_run(tmp_path / "norl_seed0", EVALUATED, gin_file="gin/norl_ant_gather.gin")
    (found,), notes = compare([read_run(root) for root in find_runs([tmp_path])])
    assert not notes
    return found


def test_a_run_is_judged_by_its_return_where_success_was_never_measured(tmp_path):
    run = read_run(write_gather_run(tmp_path / "a", EVALUATED))
    assert run.score == RETURN == "high_return" and run.task.name == "ant_gather"
    assert run.evaluations["eval"][RETURN].tolist() == [*EVALUATED.values()]
    maze = read_run(write_run(tmp_path / "b"))
    assert maze.score == SUCCESS and math.isnan(maze.evaluations["eval1"][RETURN][0])
    assert read_run(write_gather_run(tmp_path / "c", {})).score == SUCCESS  # nothing is known yet


def test_table_1_stands_beside_returns_alone(tmp_path):
    run = read_run(write_gather_run(tmp_path / "a", EVALUATED))
    found = run.published("eval")
    assert (found.row, found.in_words) == ("HIRO", "3.02 ± 1.49")
    assert found.source.startswith("HIRO, Table 1: ") and "returns" in found.source
    assert run.published("eval", "hiro_fun_goals").in_words == "0.41 ± 0.06"
    assert run.published("eval", "hiro_fun_cosine").in_words == "0.85 ± 1.17"
    invented = {"evaluate.success_distance": "5.0"}
    assert read_run(write_gather_run(tmp_path / "b", EVALUATED, bindings=invented)).published("eval") is None
    discounted = {"evaluate.gamma": "0.99"}
    assert (
        read_run(write_gather_run(tmp_path / "e", EVALUATED, bindings=discounted)).published("eval") is None
    )
    point = {"create_gather_env.env_name": "'PointGather'"}
    assert read_run(write_gather_run(tmp_path / "c", EVALUATED, bindings=point)).published("eval") is None
    # Where a maze's targets are not known, a return is none of its numbers.
    maze = write_run(tmp_path / "d", targets={}, success={}, env="AntGather")
    (maze / "eval.csv").write_text(
        "env_steps,target,episodes,success_rate,high_last_reward\n50,eval,50,0,0\n"
    )
    assert read_run(maze).published("eval") is None


def test_several_runs_are_compared_by_their_returns(comparison, tmp_path, monkeypatch):
    assert comparison.score == RETURN and comparison.targets == ("eval",)
    figures = captured(monkeypatch, module)
    folder = tmp_path / "plots"
    folder.mkdir()
    written = [path.name for path in draw_comparison(comparison, folder, "mean", pytest.fail)]
    names = ("comparison_evaluated_return", "comparison_return", "comparison_final")
    assert written == [f"{name}.{kind}" for name in names for kind in ("png", "csv")]
    with open(folder / "comparison_evaluated_return.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["seeds"] == "3"]
    assert [float(row["high_return"]) for row in rows] == pytest.approx([0.6, 2.6, 1.35])
    with open(folder / "comparison_final.csv", newline="") as file:
        final = list(csv.DictReader(file))
    assert [row["published"] for row in final] == ["3.02", ""]
    assert {row["score"] for row in final} == {RETURN}
    (axis,) = figures["comparison_evaluated_return.png"].axes
    assert [text.get_text() for text in axis.texts] == ["HIRO, published: 3.02 ± 1.49"]
    assert axis.get_ylim()[1] > 3.02


def test_a_report_s_table_has_returns(comparison):
    (table,) = task_tables([comparison], "mean")
    hiro, norl, published = table.groups
    assert [group.cells[0].value for group in (hiro, norl, published)] == pytest.approx([1.35, 1.25, 3.02])
    assert not any(group.cells[0].is_rate for group in (hiro, norl, published))
    assert table.notes[0].startswith("Task return of a noise-free episode at the last evaluation")


def test_a_run_s_curve_and_page(tmp_path, monkeypatch):
    root = write_gather_run(tmp_path / "hiro_ant_gather", EVALUATED)
    figures = captured(monkeypatch, curves)
    (root / "metrics.csv").write_text("env_steps,high_episode_return\n")
    assert [path.name for path in curves.draw_run(root)] == ["return_curve.png"]
    (axis,) = figures["return_curve.png"].axes
    assert axis.lines[0].get_ydata().tolist() == [*EVALUATED.values()]
    assert [text.get_text() for text in axis.texts] == ["HIRO, published: 3.02 ± 1.49"]

    report_run(read_run(root), root / "report.html")
    page = re.sub(r"\s+", " ", (root / "report.html").read_text())
    for words in (
        "return 1.25",
        "There is no success: the task has no target",
        "<b>1.25</b> <small>over 50 episodes</small>",
        "<b>2.50</b> <small>at 100 steps</small>",
        "3.02 ± 1.49 (HIRO)",
        "<h3>Return</h3>",
    ):
        assert words in page, words
    assert "nan" not in re.sub(r"data:[^\"]*", "", page)


def test_newest_best_and_steady_returns(tmp_path):
    (result,) = target_results(read_rows(write_gather_run(tmp_path / "a", EVALUATED) / "eval.csv"))
    assert not result.has_success and math.isnan(result.steady_success_rate)
    assert (result.task_return, result.best_return, result.best_return_env_steps) == (1.25, 2.5, 100)
    assert result.steady_return == pytest.approx(sum(EVALUATED.values()) / 3)
