"""Specifications -> what learns: both levels, their buffers, the learner."""

from efficient_hrl.builder.room import check_buffers_fit, check_updates_fit
from efficient_hrl.hierarchy import Hierarchy, build_hierarchy
from efficient_hrl.learner import Learner, Learning
from efficient_hrl.specifications.run import PhaseSpec, TrainingSpec
from environments.make_batched import check_view


def build_learning(spec: TrainingSpec, tf_env) -> Learning:
    """Builds what learns.

    Args:
      spec: of the run.
      tf_env: an environment as those that collect, asked what states and actions are; no step is taken.

    Raises:
      ValueError: parts that do not fit.
      MemoryError: the replay buffers or updates do not fit; says how much they need.
    """
    hierarchy = build_hierarchy(tf_env, spec.hierarchy, spec.task.seed)
    low, high = hierarchy.low, hierarchy.high
    expects_view = any(getattr(agent.actor_net, "images", False) for agent in (low, high))
    check_view("ddpg_actor_net.images", "IMAGES", expects_view, spec.task.environment)
    _check_representation(hierarchy, spec)
    _check_phases(hierarchy, spec.phases)
    check_buffers_fit(hierarchy, spec)
    check_updates_fit(hierarchy, spec)
    low_replay = spec.replay.low.build(low.training_data_spec)
    high_replay = spec.replay.high.build(high.training_data_spec)
    for agent, replay in ((low, low_replay), (high, high_replay)):
        agent.context.set_replay(replay.sample_next_states)
    learner = Learner(hierarchy, low_replay, high_replay, spec.learning, spec.task.seed)
    return Learning(hierarchy, low_replay, high_replay, learner)


def _check_representation(hierarchy, spec):
    """Refuses a representation that cannot be learned as it is to be."""
    learned = hierarchy.representation
    if not learned.trainable_representation:
        return
    if spec.hierarchy.repr_optimizer is None:
        raise ValueError("train_uvf.repr_optimizer is not set; the gin files must bind it")
    learned.check_batch("train_uvf.batch_size", spec.learning.update_size)
    if not hierarchy.high.learns:
        raise ValueError(
            f"{type(learned).__name__} is learned from the high level's segments, and"
            f" {type(hierarchy.high).__name__} has none; allowed: one that is not learned, e.g."
            " StatePreprocess.trainable = False"
        )


def _check_phases(hierarchy: Hierarchy, phases: PhaseSpec):
    """Refuses a pre-training that freezes, or needs, what it cannot."""
    steps, learned = phases.pretrain_steps, hierarchy.representation
    if steps is None:
        return
    if not hierarchy.high.learns:
        raise ValueError(
            f"train_uvf.pretrain_steps = {steps}; allowed without a high level that learns: None"
        )
    if learned.trained_by_high_level:
        raise ValueError(
            f"train_uvf.pretrain_steps = {steps} freezes the low level, but {type(learned).__name__} goes on"
            " changing its goals; allowed: None"
        )
    if not steps:
        return
    hierarchy.low.context.samplers("explore")
    if learned.trainable_representation:
        raise ValueError(
            f"train_uvf.pretrain_steps = {steps} with a representation that is learned from the high"
            " level's segments; allowed: StatePreprocess.trainable = False, or 0 with train_uvf.load_path"
        )
