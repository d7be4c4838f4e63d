"""Which goals win in off-policy correction: the stored ones, the changes reached, or samples."""

import pathlib
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np

from efficient_hrl.figures.constant import is_constant
from efficient_hrl.figures.curves import SMOOTHING_ROWS, smooth
from efficient_hrl.figures.files import save_figure, save_table
from efficient_hrl.storage.rows import column

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  (the backend must be chosen first)

PICTURE = "relabelling.png"
COLUMNS = ("relabel_stored", "relabel_reached", "relabel_sampled")  # from below
_STYLE = {
    "relabel_stored": ("#0072b2", "the stored goal"),
    "relabel_reached": ("#e69f00", "the change reached (mean of the samples)"),
    "relabel_sampled": ("0.85", "a sample around it"),
}


def why_no_relabeling(rows: Sequence[Mapping[str, str]]) -> str | None:
    """What is missing in the rows of metrics.csv, or that they hold constants, or None."""
    if not rows:
        return "metrics.csv has no rows yet"
    missing = [name for name in COLUMNS if name not in rows[0]]
    if missing:
        return f"metrics.csv has no column {missing[0]}"
    _, shares = _known(rows)
    if not len(shares):
        return "nothing was relabelled; only train_uvf.goal_sample_strategy = 'sample' chooses among goals"
    if is_constant(shares):
        words = (f"{name.removeprefix('relabel_')} {share:.2f}" for name, share in zip(COLUMNS, shares[0]))
        return f"the shares were the same in every log interval: {', '.join(words)}"
    return None


def _known(rows):
    """Environment steps and shares where they were measured, [n] and [n, 3]."""
    shares = np.stack([column(rows, name) for name in COLUMNS], axis=1)
    known = np.isfinite(shares).all(axis=1)
    return column(rows, "env_steps").astype(int)[known], shares[known]


def draw_relabeling(
    rows: Sequence[Mapping[str, str]], num_candidates: int, name: str, folder: pathlib.Path
) -> list[pathlib.Path]:
    """Draws the shares as training proceeds; returns what was written.

    Args:
      rows: of metrics.csv, for which `why_no_relabeling` is None.
      num_candidates: among which is chosen, the stored goal and the change reached included.
      name: of the run.
      folder: where to.
    """
    steps, shares = _known(rows)
    smoothed = np.stack([smooth(share) for share in shares.T], axis=1)
    figure, axis = pyplot.subplots(figsize=(8, 4.6), layout="constrained")
    bottom = np.zeros(len(steps))
    for goal, share in zip(COLUMNS, smoothed.T):
        colour, label = _STYLE[goal]
        if len(steps) > 1:
            axis.fill_between(steps, bottom, bottom + share, color=colour, label=label, linewidth=0)
        else:
            axis.bar(steps, share, bottom=bottom, color=colour, label=label)
        bottom = bottom + share
    for number in (1, 2):
        label = f"borders if all {num_candidates} candidates won equally often" if number == 1 else None
        line = {"color": "black", "linewidth": 1.0, "linestyle": "--"}
        axis.axhline(number / num_candidates, **line, label=label)
    axis.set_ylim(0.0, 1.0)
    axis.margins(x=0.0)
    axis.set_ylabel("share of relabelled segments")
    axis.set_xlabel(f"environment steps (mean of {SMOOTHING_ROWS} log intervals)")
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside lower center", ncols=2, fontsize=8)
    figure.suptitle(
        f"{name}: which goal explains the low level's actions best", fontsize=11, parse_math=False
    )
    path = folder / PICTURE
    columns = ("env_steps", *COLUMNS, *(f"{share}_smoothed" for share in COLUMNS))
    table = [(int(step), *map(float, own)) for step, own in zip(steps, np.hstack([shares, smoothed]))]
    return [save_figure(figure, path), save_table(path.with_suffix(".csv"), columns, table)]
