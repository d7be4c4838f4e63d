"""Representations learned from one common replay, side by side: do they show the maze?

    python -m benchmarks.representations --task=point_maze --out=results/representations
    python -m benchmarks.representations --task=ant_maze --out=results/representations
    python -m benchmarks.representations --task=point_maze --heading=hidden --out=results/representations

Collects one replay (see `common_replay`), learns each method's representation on it with the
settings of gin/METHOD_TASK.gin, and writes beside each other, after NORL (arXiv 1810.01257)
Figure 2: the embedding of a held-out trajectory, coloured by time, and of positions over the
whole maze, coloured by position; and a table with how well x, y can be read linearly from the
embedding on held-out trajectories (R^2) and how well its distances keep the lengths of paths
through the maze (Spearman's rank correlation: over pairs of held-out states, and over pairs of
positions with the robot at rest, where nothing but the position differs).  For a point its
heading is read out, too, and `--heading` keeps it from what is learned (`hidden`: zero) or takes
away that it adds up turns (`wrapped`: from -pi to pi).
"""

import pathlib
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from absl import flags

from benchmarks import machine, report, setting
from efficient_hrl.errors import UsageError

_UPDATES_PER_CALL = 500
_MAX_COMPARED = 800  # held-out states whose distances are compared
_HEADING = 2  # entry of a point's state: turns add up, so that it has no bound
_LABELS = {
    "xy": "XY (true position)",
    "whole_obs": "whole observation",
    "norl": "NORL",
    "vae": "VAE",
    "e2c": "E2C",
}


class Learned(NamedTuple):
    """A representation that was learned.

    Attributes:
      f: states [..., S] -> embeddings [..., G], numpy.
      loss: mean loss of the last updates.
      bound: mean bound of the last updates, nats; NaN where there is none.
      seconds: that learning took.
    """

    f: Callable[[np.ndarray], np.ndarray]
    loss: float
    bound: float
    seconds: float


def main(argv: list[str]) -> int:
    """Runs the comparison; returns the exit status, 2 for what the user can mend."""
    return setting.run_benchmark("representations", argv, _define, _measure)


def _define(values):
    flags.DEFINE_string("task", None, "Task of the gin files, as in ant_maze_img.", flag_values=values)
    flags.DEFINE_enum(
        "heading",
        "as_is",
        ["as_is", "wrapped", "hidden"],
        "What states tell of a point's heading.",
        flag_values=values,
    )
    flags.DEFINE_list("methods", ["xy", "norl", "vae", "e2c"], "Methods to compare.", flag_values=values)
    integer = lambda name, value, text, least=1: flags.DEFINE_integer(
        name, value, text, lower_bound=least, flag_values=values
    )
    integer("episodes", 100, "Episodes of 500 steps to learn from.")
    integer("held_out", 20, "Episodes to measure with.")
    integer("updates", 100_000, "Updates of each representation, of 100 segments each.")
    integer("seed", 0, "Of collecting and of learning.", least=0)


def _measure(values):
    if not values.task or not values.methods:
        raise UsageError(
            f"--task={values.task or ''}, --methods={','.join(values.methods)}; needed: both, as in"
            " --task=point_maze --methods=xy,norl"
        )
    gin_files = {method: f"gin/{method}_{values.task}.gin" for method in values.methods}
    for method, path in gin_files.items():
        if not pathlib.Path(path).is_file():
            raise UsageError(f"--task={values.task}, --methods={method}: there is no {path}")
    # Only now, because importing TensorFlow takes seconds.
    from benchmarks import common_replay

    maze, steer = _explorer(gin_files[values.methods[0]])
    if values.heading != "as_is" and maze.robot.name != "Point":
        raise UsageError(f"--heading={values.heading} with --task={values.task}; allowed for an ant: as_is")
    try:
        episodes = common_replay.explore(maze, steer, values.episodes, values.seed)
        held_out = common_replay.explore(maze, steer, values.held_out, values.seed + 10_000_000)
    except common_replay.UnstableError as error:
        raise UsageError(f"--seed={values.seed}: {error}; allowed: another seed") from None
    episodes, held_out = (
        each._replace(states=_seen(each.states, values.heading)) for each in (episodes, held_out)
    )
    print(f"collected {episodes.actions.shape[0] * episodes.actions.shape[1]:,} steps", flush=True)
    rows, learned = [], {}
    for method, path in gin_files.items():
        learned[method] = _learn(path, [*values.gin_bindings], episodes, values.updates, values.seed)
        rows.append(
            {"task": values.task, "method": method} | _numbers(learned[method], maze, episodes, held_out)
        )
        rows[-1] |= {"heading": values.heading, "updates": values.updates, "seed": values.seed}
        print(", ".join(f"{name} {value}" for name, value in rows[-1].items()), flush=True)
    heading = [f"{values.heading}_heading"] if values.heading != "as_is" else []
    name = "_".join([values.task, *heading, *([values.name] if values.name else []), f"seed{values.seed}"])
    out = pathlib.Path(values.out)
    report.write_table(rows, out / f"{name}.csv")
    title = f"{values.task}{f', {values.heading} heading' if heading else ''}"
    _draw(learned, rows, maze, held_out, title, out / f"{name}.png")
    print(f"{out / name}.csv, {out / name}.png; {machine.description()}")


