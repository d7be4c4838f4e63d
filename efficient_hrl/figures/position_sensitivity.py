"""How much f changes when the robot or a block is elsewhere, along evaluation trajectories.

After NORL (arXiv 1810.01257), Figure 4.
"""

import pathlib
from collections.abc import Callable

import matplotlib
import numpy as np

from efficient_hrl.figures.constant import is_constant
from efficient_hrl.figures.embedding_axes import SMALLEST_SPREAD, embedding_axes
from efficient_hrl.figures.files import leave_out, save_figure, save_table
from efficient_hrl.figures.sensitivity import STEP, Movable, movables, position_jacobian, sensitivity
from efficient_hrl.figures.subject import Subject, embedding_columns
from environments.placing import observe

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  (the backend must be chosen first)

_COLOURS = ("#009e73", "#cc79a7", "#0072b2", "#e69f00")  # the robot first
_SHIFT = 1.0  # metres
_ANGLES = 32
_MOMENTS = 4  # steps of an episode at which things are shifted
_PER_ROW = 3
_EXACT = 1e-3  # share of the largest sensitivity up to which finite differences of float32 are exact


def draw_sensitivity(
    subject: Subject, folder: pathlib.Path, announce: Callable[[str], None]
) -> list[pathlib.Path]:
    """The norm of df / d(position) over time; returns what was written.

    Args:
      subject: f, maze and trajectories.
      folder: where to.
      announce: is told if there is no picture because the norm is always the same.
    """
    things = movables(subject.maze)
    measured = [
        [sensitivity(position_jacobian(subject.f, subject.maze, t.simulation, thing)) for thing in things]
        for t in subject.drawn
    ]
    table = [
        (trajectory.target, step, *numbers)
        for trajectory, values in zip(subject.drawn, measured)
        for step, numbers in enumerate(np.stack(values, axis=-1).tolist())
    ]
    path = folder / "sensitivity.png"
    columns = ("target", "step", *(_column(thing) for thing in things))
    written = [save_table(path.with_suffix(".csv"), columns, table)]
    every = np.concatenate([np.stack(values, axis=-1) for values in measured])  # [n, things]
    if is_constant(every, _EXACT * every.max()):
        words = (f"{thing.label} {value:.3g}" for thing, value in zip(things, every.mean(axis=0)))
        announce(
            f"no picture of sensitivity to position: f always changes as much per metre: {', '.join(words)}"
        )
        leave_out(path)
        return written
    return [save_figure(_sensitivity_figure(subject, things, measured), path), *written]


def _sensitivity_figure(subject, things, measured):
    """A panel for each trajectory, a line for each thing."""
    rows = len(measured)
    figure, axes = pyplot.subplots(
        rows, 1, figsize=(8, 2.5 * rows + 1.1), sharex=True, sharey=True, squeeze=False, layout="constrained"
    )
    highest = max(np.max(values) for values in measured)
    for axis, trajectory, values in zip(axes[:, 0], subject.drawn, measured):
        for thing, colour, value in zip(things, _cycle(things), values):
            note = f"mean {value.mean():.3g}" if value.any() else "not seen by f"
            axis.plot(value, color=colour, label=f"{thing.label}: {note}")
        axis.set_ylabel("change of f per metre")
        axis.set_ylim(-0.03 * highest, 1.3 * highest if highest > 0 else 1.0)
        axis.set_title(subject.heading(trajectory), fontsize=10)
        axis.grid(alpha=0.3)
        axis.legend(loc="upper right", ncols=len(things), fontsize=8)
    axes[-1, 0].set_xlabel(
        "environment step\n(Frobenius norm of the Jacobian of f with respect to a position,"
        f" central differences, h = {100 * STEP:g} cm)"
    )
    figure.suptitle(subject.title, fontsize=11)
    return figure


