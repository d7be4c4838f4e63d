"""How far a long run is: a bar on a terminal, a line a minute without one.

A program that has started a run as one of several hears of it by a pipe, see `Report`.
"""

import contextlib
import json
import math
import os
import stat
import sys
import time
import types
from collections.abc import Callable, Mapping
from typing import NamedTuple, TextIO

import tqdm

from efficient_hrl.terminal.console import coloured, success_colour, write_line

# Names the pipe, by number, into which a run writes a `Report` a line.
REPORT_PIPE = "EFFICIENT_HRL_REPORT_PIPE"
LINE_SECONDS = 60.0
_REPORT_SECONDS = 1.0
_BAR = "{desc}{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} {rate_noinv_fmt}, {remaining} left{postfix}"


class Report(NamedTuple):
    """Where a run stands.

    Attributes:
      steps, total: environment steps, so far and of the whole run.
      success: newest success rates by target, {} before the first evaluation.
      returns: newest mean task returns by target, where there is no success.
    """

    steps: int
    total: int
    success: dict[str, float]
    returns: Mapping[str, float] = types.MappingProxyType({})

    def words(self, stream: TextIO | None) -> str:
        """What the newest evaluation says, short; in colours where `stream` shows them."""
        return score_words(self.success, self.returns, stream)


class Pace:
    """Steps per second since something began or went on, and the time that is left."""

    def __init__(self, total_steps: int, done_steps: int):
        """Begins to measure at `done_steps` of `total_steps`."""
        self._total = total_steps
        self._first_steps = done_steps
        self._first_time = time.monotonic()

    def words(self, steps: int) -> str:
        """Rate and time left at `steps`."""
        rate = (steps - self._first_steps) / max(time.monotonic() - self._first_time, 1e-9)
        left = max(self._total - steps, 0) / rate if rate > 0 else math.inf
        left = time.strftime("%H:%M:%S", time.gmtime(left)) if left < 86400 else f"{left / 3600:.0f} hours"
        return f"{rate:.0f} steps/s, {left} left"


class Progress:
    """Shows environment steps, steps per second, time left and newest success rates or returns."""

    def __init__(
        self,
        total_steps: int,
        done_steps: int,
        success_rates: Mapping[str, float] | None = None,
        returns: Mapping[str, float] | None = None,
    ):
        """Begins to show a run of `total_steps` that stands at `done_steps`.

        Args:
          total_steps, done_steps: environment steps.
          success_rates: newest ones by target, of a run that goes on.
          returns: newest mean task returns likewise, where there is no success.
        """
        self._total = total_steps
        self._steps = done_steps
        self._pace = Pace(total_steps, done_steps)
        self._line_time = time.monotonic()
        self._success, self._returns = dict(success_rates or {}), dict(returns or {})
        self._pipe = _report_pipe()
        self._report_time = -math.inf
        self._bar = None
        if sys.stderr is not None and sys.stderr.isatty():
            self._bar = steps_bar()
            begin_bar(self._bar, total_steps, done_steps)
            self._on_bar(self._bar.set_postfix_str, self._where().words(sys.stderr))
        self._report()

    def update(self, env_steps: int) -> None:
        """The run has reached `env_steps`."""
        if self._bar is not None:
            self._on_bar(self._bar.update, env_steps - self._steps)
        self._steps = env_steps
        now = time.monotonic()
        if now - self._report_time >= _REPORT_SECONDS or env_steps >= self._total:
            self._report()
        if self._bar is None and now - self._line_time >= LINE_SECONDS:
            self._line_time = now
            self.message(self._line())

    def evaluated(
        self, success_rates: Mapping[str, float], returns: Mapping[str, float] | None = None
    ) -> None:
        """An evaluation has finished; `returns` where there is no success."""
        self._success = {name: float(rate) for name, rate in success_rates.items()}
        self._returns = {name: float(value) for name, value in (returns or {}).items()}
        self._report()
        if self._bar is not None:
            self._on_bar(self._bar.set_postfix_str, self._where().words(sys.stderr))
        else:
            self.message(self._line())

    def message(self, text: str) -> None:
        """Prints a line without tearing the bar."""
        if self._bar is not None:
            self._on_bar(self._bar.write, text, file=sys.stderr)
        else:
            write_line(sys.stderr, text)

    def close(self) -> None:
        """Ends the bar."""
        if self._bar is not None:
            self._on_bar(self._bar.close)

    def _on_bar(self, act, *arguments, **options):
        """Changes the bar; there is none from the moment on that the terminal is gone."""
        if not change_bar(self._bar, act, *arguments, **options):
            self._bar = None

    def _report(self):
        """Tells who has started the run; never waits for a reader that is slow or gone."""
        if self._pipe is None:
            return
        self._report_time = time.monotonic()
        line = json.dumps(self._where()._asdict()) + "\n"
        try:
            os.write(self._pipe, line.encode())
        except BlockingIOError:
            pass
        except OSError:
            self._pipe = None

    def _where(self):
        return Report(self._steps, self._total, self._success, self._returns)

    def _line(self):
        name, scores = ("return", self._returns) if self._returns else ("success", self._success)
        words = " ".join(f"{target}={value:.2f}" for target, value in scores.items())
        return (
            f"{self._steps:,} of {self._total:,} environment steps, {self._pace.words(self._steps)},"
            f" {name}: {words or 'not evaluated yet'}"
        )


def steps_bar(title: str = "", position: int = 0) -> tqdm.tqdm:
    """A bar without a length as yet, on the terminal's line `position` from here."""
    return tqdm.tqdm(
        desc=title,
        position=position,
        bar_format="{desc}",
        unit=" steps",
        unit_scale=True,
        dynamic_ncols=True,
        file=sys.stderr,
    )


def begin_bar(bar: tqdm.tqdm, total_steps: int, done_steps: int, bar_format: str = _BAR) -> None:
    """Shows a run of `total_steps` that stands at `done_steps`, from where its speed is measured."""
    bar.bar_format, bar.total = bar_format, total_steps
    bar.initial = bar.n = bar.last_print_n = done_steps
    bar.start_t = bar.last_print_t = time.time()
    bar.refresh()


def change_bar(bar: tqdm.tqdm, act: Callable, *arguments, **options) -> bool:
    """Calls what changes a bar on a terminal; returns False, and hides the bar, where that is gone."""
    try:
        act(*arguments, **options)
    except OSError:
        bar.disable = True
        return False
    return True


def success_words(rates: Mapping[str, float], stream: TextIO | None) -> str:
    """Success rates in the order of targets, short; in colours where `stream` shows them."""
    words = (coloured(f"{rate:.2f}", success_colour(rate), stream) for rate in rates.values())
    return f"success {' '.join(words)}" if rates else ""


def score_words(rates: Mapping[str, float], returns: Mapping[str, float], stream: TextIO | None) -> str:
    """As `success_words`; where there are none, returns in the order of targets."""
    if rates or not returns:
        return success_words(rates, stream)
    return f"return {' '.join(f'{value:.2f}' for value in returns.values())}"


def read_report(line: str) -> Report | None:
    """The report in a line of a run's pipe; None where there is none."""
    with contextlib.suppress(ValueError, TypeError):
        return Report(**json.loads(line))
    return None


def _report_pipe():
    """Takes the pipe that this process was given, so that none of its own children finds it."""
    number = os.environ.pop(REPORT_PIPE, None)
    if number is None:
        return None
    try:
        if not stat.S_ISFIFO(os.fstat(int(number)).st_mode):
            return None
        os.set_blocking(int(number), False)
    except (OSError, ValueError):
        return None
    return int(number)
