"""Training: everything that a run is made of; collect a little, learn a little."""

import functools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import gin
import tensorflow as tf
from tf_agents.environments import tf_py_environment

from efficient_hrl.ablations.pretraining import Pretraining
from efficient_hrl.checks import check_function, check_number, check_truth, check_whole
from efficient_hrl.collect import Collector
from efficient_hrl.collecting_beside_learning import SideBySide
from efficient_hrl.episodes import environment_for
from efficient_hrl.eval import Evaluator
from efficient_hrl.graph.machine import available_cpus
from efficient_hrl.graph.memory import check_room
from efficient_hrl.graph.random_streams import GlobalGenerators, seed_globals
from efficient_hrl.hierarchical_policy import HierarchicalPolicy
from efficient_hrl.hierarchy import build_hierarchy
from efficient_hrl.learner import Learner
from efficient_hrl.relabeling import InverseDynamics
from efficient_hrl.replay import CircularBuffer, UniformReplayBuffer, row_bytes
from efficient_hrl.run.training_run import TrainingRun
from efficient_hrl.storage.checkpoints import Checkpoints, ScalarState
from efficient_hrl.storage.run_folder import RunFolder
from efficient_hrl.storage.weights import check_weights
from efficient_hrl.update_schedule import UpdateSchedule
from environments.gymnasium_task import GymnasiumTask
from environments.make_batched import check_environment, check_tells, check_view, episode_limit, make_batched
from environments.maze_env import MazeEnv


class Periods(NamedTuple):
    """Environment steps between what a run does by the clock; 0 is never."""

    evaluation: int
    checkpoint: int
    policy: int
    log: int


class Kept(NamedTuple):
    """What stays of what a run writes.

    Attributes:
      checkpoints: how many, the newest.
      nth_checkpoint: which of those written by the clock stay for good beside them; 0 is none.
      policies: how many weights, the newest; None is all.
      policy_folder: where they are, inside the run's.
    """

    checkpoints: int
    nth_checkpoint: int
    policies: int | None
    policy_folder: str


