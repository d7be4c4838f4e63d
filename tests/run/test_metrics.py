import io
import re

import pytest

from efficient_hrl.errors import UsageError
from efficient_hrl.evaluation.result import EvalResult
from efficient_hrl.evaluation.tables import results_table
from efficient_hrl.figures.curves import draw_run
from efficient_hrl.run.metrics import EVAL_COLUMNS, METRICS_COLUMNS, CsvLog, RunLog
from efficient_hrl.storage.rows import read_rows


def result(target, success):
    return EvalResult(target, 50, success, success, -10.0, -20.0, -1.0, -2.5, 0)


def training_row(env_steps):
    return {name: float("nan") for name in METRICS_COLUMNS} | {
        "env_steps": env_steps,
        "episodes": 2,
        "steps_per_s": 1.0,
    }


def test_rows_come_back_and_a_torn_line_does_not(tmp_path):
    log = CsvLog(tmp_path / "a.csv", ("env_steps", "x"))
    log.cut_to(0)
    for step in (10, 20, 30):
        log.append({"env_steps": step, "x": step / 4})
    with open(tmp_path / "a.csv", "a") as file:
        file.write("40,")
    assert [row["env_steps"] for row in read_rows(tmp_path / "a.csv")] == ["10", "20", "30"]
    log.cut_to(20)
    assert (tmp_path / "a.csv").read_text() == "env_steps,x\n10,2.5\n20,5.0\n"


def test_missing_file_has_no_rows(tmp_path):
    assert read_rows(tmp_path / "none.csv") == []


def test_run_log_writes_tables_and_resumes(tmp_path):
    log = RunLog(tmp_path, 0, 0)
    for step in (1000, 2000):
        log.log_training(training_row(step))
        log.log_evaluation(step, [result("eval1", 0.5), result("eval2", 1.0)])
    assert log.newest_success == {}
    assert RunLog(tmp_path, 2000, 1000).newest_success == {"eval1": 0.5, "eval2": 1.0}
    rows = read_rows(tmp_path / "metrics.csv")
    assert [row["env_steps"] for row in rows] == ["1000", "2000"]
    assert tuple(rows[0]) == METRICS_COLUMNS
    rows = read_rows(tmp_path / "eval.csv")
    assert [(row["env_steps"], row["target"], row["success_rate"]) for row in rows] == [
        ("1000", "eval1", "0.5"),
        ("1000", "eval2", "1"),
    ]
    assert tuple(rows[0]) == EVAL_COLUMNS


def test_an_evaluation_that_is_no_number_is_named(tmp_path):
    RunLog(tmp_path, 0, 0).log_evaluation(1000, [result("eval1", 0.5)])
    table = tmp_path / "eval.csv"
    table.write_text(table.read_text().replace(",0.5,", ",half,", 1))
    with pytest.raises(UsageError, match="eval.csv: not as this program writes it"):
        RunLog(tmp_path, 1000, 1000)


def test_pictures_are_drawn_from_the_tables(tmp_path):
    assert draw_run(tmp_path) == []
    log = RunLog(tmp_path, 0, 0)
    for step in range(1000, 30000, 1000):
        log.log_training(
            training_row(step)
            | {"high_episode_return": -step / 10, "low_critic_loss": 1.0, "high_critic_loss": 2.0}
        )
    log.log_evaluation(30000, [result("eval1", 0.5)])
    drawn = draw_run(tmp_path)
    assert [path.name for path in drawn] == ["learning_curve.png", "success_curve.png"]
    for path in drawn:
        assert path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 10_000


def test_a_run_of_which_nothing_is_known_yet_has_a_picture_too(tmp_path):
    RunLog(tmp_path, 0, 0).log_training(training_row(100))
    assert [path.name for path in draw_run(tmp_path)] == ["learning_curve.png"]


def test_a_run_that_goes_on_knows_its_newest_return_while_training(tmp_path):
    log = RunLog(tmp_path, 0, 0)
    assert log.newest_trained_return is None
    for step, value in ((100, float("nan")), (200, -5.5), (300, -4.25), (400, float("nan")), (500, 1.0)):
        log.log_training(training_row(step) | {"high_episode_return": value})
    assert RunLog(tmp_path, 400, 0).newest_trained_return == -4.25
    assert RunLog(tmp_path, 100, 0).newest_trained_return is None


def test_table_is_aligned():
    lines = results_table([result("eval1", 0.5), result("a_long_name", 1.0)]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert "0.50" in lines[1] and "1.00" in lines[2]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_success_rates_have_colours_and_the_text_is_the_same(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    # Other numbers in a row may look the same.
    results = [result(name, rate)._replace(high_return=rate) for name, rate in zip("abc", (0.0, 0.5, 1.0))]
    plain, shown = results_table(results), results_table(results, Terminal())
    assert results_table(results, io.StringIO()) == plain and "\x1b" not in plain
    assert re.sub(r"\x1b\[\d+m", "", shown) == plain
    assert re.findall(r"\x1b\[(\d+)m(.*?)\x1b\[0m", shown) == [("31", "0.00"), ("33", "0.50"), ("36", "1.00")]
    column = plain.index("success") + len("success")
    assert all(
        line[:column].endswith(rate) for line, rate in zip(plain.splitlines()[1:], ("0.00", "0.50", "1.00"))
    )


def test_without_a_success_there_are_dashes_and_returns(tmp_path):
    nan = float("nan")
    missing = result("eval", nan)._replace(reached_rate=nan, high_return=1.5)
    lines = results_table([missing]).splitlines()
    assert lines[1].split()[:5] == ["eval", str(missing.episodes), "-", "-", "1.5"]
    log = RunLog(tmp_path, 0, 0)
    log.log_evaluation(1000, [missing])
    again = RunLog(tmp_path, 1000, 1000)
    assert (again.newest_success, again.newest_returns) == ({}, {"eval": 1.5})
    assert read_rows(tmp_path / "eval.csv")[0]["success_rate"] == "nan"
