"""Numbers of HIRO's Table 1, typed once more from the paper, and where they do not apply."""

import pytest

from efficient_hrl.published import published_success

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
        assert f"{found.success_rate:.2f}" == number[:4]
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
    import ast
    import pathlib
    import re

    tasks = pathlib.Path(__file__).parent.parent / "gin" / "tasks"
    for task, target in TARGETS.items():
        text = (tasks / f"{task}.gin").read_text()
        bound = re.findall(r"^eval\d/ConstantSampler.value = (\[.*?\])", text, re.MULTILINE)
        assert list(target) in [ast.literal_eval(value) for value in bound]
