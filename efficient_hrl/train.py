"""`train_uvf`: what gin binds of a training run -> the run, built."""

import functools
from collections.abc import Callable

import gin
import tensorflow as tf

from efficient_hrl.builder import parameters
from efficient_hrl.builder.training import build_training
from efficient_hrl.eval import evaluate
from efficient_hrl.inert_parameters import accepts_inert
from efficient_hrl.relabeling import InverseDynamics
from efficient_hrl.replay import CircularBuffer
from efficient_hrl.run.training import Training
from efficient_hrl.specifications.hierarchy import HierarchySpec
from efficient_hrl.specifications.learning import LearningSettings
from efficient_hrl.specifications.level import LevelSpec
from efficient_hrl.specifications.run import Kept, Periods, PhaseSpec, ReplaySpec, TrainingSpec
from efficient_hrl.specifications.task import TaskSpec
from efficient_hrl.update_schedule import UpdateSchedule
from environments.gymnasium_task import GymnasiumTask
from environments.make_batched import episode_limit
from environments.maze_env import MazeEnv


@gin.configurable
@accepts_inert("train_uvf")
def train_uvf(
    seed: int,
    train_dir: str | None = None,
    environment: MazeEnv | GymnasiumTask | None = None,
    agent_class: Callable | None = None,
    meta_agent_class: Callable | None = None,
    state_preprocess_class: Callable | None = None,
    inverse_dynamics_class: Callable | None = None,
    replay_buffer: CircularBuffer | None = None,
    meta_replay_buffer: CircularBuffer | None = None,
    replay_num_steps: int = 1,
    meta_replay_num_steps: int = 1,
    critic_optimizer: tf.keras.optimizers.legacy.Optimizer | None = None,
    actor_optimizer: tf.keras.optimizers.legacy.Optimizer | None = None,
    meta_critic_optimizer: tf.keras.optimizers.legacy.Optimizer | None = None,
    meta_actor_optimizer: tf.keras.optimizers.legacy.Optimizer | None = None,
    repr_optimizer: tf.keras.optimizers.legacy.Optimizer | None = None,
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
    log_every_n_steps: int = 100,
    policy_save_dir: str = "policy",
    save_policy_every_n_steps: int = 1000,
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
    build: Callable = build_training,
) -> Training:
    """Builds a run; nothing is written and no step is taken.

    The parameters from `goal_sample_strategy` on are this port's own (it was a flag of the original).
    Those of the original that have no effect are in `inert_parameters`.

    Args:
      seed: of the whole run.
      train_dir: not to be set; the folder is that of the flag --root_dir.
      environment: the task.
      agent_class: the low level, @UvfAgent or @DdpgUvfAgent.
      meta_agent_class: the high level, @MetaAgent, @DdpgMetaAgent, @TransitionMetaAgent or @TargetAgent.
      state_preprocess_class: the representation f, @StatePreprocess, @VariationalAutoencoder,
        @EmbedToControl or @EndToEnd.
      inverse_dynamics_class: proposes goals for relabelling, @InverseDynamics.
      replay_buffer: for transitions, @agent/CircularBuffer().
      meta_replay_buffer: for segments, @meta/CircularBuffer().
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
      gamma: discount of the low level, per environment step.
      meta_gamma: discount of the high level, per goal.
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
        block before it are made, see `collecting_beside_learning`.
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
        its "train" sampler in place of the stored one, see `ablations.random_goals`.
      low_replay_window: the low level learns from its newest so many transitions alone,
        one for each environment step, so that rewards of old goals and policies leave
        it sooner than the buffer; None is the whole buffer.
      build: (specification, maker of the evaluator) -> the run; not to be bound.

    Raises:
      ValueError: a number outside its range, or a missing part.
      MemoryError: networks, environments, replay buffers or updates do not fit; says how much they need.
    """
    given = locals()
    parameters.check_train(given)
    episode_steps = episode_limit(environment, max_steps_per_episode)
    if initial_steps is None:
        initial_steps = initial_episodes * episode_steps
    of_both_levels = {"target_update_period": target_update_period, "clip_gradient_norm": clip_gradient_norm}
    spec = TrainingSpec(
        task=TaskSpec(environment, num_envs, episode_steps, seed),
        hierarchy=HierarchySpec(
            agent_class,
            meta_agent_class,
            state_preprocess_class,
            inverse_dynamics_class or InverseDynamics,
            low=LevelSpec(gamma, critic_optimizer, actor_optimizer, **of_both_levels),
            high=LevelSpec(meta_gamma, meta_critic_optimizer, meta_actor_optimizer, **of_both_levels),
            repr_optimizer=repr_optimizer,
        ),
        replay=ReplaySpec(replay_buffer, meta_replay_buffer),
        learning=LearningSettings(
            batch_size,
            goal_sample_strategy=goal_sample_strategy,
            relabel_contexts=relabel_contexts,
            meta_relabel_contexts=meta_relabel_contexts,
            repeat_size=repeat_size,
            reward_scale_factor=reward_scale_factor,
            random_goal_share=random_goal_share,
            low_replay_window=low_replay_window,
        ),
        phases=PhaseSpec(load_path, pretrain_steps),
        schedule=UpdateSchedule(
            initial_steps=initial_steps,
            steps_per_low_round=num_collect_per_update,
            updates_per_low_round=num_updates_per_observation,
            steps_per_high_update=num_collect_per_meta_update,
        ),
        total_steps=num_episodes_train * episode_steps,
        collects_beside_learning=collect_beside_learning,
        periods=Periods(
            evaluation=eval_every_n_steps,
            checkpoint=checkpoint_every_n_steps,
            policy=save_policy_every_n_steps,
            log=log_every_n_steps,
        ),
        kept=Kept(
            checkpoints=max_checkpoints_to_keep,
            nth_checkpoint=keep_every_nth_checkpoint,
            policies=max_policies_to_save,
            policy_folder=policy_save_dir or "",
        ),
        should_stop_early=should_stop_early or (lambda: False),
        deterministic_ops=deterministic_ops,
    )
    if spec.schedule.period > spec.total_steps:
        raise ValueError(
            f"train_uvf.num_collect_per_update = {num_collect_per_update} and num_collect_per_meta_update ="
            f" {num_collect_per_meta_update} make blocks of {spec.schedule.period:,} environment steps;"
            f" allowed: at most the run's {spec.total_steps:,}"
        )
    return build(spec, functools.partial(evaluate, default_environment=environment, seed=seed))
