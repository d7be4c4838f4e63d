"""What can be asked of a hierarchy with weights, however it came by them."""

import itertools
import pathlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from efficient_hrl.errors import UsageError
from efficient_hrl.evaluation.evaluator import Evaluator
from efficient_hrl.evaluation.exported_policy import describe_policy, exported_policy
from efficient_hrl.evaluation.result import EvalResult
from efficient_hrl.evaluation.trajectories import Trajectory
from efficient_hrl.figures.files import figures_kept
from efficient_hrl.figures.goal_positions import GoalPositions
from efficient_hrl.figures.run_figures import draw_representation
from efficient_hrl.figures.subject import Subject, as_numpy, subject_of
from efficient_hrl.library.own_configuration import OwnConfiguration
from efficient_hrl.library.policy import Policy
from efficient_hrl.video.camera import Camera
from efficient_hrl.video.episode import Episode, episode_of, has_goals
from efficient_hrl.video.film import frames
from environments.maze_env import MazeEnv
from environments.opengl import OpenGLError


class HierarchyView:
    """A hierarchy with weights, to be judged, looked at and acted with.

    Attributes:
      name: in the titles of figures.
    """

    def __init__(
        self, configuration: OwnConfiguration, evaluator: Evaluator, name: str, record: Mapping[str, Any]
    ):
        """Remembers the parts.

        Args:
          configuration: with which the parts were built.
          evaluator: of the hierarchy.
          name: in titles.
          record: "seed" and "gin_files", as `RunFolder.record` has them.
        """
        self.name = name
        self._configuration = configuration
        self._evaluator = evaluator
        self._record = record

    @property
    def env_steps(self) -> int:
        """How long the hierarchy has been trained."""
        raise NotImplementedError

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets at which it is evaluated."""
        return tuple(self._evaluator.eval_modes)

    def evaluate(self) -> list[EvalResult]:
        """Runs noise-free episodes; a result for each target, as `--mode=eval` prints them."""
        with self._configuration.in_use():
            return self._evaluator.evaluate(self.env_steps)

    def trajectories(self, target: str) -> list[Trajectory]:
        """The episodes that `evaluate` judges for a target, step by step, as NumPy arrays.

        Raises:
          UsageError: no such target.
        """
        if target not in self.targets:
            raise UsageError(f"target = {target!r}; allowed: {', '.join(self.targets)}")
        with self._configuration.in_use():
            return self._evaluator.trajectories(target, self.env_steps)

    def representation(self, states: np.ndarray) -> np.ndarray:
        """f, the space in which goals live: states [..., S] -> [..., at least G]."""
        with self._configuration.in_use():
            return as_numpy(self._evaluator.hierarchy.representation)(np.asarray(states, np.float32))

    def figures(self, say: Callable[[str], object] = print) -> dict[str, Figure]:
        """Everything that `--mode=plot` can draw, name -> figure; nothing is written.

        Args:
          say: is told what cannot be drawn, and why.
        """
        with self._configuration.in_use():
            subject = subject_of(self._evaluator, self.name, self.env_steps)
            with figures_kept() as kept:
                for _ in itertools.chain(
                    self._draw_history(subject, say), draw_representation(subject, pathlib.Path(), say)
                ):
                    pass
            return kept

    def frames(self, target: str, episode: int = 0, every: int = 1) -> Iterator[np.ndarray]:
        """Pictures of an episode of `trajectories`, as `--mode=video` films it, uint8 [720, 1280, 3].

        Without OpenGL, of which a warning tells, the map takes the place of the camera's view.

        Args:
          target: one of `targets`.
          episode: which of its episodes.
          every: steps from one picture to the next.

        Raises:
          UsageError: no such target or episode, or the environment is not a maze.
        """
        environment = self._evaluator.environment
        if not isinstance(environment, MazeEnv):
            raise UsageError(f"{environment.env_id} is not a maze; allowed: mazes")
        trajectories = self.trajectories(target)
        for name, value, allowed in (
            ("episode", episode, range(len(trajectories))),
            ("every", every, range(1, max(2, len(trajectories[0].states)))),
        ):
            if value not in allowed:
                raise UsageError(f"{name} = {value!r}; allowed: {allowed[0]} to {allowed[-1]}")
        trajectory = trajectories[episode]
        with self._configuration.in_use():
            f, positions = as_numpy(self._evaluator.hierarchy.representation), None
            if has_goals(self._evaluator):
                positions = GoalPositions(environment.maze, f)
            shown = episode_of(self._evaluator, trajectory, positions, self.name, self.env_steps)
        return _pictures(shown, every)

    def policy(self) -> Policy:
        """The noise-free policy, to act with step by step; it follows the weights when they are trained.

        Raises:
          UsageError: the task draws or normalises its own targets.
        """
        with self._configuration.in_use():
            description = describe_policy(self._evaluator, self.env_steps, self._record)
            module = exported_policy(self._evaluator.hierarchy, description)
        return Policy(module, description, self._evaluator.environment)

    def _draw_history(self, subject: Subject, say: Callable[[str], object]) -> Iterator[pathlib.Path]:
        """Draws what is known of the training itself, e.g. by `draw_curves`."""
        raise NotImplementedError

    @property
    def _num_candidates(self) -> int:
        """Goals among which relabelling chooses."""
        return self._evaluator.hierarchy.inverse_dynamics.num_samples


def _pictures(episode: Episode, every: int) -> Iterator[np.ndarray]:
    try:
        camera = Camera(episode.maze)
    except OpenGLError as error:
        warnings.warn(f"a map without the camera's view: {error}", stacklevel=2)
        camera = None
    try:
        for picture in frames(episode, camera, every):
            yield picture[..., :3]
    finally:
        if camera is not None:
            camera.close()
