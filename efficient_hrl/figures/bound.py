"""The bound that an estimator of NORL's objective gives, and the epsilon of its sub-optimality claim.

arXiv 1810.01257: a hierarchy is sub-optimal by at most C epsilon where a weighted KL
divergence is at most epsilon^2 / 8, for every state and policy.
"""

import pathlib
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np

from efficient_hrl.figures.constant import is_constant
from efficient_hrl.figures.files import save_figure, save_table
from efficient_hrl.storage.rows import column

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  (the backend must be chosen first)

PICTURE = "representation_bound.png"
BOUND, KL = "representation_bound", "representation_kl"
EMPTY_FROM = 2.0  # epsilon bounds the L1 distance of two distributions, which is never more
_CAPTION = (
    "$\\epsilon = \\sqrt{8\\,\\mathrm{KL}}$ is the smallest $\\epsilon$ with KL $\\leq \\epsilon^2 / 8$,"
    " the condition of NORL's claim that a hierarchy\n"
    "is sub-optimal by at most $C\\,\\epsilon$. This is an indication and no proof: KL is relative to the"
    " empirical distribution\n"
    "of the newest 1,024 replay embeddings and averaged over batches; the claim needs it for every state"
    " and policy,\n"
    "and from $\\epsilon = 2$ on it claims nothing. What the bound is of depends on the estimator"
    " (docs/method.md): with the default\n"
    "FifoEstimator and one drawn k per sample KL is log 1,024 minus the bound, one measurement and not two."
)


def epsilon(kl: np.ndarray) -> np.ndarray:
    """The smallest epsilon with KL <= epsilon^2 / 8, from KL in nats; negative estimates count as 0."""
    return np.sqrt(8.0 * np.maximum(kl, 0.0))


def why_no_bound(rows: Sequence[Mapping[str, str]]) -> str | None:
    """What is missing in the rows of metrics.csv, or that they hold constants, or None."""
    if not rows:
        return "metrics.csv has no rows yet"
    missing = [name for name in (BOUND, KL) if name not in rows[0]]
    if missing:
        return f"metrics.csv has no column {missing[0]}"
    values = np.stack([column(rows, BOUND), column(rows, KL)], axis=1)
    measured = values[~np.isnan(values[:, 1])]
    if not len(measured):
        return "nothing was measured; only NORL's representation has one, once it learns"
    if is_constant(measured):
        bound, kl = measured[0]
        return f"it was the same in every log interval: bound {bound:.3g}, KL {kl:.3g} nats"
    return None


def draw_bound(rows: Sequence[Mapping[str, str]], name: str, folder: pathlib.Path) -> list[pathlib.Path]:
    """Draws both as training proceeds; returns what was written.

    Args:
      rows: of metrics.csv, for which `why_no_bound` is None.
      name: of the run.
      folder: where to.
    """
    measured = ~np.isnan(column(rows, KL))
    steps, bound, kl = (column(rows, each)[measured] for each in ("env_steps", BOUND, KL))
    claimed = epsilon(kl)
    figure, axes = pyplot.subplots(3, 1, figsize=(8, 7.6), sharex=True, layout="constrained")
    for axis, values, label in zip(
        axes, (bound, kl, claimed), ("estimator's bound in nats", "weighted KL in nats", "$\\epsilon$")
    ):
        axis.plot(steps, values, color="#0072b2", marker="." if len(steps) < 50 else None)
        axis.set_ylabel(label)
        axis.grid(alpha=0.3)
    for axis, values, least in zip(axes[1:], (kl, claimed), (1e-3, EMPTY_FROM)):
        axis.set_ylim(0.0, 1.08 * np.nanmax(values, initial=least))
    axes[-1].axhline(EMPTY_FROM, color="0.4", linestyle="--", linewidth=1.0)
    axes[-1].annotate(
        "above, the claim is empty",
        (1.0, EMPTY_FROM),
        xycoords=("axes fraction", "data"),
        xytext=(-4, 3),
        textcoords="offset points",
        ha="right",
        fontsize=8,
        color="0.3",
    )
    axes[-1].set_xlabel("environment steps")
    figure.supxlabel(_CAPTION, fontsize=8)
    figure.suptitle(f"{name}: bound of the representation", fontsize=11, parse_math=False)
    path = folder / PICTURE
    columns = ("env_steps", f"{BOUND}_nats", f"{KL}_nats", "epsilon")
    table = [*zip(map(int, steps), bound.tolist(), kl.tolist(), claimed.tolist())]
    return [save_figure(figure, path), save_table(path.with_suffix(".csv"), columns, table)]
