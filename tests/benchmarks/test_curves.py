import csv

import numpy as np

from benchmarks import curves


def write_run(folder, success, last_reward, steps=(100, 200)):
    folder.mkdir()
    lines = ["env_steps,high_episode_return", *(f"{step},{-step}" for step in steps)]
    (folder / "metrics.csv").write_text("\n".join(lines) + "\n")
    lines = ["env_steps,target,success_rate,high_last_reward"]
    lines += [f"{step},eval1,{value},{last_reward}" for step, value in zip(steps, success)]
    (folder / "eval.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_seeds_are_summed_up_at_the_steps_that_all_of_them_have():
    steps, values = curves.over_seeds(
        [
            (np.array([1, 2, 3]), np.array([0.0, 1.0, 5.0])),
            (np.array([1, 2]), np.array([2.0, 1.0])),
            (np.array([1, 2]), np.array([7.0, 4.0])),
        ]
    )
    np.testing.assert_array_equal(steps, [1, 2])
    np.testing.assert_array_equal(values, [[2, 1], [0, 1], [7, 4]])


def test_runs_of_one_label_are_seeds_of_one_method(tmp_path):
    runs = [
        f"--run=a={write_run(tmp_path / 'a0', (0, 1), -3)}",
        f"--run=a={write_run(tmp_path / 'a1', (0.5, 0.5), -1)}",
        f"--run=b={write_run(tmp_path / 'b0', (0, 0, 1), -9, (100, 200, 300))}",
    ]
    arguments = [*runs, f"--out={tmp_path}", "--name=both", "--until=250"]
    assert curves.main(["curves", *arguments]) == 0
    assert (tmp_path / "both.png").stat().st_size > 10_000
    rows = list(csv.DictReader((tmp_path / "both.csv").read_text().splitlines()))
    found = {(row["method"], row["env_steps"]): row for row in rows}
    assert set(found) == {(method, step) for method in "ab" for step in ("100", "200")}
    last = found["a", "200"]
    assert last["seeds"] == "2" and float(last["success_rate_median"]) == 0.75
    assert (last["success_rate_lowest"], last["success_rate_highest"]) == ("0.5", "1.0")
    assert float(last["high_last_reward_median"]) == -2
    assert found["b", "200"]["success_rate_median"] == "0.0"
