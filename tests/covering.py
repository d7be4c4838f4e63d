"""Pairs of parameters of which only some are tested at every change."""

import itertools

import pytest


def in_the_default_set_once_each(first, second):
    """All pairs; those are not marked `ci` in which every value of either occurs, as few as can be.

    Args:
      first, second: values of two parameters.
    """
    first, second = list(first), list(second)
    count = max(len(first), len(second))
    chosen = {(first[i % len(first)], second[i % len(second)]) for i in range(count)}
    marks = lambda pair: [] if pair in chosen else [pytest.mark.ci]
    return [pytest.param(*pair, marks=marks(pair)) for pair in itertools.product(first, second)]
