"""What gin may bind: every kind at its limits, and the tables against the functions they are for."""

import inspect

import pytest

from efficient_hrl.agents.optimizers import adam_optimizer
from efficient_hrl.builder import parameters
from efficient_hrl.eval import evaluate
from efficient_hrl.inert_parameters import INERT
from efficient_hrl.replay import CircularBuffer
from efficient_hrl.train import train_uvf

INFINITE, NAN = float("inf"), float("nan")

ALLOWED = [
    (parameters.whole(), [1, 10**9]),
    (parameters.whole(0), [0, 1]),
    (parameters.number(0, 1), [0, 0.5, 1]),
    (parameters.number(), [-1e30, 0, 1e30]),
    (parameters.optional(parameters.whole()), [None, 1]),
    (parameters.only(1), [1, 1.0]),
    (parameters.only(None), [None]),
    (parameters.not_available, [False, None, 0]),
    (parameters.buffer, [CircularBuffer(1)]),
    (parameters.optimizer, [adam_optimizer(1e-3)]),
    (parameters.is_set, [0, "", False]),
    (parameters.both(parameters.whole(), parameters.number(0, 5)), [1, 5]),
    (parameters.sub_folder, [None, "", "a", "a.b", "a/"]),
    (parameters.path, ["", "/a"]),
    (parameters.modes, [["eval1"], ("a", "b")]),
    (parameters.steps_range, [(0, 0), [1, 2.5]]),
]
REFUSED = [
    (parameters.whole(), [0, -1, 1.0, "1", None, True]),
    (parameters.whole(0), [-1, False]),
    (parameters.number(0, 1), [-0.1, 1.1, NAN, INFINITE, None, "0", True]),
    (parameters.number(), [INFINITE, -INFINITE, NAN]),
    (parameters.optional(parameters.whole()), [0]),
    (parameters.only(1), [2, True, None, "1"]),
    (parameters.only(None), ["", 0, False]),
    (parameters.not_available, [True, 1, "yes"]),
    (parameters.buffer, [None, 1000, CircularBuffer]),
    (parameters.optimizer, [None, 0.1, adam_optimizer]),
    (parameters.is_set, [None]),
    (parameters.both(parameters.whole(), parameters.number(0, 5)), [0, 6]),
    (
        parameters.sub_folder,
        ["/a", "..", "../a", "a/b", 1, "checkpoints/", "maps", "/", "eval.csv", "run.json"],
    ),
    (parameters.path, [None, 1]),
    (parameters.modes, [[], "eval", ["a", "a"], [1], None]),
    (parameters.steps_range, [(2, 1), (1,), (1, 2, 3), ("a", "b"), None, (0, NAN)]),
]


def cases(table):
    return [(kind, value) for kind, values in table for value in values]


@pytest.mark.parametrize(("kind", "value"), cases(ALLOWED))
def test_a_kind_allows(kind, value):
    kind("f.x", value)


@pytest.mark.parametrize(("kind", "value"), cases(REFUSED))
def test_a_kind_refuses_in_one_line_that_names_parameter_and_value(kind, value):
    with pytest.raises(ValueError, match=r"^f\.x ") as raised:
        kind("f.x", value)
    message = str(raised.value)
    assert "\n" not in message
    assert repr(value) in message or "is not set" in message


@pytest.mark.parametrize(
    ("name", "function", "table"),
    [("train_uvf", train_uvf, parameters.TRAIN), ("evaluate", evaluate, parameters.EVALUATE)],
)
def test_tables_speak_of_parameters_that_have_an_effect(name, function, table):
    known = {*inspect.signature(function).parameters}
    assert {*table} <= known - {*INERT[name]}


def test_the_first_wrong_parameter_of_the_table_is_told():
    kinds = {"a": parameters.whole(), "b": parameters.whole()}
    with pytest.raises(ValueError, match="^f.a = 0"):
        parameters.check("f", kinds, {"b": 0, "a": 0})
    parameters.check("f", kinds, {"b": 1, "a": 1})
