"""Recorded bindings are read as they are, and never trusted."""

import pytest

from efficient_hrl.comparison.published import is_papers_protocol
from efficient_hrl.storage.bound_values import value_of


@pytest.mark.parametrize(
    "text", ["(" * 5000 + ")" * 5000, "-" * 100_000 + "1", "{[]: 1}", "\0", "f(1)", "1 +", "@agent/Context"]
)
def test_what_is_no_value_is_none(text):
    assert value_of({"a": text}, "a") is None
    assert not is_papers_protocol({"evaluate.success_distance": text})


def test_macros_are_followed_and_rings_of_them_end():
    assert value_of({"a": "%b", "b": "[1, 2]"}, "a") == [1, 2]
    assert value_of({"a": "%b", "b": "%a"}, "a") is None
