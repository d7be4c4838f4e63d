"""How far several jobs are: a bar for each on a terminal, a line a minute for all without one."""

import collections
import os
import sys
import time
from collections.abc import Hashable, Mapping

from efficient_hrl.sweeps.jobs import STARTING, View
from efficient_hrl.terminal.console import write_line
from efficient_hrl.terminal.progress import (
    LINE_SECONDS,
    Pace,
    Report,
    begin_bar,
    change_bar,
    pace_words,
    steps_bar,
)

_MOST_BARS = 30  # more do not fit on a terminal
_MOST_WORDS = 12  # jobs of which a line tells one by one


def jobs_view(names: Mapping[Hashable, str]) -> "Bars | Lines":
    """A view of jobs for standard error.

    Args:
      names: of all jobs, by key.
    """
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    return Bars(names) if is_terminal and len(names) <= _MOST_BARS else Lines(names)


class Lines(View):
    """A line a minute, and one when a job begins or ends."""

    def __init__(self, names: Mapping[Hashable, str]):
        """Shows nothing yet."""
        self._names = names
        self._words = dict.fromkeys(names, "waiting")
        self._reports, self._paces = {}, {}
        self._line_time = time.monotonic()

    def report(self, key: Hashable, report: Report) -> None:
        if key not in self._paces:
            self._paces[key] = Pace(report.total, report.steps)
        self._paces[key].reached(report.steps)
        self._reports[key] = report

    def state(self, key: Hashable, text: str) -> None:
        self._words[key] = text
        write_line(sys.stderr, f"{self._names[key]}: {text}")

    def tick(self) -> None:
        now = time.monotonic()
        if now - self._line_time >= LINE_SECONDS:
            self._line_time = now
            write_line(sys.stderr, self._line())

    def close(self) -> None:
        """Nothing to end."""

    def _line(self):
        if len(self._names) <= _MOST_WORDS:
            return "; ".join(f"{name} {self._where(key)}" for key, name in self._names.items())
        words = ("running" if word == STARTING else word for word in self._words.values())
        counts = ", ".join(f"{count} {word}" for word, count in collections.Counter(words).items())
        steps = sum(report.steps for report in self._reports.values())
        return f"{len(self._names)} runs: {counts}; {steps:,} environment steps in all"

    def _where(self, key):
        if self._words[key] != STARTING or key not in self._reports:
            return self._words[key]
        report = self._reports[key]
        pace = pace_words(self._paces[key].rate(report.steps), report.seconds_left)
        return ", ".join(filter(None, [f"{report.steps / report.total:.0%}", pace, report.words(None)]))


_RETURN_COLUMNS = 100  # of a terminal that has room for a return in each bar
_BAR = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}, {rate_noinv_fmt}, {time_left} left{postfix}"
_ENDED = "{desc} at {n_fmt} steps{postfix}"


class Bars(View):
    """A bar for each job, in their order; nothing else."""

    def __init__(self, names: Mapping[Hashable, str]):
        """Shows that all are waiting."""
        self._names = names
        self._bars = {
            key: steps_bar(f"{name}: waiting", position) for position, (key, name) in enumerate(names.items())
        }
        self._begun = set()

    def report(self, key: Hashable, report: Report) -> None:
        bar = self._bars[key]
        if key not in self._begun:
            self._begun.add(key)
            bar.set_description_str(self._names[key], refresh=False)
            change_bar(bar, begin_bar, bar, report.total, report.steps, _BAR)
        bar.seconds_left = report.seconds_left
        shown = report if _columns() >= _RETURN_COLUMNS else report._replace(trained_return=None)
        bar.set_postfix_str(shown.words(sys.stderr), refresh=False)
        change_bar(bar, bar.update, report.steps - bar.n)
        change_bar(bar, bar.refresh)

    def state(self, key: Hashable, text: str) -> None:
        bar = self._bars[key]
        bar.set_description_str(f"{self._names[key]}: {text}", refresh=False)
        if key in self._begun:
            bar.bar_format = _ENDED
        change_bar(bar, bar.refresh)

    def close(self) -> None:
        """Leaves the bars on the terminal and goes below them."""
        for bar in self._bars.values():
            change_bar(bar, bar.close)


def _columns():
    """Of the terminal; 0 where that is gone."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):
        return 0
