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
_MEASURED_SECONDS = 10.0  # below them a speed says nothing about the hours to come
_BAR = "{desc}{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} {rate_noinv_fmt}, {time_left} left{postfix}"
# 80 columns have no room for the total beside a return; the percentage stands for it.
_BAR_WITH_RETURN = _BAR.replace("/{total_fmt}", ",")


class Report(NamedTuple):
    """Where a run stands.

    Attributes:
      steps, total: environment steps, so far and of the whole run.
      success: newest success rates by target, {} before the first evaluation.
      returns: newest mean task returns by target, where there is no success.
      trained_return: newest mean task return of episodes while collecting; None as long as none has ended.
      seconds_left: till the end; None as long as that cannot be known.
      stopped_by: the signal that has ended the run before its end; "" as long as none has.
    """

    steps: int
    total: int
    success: dict[str, float]
    returns: Mapping[str, float] = types.MappingProxyType({})
    trained_return: float | None = None
    seconds_left: float | None = None
    stopped_by: str = ""

    def words(self, stream: TextIO | None) -> str:
        """What the newest evaluation and training say, short; in colours where `stream` shows them."""
        scores = score_words(self.success, self.returns, stream)
        return ", ".join(filter(None, [scores, return_words(self.trained_return, bool(self.returns))]))


class Pace:
    """Steps per second since something began or went on, and the time that is left."""

    def __init__(self, total_steps: int, done_steps: int, lasts: bool = True):
        """Begins to measure at `done_steps` of `total_steps`; `lasts`: whether they go on at this speed."""
        self._total = total_steps
        self.restart(done_steps, lasts)

    def restart(self, steps: int, lasts: bool = True) -> None:
        """From `steps` on the speed is another one; what was measured before does not count."""
        self._lasts = lasts
        self._first_steps, self._first_time = steps, time.monotonic()
        self._is_under_way = False

    def reached(self, steps: int) -> None:
        """`steps` are done; time counts from the first of them, before which things are compiled."""
        if not self._is_under_way and steps > self._first_steps:
            self._is_under_way = True
            self._first_steps, self._first_time = steps, time.monotonic()

    def rate(self, steps: int) -> float | None:
        """Steps per second at `steps`; None as long as there are none."""
        seconds = time.monotonic() - self._first_time
        return (steps - self._first_steps) / seconds if steps > self._first_steps and seconds > 0 else None

    def seconds_left(self, steps: int) -> float | None:
        """Seconds till the end at `steps`; None as long as that cannot be known."""
        if steps >= self._total:
            return 0.0
        rate = self.rate(steps)
        is_measured = self._is_under_way and time.monotonic() - self._first_time >= _MEASURED_SECONDS
        return (self._total - steps) / rate if self._lasts and is_measured and rate else None


