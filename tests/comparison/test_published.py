"""Numbers of HIRO's Table 1, typed once more from the paper, and where they do not apply."""

import ast
import pathlib
import re

import pytest

from efficient_hrl.comparison.published import is_papers_learner, is_papers_protocol, published_success
from efficient_hrl.comparison.run_groups import Group
from efficient_hrl.comparison.run_summary import read_run
from tests.runs_on_disk import write_run

TARGETS = {"ant_maze": (0, 16), "ant_push": (0, 19), "ant_fall": (0, 27, 4.5)}


@pytest.mark.parametrize(
    "method, row, numbers",
    [
        ("hiro", "HIRO", ("0.99 ± 0.01", "0.92 ± 0.04", "0.66 ± 0.07")),
        ("hiro_fun_goals", "FuN transition PG", ("0.00", "0.56 ± 0.39", "0.01 ± 0.02")),
        ("hiro_fun_cosine", "FuN cos similarity", ("0.16 ± 0.33", "0.06 ± 0.17", "0.07 ± 0.22")),
    ],
)
def test_table_1(method, row, numbers):
    for (task, target), number in zip(TARGETS.items(), numbers):
        found = published_success(method, task, target)
        assert (found.row, found.in_words) == (row, number)
        assert f"{found.value:.2f}" == number[:4]
        assert found.source.startswith("HIRO, Table 1: ") and "10 seeds" in found.source


@pytest.mark.parametrize(
    "method, task, target",
    [
        ("norl", "ant_maze", (0, 16)),  # curves alone
        ("hiro_xy", "ant_maze", (0, 16)),
        ("hiro_fun_transition", "ant_push", (0, 19)),
        ("hiro", "ant_maze", (16, 0)),
        ("hiro", "ant_maze", None),
        ("hiro", "ant_maze_img", (0, 16)),
        ("hiro", "point_maze", (0, 8)),
        ("hiro", "ant_fall", (0, 27)),
    ],
)
def test_nothing_is_published_about_others(method, task, target):
    assert published_success(method, task, target) is None


def test_targets_are_those_of_the_gin_files():
    tasks = pathlib.Path(__file__).parents[2] / "gin" / "tasks"
    for task, target in TARGETS.items():
        text = (tasks / f"{task}.gin").read_text()
        bound = re.findall(r"^eval\d/ConstantSampler.value = (\[.*?\])", text, re.MULTILINE)
        assert list(target) in [ast.literal_eval(value) for value in bound]


SHIPPED = {
    "train_uvf.environment": "@create_maze_env()",
    "train_uvf.agent_class": "%AGENT_CLASS",
    "AGENT_CLASS": "@UvfAgent",
    "evaluate.environment": "@create_maze_env()",
    "evaluate.max_steps_per_episode": "%RESET_EPISODE_PERIOD",
    "RESET_EPISODE_PERIOD": "500",
    "evaluate.success_distance": "5.0",
}


@pytest.mark.parametrize(
    "changed, expected",
    [
        ({}, True),
        ({"evaluate.success_distance": "5", "evaluate.success_fn": "None"}, True),
        ({"evaluate.max_steps_per_episode": "None"}, True),  # mazes end after 500 steps
        ({"evaluate.success_distance": "20.0"}, False),
        ({"evaluate.success_distance": "%NEAR", "NEAR": "1.0"}, False),
        ({"evaluate.success_distance": "%NEAR", "NEAR": "5.0"}, True),
        ({"evaluate.success_fn": "@uvf/negative_distance"}, False),
        ({"evaluate.success_fn": "\\"}, False),  # a binding of several lines
        ({"evaluate.max_steps_per_episode": "100"}, False),
        ({"RESET_EPISODE_PERIOD": "50"}, False),
        ({"evaluate.environment": "@other/create_maze_env()"}, False),
    ],
)
def test_numbers_stand_beside_what_is_measured_as_the_papers_measure(changed, expected):
    assert is_papers_protocol(SHIPPED | changed) == expected


def test_what_is_not_bound_is_as_shipped():
    assert is_papers_protocol({}) and is_papers_learner({})
    assert not is_papers_protocol({"RESET_EPISODE_PERIOD": "50"})


def test_ddpg_is_not_what_the_papers_learn_by():
    assert is_papers_learner(SHIPPED)
    assert not is_papers_learner(SHIPPED | {"AGENT_CLASS": "@DdpgUvfAgent"})
    assert not is_papers_learner({"train_uvf.meta_agent_class": "@DdpgMetaAgent"})


def test_a_run_has_numbers_at_the_papers_target_alone(tmp_path):
    run = read_run(write_run(tmp_path / "a", bindings=SHIPPED))
    assert [run.published(target) for target in ("eval1", "eval2", "eval9")] == [None] * 3
    assert run.published("eval3") == published_success("hiro", "ant_maze", (0, 16))
    assert run.published("eval3", "hiro_fun_goals").row == "FuN transition PG"
    norl = read_run(write_run(tmp_path / "b", gin_file="norl_ant_maze.gin"))
    assert norl.published("eval3") is None and norl.published("eval3", "hiro").row == "HIRO"


def test_a_run_of_another_protocol_or_learner_has_none(tmp_path):
    far = read_run(write_run(tmp_path / "a", bindings={"evaluate.success_distance": "20.0"}))
    assert far.published("eval3") is None and far.published("eval3", "hiro") is None
    ddpg = read_run(write_run(tmp_path / "b", bindings=SHIPPED | {"AGENT_CLASS": "@DdpgUvfAgent"}))
    assert ddpg.published("eval3") is None
    assert ddpg.published("eval3", "hiro").row == "HIRO"  # said to be another method's


def test_a_run_without_a_record_is_judged_by_its_operative_config(tmp_path):
    runs = []
    for seed, distance in enumerate(("5.0", "20.0")):
        root = write_run(tmp_path / f"hiro_ant_maze_seed{seed}", record=False)
        lines = ["create_maze_env.env_name = 'AntMaze'", "eval3/ConstantSampler.value = [0, 16]"]
        lines.append(f"evaluate.success_distance = {distance}")
        (root / "operative_config.gin").write_text("\n".join(lines) + "\n")
        runs.append(read_run(root))
    assert [run.published("eval3") is None for run in runs] == [False, True]
    assert Group("hiro", "hiro", tuple(runs[:1])).published("eval3").row == "HIRO"
    assert Group("hiro", "hiro", tuple(runs)).published("eval3") is None  # not all of them
