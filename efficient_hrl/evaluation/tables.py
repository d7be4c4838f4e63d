"""Results as text."""

from collections.abc import Sequence
from typing import TextIO

from efficient_hrl.evaluation.result import EvalResult
from efficient_hrl.terminal.console import coloured, success_colour


def results_table(results: Sequence[EvalResult], stream: TextIO | None = None) -> str:
    """Results as an aligned text table; success rates in colours where `stream` shows them.

    A dash stands where a task has no success.
    """
    header = (
        "target",
        "episodes",
        "success",
        "reached",
        "task return",
        "last task reward",
        "low return",
        "last low reward",
    )
    rows = [
        (
            r.target,
            str(r.episodes),
            f"{r.success_rate:.2f}" if r.has_success else "-",
            f"{r.reached_rate:.2f}" if r.has_success else "-",
            f"{r.high_return:.1f}",
            f"{r.high_last_reward:.2f}",
            f"{r.low_return:.1f}",
            f"{r.low_last_reward:.2f}",
        )
        for r in results
    ]
    first, *lines = text_table(header, rows).splitlines()
    end = first.index("success") + len("success")
    for i, result in enumerate(results):
        if not result.has_success:
            continue
        rate = coloured(rows[i][2], success_colour(result.success_rate), stream)
        lines[i] = lines[i][: end - len(rows[i][2])] + rate + lines[i][end:]
    return "\n".join([first, *lines])


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells aligned to the right in columns, a line for the header and for each row."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in [header, *rows]]
    return "\n".join(lines)