class Progress:
    """Shows environment steps, steps per second, time left and newest success rates or returns."""

    def __init__(
        self,
        total_steps: int,
        done_steps: int,
        success_rates: Mapping[str, float] | None = None,
        returns: Mapping[str, float] | None = None,
        trained_return: float | None = None,
        pace_lasts: bool = True,
    ):
        """Begins to show a run of `total_steps` that stands at `done_steps`.

        Args:
          total_steps, done_steps: environment steps.
          success_rates: newest ones by target, of a run that goes on.
          returns: newest mean task returns likewise, where there is no success.
          trained_return: newest mean task return while collecting, likewise.
          pace_lasts: whether the run goes on at the speed at which it begins; else the time left is
            not known before `new_pace`.
        """
        self._total = total_steps
        self._steps = done_steps
        self._pace = Pace(total_steps, done_steps, pace_lasts)
        self._line_time = time.monotonic()
        self._success, self._returns = dict(success_rates or {}), dict(returns or {})
        self._trained_return = trained_return
        self._pipe = _report_pipe()
        self._report_time = -math.inf
        self._bar = None
        if sys.stderr is not None and sys.stderr.isatty():
            self._bar = steps_bar()
            begin_bar(self._bar, total_steps, done_steps)
            self._show_scores()
        self._report()

    def update(self, env_steps: int) -> None:
        """The run has reached `env_steps`."""
        self._pace.reached(env_steps)
        if self._bar is not None:
            self._bar.seconds_left = self._pace.seconds_left(env_steps)
            self._on_bar(self._bar.update, env_steps - self._steps)
        self._steps = env_steps
        now = time.monotonic()
        if now - self._report_time >= _REPORT_SECONDS or env_steps >= self._total:
            self._report()
        if self._bar is None and now - self._line_time >= LINE_SECONDS:
            self._line_time = now
            self.message(self._line())

    def new_pace(self) -> None:
        """The run goes on at another speed, because something else is learned from now on."""
        self._pace.restart(self._steps)

    def trained(self, mean_return: float) -> None:
        """A log interval has ended, in which episodes had `mean_return`; NaN if none has ended."""
        if not math.isnan(mean_return):
            self._trained_return = float(mean_return)
            self._show_scores()

    def evaluated(
        self, success_rates: Mapping[str, float], returns: Mapping[str, float] | None = None
    ) -> None:
        """An evaluation has finished; `returns` where there is no success."""
        self._success = {name: float(rate) for name, rate in success_rates.items()}
        self._returns = {name: float(value) for name, value in (returns or {}).items()}
        self._report()
        if self._bar is not None:
            self._show_scores()
        else:
            self.message(self._line())

    def message(self, text: str) -> None:
        """Prints a line without tearing the bar."""
        if self._bar is not None:
            self._on_bar(self._bar.write, text, file=sys.stderr)
        else:
            write_line(sys.stderr, text)

    def stopped(self, name: str) -> None:
        """A signal of this name has ended the run, which is told to who has started it."""
        self._report(name)

    def close(self) -> None:
        """Ends the bar."""
        if self._bar is not None:
            self._on_bar(self._bar.close)

    def _on_bar(self, act, *arguments, **options):
        """Changes the bar; there is none from the moment on that the terminal is gone."""
        if not change_bar(self._bar, act, *arguments, **options):
            self._bar = None

    def _show_scores(self):
        """Brings the bar's scores up to date, where there is a bar."""
        if self._bar is not None:
            self._bar.bar_format = _BAR if self._trained_return is None else _BAR_WITH_RETURN
            self._on_bar(self._bar.set_postfix_str, self._where().words(sys.stderr))

    def _report(self, stopped_by=""):
        """Tells who has started the run; never waits for a reader that is slow or gone."""
        if self._pipe is None:
            return
        self._report_time = time.monotonic()
        line = json.dumps(self._where()._replace(stopped_by=stopped_by)._asdict()) + "\n"
        try:
            os.write(self._pipe, line.encode())
        except BlockingIOError:
            pass
        except OSError:
            self._pipe = None

    def _where(self):
        left = self._pace.seconds_left(self._steps)
        return Report(self._steps, self._total, self._success, self._returns, self._trained_return, left)

    def _line(self):
        where = self._where()
        name, scores = ("return", self._returns) if self._returns else ("success", self._success)
        words = " ".join(f"{target}={value:.2f}" for target, value in scores.items())
        parts = [
            f"{self._steps:,} of {self._total:,} environment steps",
            pace_words(self._pace.rate(self._steps), where.seconds_left),
            f"{name}: {words or 'not evaluated yet'}",
            return_words(self._trained_return, bool(self._returns)),
        ]
        return ", ".join(filter(None, parts))


class StepsBar(tqdm.tqdm):
    """A bar whose time left is set from outside.

    Attributes:
      seconds_left: what `{time_left}` in its format shows; None is not known.
    """

    seconds_left = None

    @property
    def format_dict(self) -> dict[str, object]:
        """What the format may name."""
        return super().format_dict | {"time_left": time_words(self.seconds_left)}


def steps_bar(title: str = "", position: int = 0) -> StepsBar:
    """A bar without a length as yet, on the terminal's line `position` from here."""
    return StepsBar(
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


def return_words(value: float | None, beside_returns: bool) -> str:
    """A mean task return while collecting, short; `beside_returns`: of evaluations, which have the name."""
    if value is None:
        return ""
    number = f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"
    return f"{'in training' if beside_returns else 'return'} {number}"


def time_words(seconds: float | None) -> str:
    """A time left, e.g. "00:14:00"; a dash where it is not known."""
    if seconds is None:
        return "–"
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours:02}:{rest // 60:02}:{rest % 60:02}" if hours < 100 else f"{hours:,} hours"


def pace_words(rate: float | None, seconds_left: float | None) -> str:
    """Steps per second and time left; dashes where they are not known."""
    return f"{'–' if rate is None else f'{rate:.0f}'} steps/s, {time_words(seconds_left)} left"


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
