"""What figures of a representation are drawn from: f, a maze, and trajectories."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from efficient_hrl.evaluation.evaluator import Evaluator
from efficient_hrl.evaluation.trajectories import Trajectory
from efficient_hrl.figures.labels import no_formula
from environments.maze import Maze
from environments.maze_env import MazeEnv

EPISODES = 4  # per target; the first is drawn, the others serve the linear readout
_BATCH = 4096  # states that f is asked for at once


class Subject(NamedTuple):
    """A representation and where it is looked at.

    Attributes:
      name: of the run.
      env_steps: how long it has been trained.
      f: from states [..., S] to embeddings [..., G], numpy.
      maze: the task's, or None.
      episodes: target -> trajectories towards it.
      has_position_targets: whether targets are positions.
    """

    name: str
    env_steps: int
    f: Callable[[np.ndarray], np.ndarray]
    maze: Maze | None
    episodes: dict[str, list[Trajectory]]
    has_position_targets: bool

    @property
    def title(self) -> str:
        """First line above every figure; a dollar sign in it begins no formula."""
        name = no_formula(self.name)
        return f"{name}: f at {self.env_steps:,} environment steps"

    def heading(self, trajectory: Trajectory) -> str:
        """What an episode is about, e.g. "towards eval1 (16, 0)"."""
        if not trajectory.target_value.size:
            return "an evaluation episode"
        target = f" {place(trajectory.target_value)}" if self.has_position_targets else ""
        return f"towards {trajectory.target}{target}"

    @property
    def drawn(self) -> Sequence[Trajectory]:
        """The first trajectory towards each target."""
        return [trajectories[0] for trajectories in self.episodes.values()]


def subject_of(evaluator: Evaluator, name: str, env_steps: int) -> Subject:
    """Runs noise-free episodes for every evaluation target, as evaluation at `env_steps` does."""
    environment = evaluator.environment
    maze = environment.maze if isinstance(environment, MazeEnv) else None
    episodes = {mode: evaluator.trajectories(mode, env_steps) for mode in evaluator.eval_modes}
    f = as_numpy(evaluator.hierarchy.representation)
    return Subject(name, env_steps, f, maze, episodes, evaluator.has_position_targets)


def as_numpy(representation: Callable[[tf.Tensor], tf.Tensor]) -> Callable[[np.ndarray], np.ndarray]:
    """A representation as a function of arrays, [..., S] -> [..., G], a few thousand states at a time.

    The function raises a ValueError where the representation is not finite.
    """

    def f(states):
        rows = states.reshape(-1, states.shape[-1])
        parts = [
            representation(tf.constant(rows[first : first + _BATCH])) for first in range(0, len(rows), _BATCH)
        ]
        embeddings = np.concatenate([part.numpy() for part in parts])
        if not np.isfinite(embeddings).all():
            raise ValueError("the representation has NaN or infinite values; there is nothing to draw")
        return embeddings.reshape(*states.shape[:-1], -1)

    return f


def place(values: np.ndarray) -> str:
    """Coordinates in words, e.g. "(16, 0)"."""
    return f"({', '.join(f'{value:g}' for value in values)})"


def embedding_columns(embeddings: np.ndarray) -> tuple[str, ...]:
    """Names of the numbers of embeddings [..., G]: f0, f1, ..."""
    return tuple(f"f{number}" for number in range(embeddings.shape[-1]))
