"""Checks of what gin files bind; each raises a ValueError of one line, "name = value; allowed: ..."."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

MOST_METRES = 1e6  # from the origin, of places in bindings
MOST_SEED = 2**31 - 1  # of a run


def is_number(value: Any) -> bool:
    """Whether a binding is a finite number, and neither a truth value nor text."""
    is_real = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_real and abs(value) < math.inf


def is_whole(value: Any, least: float = -math.inf) -> bool:
    """Whether a binding is a whole number from `least`, and no truth value."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_coordinate(value: Any) -> bool:
    """Whether a binding is a place's number, metres: float32 still tells places apart there."""
    return is_number(value) and abs(value) <= MOST_METRES


def is_mode(value: Any) -> bool:
    """Whether a binding can name a mode of contexts, which files are named after."""
    return isinstance(value, str) and bool(re.fullmatch(r"\w[\w.+-]*", value))


def check_whole(name: str, value: Any, least: int = 1) -> None:
    """Refuses all but whole numbers from `least`."""
    if not is_whole(value, least):
        raise ValueError(f"{name} = {value!r}; allowed: a whole number from {least}")


def check_number(name: str, value: Any, least: float = -math.inf, most: float = math.inf) -> None:
    """Refuses all but finite numbers from `least` to `most`."""
    if not is_number(value) or not least <= value <= most:
        allowed = f"{least:g} or more" if most == math.inf else f"{least:g} to {most:g}"
        raise ValueError(f"{name} = {value!r}; allowed: {'a number' if least == -math.inf else allowed}")


def check_above_0(name: str, value: Any) -> None:
    """Refuses all but finite numbers above 0."""
    if not is_number(value) or not value > 0:
        raise ValueError(f"{name} = {value!r}; allowed: a number above 0")


def check_truth(name: str, value: Any) -> None:
    """Refuses all but True and False."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} = {value!r}; allowed: True, False")


def check_function(name: str, value: Callable | None, example: str = "") -> None:
    """Refuses what cannot be called; None passes, for parameters that need no function."""
    if value is not None and not callable(value):
        raise ValueError(f"{name} = {value!r}; allowed: a function{example and f', e.g. {example}'}")


def numbers(name: str, value: Any, size: int) -> np.ndarray:
    """One finite number, or `size` of them, as float32 [size]."""
    try:
        array = np.asarray(value)
        fits = array.dtype.kind in "iuf" and array.shape in ((), (size,)) and bool(np.isfinite(array).all())
    except (TypeError, ValueError):  # a list of lists of unequal lengths
        fits = False
    if not fits:
        several = f" or {size} numbers" if size > 1 else ""
        raise ValueError(f"{name} = {value!r}; allowed: a number{several}")
    return np.broadcast_to(array.astype(np.float32), [size])


def length(name: str, value: Sequence | None) -> int:
    """Length of a list; refuses what is none."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(f"{name} = {value!r}; allowed: a list")
    return len(value)