def draw_shifted(
    subject: Subject, folder: pathlib.Path, announce: Callable[[str], None]
) -> list[pathlib.Path]:
    """Trajectories of f, and where f is when robot or block are 1 m elsewhere; returns what was written.

    Args:
      subject: f, maze and trajectories.
      folder: where to.
      announce: is told if there is no picture because f is the same wherever they are.
    """
    things = movables(subject.maze)
    trajectories = subject.drawn
    embeddings = [subject.f(trajectory.states) for trajectory in trajectories]
    moments = [np.linspace(0, len(e) - 1, _MOMENTS + 2).round().astype(int)[1:-1] for e in embeddings]
    circles = [
        [_shifted(subject, trajectory, thing, at) for thing in things]
        for trajectory, at in zip(trajectories, moments)
    ]  # of [_MOMENTS, _ANGLES, G]
    shown = embedding_axes(np.concatenate(embeddings))
    table = []
    for trajectory, at, own in zip(trajectories, moments, circles):
        for thing, circle in zip(things, own):
            parts = [circle] + ([shown.drawn(circle)] if shown.columns else [])
            for step, values in zip(at.tolist(), np.concatenate(parts, axis=-1).tolist()):
                for degrees, value in zip(_degrees(thing).tolist(), values):
                    table.append((trajectory.target, step, thing.name, degrees, *value))
    path = folder / "sensitivity_shifted.png"
    names = ("target", "step", "moved", "direction_degrees", *embedding_columns(embeddings[0]))
    written = [save_table(path.with_suffix(".csv"), (*names, *shown.columns), table)]
    around = [np.moveaxis(circle, 1, 0) for own in circles for circle in own]  # [directions, moments, G]
    if all(is_constant(circle, SMALLEST_SPREAD) for circle in around):
        words = ", ".join(thing.label for thing in things)
        announce(f"no picture of shifted positions: f is the same in all directions for {words}")
        leave_out(path)
        return written
    figure = _shifted_figure(subject, things, shown, (embeddings, moments, circles))
    return [save_figure(figure, path), *written]


def _shifted_figure(subject, things, shown, found):
    """A panel for each trajectory; `found`: embeddings, moments and circles of each."""
    columns = min(len(subject.drawn), _PER_ROW)
    rows = -(-len(subject.drawn) // columns)
    figure, axes = pyplot.subplots(
        rows,
        columns,
        figsize=(4.3 * columns + 0.8, 4.4 * rows + 0.9),
        squeeze=False,
        layout="compressed",
    )
    for axis in axes.flat[len(subject.drawn) :]:
        axis.remove()
    for axis, trajectory, embedding, at, own in zip(axes.flat, subject.drawn, *found):
        path = shown.drawn(embedding)
        around = [shown.drawn(circle) for circle in own]
        shown.prepare(axis, np.concatenate([path, *(points.reshape(-1, 2) for points in around)]))
        axis.plot(*path.T, color="#56b4e9", linewidth=0.9, label="f along the trajectory")
        for thing, colour, points in zip(things, _cycle(things), around):
            for moment, circle in enumerate(points):
                label = f"{thing.label}, {_SHIFT:g} m elsewhere" if not moment else None
                axis.plot(*np.concatenate([circle, circle[:1]]).T, color=colour, linewidth=1.5, label=label)
        axis.plot(*path[at].T, "o", markersize=4, color="black", label=f"steps {', '.join(map(str, at))}")
        axis.set_title(subject.heading(trajectory), fontsize=10)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=8)
    figure.suptitle(subject.title, fontsize=11)
    return figure


def _shifted(subject, trajectory, thing, at):
    """f at steps `at` with `thing` shifted in all directions, [len(at), angles, G]."""
    simulation = type(trajectory.simulation)(*(part[at, None] for part in trajectory.simulation))
    angles = np.deg2rad(_degrees(thing))
    shifts = np.zeros([len(angles), 3])
    for axis, along in zip(thing.axes, (np.cos(angles), np.sin(angles))):
        shifts[:, axis] = _SHIFT * along
    broadcast = [np.broadcast_to(part, (len(at), len(angles), *part.shape[2:])).copy() for part in simulation]
    moved = thing.moved(type(simulation)(*broadcast), shifts)
    return subject.f(observe(subject.maze, moved))


def _degrees(thing: Movable):
    """Directions in the plane of the thing's axes; with one axis, there and back."""
    return np.linspace(0, 360, _ANGLES if len(thing.axes) > 1 else 2, endpoint=False)


def _column(thing):
    return "_".join(thing.label.replace(",", "").split())


def _cycle(things):
    return [_COLOURS[number % len(_COLOURS)] for number, _ in enumerate(things)]
