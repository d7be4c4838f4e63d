"""Which runs a sweep has."""

import itertools
import pathlib

import hypothesis
import pytest
from hypothesis import strategies

from efficient_hrl.errors import UsageError
from efficient_hrl.sweeps.grid import Axis, parse_axis, runs_of


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ("train_uvf.batch_size=[50,100,200]", "train_uvf.batch_size", ("50", "100", "200")),
        (" a.b = [ 1 ] ", "a.b", ("1",)),
        (
            "actor/AdamOptimizer.learning_rate=[1e-4, 3e-4,]",
            "actor/AdamOptimizer.learning_rate",
            ("1e-4", "3e-4"),
        ),
        ("f.x=[(1, 2), [3, [4, 5]], {'a': 1, 'b': 2}]", "f.x", ("(1, 2)", "[3, [4, 5]]", "{'a': 1, 'b': 2}")),
        ("f.x=['a,b', \"c]\", @g(), %M, None]", "f.x", ("'a,b'", '"c]"', "@g()", "%M", "None")),
    ],
)
def test_an_axis_is_a_name_and_its_values(text, name, values):
    assert parse_axis(text) == Axis(name, values)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "x=",
        "x=[]",
        "x=1",
        "x=[1",
        "x=1]",
        "x=[1],[2]",
        "x=[1)]",
        "x=[,]",
        "x=[1,,2]",
        "x=['a]",
        "=[1]",
        "x y=[1]",
    ],
)
def test_another_text_is_refused_in_one_line(text):
    with pytest.raises(UsageError, match=r"--grid=.*allowed: a name and a list") as raised:
        parse_axis(text)
    assert "\n" not in str(raised.value)


@hypothesis.given(
    strategies.lists(strategies.sampled_from(["1", "(2, 3)", "'x,y'", "[4]", "@a"]), min_size=1, unique=True)
)
def test_what_is_joined_is_taken_apart(values):
    assert parse_axis(f"f.x=[{', '.join(values)}]").values == tuple(values)


def test_runs_are_all_combinations_and_first_seeds_come_first():
    axes = [Axis("a.x", ("1", "2")), Axis("b.y", ("'u'", "'v'"))]
    runs = runs_of(["gin/m.gin", "gin/n.gin"], axes, [3, 1])
    expected = itertools.product((3, 1), ("m", "n"), ("1", "2"), ("u", "v"))
    assert [(run.seed, run.method) for run in runs] == [
        (seed, f"{name},x={x},y=_{y}_") for seed, name, x, y in expected
    ]
    first = runs[0]
    assert first.gin_file == "gin/m.gin" and first.bindings == ("a.x = 1", "b.y = 'u'")
    assert first.folder(pathlib.Path("r")) == pathlib.Path("r/m,x=1,y=_u_/seed3")


def test_parameters_with_one_last_name_are_named_in_full():
    (run,) = runs_of(["m.gin"], [Axis("a.x", ("1",)), Axis("b.x", ("1",))], [0])
    assert run.method == "m,a.x=1,b.x=1"


@pytest.mark.parametrize(
    ("files", "axes", "seeds", "message"),
    [
        (["a/m.gin", "b/m.gin"], [], 1, "another run of this sweep has the folder 'm' too"),
        (["m.gin"], [Axis("f.x", ("'a'", "(a)"))], 1, "the folder 'm,x=_a_' too"),
        (["m.gin"], [Axis("f.x", ("1",)), Axis("f.x", ("2",))], 1, "f.x is given 2 times"),
        (["m.gin"], [Axis("f.x", ("1" * 300,))], 1, "a folder's name of 304 letters; allowed: 200"),
        (["m.gin"], [Axis("f.x", tuple(map(str, range(101))))], 100, "10,100 runs; allowed: up to 10,000"),
    ],
)
def test_sweeps_that_cannot_be_are_refused(files, axes, seeds, message):
    with pytest.raises(UsageError) as raised:
        runs_of(files, axes, range(seeds))
    assert message in str(raised.value)
