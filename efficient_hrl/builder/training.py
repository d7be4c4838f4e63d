"""Specifications -> a training run: both sides, joined as the specification says."""

from collections.abc import Callable

import tensorflow as tf
from tf_agents.environments import tf_py_environment

from efficient_hrl.ablations.pretraining import Pretraining
from efficient_hrl.builder.collecting import build_collecting, build_simulations, build_staged
from efficient_hrl.builder.learning import build_learning
from efficient_hrl.collect import Collecting
from efficient_hrl.collecting_beside_learning import CollectAndLearn
from efficient_hrl.evaluation.evaluator import Evaluator
from efficient_hrl.graph.random_streams import seed_globals
from efficient_hrl.hierarchy import build_hierarchy
from efficient_hrl.run.training import Training
from efficient_hrl.specifications.run import TrainingSpec


def build_training(spec: TrainingSpec, make_evaluator: Callable[..., Evaluator]) -> Training:
    """Builds everything; nothing is written and no step is taken.

    Args:
      spec: of the run.
      make_evaluator: (hierarchy=...) -> what judges it.

    Raises:
      ValueError: parts that do not fit.
      MemoryError: environments, replay buffers or updates do not fit.
    """
    if spec.deterministic_ops:
        tf.config.experimental.enable_op_determinism()
    generator = seed_globals(spec.task.seed)
    simulations = build_simulations(spec.task)
    tf_env = tf_py_environment.TFPyEnvironment(simulations)
    learning = build_learning(spec, tf_env)
    pretraining = beside = None
    if spec.phases.pretrain_steps is not None:
        pretraining = Pretraining(spec.phases.pretrain_steps)
    if spec.collects_beside_learning:
        collecting, beside = _build_collecting_beside(spec, simulations, tf_env, learning)
    else:
        stores = (learning.low_replay, learning.high_replay)
        pretrains = pretraining and pretraining.is_on
        collecting = build_collecting(spec, simulations, learning.hierarchy, stores, pretrains)
    evaluator = make_evaluator(hierarchy=learning.hierarchy)
    return Training(
        spec, learning, collecting, evaluator, pretraining, beside, tensorflow_generator=generator
    )


def _build_collecting_beside(spec, simulations, tf_env, learning) -> tuple[Collecting, CollectAndLearn]:
    """A collector with weights and stores of its own, which a block brings up to date."""
    acting = build_hierarchy(tf_env, spec.hierarchy.acting(), spec.task.seed)
    if any(agent.context.normalizes for agent in (acting.low, acting.high)):
        raise ValueError(
            "Context.normalizers and train_uvf.collect_beside_learning = True: a normaliser follows"
            " what it sees, and acting and learning would each have one; allowed: either"
        )
    replays = (learning.low_replay, learning.high_replay)
    stores = build_staged(spec, acting)
    for agent, replay in zip((acting.low, acting.high), replays):
        agent.context.set_replay(replay.sample_next_states)
    collecting = build_collecting(spec, simulations, acting, stores)
    beside = CollectAndLearn(
        learning.hierarchy, acting, collecting.collector, learning.learner, *stores, *replays
    )
    return collecting, beside
