"""Draws docs/data_way.png: the way of the data, from the environment to the weights and back.

python docs/data_way.py
"""

import pathlib

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  (the backend must be chosen first)
from matplotlib.patches import FancyBboxPatch  # noqa: E402

# Title, module, what happens there; x and y of the centre.
STOPS = {
    "env": ("environments", "environments/batched.py", "states [N, S], rewards, ends", 0.0, 3.0),
    "policy": (
        "policy",
        "hierarchical_policy.py",
        "every c steps a goal [N, G]\nevery step an action [N, A]",
        3.6,
        3.0,
    ),
    "collect": (
        "driver and observers",
        "collect.py, observers/",
        "transitions, and segments\nof c steps",
        0.0,
        1.5,
    ),
    "replay": ("replay", "replay.py", "two circular buffers,\nuniform draws", 0.0, 0.0),
    "learner": ("learner", "learner.py", "batches [B, ...], and when\n(update_schedule.py)", 3.6, 0.0),
    "relabel": (
        "relabelling",
        "relabeling.py",
        "the goal that explains the\nactions best, [B, G]",
        7.2,
        -0.75,
    ),
    "levels": (
        "levels",
        "agent.py, agents/",
        "learning_batch: rewards, discounts\nupdate: losses, gradients, weights",
        7.2,
        0.75,
    ),
    "repr": ("representation", "representations/", "f(s) [B, G] and phi(s, a)\nfrom segments", 7.2, 2.25),
    "eval": ("evaluation", "evaluation/", "noise-free episodes\nfor each target", 3.6, 4.5),
    "run": ("run", "run/, storage/", "clocks, CSV files, checkpoints", 7.2, 3.9),
}
ARROWS = (
    ("env", "policy", "state"),
    ("policy", "env", "action"),
    ("env", "collect", ""),
    ("policy", "collect", "goal, target"),
    ("collect", "replay", ""),
    ("replay", "learner", ""),
    ("learner", "relabel", "segments"),
    ("learner", "levels", "batches"),
    ("learner", "repr", ""),
    ("levels", "policy", "weights"),
    ("repr", "policy", "f"),
    ("policy", "eval", ""),
    ("eval", "run", "results"),
)
WIDTH, HEIGHT = 2.5, 1.0
LABEL = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
COLLECTS, LEARNS, LOOKS = "#d7ecff", "#ffe6c7", "#e6e6e6"
COLOURS = {
    **dict.fromkeys(("env", "policy", "collect"), COLLECTS),
    **dict.fromkeys(("learner", "relabel", "levels", "repr"), LEARNS),
    **dict.fromkeys(("eval", "run"), LOOKS),
    "replay": "white",
}


def edge(name, towards):
    """Where an arrow meets a box, towards another one."""
    (x, y), (x2, y2) = STOPS[name][3:], STOPS[towards][3:]
    dx, dy = x2 - x, y2 - y
    scale = min(WIDTH / 2 / abs(dx) if dx else 9.0, HEIGHT / 2 / abs(dy) if dy else 9.0)
    return x + scale * dx, y + scale * dy


def draw():
    figure, axis = pyplot.subplots(figsize=(11, 6.6), layout="constrained")
    for name, (title, module, text, x, y) in STOPS.items():
        box = FancyBboxPatch(
            (x - WIDTH / 2, y - HEIGHT / 2),
            WIDTH,
            HEIGHT,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=COLOURS[name],
            edgecolor="0.35",
        )
        axis.add_patch(box)
        axis.text(x, y + 0.34, title, ha="center", va="center", weight="bold", fontsize=10)
        axis.text(x, y + 0.12, module, ha="center", va="center", family="monospace", fontsize=8)
        axis.text(x, y - 0.22, text, ha="center", va="center", fontsize=8.5)
    for start, end, label in ARROWS:
        (x, y), (x2, y2) = edge(start, end), edge(end, start)
        shift = {("env", "policy"): 0.13, ("policy", "env"): -0.13}.get((start, end), 0.0)
        axis.annotate("", (x2, y2 + shift), (x, y + shift), arrowprops={"arrowstyle": "-|>", "color": "0.25"})
        up = shift + (0.11 if shift >= 0 else -0.13)
        if label:
            axis.text(
                (x + x2) / 2, (y + y2) / 2 + up, label, ha="center", va="center", fontsize=8.5, bbox=LABEL
            )
    for colour, text, x in (
        (COLLECTS, "collects", 0.0),
        (LEARNS, "learns", 3.6),
        (LOOKS, "looks and keeps", 7.2),
    ):
        axis.text(x, -1.75, text, ha="center", fontsize=9, bbox={"facecolor": colour, "edgecolor": "0.35"})
    axis.set_xlim(-1.5, 8.7)
    axis.set_ylim(-2.0, 5.2)
    axis.set_aspect("equal")
    axis.axis("off")
    figure.savefig(pathlib.Path(__file__).with_name("data_way.png"), dpi=110)


if __name__ == "__main__":
    draw()
