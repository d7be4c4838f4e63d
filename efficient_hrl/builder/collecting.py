"""Specifications -> what collects: environments, a policy, and observers that write to buffers."""

import functools
from collections.abc import Sequence

import tensorflow as tf

from efficient_hrl.collect import Collecting, Collector
from efficient_hrl.episodes import environment_for
from efficient_hrl.graph.machine import available_cpus
from efficient_hrl.graph.memory import check_copies
from efficient_hrl.hierarchical_policy import (
    DrawnTargets,
    HierarchicalPolicy,
    HighLevelGoals,
    PretrainingGoals,
)
from efficient_hrl.hierarchy import Hierarchy
from efficient_hrl.replay import UniformReplayBuffer
from efficient_hrl.specifications.run import TrainingSpec
from efficient_hrl.specifications.task import TaskSpec
from environments.batched import BatchedEnvironment
from environments.make_batched import check_hears_targets, make_batched


def build_simulations(task: TaskSpec) -> BatchedEnvironment:
    """N new environments.

    Raises:
      MemoryError: they do not fit.
    """
    return make_batched(
        task.environment,
        task.num_envs,
        task.seed,
        task.episode_steps,
        num_threads=min(task.num_envs, available_cpus()),
        check_fits=functools.partial(check_copies, "train_uvf.num_envs", "the environments"),
    )


def build_collecting(
    spec: TrainingSpec,
    simulations: BatchedEnvironment,
    acting: Hierarchy,
    stores: Sequence[UniformReplayBuffer],
    pretrains: tf.Variable | None = None,
) -> Collecting:
    """Builds what collects.

    Args:
      spec: of the run.
      simulations: the environments, in which nothing has happened yet.
      acting: whose weights act.
      stores: where transitions and segments are written to.
      pretrains: bool [], whether goals come from samplers because the low level learns alone;
        None is never.

    Raises:
      ValueError: no sampler for targets, or environments that cannot be told of them.
    """
    low, high = acting.low, acting.high
    high.context.samplers("explore")
    check_hears_targets("Context.settable_context", high.context.settable_context, simulations)
    environment = environment_for(simulations, low)
    policy = HierarchicalPolicy(
        environment.time_step_spec(),
        low,
        high,
        DrawnTargets("explore"),
        HighLevelGoals(explores=True) if pretrains is None else PretrainingGoals(pretrains),
        explores=True if pretrains is None else pretrains,
        seed=spec.task.seed,
    )
    collector = Collector(
        environment,
        policy,
        *stores,
        spec.steps_per_block,
        # The high level is to learn from the frozen low level alone, so segments that end before it
        # is frozen are not stored.
        stores_segments=None if pretrains is None else lambda: ~pretrains,
        tell=simulations.set_context if high.context.settable_context else None,
    )
    return Collecting(simulations, acting, collector)


def build_staged(spec: TrainingSpec, acting: Hierarchy) -> list[UniformReplayBuffer]:
    """Buffers for what one block collects: transitions, and segments.

    Raises:
      ValueError: the run's own buffers are smaller.
    """
    room = _room_for_a_block(spec, acting.low)
    return [
        UniformReplayBuffer(level.training_data_spec, room, f"staged_{name}")
        for name, level in (("low", acting.low), ("high", acting.high))
    ]


def _room_for_a_block(spec, low):
    """Rows of a buffer that holds what one block writes."""
    # The last steps of a block come one step late, or with their segment.
    late = 2 + (low.context.meta_action_every_n if low.learns_from_segments else 0)
    room = spec.steps_per_block + late * spec.task.num_envs
    for buffer in (spec.replay.low, spec.replay.high):
        if buffer.buffer_size < room:
            raise ValueError(
                f"CircularBuffer.buffer_size = {buffer.buffer_size!r}; allowed where collecting has buffers"
                f" of its own: {room} or more, room for a block"
            )
    return room
