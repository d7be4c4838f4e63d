"""The trained hierarchy that the repository ships: small, complete, and as good as its table says."""

import pathlib

import gin
import pytest

from efficient_hrl.commands import main
from efficient_hrl.eval import evaluate
from efficient_hrl.modes.loading import load_config_of, restore_newest
from efficient_hrl.storage.rows import read_rows
from efficient_hrl.storage.run_folder import RunFolder

ROOT = pathlib.Path(__file__).parents[2] / "results/point_maze/xy_seed1"


def test_it_is_small_and_knows_nothing_of_the_machine_that_made_it():
    files = [path for path in (ROOT / "policy").iterdir() if path.name.startswith("policy-")]
    assert 0 < sum(path.stat().st_size for path in files) < 5_000_000
    record = (ROOT / "run.json").read_text(encoding="utf-8")
    assert "--root_dir=/" not in record


def test_it_still_acts_as_its_last_evaluation_says():
    folder = RunFolder(ROOT, writes=False)
    gin.clear_config()
    load_config_of(folder, [], ["evaluate.num_episodes_eval = 4"])
    evaluator = evaluate(seed=folder.record()["seed"])
    env_steps = restore_newest(evaluator, folder)
    said = {
        row["target"]: float(row["success_rate"])
        for row in read_rows(ROOT / "eval.csv")
        if int(row["env_steps"]) == env_steps
    }
    found = {result.target: result.success_rate for result in evaluator.evaluate(env_steps)}
    assert found == pytest.approx(said, abs=0.25)
    assert max(said.values()) > 0.9


def test_it_is_evaluated_by_the_readmes_kind_of_command(capfd):
    gin.clear_config()
    few = "--gin_bindings=evaluate.num_episodes_eval = 2"
    assert main.main(["run.py", "--mode=eval", f"--root_dir={ROOT}", few]) == 0
    out = capfd.readouterr().out
    assert "environment steps" in out and all(target in out for target in ("eval1", "eval2", "eval3"))
