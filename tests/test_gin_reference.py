"""docs/gin_reference.md says of everything that can be bound what it is, and is up to date."""

import inspect
import pathlib
import re
import runpy

import gin
import pytest

from efficient_hrl.configuration.bindable import bindable_parameters
from efficient_hrl.inert_parameters import INERT, OVERRULED

REPOSITORY = pathlib.Path(__file__).parent.parent


@pytest.fixture(scope="module")
def reference():
    return runpy.run_path(str(REPOSITORY / "docs" / "gin_reference.py"))


def test_the_page_is_what_the_docstrings_say(reference):
    found = (REPOSITORY / "docs" / "gin_reference.md").read_text(encoding="utf-8")
    assert found == reference["page"](), "python -m docs.gin_reference writes it anew"


def test_every_parameter_is_documented(reference):
    assert reference["undocumented"]() == []


def test_every_macro_of_the_shipped_files_is_explained(reference):
    names = {
        name
        for path in (REPOSITORY / "gin").rglob("*.gin")
        for name in re.findall(r"^([A-Z][A-Z0-9_]*) *=", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert names == set(reference["MACROS"])


@pytest.mark.parametrize("configurable", ["train_uvf", "evaluate", "cosine_similarity", "Context"])
def test_parameters_without_effect_are_named_with_their_reasons(reference, configurable):
    entry = reference["page"]().split(f"### `{configurable}`\n")[1].split("\n###")[0]
    without_effect = entry.split("Without effect: ")[1]
    table = re.findall(r"^\| `(\w+)` ", entry, re.MULTILINE)
    for name, inert in INERT[configurable].items():
        assert f"`{name}`" in without_effect and inert.reason in without_effect
        assert name not in table


def test_a_default_that_is_a_function_is_named_as_gin_names_it(reference):
    found = [*reference["defaults"]()]
    assert ("ddpg_actor_net" in {name for name, _ in found}) and len(found) > 40
    for name, default in found:
        assert inspect.unwrap(gin.get_configurable(name)) is inspect.unwrap(default)


@pytest.mark.parametrize("configurable", OVERRULED)
def test_what_is_overruled_could_be_bound(configurable):
    assert OVERRULED[configurable].keys() <= bindable_parameters(configurable).keys()


def test_what_calls_give_cannot_be_bound():
    assert [*bindable_parameters("every_n_steps")] == ["n"]
    assert [*bindable_parameters("relative_context_transition_fn")] == ["k"]
    assert [*bindable_parameters("gin_range")] == ["n"]
    assert not {"optimizer", "segment_length", "self"} & bindable_parameters("StatePreprocess").keys()
    assert {"clip_gradient_norm", "critic_optimizer"} <= bindable_parameters("train_uvf").keys()
    # Of a level, its bases and its learner.
    assert {"tf_context", "step_cond_fn", "actor_net", "residual_phi"} <= bindable_parameters(
        "UvfAgent"
    ).keys()
    assert "of_learning" not in bindable_parameters("TargetAgent")


def test_entries_are_read_from_args_and_attributes(reference):
    text = """Does something.

Attributes:
  fourth: held.

Args:
  first, second: see `other`.
  third: a number: above 0,
    or none.
  **rest: more.

Raises:
  ValueError: never.
"""
    assert reference["_entries"](text) == {
        "first": "see `other`.",
        "second": "see `other`.",
        "third": "a number: above 0, or none.",
        "rest": "more.",
        "fourth": "held.",
    }
