"""What a training run is made of, and one block of it: collect a little, learn a little."""

import contextlib
import math
from collections.abc import Callable

import tensorflow as tf

from efficient_hrl.ablations.pretraining import Pretraining
from efficient_hrl.collect import Collecting
from efficient_hrl.collecting_beside_learning import CollectAndLearn
from efficient_hrl.evaluation.evaluator import Evaluator
from efficient_hrl.evaluation.result import EvalResult
from efficient_hrl.graph.random_streams import GlobalGenerators
from efficient_hrl.learner import Learning
from efficient_hrl.specifications.run import TrainingSpec
from efficient_hrl.storage.checkpoints import Checkpoints, ScalarState
from efficient_hrl.storage.run_folder import RunFolder
from efficient_hrl.storage.weights import check_weights, load_low_level


class Training:
    """A run's parts at work, a block at a time.

    One block is about `num_collect_per_meta_update` environment steps with the weights as they are,
    then one high-level update, then the low level's updates for those steps, each followed by one of
    the representation.

    Attributes:
      spec: what was asked for.
      hierarchy, low_replay, high_replay, learner: see `Learning`.
      simulations, collector: see `Collecting`.
      evaluator: judges the hierarchy.
      pretraining: when the low level learns alone, or None.
      stopped: asked by what waits for others, whether to give up.
    """

    def __init__(
        self,
        spec: TrainingSpec,
        learning: Learning,
        collecting: Collecting,
        evaluator: Evaluator,
        pretraining: Pretraining | None = None,
        beside: CollectAndLearn | None = None,
        *,
        tensorflow_generator: tf.random.Generator,
    ):
        """Joins the parts; nothing is written and no step is taken.

        Args:
          spec: what was asked for.
          learning, collecting: both sides.
          evaluator: of the hierarchy that learns.
          pretraining: which level learns when; None is both all the time.
          beside: collects and learns in one call; None does one after the other.
          tensorflow_generator: the global one, for checkpoints.
        """
        self.spec = spec
        self.hierarchy, self.low_replay, self.high_replay, self.learner = learning
        self.simulations, self._acting, self.collector = collecting
        self.evaluator = evaluator
        self.pretraining = pretraining
        self._beside = beside
        self._tensorflow_generator = tensorflow_generator
        self.stopped: Callable[[], bool] = lambda: False

    def prepare(self, is_new: bool, announce: Callable[[str], None] = lambda line: None) -> None:
        """Finds the mistakes that show only in use, before anything is written.

        Args:
          is_new: whether the run begins, so that `load_path` is needed.
          announce: prints one line for the user.

        Raises:
          ValueError: there are no weights at `load_path`; or what tracing collection and
            learning brings up.
          UsageError: the weights at `load_path` do not fit.
        """
        load_path = self.spec.phases.load_path
        if is_new and load_path is not None:
            check_weights(load_path)
            load_low_level(load_path, self.hierarchy)  # `begin` does: here it tells what does not fit
        announce("compiling collection and learning; some seconds")
        if self._beside is not None:
            self._beside.run.get_concrete_function()
            return
        self.collector.prepare()
        low_updates = tf.constant(self.spec.schedule.low_updates(0))
        if self.pretraining is None:
            self.learner.learn.get_concrete_function(low_updates)
            return
        if self.pretraining.steps:
            self.learner.learn_low.get_concrete_function(low_updates)
        self.learner.learn_high.get_concrete_function()

    def close(self) -> None:
        """Closes environments from elsewhere, those of evaluation too."""
        with contextlib.ExitStack() as stack:
            stack.callback(self.simulations.close)
            stack.callback(self.evaluator.close)

    def begin(self) -> None:
        """Begins a new run: the weights of `load_path`, and first episodes."""
        if self.spec.phases.load_path is not None:
            load_low_level(self.spec.phases.load_path, self.hierarchy)
        self.collector.start()

    def train_block(self) -> None:
        """Collects a block and makes the updates that are due; a wait for a block ends when `stopped`."""
        if self._beside is not None:
            self._beside.run(tf.constant(self.due_updates(), tf.int32))
            return
        if self.pretraining is not None:
            self.pretraining.begin_block(int(self.collector.env_steps))
        self.collector.collect_block(self.stopped)
        self.learn()

    def learn(self) -> None:
        """The updates that are due."""
        for low_updates in self.due_updates():
            if self.pretraining is None:
                self.learner.learn(tf.constant(low_updates))
            elif self.pretrains:
                self.learner.learn_low(tf.constant(low_updates))
            else:
                self.learner.learn_high()

    def due_updates(self) -> list[int]:
        """For every high-level update that is due, the number of low-level updates that go with it.

        Where the low level learns alone, high-level updates are counted as if they were made.
        """
        low, high = self.hierarchy.low, self.hierarchy.high
        schedule = self.spec.schedule
        steps, sources = int(self.collector.env_steps), [self.low_replay, self.high_replay]
        if self.pretrains or not high.learns:
            done = schedule.high_updates_beside(int(low.train_step_counter))
            sources = [self.low_replay]
        else:
            done = int(high.train_step_counter)
            if self.pretraining is not None:
                steps -= self.pretraining.steps
                sources = [self.high_replay]
        if not done and not all(int(replay.num_added) for replay in sources):
            return []  # nothing to learn from yet; the updates are made up for
        due = schedule.high_updates_due(steps, done)
        return [schedule.low_updates(done + i) for i in range(due)]

    @property
    def pretrains(self) -> bool:
        """Whether the low level learns alone, and is to be frozen later."""
        return self.pretraining is not None and bool(self.pretraining.is_on)

    @property
    def has_learned(self) -> bool:
        """Whether any update was made."""
        agents = (self.hierarchy.low, self.hierarchy.high)
        return any(int(agent.train_step_counter) for agent in agents)

    @property
    def keeps_environment_state(self) -> bool:
        """Whether a checkpoint holds the environments' state; else new episodes begin after it."""
        return self.simulations.keeps_state

    @property
    def env_steps(self) -> int:
        """Environment steps so far."""
        return int(self.collector.env_steps)

    @property
    def where(self) -> str:
        """Where training stands, in words."""
        updates = int(self.hierarchy.low.train_step_counter)
        return f"after {self.env_steps:,} environment steps and {updates:,} low-level updates"

    @property
    def fault(self) -> str | None:
        """What was wrong with an environment's numbers, or None."""
        return self.simulations.fault or self.evaluator.fault

    def measured(self) -> dict[str, float]:
        """A row of metrics.csv but for its clocks: means since the last call, by name."""
        returns = self.collector.returns
        finished = returns.finished()
        returns.reset()
        episodes = float(finished.episodes)
        mean = lambda total: float(total) / episodes if episodes else math.nan
        return {
            "env_steps": self.env_steps,
            "episodes": int(self.collector.episodes),
            "unstable_episodes": self.simulations.unstable_episodes,
            **self.learner.mean_losses(),
            **self.learner.relabeling_shares(),
            "low_episode_return": mean(finished.low),
            "high_episode_return": mean(finished.high),
        }

    def evaluate(self, env_steps: int, stopped: Callable[[], bool]) -> list[EvalResult] | None:
        """Results for every target, or None when it was stopped and leaves no trace.

        Args:
          env_steps: where training stands.
          stopped: asked now and then; whether to give up.
        """
        contexts = (self.hierarchy.low.context, self.hierarchy.high.context)
        variables = [variable for context in contexts for variable in context.variables]
        before = [variable.numpy() for variable in variables]
        results = self.evaluator.evaluate(env_steps, stopped)
        if results is None:
            for variable, value in zip(variables, before):
                variable.assign(value)
        return results

    def checkpoints(self, folder: RunFolder, clocks: ScalarState) -> Checkpoints:
        """Everything that a run of these parts needs to go on, in `folder`."""
        low, high = self.hierarchy.low, self.hierarchy.high
        acting = {}
        if self._acting is not self.hierarchy:  # some samplers count how often they draw
            acting = {"low_acting": self._acting.low.context, "high_acting": self._acting.high.context}
        return Checkpoints(
            folder.path("checkpoints"),
            {
                **acting,
                "weights": tf.train.Checkpoint(**self.hierarchy.weights()),
                "low_agent": tf.train.Checkpoint(**low.checkpointed()),
                "high_agent": tf.train.Checkpoint(**high.checkpointed()),
                "losses": tf.train.Checkpoint(**self.learner.checkpointed()),
                "relabelling": tf.train.Checkpoint(**self.learner.checkpointed_choices()),
                "collector": tf.train.Checkpoint(**self.collector.checkpointed()),
                "tensorflow_generator": self._tensorflow_generator,
            },
            {"environment": self.simulations, "clocks": clocks, "generators": GlobalGenerators()},
            {"low_replay": self.low_replay, "high_replay": self.high_replay},
            self.spec.kept.checkpoints,
        )