@gin.configurable("train_uvf")
class Trainer:
    """What a training run is made of: environment, collector, learner, evaluator, and when each is due.

    One block is about `num_collect_per_meta_update` environment steps with the
    weights as they are, then one high-level update, then the low level's updates for
    those steps, each followed by one of the representation.

    Attributes:
      environment: the task's definition.
      hierarchy, low_replay, high_replay: what learns, and from what.
      collector, learner, evaluator: the parts.
      schedule: when updates are due.
      num_envs: environments that collect side by side.
      collects_beside_learning: see `side_by_side`.
      steps_per_block: environment steps in a block, over all environments.
      periods, kept: of a run's clocks, and what stays of what it writes.
      load_path: weights with which a run begins, or None.
      should_stop_early: () -> whether to stop.
      pretraining: when the low level learns alone, or None.
      simulations: the batched environment that collects.
      total_steps: environment steps of the whole run.
      initial_steps: environment steps before learning begins.
    """

    def __init__(
        self,
        seed: int,
        train_dir: str | None = None,
        environment: MazeEnv | GymnasiumTask | None = None,
        num_bin_actions: int = 3,
        agent_class: Callable | None = None,
        meta_agent_class: Callable | None = None,
        state_preprocess_class: Callable | None = None,
        inverse_dynamics_class: Callable | None = None,
        exp_action_wrapper: Any = None,
        replay_buffer: CircularBuffer | None = None,
        meta_replay_buffer: CircularBuffer | None = None,
        replay_num_steps: int = 1,
        meta_replay_num_steps: int = 1,
        critic_optimizer=None,
        actor_optimizer=None,
        meta_critic_optimizer=None,
        meta_actor_optimizer=None,
        repr_optimizer=None,
        relabel_contexts: bool = False,
        meta_relabel_contexts: bool = False,
        batch_size: int = 64,
        repeat_size: int = 0,
        num_episodes_train: int = 2000,
        initial_episodes: int = 2,
        initial_steps: int | None = None,
        num_updates_per_observation: int = 1,
        num_collect_per_update: int = 1,
        num_collect_per_meta_update: int = 1,
        gamma: float = 1.0,
        meta_gamma: float = 1.0,
        reward_scale_factor: float = 1.0,
        target_update_period: int = 1,
        should_stop_early: Callable | None = None,
        clip_gradient_norm: float = 0.0,
        summarize_gradients: bool = False,
        debug_summaries: bool = False,
        log_every_n_steps: int = 100,
        prefetch_queue_capacity: int = 2,
        policy_save_dir: str = "policy",
        save_policy_every_n_steps: int = 1000,
        save_policy_interval_secs: int = 0,
        replay_context_ratio: float = 0.0,
        next_state_as_context_ratio: float = 0.0,
        state_index: int = 0,
        zero_timer_ratio: float = 0.0,
        timer_index: int = -1,
        debug: bool = False,
        max_policies_to_save: int | None = None,
        max_steps_per_episode: int | None = None,
        load_path: str | None = None,
        goal_sample_strategy: str | None = "sample",
        num_envs: int = 1,
        collect_beside_learning: bool = False,
        eval_every_n_steps: int = 50_000,
        checkpoint_every_n_steps: int = 25_000,
        max_checkpoints_to_keep: int = 2,
        keep_every_nth_checkpoint: int = 0,
        deterministic_ops: bool = False,
        pretrain_steps: int | None = None,
        random_goal_share: float = 0.0,
        low_replay_window: int | None = None,
    ):
        """Builds everything; nothing is written and no step is taken.

        The last eleven parameters are this port's own.  Accepted as in the original,
        which does not use them either: num_bin_actions, exp_action_wrapper,
        replay_context_ratio, next_state_as_context_ratio, state_index,
        zero_timer_ratio, timer_index, debug.  Accepted, and without effect here:
        prefetch_queue_capacity (batches are drawn when they are needed),
        save_policy_interval_secs (nothing waits after saving), summarize_gradients and
        debug_summaries.

        Args:
          seed: of the whole run.
          train_dir: not to be set; the folder is that of the flag --root_dir.
          environment: the task.
          agent_class, meta_agent_class, state_preprocess_class,
            inverse_dynamics_class: see `build_hierarchy`.
          replay_buffer, meta_replay_buffer: for transitions and for segments.
          replay_num_steps, meta_replay_num_steps: 1; the original fails with others.
          critic_optimizer, actor_optimizer: of the low level.
          meta_critic_optimizer, meta_actor_optimizer: of the high level.
          repr_optimizer: of the representation.
          relabel_contexts: whether the low level learns with goals drawn from its
            context's "train" sampler instead of the stored ones.
          meta_relabel_contexts: the same for the high level's targets.
          batch_size: of every update.
          repeat_size: how often a batch is repeated in addition, within itself.
          num_episodes_train: episodes of the whole run.
          initial_episodes: episodes before learning begins.
          initial_steps: environment steps before learning begins; None is
            `initial_episodes` times the length of an episode.
          num_updates_per_observation: low-level updates per `num_collect_per_update`.
          num_collect_per_update: environment steps per round of low-level updates.
          num_collect_per_meta_update: environment steps per high-level update.
          gamma, meta_gamma: discounts of low and high level, per update of that level.
          reward_scale_factor: factor on stored rewards when they are learned from.
          target_update_period: updates per move of the target networks, and per
            gradient of the actor.
          should_stop_early: () -> whether to stop, asked before every block.
          clip_gradient_norm: limit of each variable's gradient norm, 0 for none.
          log_every_n_steps: environment steps per row of metrics.csv, 0 for none.
          policy_save_dir: sub-folder for weights that are kept for good.
          save_policy_every_n_steps: environment steps between them, 0 for none.
          max_policies_to_save: how many are kept, the newest; None is all.
          max_steps_per_episode: length of an episode; None is the environment's own
            limit, or 500 where it has none.
          load_path: weights (a path as in "runs/a/policy/policy-100000") with which the
            low level and the representation begin; the targets begin with them too.
          goal_sample_strategy: relabelling of goals, "sample", "FuN" or None.
          num_envs: environments that collect side by side.
          collect_beside_learning: whether a block is collected while the updates for the
            block before it are made, see `side_by_side`.
          eval_every_n_steps: environment steps between evaluations.
          checkpoint_every_n_steps: environment steps between checkpoints.
          max_checkpoints_to_keep: how many of them stay, the newest.
          keep_every_nth_checkpoint: which of those written by that clock stay for good
            beside them; 0 is none.
          deterministic_ops: whether TensorFlow uses only operations whose results never
            vary, for the whole process; GPUs need that for equal runs, CPUs do not
            (docs/reliability.md).
          pretrain_steps: environment steps in which the low level learns alone, on goals
            from its samplers of mode "explore"; from then on it is frozen and without
            noise, and the high level learns, after another `initial_steps`.  With 0 the
            low level of `load_path` is frozen from the beginning.  None: both learn all
            the time.  (To the end of the block under way.)
          random_goal_share: probability with which the low level learns with a goal from
            its "train" sampler in place of the stored one, see `goal_relabeling`.
          low_replay_window: the low level learns from its newest so many transitions alone,
            one for each environment step, so that rewards of old goals and policies leave
            it sooner than the buffer; None is the whole buffer.

        Raises:
          ValueError: a number outside its range, or a missing part.
          MemoryError: the replay buffers do not fit; says how much they need.
        """
        if train_dir is not None:
            raise ValueError(f"train_uvf.train_dir = {train_dir!r}; the run's folder is given by --root_dir")
        _check_whole(
            1,
            batch_size=batch_size,
            num_episodes_train=num_episodes_train,
            num_updates_per_observation=num_updates_per_observation,
            num_collect_per_update=num_collect_per_update,
            num_collect_per_meta_update=num_collect_per_meta_update,
            target_update_period=target_update_period,
            num_envs=num_envs,
            max_steps_per_episode=1 if max_steps_per_episode is None else max_steps_per_episode,
            max_policies_to_save=1 if max_policies_to_save is None else max_policies_to_save,
            initial_steps=1 if initial_steps is None else initial_steps,
            initial_episodes=initial_episodes if initial_steps is None else 1,
            eval_every_n_steps=eval_every_n_steps,
            checkpoint_every_n_steps=checkpoint_every_n_steps,
            max_checkpoints_to_keep=max_checkpoints_to_keep,
        )
        _check_whole(
            0,
            keep_every_nth_checkpoint=keep_every_nth_checkpoint,
            repeat_size=repeat_size,
            log_every_n_steps=log_every_n_steps,
            save_policy_every_n_steps=save_policy_every_n_steps,
        )
        check_environment("train_uvf.environment", environment)
        _check_set(
            inverse_dynamics_class=inverse_dynamics_class or InverseDynamics,
            replay_buffer=replay_buffer,
            meta_replay_buffer=meta_replay_buffer,
            critic_optimizer=critic_optimizer,
            actor_optimizer=actor_optimizer,
            meta_critic_optimizer=meta_critic_optimizer,
            meta_actor_optimizer=meta_actor_optimizer,
        )
        for name, steps in (
            ("replay_num_steps", replay_num_steps),
            ("meta_replay_num_steps", meta_replay_num_steps),
        ):
            if isinstance(steps, bool) or steps != 1:
                raise ValueError(f"train_uvf.{name} = {steps!r}; allowed: 1")
        for name, discount in (("gamma", gamma), ("meta_gamma", meta_gamma)):
            check_number(f"train_uvf.{name}", discount, 0, 1)
        check_number("train_uvf.clip_gradient_norm", clip_gradient_norm, 0)
        check_number("train_uvf.reward_scale_factor", reward_scale_factor)
        check_number("train_uvf.random_goal_share", random_goal_share, 0, 1)
        for name, switch in (
            ("relabel_contexts", relabel_contexts),
            ("meta_relabel_contexts", meta_relabel_contexts),
            ("collect_beside_learning", collect_beside_learning),
            ("deterministic_ops", deterministic_ops),
        ):
            check_truth(f"train_uvf.{name}", switch)
        if relabel_contexts and random_goal_share:
            raise ValueError(
                f"train_uvf.random_goal_share = {random_goal_share!r} with train_uvf.relabel_contexts = True,"
                " which replaces all goals; allowed: either"
            )
        if pretrain_steps is not None:
            _check_whole(0, pretrain_steps=pretrain_steps)
            if collect_beside_learning:
                raise ValueError(
                    f"train_uvf.pretrain_steps = {pretrain_steps!r} with train_uvf.collect_beside_learning ="
                    " True; allowed: either"
                )
            if pretrain_steps == 0 and load_path is None:
                raise ValueError(
                    "train_uvf.pretrain_steps = 0 would freeze an untrained low level; allowed: a whole"
                    " number from 1, or 0 with train_uvf.load_path"
                )
        check_function("train_uvf.should_stop_early", should_stop_early)
        policy_folder = _sub_folder(policy_save_dir)
        for name, buffer in (("replay_buffer", replay_buffer), ("meta_replay_buffer", meta_replay_buffer)):
            if not isinstance(buffer, CircularBuffer):
                raise ValueError(f"train_uvf.{name} = {buffer!r}; allowed: @agent/CircularBuffer()")
        _check_window(low_replay_window, replay_buffer.buffer_size)
        for name, optimizer in (
            ("critic_optimizer", critic_optimizer),
            ("actor_optimizer", actor_optimizer),
            ("meta_critic_optimizer", meta_critic_optimizer),
            ("meta_actor_optimizer", meta_actor_optimizer),
            ("repr_optimizer", repr_optimizer),
        ):
            if optimizer is not None and not isinstance(optimizer, tf.keras.optimizers.legacy.Optimizer):
                raise ValueError(
                    f"train_uvf.{name} = {optimizer!r}; allowed: an optimizer, e.g. @AdamOptimizer()"
                )
        if deterministic_ops:
            tf.config.experimental.enable_op_determinism()
        self._tensorflow_generator = seed_globals(seed)
        episode_steps = episode_limit(environment, max_steps_per_episode)
        self.total_steps = num_episodes_train * episode_steps
        if initial_steps is None:
            initial_steps = initial_episodes * episode_steps
        self.initial_steps = initial_steps
        self.schedule = UpdateSchedule(
            initial_steps, num_collect_per_update, num_updates_per_observation, num_collect_per_meta_update
        )
        self.pretraining = None if pretrain_steps is None else Pretraining(pretrain_steps)
        self.num_envs = num_envs
        self.collects_beside_learning = collect_beside_learning
        self.steps_per_block = num_envs * math.ceil(self.schedule.period / num_envs)
        self.periods = Periods(
            eval_every_n_steps, checkpoint_every_n_steps, save_policy_every_n_steps, log_every_n_steps
        )
        self.kept = Kept(
            max_checkpoints_to_keep,
            keep_every_nth_checkpoint,
            max_policies_to_save,
            policy_folder,
        )
        self.load_path = load_path
        self.should_stop_early = should_stop_early or (lambda: False)

        self.environment = environment
        num_threads = min(num_envs, available_cpus())
        self.simulations = make_batched(environment, num_envs, seed, episode_steps, num_threads)
        shared = {"target_update_period": target_update_period}
        low_arguments = {"critic_optimizer": critic_optimizer, "actor_optimizer": actor_optimizer}
        high_arguments = {
            "critic_optimizer": meta_critic_optimizer,
            "actor_optimizer": meta_actor_optimizer,
        }
        tf_env = tf_py_environment.TFPyEnvironment(self.simulations)
        build = functools.partial(
            build_hierarchy,
            tf_env,
            agent_class,
            meta_agent_class,
            state_preprocess_class,
            inverse_dynamics_class or InverseDynamics,
            seed,
        )
        self.hierarchy = build(
            {"gamma": gamma, **low_arguments, **shared},
            {"gamma": meta_gamma, **high_arguments, **shared},
            repr_optimizer,
            clip_gradient_norm,
        )
        low, high = self.hierarchy.low, self.hierarchy.high
        check_view(environment, any(getattr(agent.actor_net, "images", False) for agent in (low, high)))
        if self.hierarchy.representation.trainable_representation:
            _check_set(repr_optimizer=repr_optimizer)
            self.hierarchy.representation.check_batch("train_uvf.batch_size", batch_size * (repeat_size + 1))
        self._check_levels()
        check_room(
            {
                f"{owner} {buffer.buffer_size:,} x {row_bytes(agent.training_data_spec):,} bytes": (
                    buffer.buffer_size * row_bytes(agent.training_data_spec)
                )
                for owner, buffer, agent in (("low", replay_buffer, low), ("high", meta_replay_buffer, high))
            }
        )
        self.low_replay = replay_buffer.build(low.training_data_spec)
        self.high_replay = meta_replay_buffer.build(high.training_data_spec)
        # What acts and what it writes to: something of its own when it runs beside learning.
        self._acting, stores = self.hierarchy, (self.low_replay, self.high_replay)
        if collect_beside_learning:
            self._acting = build()
            if any(agent.context.normalizes for agent in (low, high)):
                raise ValueError(
                    "Context.normalizers and train_uvf.collect_beside_learning = True: a normaliser follows"
                    " what it sees, and acting and learning would each have one; allowed: either"
                )
            # The last steps of a block come one step late, or with their segment.
            late = 2 + (low.context.meta_action_every_n if low.learns_from_segments else 0)
            room = self.steps_per_block + late * num_envs
            for buffer in (replay_buffer, meta_replay_buffer):
                if buffer.buffer_size < room:
                    raise ValueError(
                        f"CircularBuffer.buffer_size = {buffer.buffer_size!r}; allowed with"
                        f" train_uvf.collect_beside_learning = True: {room} or more, room for a block"
                    )
            stores = [
                UniformReplayBuffer(replay.data_spec, room, f"staged_{replay.name}")
                for replay in (self.low_replay, self.high_replay)
            ]
        for hierarchy in {id(h): h for h in (self.hierarchy, self._acting)}.values():
            for agent, replay in ((hierarchy.low, self.low_replay), (hierarchy.high, self.high_replay)):
                agent.context.set_replay(replay.sample_next_states)
        high.context.samplers("explore")
        check_tells(high.context.settable_context, self.simulations)
        acting = self._acting.low, self._acting.high
        collecting_env = environment_for(self.simulations, self._acting.low)
        policy = HierarchicalPolicy(
            collecting_env.time_step_spec(),
            *acting,
            target_mode="explore",
            explore=True,
            seed=seed,
            set_context=self.simulations.set_context if high.context.settable_context else None,
            pretrains=self.pretraining and self.pretraining.is_on,
        )
        self.collector = Collector(collecting_env, policy, *acting, *stores, self.steps_per_block)
        self.learner = Learner(
            self.hierarchy,
            self.low_replay,
            self.high_replay,
            batch_size,
            seed,
            goal_sample_strategy,
            relabel_contexts=relabel_contexts,
            meta_relabel_contexts=meta_relabel_contexts,
            repeat_size=repeat_size,
            reward_scale_factor=reward_scale_factor,
            random_goal_share=random_goal_share,
            low_replay_window=low_replay_window,
        )
        self._side_by_side = None
        if collect_beside_learning:
            self._side_by_side = SideBySide(
                self.hierarchy,
                self._acting,
                self.collector,
                self.learner,
                *stores,
                self.low_replay,
                self.high_replay,
            )
        self.evaluator = Evaluator(hierarchy=self.hierarchy, seed=seed, default_environment=environment)

    def prepare(self, is_new: bool, announce: Callable[[str], None] = lambda line: None) -> None:
        """Finds the mistakes that show only in use, before anything is written.

        Args:
          is_new: whether the run begins, so that `load_path` is needed.
          announce: prints one line for the user.

        Raises:
          ValueError: there are no weights at `load_path`; or what tracing collection and
            learning brings up.
        """
        if is_new and self.load_path is not None:
            check_weights(self.load_path)
        announce("compiling collection and learning; some seconds")
        if self._side_by_side is not None:
            self._side_by_side.run.get_concrete_function()
            return
        self.collector.collect.get_concrete_function()
        low_updates = tf.constant(self.schedule.low_updates(0))
        if self.pretraining is None:
            self.learner.learn.get_concrete_function(low_updates)
            return
        if self.pretraining.steps:
            self.learner.learn_low.get_concrete_function(low_updates)
        self.learner.learn_high.get_concrete_function()

    @property
    def keeps_environment_state(self) -> bool:
        """Whether a checkpoint holds the environments' state; else new episodes begin after it."""
        return self.simulations.keeps_state

    def train_block(self) -> None:
        """Collects a block and makes the updates that are due."""
        if self._side_by_side is not None:
            self._side_by_side.run(tf.constant(self.due_updates(), tf.int32))
            return
        if self.pretraining is not None:
            self.pretraining.begin_block(int(self.collector.env_steps))
        self.collector.collect()
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
        steps, sources = int(self.collector.env_steps), [self.low_replay, self.high_replay]
        if self.pretrains or not high.learns:
            done = self.schedule.high_updates_beside(int(low.train_step_counter))
            sources = [self.low_replay]
        else:
            done = int(high.train_step_counter)
            if self.pretraining is not None:
                steps -= self.pretraining.steps
                sources = [self.high_replay]
        if not done and not all(int(replay.num_added) for replay in sources):
            return []  # nothing to learn from yet; the updates are made up for
        due = self.schedule.high_updates_due(steps, done)
        return [self.schedule.low_updates(done + i) for i in range(due)]

    @property
    def pretrains(self) -> bool:
        """Whether the low level learns alone, and is to be frozen later."""
        return self.pretraining is not None and bool(self.pretraining.is_on)

    @property
    def has_learned(self) -> bool:
        """Whether any update was made."""
        agents = (self.hierarchy.low, self.hierarchy.high)
        return any(int(agent.train_step_counter) for agent in agents)

    def _check_levels(self):
        """Refuses what cannot be learned without segments, or before they are stored."""
        learned = self.hierarchy.representation
        if learned.trainable_representation and not self.hierarchy.high.learns:
            raise ValueError(
                f"{type(learned).__name__} is learned from the high level's segments, and"
                f" {type(self.hierarchy.high).__name__} has none; allowed: one that is not learned, e.g."
                " StatePreprocess.trainable = False"
            )
        if self.pretraining is None:
            return
        if not self.hierarchy.high.learns:
            raise ValueError(
                f"train_uvf.pretrain_steps = {self.pretraining.steps}; allowed without a high level that"
                " learns: None"
            )
        if learned.trained_by_high_level:
            raise ValueError(
                f"train_uvf.pretrain_steps = {self.pretraining.steps} freezes the low level, but"
                f" {type(learned).__name__} goes on changing its goals; allowed: None"
            )
        if not self.pretraining.steps:
            return
        self.hierarchy.low.context.samplers("explore")
        if learned.trainable_representation:
            raise ValueError(
                f"train_uvf.pretrain_steps = {self.pretraining.steps} with a representation that is learned"
                " from the high level's segments; allowed: StatePreprocess.trainable = False, or 0 with"
                " train_uvf.load_path"
            )

    def checkpoints(self, folder: RunFolder, clocks: ScalarState) -> Checkpoints:
        """Everything that a run of this trainer needs to go on, in `folder`."""
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
                "relabelling": tf.train.Checkpoint(**self.learner.checkpointed_relabelling()),
                "collector": tf.train.Checkpoint(**self.collector.checkpointed()),
                "tensorflow_generator": self._tensorflow_generator,
            },
            {"environment": self.simulations, "clocks": clocks, "generators": GlobalGenerators()},
            {"low_replay": self.low_replay, "high_replay": self.high_replay},
            self.kept.checkpoints,
            added_later=["relabelling"],
        )

    def run(
        self,
        folder: RunFolder,
        announce: Callable[[str], None],
        changed: Mapping[str, Sequence[str]] | None = None,
        check_folder: Callable[[], None] = lambda: None,
    ) -> None:
        """Trains until `total_steps`, or until SIGINT, SIGTERM or SIGHUP, and writes to `folder`.

        A folder in which this run was stopped is continued.

        Args:
          folder: of the run; it exists.
          announce: prints one line for the user.
          changed: bindings that differ from those that the run began with, name ->
            (then, now), to be noted when it is continued.
          check_folder: raises a RunError when `folder` is not this run's any more; asked
            before anything is written.

        Raises:
          RunError: the run cannot go on; names what is wrong and the last good checkpoint.
        """
        TrainingRun(self, folder, announce, check_folder).run(changed)

    def evaluate(self, env_steps: int, stopped: Callable[[], bool]) -> list | None:
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


def _check_whole(least, **values):
    for name, value in values.items():
        check_whole(f"train_uvf.{name}", value, least)


def _check_window(window, buffer_size):
    is_whole = isinstance(window, int) and not isinstance(window, bool)
    if window is not None and not (is_whole and 1 <= window <= buffer_size):
        raise ValueError(
            f"train_uvf.low_replay_window = {window!r}; allowed: None, a whole number from 1 to"
            f" {buffer_size}, the size of the low level's buffer"
        )


def _sub_folder(name):
    path = name or ""
    if not isinstance(path, str) or os.path.isabs(path) or ".." in path.split("/"):
        raise ValueError(
            f"train_uvf.policy_save_dir = {name!r}; allowed: a folder inside the run's, as 'policy'"
        )
    return path


def _check_set(**values):
    for name, value in values.items():
        if value is None:
            raise ValueError(f"train_uvf.{name} is not set; the gin files must bind it")
