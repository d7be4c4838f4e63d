"""How far several seeds are: a bar for each on a terminal, a line a minute for all without one."""

import sys
import time
from collections.abc import Sequence

from efficient_hrl.sweeps.seeds import View
from efficient_hrl.terminal.console import write_line
from efficient_hrl.terminal.progress import (
    LINE_SECONDS,
    Pace,
    Report,
    begin_bar,
    change_bar,
    steps_bar,
)


def seeds_view(seeds: Sequence[int]) -> "Bars | Lines":
    """A view of `seeds` for standard error."""
    return Bars(seeds) if sys.stderr is not None and sys.stderr.isatty() else Lines(seeds)


class Lines(View):
    """A line a minute, and one when a seed begins or ends."""

    def __init__(self, seeds: Sequence[int]):
        """Shows nothing yet."""
        self._words = dict.fromkeys(seeds, "waiting")
        self._reports, self._paces = {}, {}
        self._line_time = time.monotonic()

    def report(self, seed: int, report: Report) -> None:
        if seed not in self._paces:
            self._paces[seed] = Pace(report.total, report.steps)
        self._reports[seed] = report

    def state(self, seed: int, text: str) -> None:
        self._words[seed] = text
        write_line(sys.stderr, f"seed {seed}: {text}")

    def tick(self) -> None:
        now = time.monotonic()
        if now - self._line_time >= LINE_SECONDS:
            self._line_time = now
            write_line(sys.stderr, "; ".join(f"seed {seed} {self._where(seed)}" for seed in self._words))

    def close(self) -> None:
        """Nothing to end."""

    def _where(self, seed):
        if self._words[seed] != "starting" or seed not in self._reports:
            return self._words[seed]
        report = self._reports[seed]
        share = f"{report.steps / report.total:.0%}, {self._paces[seed].words(report.steps)}"
        return ", ".join(filter(None, [share, report.words(None)]))


_BAR = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}, {rate_noinv_fmt}, {remaining} left{postfix}"
_ENDED = "{desc} at {n_fmt} steps{postfix}"


class Bars(View):
    """A bar for each seed, in their order; nothing else."""

    def __init__(self, seeds: Sequence[int]):
        """Shows that all are waiting."""
        width = max(len(str(seed)) for seed in seeds)
        self._names = {seed: f"seed {seed:>{width}}" for seed in seeds}
        self._bars = {
            seed: steps_bar(f"{name}: waiting", position)
            for position, (seed, name) in enumerate(self._names.items())
        }
        self._begun = set()

    def report(self, seed: int, report: Report) -> None:
        bar = self._bars[seed]
        if seed not in self._begun:
            self._begun.add(seed)
            bar.set_description_str(self._names[seed], refresh=False)
            change_bar(bar, begin_bar, bar, report.total, report.steps, _BAR)
        bar.set_postfix_str(report.words(sys.stderr), refresh=False)
        change_bar(bar, bar.update, report.steps - bar.n)
        change_bar(bar, bar.refresh)

    def state(self, seed: int, text: str) -> None:
        bar = self._bars[seed]
        bar.set_description_str(f"{self._names[seed]}: {text}", refresh=False)
        if seed in self._begun:
            bar.bar_format = _ENDED
        change_bar(bar, bar.refresh)

    def close(self) -> None:
        """Leaves the bars on the terminal and goes below them."""
        for bar in self._bars.values():
            change_bar(bar, bar.close)
