"""Specifications -> a run whose steps are collected elsewhere, and a collector for it."""

from collections.abc import Callable

from tf_agents.environments import tf_py_environment

from efficient_hrl.builder.collecting import build_collecting, build_simulations, build_staged
from efficient_hrl.builder.learning import build_learning
from efficient_hrl.checks import MOST_SEED
from efficient_hrl.collect import Collecting
from efficient_hrl.cond_fn import has_conditions
from efficient_hrl.evaluation.evaluator import Evaluator
from efficient_hrl.graph.random_streams import seed_globals
from efficient_hrl.hierarchy import build_hierarchy
from efficient_hrl.learner import Learning
from efficient_hrl.remote.remote_collector import RemoteCollector, RemoteSimulations
from efficient_hrl.replay import UniformReplayBuffer
from efficient_hrl.run.training import Training
from efficient_hrl.specifications.run import TrainingSpec

_SEEDS_APART = 1_000_003  # between the seeds of collectors


def build_remote_training(
    spec: TrainingSpec,
    make_evaluator: Callable[..., Evaluator],
    join: Callable[[Learning, RemoteSimulations], RemoteCollector],
) -> Training:
    """Builds what learns; nothing is written and no step is taken.

    What collects is built too, and not used: its mistakes would else be seen by collectors alone, once
    the run has begun.

    Args:
      spec: of the run.
      make_evaluator: (hierarchy=...) -> what judges it.
      join: makes what takes blocks from collectors.

    Raises:
      ValueError: parts that do not fit, or that need their collector beside them.
      MemoryError: the replay buffers do not fit.
    """
    generator = seed_globals(spec.task.seed)
    own = build_simulations(spec.task)  # in which nothing ever happens
    learning = build_learning(spec, tf_py_environment.TFPyEnvironment(own))
    _check_goes_apart(spec, learning.hierarchy)
    stores = build_staged(spec, learning.hierarchy)
    build_collecting(spec, own, learning.hierarchy, stores).collector.prepare()
    simulations = RemoteSimulations()
    collecting = Collecting(simulations, learning.hierarchy, join(learning, simulations))
    evaluator = make_evaluator(hierarchy=learning.hierarchy)
    return Training(spec, learning, collecting, evaluator, tensorflow_generator=generator)


def build_remote_collecting(spec: TrainingSpec, number: int) -> tuple[Collecting, list[UniformReplayBuffer]]:
    """Builds collector `number` of a run, and the buffers that a block of it is written to.

    Collector 0 draws as that of a run in one process does, the others from seeds of their own.

    Raises:
      ValueError: parts that do not fit, or that need their learner beside them.
    """
    seed = (spec.task.seed + number * _SEEDS_APART) % (MOST_SEED + 1)
    spec = spec.with_seed(seed)
    seed_globals(seed)
    simulations = build_simulations(spec.task)
    tf_env = tf_py_environment.TFPyEnvironment(simulations)
    acting = build_hierarchy(tf_env, spec.hierarchy.acting(), seed)
    _check_goes_apart(spec, acting)
    stores = build_staged(spec, acting)
    return build_collecting(spec, simulations, acting, stores), stores


def _check_goes_apart(spec, hierarchy):
    """Refuses what collecting and learning would have to share."""
    low, high = hierarchy.low.context, hierarchy.high.context
    for is_wrong, what, allowed in (
        (spec.phases.pretrain_steps is not None, "train_uvf.pretrain_steps", "None"),
        (spec.collects_beside_learning, "train_uvf.collect_beside_learning = True", "False"),
        (low.normalizes or high.normalizes, "Context.normalizers", "none"),
        (low.reads_replay or high.reads_replay, "a sampler that reads the replay buffer", "others"),
        (has_conditions(hierarchy.low), "conditions that end episodes", "the default ones"),
    ):
        if is_wrong:
            raise ValueError(f"{what} with collectors in other processes; allowed: {allowed}")
