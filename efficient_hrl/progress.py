"""How far a long run is: a bar on a terminal, a line a minute without one."""

import sys
import time

import tqdm

from efficient_hrl.console import write_line

_LINE_SECONDS = 60.0


class Progress:
    """Shows environment steps, steps per second, time left and newest success rates."""

    def __init__(self, total_steps: int, done_steps: int):
        """Begins to show a run of `total_steps` that stands at `done_steps`."""
        self._total = total_steps
        self._first_steps = self._steps = done_steps
        self._first_time = self._line_time = time.monotonic()
        self._success = "not evaluated yet"
        self._bar = None
        if sys.stderr is not None and sys.stderr.isatty():
            self._bar = tqdm.tqdm(
                total=total_steps, initial=done_steps, unit="step", unit_scale=True, dynamic_ncols=True
            )

    def update(self, env_steps: int) -> None:
        """The run has reached `env_steps`."""
        if self._bar is not None:
            self._on_bar(self._bar.update, env_steps - self._steps)
        self._steps = env_steps
        now = time.monotonic()
        if self._bar is None and now - self._line_time >= _LINE_SECONDS:
            self._line_time = now
            self.message(self._line(now))

    def evaluated(self, success_rates: dict[str, float]) -> None:
        """An evaluation has finished."""
        self._success = " ".join(f"{name}={rate:.2f}" for name, rate in success_rates.items())
        if self._bar is not None:
            self._on_bar(self._bar.set_postfix_str, f"success {self._success}")
        else:
            self.message(self._line(time.monotonic()))

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
        """Changes the bar; without it from the moment on that the terminal is gone."""
        try:
            act(*arguments, **options)
        except OSError:
            self._bar.disable = True
            self._bar = None

    def _line(self, now):
        rate = (self._steps - self._first_steps) / max(now - self._first_time, 1e-9)
        left = (self._total - self._steps) / rate if rate > 0 else float("inf")
        left = time.strftime("%H:%M:%S", time.gmtime(left)) if left < 86400 else f"{left / 3600:.0f} hours"
        return (
            f"{self._steps:,} of {self._total:,} environment steps, {rate:.0f} steps/s, {left} left,"
            f" success: {self._success}"
        )
