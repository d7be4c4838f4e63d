"""Training: collect a little, learn a little, and tell how it goes."""

import math
import time
from collections.abc import Callable

import gin
import tensorflow as tf
from tf_agents.environments import tf_py_environment

from efficient_hrl import plots
from efficient_hrl.checkpoints import Checkpoints, ScalarState, save_weights
from efficient_hrl.collect import Collector
from efficient_hrl.eval import Evaluator
from efficient_hrl.hierarchical_policy import HierarchicalPolicy
from efficient_hrl.hierarchy import build_hierarchy
from efficient_hrl.learner import Learner
from efficient_hrl.metrics import RunLog
from efficient_hrl.progress import Progress
from efficient_hrl.relabeling import InverseDynamics
from efficient_hrl.replay import CircularBuffer
from efficient_hrl.run_folder import RunFolder, write_text
from efficient_hrl.stop_request import StopRequest
from environments.batched import BatchedMazeEnvironment
from environments.maze_env import EPISODE_STEPS, MazeEnv


@gin.configurable("train_uvf")
class Trainer:
    """A training run: environment, collector, learner, evaluator and their clocks.

    One block is `num_collect_per_meta_update` environment steps with the weights as
    they are, then one high-level update, then the low level's updates for those
    steps, each followed by one of the representation.

    Attributes:
      maze: the task's definition.
      hierarchy, low_replay, high_replay: what learns, and from what.
      collector, learner, evaluator: the parts.
      steps_per_block: environment steps in a block.
      total_steps: environment steps of the whole run.
      initial_steps: environment steps before learning begins.
    """

    def __init__(
        self,
        seed: int,
        environment: MazeEnv | None = None,
        agent_class: Callable | None = None,
        meta_agent_class: Callable | None = None,
        state_preprocess_class: Callable | None = None,
        inverse_dynamics_class: Callable = InverseDynamics,
        replay_buffer: CircularBuffer | None = None,
        meta_replay_buffer: CircularBuffer | None = None,
        critic_optimizer=None,
        actor_optimizer=None,
        meta_critic_optimizer=None,
        meta_actor_optimizer=None,
        repr_optimizer=None,
        batch_size: int = 64,
        num_episodes_train: int = 2000,
        initial_episodes: int = 2,
        num_updates_per_observation: int = 1,
        num_collect_per_update: int = 1,
        num_collect_per_meta_update: int = 1,
        gamma: float = 1.0,
        meta_gamma: float = 1.0,
        target_update_period: int = 1,
        clip_gradient_norm: float = 0.0,
        goal_sample_strategy: str | None = "sample",
        max_steps_per_episode: int | None = None,
        log_every_n_steps: int = 100,
        eval_every_n_steps: int = 50_000,
        checkpoint_every_n_steps: int = 25_000,
        save_policy_every_n_steps: int = 100_000,
    ):
        """Builds everything; nothing is written and no step is taken.

        Args:
          seed: of the whole run.
          environment: the task.
          agent_class, meta_agent_class, state_preprocess_class,
            inverse_dynamics_class: see `build_hierarchy`.
          replay_buffer, meta_replay_buffer: for transitions and for segments.
          critic_optimizer, actor_optimizer: of the low level.
          meta_critic_optimizer, meta_actor_optimizer: of the high level.
          repr_optimizer: of the representation.
          batch_size: of every update.
          num_episodes_train: episodes of the whole run.
          initial_episodes: episodes before learning begins.
          num_updates_per_observation: low-level updates per `num_collect_per_update`.
          num_collect_per_update: environment steps per round of low-level updates.
          num_collect_per_meta_update: environment steps per high-level update, a
            multiple of `num_collect_per_update`.
          gamma, meta_gamma: discounts of low and high level, per update of that level.
          target_update_period: updates per move of the target networks.
          clip_gradient_norm: limit of gradient norms, 0 for none.
          goal_sample_strategy: relabelling, "sample", "FuN" or None.
          max_steps_per_episode: length of an episode; None is 500.
          log_every_n_steps: environment steps per row of metrics.csv.
          eval_every_n_steps: environment steps between evaluations.
          checkpoint_every_n_steps: environment steps between checkpoints.
          save_policy_every_n_steps: environment steps between weights that are kept for good.

        Raises:
          ValueError: a number outside its range, or a missing part.
        """
        _check_positive(
            batch_size=batch_size,
            num_episodes_train=num_episodes_train,
            num_updates_per_observation=num_updates_per_observation,
            num_collect_per_update=num_collect_per_update,
            num_collect_per_meta_update=num_collect_per_meta_update,
            target_update_period=target_update_period,
            max_steps_per_episode=EPISODE_STEPS if max_steps_per_episode is None else max_steps_per_episode,
            log_every_n_steps=log_every_n_steps,
            eval_every_n_steps=eval_every_n_steps,
            checkpoint_every_n_steps=checkpoint_every_n_steps,
            save_policy_every_n_steps=save_policy_every_n_steps,
        )
        if not isinstance(environment, MazeEnv):
            raise ValueError(f"train_uvf.environment = {environment!r}; allowed: @create_maze_env()")
        _check_set(
            replay_buffer=replay_buffer,
            meta_replay_buffer=meta_replay_buffer,
            critic_optimizer=critic_optimizer,
            actor_optimizer=actor_optimizer,
            meta_critic_optimizer=meta_critic_optimizer,
            meta_actor_optimizer=meta_actor_optimizer,
        )
        if not isinstance(initial_episodes, int) or initial_episodes < 1:
            raise ValueError(
                f"train_uvf.initial_episodes = {initial_episodes!r}; allowed: a whole number from 1, because"
                " learning needs experience"
            )
        if num_collect_per_meta_update % num_collect_per_update:
            raise ValueError(
                f"train_uvf.num_collect_per_meta_update = {num_collect_per_meta_update}; allowed: a multiple"
                f" of num_collect_per_update = {num_collect_per_update}"
            )
        for name, discount in (("gamma", gamma), ("meta_gamma", meta_gamma)):
            if not 0.0 <= discount <= 1.0:
                raise ValueError(f"train_uvf.{name} = {discount!r}; allowed: 0 to 1")
        tf.keras.utils.set_random_seed(seed)
        episode_steps = max_steps_per_episode or EPISODE_STEPS
        self.total_steps = num_episodes_train * episode_steps
        self.initial_steps = initial_episodes * episode_steps
        self.steps_per_block = num_collect_per_meta_update
        self._low_updates = (
            num_collect_per_meta_update // num_collect_per_update * num_updates_per_observation
        )
        self._log_period = log_every_n_steps
        self._eval_period = eval_every_n_steps
        self._checkpoint_period = checkpoint_every_n_steps
        self._policy_period = save_policy_every_n_steps

        self.maze = environment.maze
        self._py_env = BatchedMazeEnvironment(environment.maze, 1, seed, episode_steps=episode_steps)
        tf_env = tf_py_environment.TFPyEnvironment(self._py_env)
        shared = {"target_update_period": target_update_period, "clip_gradient_norm": clip_gradient_norm}
        self.hierarchy = build_hierarchy(
            tf_env,
            agent_class,
            meta_agent_class,
            state_preprocess_class,
            inverse_dynamics_class,
            seed,
            {
                "critic_optimizer": critic_optimizer,
                "actor_optimizer": actor_optimizer,
                "gamma": gamma,
                **shared,
            },
            {
                "critic_optimizer": meta_critic_optimizer,
                "actor_optimizer": meta_actor_optimizer,
                "gamma": meta_gamma,
                **shared,
            },
            repr_optimizer,
        )
        low, high = self.hierarchy.low, self.hierarchy.high
        if self.hierarchy.representation.trainable_representation:
            _check_set(repr_optimizer=repr_optimizer)
        self.low_replay = replay_buffer.build(low.training_data_spec)
        self.high_replay = meta_replay_buffer.build(high.training_data_spec)
        policy = HierarchicalPolicy(
            tf_env.time_step_spec(), low, high, target_mode="explore", explore=True, seed=seed
        )
        self.collector = Collector(
            tf_env, policy, low, high, self.low_replay, self.high_replay, self.steps_per_block
        )
        self.learner = Learner(
            self.hierarchy, self.low_replay, self.high_replay, batch_size, seed, goal_sample_strategy
        )
        self.evaluator = Evaluator(self.hierarchy, seed=seed)

    def learn(self) -> None:
        """The updates of one block."""
        self.learner.learn(tf.constant(self._low_updates))

    def checkpoints(self, folder: RunFolder, clocks: ScalarState) -> Checkpoints:
        """Everything that a run of this trainer needs to go on, in `folder`."""
        low, high = self.hierarchy.low, self.hierarchy.high
        return Checkpoints(
            folder.path("checkpoints"),
            {
                "weights": tf.train.Checkpoint(**self.hierarchy.weights()),
                "low_agent": tf.train.Checkpoint(**low.checkpointed()),
                "high_agent": tf.train.Checkpoint(**high.checkpointed()),
                "losses": tf.train.Checkpoint(**self.learner.checkpointed()),
                "collector": self.collector,
                "low_replay": self.low_replay,
                "high_replay": self.high_replay,
            },
            {"environment": self._py_env, "clocks": clocks},
        )

    def run(self, folder: RunFolder, announce: Callable[[str], None]) -> None:
        """Trains until `total_steps`, or until SIGINT or SIGTERM, and writes to `folder`.

        A folder in which this run was stopped is continued.

        Args:
          folder: of the run; it exists.
          announce: prints one line for the user.
        """
        clocks = ScalarState(wall_s=0.0, evaluated_steps=0)
        checkpoints = self.checkpoints(folder, clocks)
        resumes = checkpoints.restore()
        if not resumes:
            self.collector.start()
        steps = int(self.collector.env_steps)
        if self._is_complete(steps, clocks):
            announce(f"{folder.root} is finished: {steps:,} environment steps")
            return
        if resumes:
            announce(f"continuing {folder.root} at {steps:,} environment steps")
        log = RunLog(folder.root, steps, clocks.values["evaluated_steps"])
        config = folder.path("operative_config.gin")
        if not config.exists():
            write_text(config, gin.config_str())

        progress = Progress(self.total_steps, steps)
        saved_at, policy_at = steps, steps
        trained_from, training_s = steps, 0.0
        interval_from, interval_s = steps, 0.0
        now = time.perf_counter()
        with StopRequest() as stop:
            while True:
                if self._is_due(steps, self._eval_period, clocks.values["evaluated_steps"]):
                    results = self._evaluate(steps, stop)
                    if results is not None:
                        clocks.values["evaluated_steps"] = steps
                        log.log_evaluation(steps, results)
                        plots.draw_run(folder.root)
                        progress.evaluated({r.target: r.success_rate for r in results})
                if self._is_due(steps, self._policy_period, policy_at):
                    save_weights(folder.path("policies"), self.hierarchy.weights(), steps)
                    policy_at = steps
                before, now = now, time.perf_counter()
                clocks.values["wall_s"] += now - before
                ends = bool(stop) or steps >= self.total_steps
                if ends or self._is_due(steps, self._checkpoint_period, saved_at):
                    checkpoints.save(steps)
                    saved_at = steps
                    if steps >= self.initial_steps:  # every part has been in use
                        write_text(config, gin.operative_config_str())
                if ends:
                    break

                began = time.perf_counter()
                self.collector.collect()
                steps += self.steps_per_block
                if steps >= self.initial_steps:
                    self.learn()
                logs = self._is_due(steps, self._log_period, steps - self.steps_per_block)
                losses = self.learner.mean_losses() if logs else {}
                block_s = time.perf_counter() - began
                training_s, interval_s = training_s + block_s, interval_s + block_s
                if logs:
                    values = {
                        "env_steps": steps,
                        "episodes": int(self.collector.episodes),
                        "wall_s": clocks.values["wall_s"] + time.perf_counter() - now,
                        "steps_per_s": (steps - interval_from) / interval_s,
                    }
                    log.log_training(values | losses | self._mean_returns())
                    interval_from, interval_s = steps, 0.0
                progress.update(steps)
        progress.close()
        rate = (steps - trained_from) / training_s if training_s else math.nan
        is_stopped = stop and not self._is_complete(steps, clocks)
        reason = f"stopped by {stop.name}; the same command continues" if is_stopped else "finished"
        announce(
            f"{folder.root}: {reason} at {steps:,} environment steps;"
            f" {rate:.0f} steps/s without evaluation and checkpoints"
        )

    def _is_complete(self, steps, clocks):
        return steps >= self.total_steps and clocks.values["evaluated_steps"] >= steps

    def _is_due(self, steps, period, done_at):
        """Whether a clock of `period` has struck after `done_at`, or strikes now because the run is over."""
        at_end = steps >= self.total_steps and done_at < steps
        return at_end or steps // period > done_at // period

    def _evaluate(self, steps, stop):
        """Results for every target, or None when a stop was requested meanwhile."""
        results = []
        for mode in self.evaluator.eval_modes:
            if stop:
                return None
            results.append(self.evaluator.evaluate_target(mode, steps))
        return results

    def _mean_returns(self):
        finished = self.collector.returns.finished()
        self.collector.returns.reset()
        episodes = float(finished.episodes)
        mean = lambda total: float(total) / episodes if episodes else math.nan
        return {"low_episode_return": mean(finished.low), "high_episode_return": mean(finished.high)}


def _check_positive(**values):
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"train_uvf.{name} = {value!r}; allowed: a whole number from 1")


def _check_set(**values):
    for name, value in values.items():
        if value is None:
            raise ValueError(f"train_uvf.{name} is not set; the gin files must bind it")
