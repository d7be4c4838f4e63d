"""A sweep: methods x values of parameters x seeds, as jobs with a folder each."""

import collections
import itertools
import pathlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from efficient_hrl.errors import UsageError

_MOST = 10_000  # runs; more are a slip of the pen
_BRACKETS = {"(": ")", "[": "]", "{": "}"}


class Axis(NamedTuple):
    """A parameter and the values that it takes, as gin writes them.

    Attributes:
      name: as in a binding, e.g. "train_uvf.batch_size".
      values: at least one, all different.
    """

    name: str
    values: tuple[str, ...]


class SweepRun(NamedTuple):
    """One run of a sweep.

    Attributes:
      method: name of its gin file and values: the folder in which its seeds are.
      gin_file: its configuration.
      bindings: the values of its axes.
      seed: of the run.
    """

    method: str
    gin_file: str
    bindings: tuple[str, ...]
    seed: int

    @property
    def name(self) -> str:
        """As it is shown."""
        return f"{self.method} seed {self.seed}"

    def folder(self, root: pathlib.Path) -> pathlib.Path:
        """Of the run, in that of the sweep."""
        return root / self.method / f"seed{self.seed}"


def parse_axis(text: str) -> Axis:
    """The axis of "train_uvf.batch_size=[50,100,200]".

    Raises:
      UsageError: something else.
    """
    name, equals, values = (part.strip() for part in text.partition("="))
    elements = _elements(values) if equals and re.fullmatch(r"[\w./]+", name) else None
    if not elements or not all(elements):
        raise UsageError(f"--grid={text}: allowed: a name and a list, e.g. train_uvf.batch_size=[50,100,200]")
    for value, count in collections.Counter(elements).items():
        if count > 1:
            raise UsageError(f"--grid={text}: {value} comes {count} times; allowed: each value once")
    return Axis(name, tuple(elements))


def runs_of(gin_files: Sequence[str], axes: Sequence[Axis], seeds: Sequence[int]) -> list[SweepRun]:
    """All runs of a sweep: first seeds of all methods first, so that each is seen to work early.

    Raises:
      UsageError: two files or two values that would have one folder, an axis twice, or too many runs.
    """
    for name, count in collections.Counter(axis.name for axis in axes).items():
        if count > 1:
            raise UsageError(f"--grid: {name} is given {count} times; allowed: once, with all its values")
    points = [tuple(zip(axes, values)) for values in itertools.product(*(axis.values for axis in axes))]
    count = len(gin_files) * len(points) * len(seeds)
    if count > _MOST:
        raise UsageError(f"--mode=sweep: {count:,} runs; allowed: up to {_MOST:,}")
    methods = {}
    for gin_file, point in itertools.product(gin_files, points):
        method = _method(gin_file, point, axes)
        if method in methods:
            raise UsageError(
                f"--gin_file={gin_file}: another run of this sweep has the folder {method!r} too; allowed:"
                " gin files and values with different names"
            )
        methods[method] = (gin_file, tuple(f"{axis.name} = {value}" for axis, value in point))
    return [
        SweepRun(method, gin_file, bindings, seed)
        for seed in seeds
        for method, (gin_file, bindings) in methods.items()
    ]


def _method(gin_file, point, axes):
    """Name of a folder: the gin file's, with the values of the axes."""
    short = lambda name: name.rsplit(".", 1)[-1]
    counts = collections.Counter(short(axis.name) for axis in axes)
    parts = [pathlib.Path(gin_file).stem]
    for axis, value in point:
        name = short(axis.name) if counts[short(axis.name)] == 1 else axis.name
        parts.append(re.sub(r"[^\w.+=-]+", "_", f"{name}={value}"))
    method = ",".join(parts)
    if len(method) > 200:
        raise UsageError(f"--grid: {method[:60]}...: a folder's name of {len(method)} letters; allowed: 200")
    return method


def _elements(text):
    """Elements of a list in gin's syntax, as text; None where it is none."""
    if not (text.startswith("[") and text.endswith("]")):
        return None
    elements, closing, quote, begin = [], [], "", 1
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in _BRACKETS:
            closing.append(_BRACKETS[letter])
        elif closing and letter == closing[-1]:
            closing.pop()
            if not closing and place < len(text) - 1:
                return None
        elif letter in ")]}":
            return None
        elif letter == "," and len(closing) == 1:
            elements.append(text[begin:place].strip())
            begin = place + 1
    if quote or closing:
        return None
    last = text[begin:-1].strip()
    return elements + ([last] if last or not elements else [])
