"""What TensorBoard shows of a run: numbers grouped by level, histograms, pictures, the configuration.

    train/      numbers of every log interval; histograms at each evaluation; the configuration
    eval/       numbers and pictures of each evaluation

Nothing here draws random numbers or changes what is learned.
"""

import io
import pathlib
from collections.abc import Mapping, Sequence

import gin
import matplotlib
import tensorflow as tf

from efficient_hrl.evaluation.result import EvalResult
from efficient_hrl.exploration_maps import ExplorationMap
from efficient_hrl.figures.embedding import grid_figure
from efficient_hrl.figures.fitted import fit_texts
from efficient_hrl.figures.subject import as_numpy
from efficient_hrl.figures.visits import caption, phase_of, visits_figure
from efficient_hrl.hierarchy import Hierarchy
from efficient_hrl.replay import UniformReplayBuffer
from environments.maze import Maze
from environments.placing import at_rest, observe
from environments.position_grid import position_grid

matplotlib.use("Agg")
from matplotlib import figure as mpl_figure  # noqa: E402  (the backend must be chosen first)
from matplotlib import pyplot  # noqa: E402

_GROUPS = {"low": "low", "high": "high", "representation": "representation", "relabel": "relabelling"}
_ROWS = 1000  # newest items of a buffer that histograms are made of
_MOST_DIMENSIONS = 8  # of goals, actions and embeddings, a histogram each
_DOTS_PER_INCH = 80
_POSITIONS_PER_CELL = 8  # of the representation's picture, along each edge


class TensorBoard:
    """Writes the events of a run."""

    def __init__(
        self,
        root: pathlib.Path,
        hierarchy: Hierarchy,
        low_replay: UniformReplayBuffer,
        high_replay: UniformReplayBuffer,
        maze: Maze | None,
    ):
        """Opens the event files.

        Args:
          root: the run's folder.
          hierarchy: what learns.
          low_replay, high_replay: what it learns from.
          maze: the task's; None where there is none, and then nothing is drawn of it.
        """
        self._root = root
        self._hierarchy = hierarchy
        self._replays = {"low": low_replay, "high": high_replay}
        self._maze = maze
        self._grid = None
        self._has_config = False
        self._train = tf.summary.create_file_writer(str(root / "train"))
        self._eval = tf.summary.create_file_writer(str(root / "eval"))

    def log_training(self, values: Mapping[str, float]) -> None:
        """Numbers of a log interval; keys are `metrics.METRICS_COLUMNS`."""
        with self._train.as_default(step=int(values["env_steps"])):
            for name, value in values.items():
                if name != "env_steps" and value == value:  # NaN: nothing was measured
                    tf.summary.scalar(tag_of(name), value)
        self._train.flush()

    def log_config(self, env_steps: int) -> None:
        """The configuration that is in use, as text; once."""
        if self._has_config:
            return
        self._has_config = True
        with self._train.as_default(step=env_steps):
            tf.summary.text("operative_config", f"```\n{gin.operative_config_str().strip()}\n```")
        self._train.flush()

    def log_evaluation(
        self, env_steps: int, results: Sequence[EvalResult], newest: ExplorationMap | None
    ) -> None:
        """Numbers of an evaluation, then histograms and pictures; nothing if there are no results.

        Args:
          env_steps: when.
          results: one per target.
          newest: the map of the steps since the evaluation before, if there is one.
        """
        if not results:
            return
        with self._eval.as_default(step=env_steps):
            for result in results:
                for name, value in result._asdict().items():
                    # NaN: there is no success in this task.
                    if name not in ("target", "episodes") and value == value:
                        tf.summary.scalar(f"evaluation/{result.target}/{name}", value)
            self._draw(env_steps, newest)
        self._eval.flush()
        with self._train.as_default(step=env_steps):
            self._log_weights()
            self._log_experience()
        self._train.flush()

    def _log_weights(self):
        h = self._hierarchy
        nets = {
            "low": [h.low.actor_net, *h.low.critic_nets],
            "high": [h.high.actor_net, *h.high.critic_nets],
            "representation": [h.representation.state_net, h.representation.embed_net],
        }
        for group, members in nets.items():
            for net in filter(None, members):
                for variable in net.trainable_variables:
                    path = variable.name.removesuffix(":0").split("/")
                    layer = "/".join(path[path.index(net.name) + 1 :] if net.name in path else path)
                    tf.summary.histogram(f"{group}/weights/{net.name}/{layer}", variable)

    def _log_experience(self):
        """Of the newest transitions and segments."""
        h = self._hierarchy
        experience = {name: _newest(replay) for name, replay in self._replays.items()}
        low, high = experience["low"], experience["high"]
        if low is not None:
            _histograms("low/actions", low.action)
            _histograms("representation/f", h.representation(low.state))
            tf.summary.histogram("low/reward", h.low.learning_batch(low).reward)
            _log_values("low", h.low, low.state, low.goal, low.action)
        if high is not None:
            _histograms("high/goals", high.goal)
            tf.summary.histogram("high/reward", high.reward)
            _log_values("high", h.high, high.state, high.target, high.goal)

    def _draw(self, env_steps, newest):
        for name in ("success_curve", "return_curve"):
            curve = self._root / "plots" / f"{name}.png"
            if curve.exists():
                _image(f"evaluation/{name}", tf.io.decode_png(curve.read_bytes(), channels=3))
        if newest is not None:
            phase = phase_of([newest])
            figure = visits_figure(self._maze, [phase])
            figure.supxlabel(caption(phase), fontsize=8)
            _image("exploration/visits", as_pixels(figure))
        f = self._hierarchy.representation
        if self._maze is not None and (f.trainable_representation or f.trained_by_high_level):
            if self._grid is None:
                grid = position_grid(self._maze.layout, self._maze.robot.cell_size, _POSITIONS_PER_CELL)
                self._grid = grid, observe(self._maze, at_rest(self._maze, grid.xy))
            grid, states = self._grid
            figure = grid_figure(self._maze, grid, as_numpy(f)(states))
            figure.suptitle(f"f at {env_steps:,} environment steps", fontsize=11)
            _image("representation/grid", as_pixels(figure))


def tag_of(column: str) -> str:
    """The tag of a column of metrics.csv: its level before a slash, and what is left of its name."""
    level, _, name = column.partition("_")
    return f"{_GROUPS[level]}/{name}" if level in _GROUPS else f"run/{column}"


def as_pixels(figure: mpl_figure.Figure) -> tf.Tensor:
    """A figure as uint8 [height, width, 3]; it is closed."""
    fit_texts(figure)
    data = io.BytesIO()
    figure.savefig(data, dpi=_DOTS_PER_INCH, format="png")
    pyplot.close(figure)
    return tf.io.decode_png(data.getvalue(), channels=3)


def _image(tag, pixels):
    tf.summary.image(tag, pixels[None])


def _newest(replay):
    """The newest items of a buffer, or None while it is empty."""
    added = int(replay.num_added)
    count = min(_ROWS, int(replay.num_frames()))
    return replay.read_rows(added - count, added) if count else None


def _log_values(level, agent, states, contexts, actions):
    """The first critic's values of what was done."""
    if agent.critic_nets:
        observation = agent.merge(agent.seen(states), [contexts])
        tf.summary.histogram(f"{level}/q", agent.critic_nets[0]((observation, actions))[0])


def _histograms(tag, values):
    """One for each dimension of [n, d]."""
    for number in range(min(values.shape[-1], _MOST_DIMENSIONS)):
        tf.summary.histogram(f"{tag}/{number}", values[:, number])