def _seen(states, heading):
    """States [..., S] with a point's heading as `--heading` has it."""
    if heading == "as_is":
        return states
    seen = states.copy()
    wrapped = np.arctan2(np.sin(seen[..., _HEADING]), np.cos(seen[..., _HEADING]))
    seen[..., _HEADING] = wrapped if heading == "wrapped" else 0.0
    return seen


def _trainer(path, bindings, seed, rows):
    """A trainer with room for what is learned from."""
    import gin

    from efficient_hrl.configuration.config import load_config, usage_errors
    from efficient_hrl.train import train_uvf

    gin.clear_config()
    sizes = [f"agent/CircularBuffer.buffer_size = {rows}", f"meta/CircularBuffer.buffer_size = {rows}"]
    load_config([path], [*sizes, *bindings])
    with usage_errors():
        return train_uvf(seed)


def _explorer(path):
    """The maze of a gin file, and what steers its robot."""
    from benchmarks.common_replay import steer_point
    from benchmarks.trot import steer_ant

    maze = _trainer(path, [], 0, 1).spec.task.environment.maze
    if maze.layout.blocks or maze.layout.is_elevated:
        raise UsageError(f"{path}: {maze.name} has blocks or a chasm; allowed: mazes of walls alone")
    return maze, steer_point if maze.robot.name == "Point" else steer_ant


def _learn(path, bindings, episodes, updates, seed):
    """Learns the representation of a gin file."""
    import tensorflow as tf

    from benchmarks.common_replay import segments_of
    from efficient_hrl.figures.subject import as_numpy
    from efficient_hrl.graph.compiled import compiled, repeat

    trainer = _trainer(path, bindings, seed, episodes.actions.shape[0] * episodes.actions.shape[1])
    representation, learner = trainer.hierarchy.representation, trainer.learner
    if representation.trained_by_high_level:
        raise UsageError(f"{path}: trained by the high level of a run; allowed: what learns from a replay")
    segments = segments_of(episodes, trainer.hierarchy.low.context.meta_action_every_n)
    flat = lambda x: x.reshape(-1, x.shape[-1])
    following = np.concatenate([segments.low_states[:, 1:], segments.next_states[:, None]], axis=1)
    _fill(trainer.low_replay, state=flat(segments.low_states), next_state=flat(following))
    _fill(
        trainer.high_replay,
        state=segments.low_states[:, 0],
        next_state=segments.next_states,
        low_states=segments.low_states,
        low_actions=segments.low_actions,
        length=np.full(len(segments.next_states), segments.low_states.shape[1], np.int32),
    )
    began, losses = time.perf_counter(), {}
    if representation.trainable_representation:

        @compiled
        def learn(count):
            def update(_):
                learner.update_representation()
                return learner._sums.low_updates.assign_add(1.0)  # what means are taken over

            repeat(count, update)

        for done in range(0, updates, _UPDATES_PER_CALL):
            learn(tf.constant(min(_UPDATES_PER_CALL, updates - done)))
            losses = learner.mean_losses()
    nan = float("nan")
    return Learned(
        as_numpy(representation),
        losses.get("representation_loss", nan),
        losses.get("representation_bound", nan),
        time.perf_counter() - began,
    )


def _fill(replay, **values):
    """Adds rows of which some fields are known; the others are zeros."""
    import tensorflow as tf

    count = len(next(iter(values.values())))
    zeros = tf.nest.map_structure(
        lambda spec: np.zeros([count, *spec.shape], spec.dtype.as_numpy_dtype), replay.data_spec
    )
    replay.add(zeros._replace(**values), tf.fill([count], True))


def _numbers(learned, maze, episodes, held_out):
    """R^2 and rank correlation, by name."""
    from efficient_hrl.figures.embedding_numbers import embedding_distances, rank_correlation, readout_r2
    from environments.placing import at_rest, observe
    from environments.position_grid import nearest_positions, path_lengths, position_grid

    pairs = lambda of: [(learned.f(states), xy) for states, xy in zip(of.states, of.xy)]
    r2_x, r2_y = readout_r2(pairs(episodes), pairs(held_out))
    r2_heading = float("nan")
    if maze.robot.name == "Point":
        entry = slice(_HEADING, _HEADING + 1)
        headings = lambda of: [(learned.f(states), states[:, entry]) for states in of.states]
        (r2_heading,) = readout_r2(headings(episodes), headings(held_out))
    states, xy = (x.reshape(-1, x.shape[-1]) for x in (held_out.states, held_out.xy))
    chosen = np.linspace(0, len(xy) - 1, min(len(xy), _MAX_COMPARED)).round().astype(int)
    grid = position_grid(maze.layout, maze.robot.cell_size)
    places, place_of = np.unique(nearest_positions(grid, xy[chosen]), return_inverse=True)
    lengths = path_lengths(grid, places)[:, places][place_of][:, place_of]
    embeddings = learned.f(states[chosen])
    upper = np.triu_indices(len(chosen), 1)
    distances = embedding_distances(embeddings, np.arange(len(chosen)))
    sources = np.arange(0, len(grid.xy), 7)
    at_rest_distances = embedding_distances(learned.f(observe(maze, at_rest(maze, grid.xy))), sources)
    at_rest_distances[np.arange(len(sources)), sources] = np.nan  # a position and itself
    return {
        "dimensions": embeddings.shape[-1],
        "readout_r2_x": round(float(r2_x), 4),
        "readout_r2_y": round(float(r2_y), 4),
        "readout_r2_heading": round(float(r2_heading), 4),
        "rank_correlation": round(rank_correlation(distances[upper], lengths[upper]), 4),
        "rank_correlation_at_rest": round(
            rank_correlation(at_rest_distances, path_lengths(grid, sources)), 4
        ),
        "loss": round(learned.loss, 4),
        "bound_nats": round(learned.bound, 4),
        "learning_s": round(learned.seconds, 1),
    }


def _draw(learned, rows, maze, held_out, title, path):
    """Figure 2 of NORL: one column per method, trajectory above, positions of the maze below."""
    from efficient_hrl.figures.embedding import position_colours
    from efficient_hrl.figures.embedding_axes import embedding_axes
    from efficient_hrl.figures.maze_map import draw_maze
    from environments.placing import at_rest, observe
    from environments.position_grid import position_grid

    grid = position_grid(maze.layout, maze.robot.cell_size)
    at_grid = observe(maze, at_rest(maze, grid.xy))
    longest = np.argmax(np.ptp(held_out.xy, axis=1).sum(axis=-1))
    states, xy = held_out.states[longest], held_out.xy[longest]
    figure, axes = report.new_grid(2, 1 + len(learned), width=3.4, height=3.5)
    time_style = {"c": np.arange(len(xy)), "cmap": "viridis", "s": 7, "linewidths": 0}
    place_style = {"c": position_colours(grid.xy), "s": 5, "linewidths": 0}
    for axis in axes[:, 0]:
        draw_maze(axis, maze)
    dots = axes[0, 0].scatter(*xy.T, zorder=3, **time_style)
    axes[1, 0].scatter(*grid.xy.T, zorder=3, **place_style)
    axes[0, 0].set_title("true x, y of a held-out trajectory", fontsize=9)
    axes[1, 0].set_title("true x, y of positions", fontsize=9)
    for column, (row, (method, one)) in enumerate(zip(rows, learned.items()), start=1):
        embedded = one.f(states), one.f(at_grid)
        shown = embedding_axes(np.concatenate(embedded))
        for axis, points, style in zip(axes[:, column], embedded, (time_style, place_style)):
            # Each with limits of its own: at rest embeddings may lie on a fraction of a trajectory's.
            shown.prepare(axis, shown.drawn(points))
            axis.scatter(*shown.drawn(points).T, **style)
        axes[0, column].set_title(
            f"{_LABELS.get(method, method)}\n"
            f"$R^2$ of x {row['readout_r2_x']:.2f}, of y {row['readout_r2_y']:.2f}"
            f"{_of_heading(row['readout_r2_heading'])}\n"
            f"rank corr. {row['rank_correlation']:.2f}, at rest {row['rank_correlation_at_rest']:.2f}",
            fontsize=9,
        )
    figure.colorbar(dots, ax=axes[0, -1], label="environment step")
    figure.suptitle(
        f"{title}: representations learned from the same replay, seed {rows[0]['seed']}", fontsize=11
    )
    report.save_figure(figure, path)


def _of_heading(r2):
    return "" if np.isnan(r2) else f", heading {r2:.2f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv))
