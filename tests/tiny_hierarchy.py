"""Both levels with networks of a few units, for any environment; and what they collect."""

import functools

import numpy as np
import tensorflow as tf
from tf_agents.environments import tf_py_environment
from tf_agents.specs import tensor_spec

from efficient_hrl.agent import MetaAgent, UvfAgent
from efficient_hrl.agents.ddpg_networks import ActorNetwork, CriticNetwork
from efficient_hrl.agents.optimizers import adam_optimizer
from efficient_hrl.collect import Collector
from efficient_hrl.context.context import Context
from efficient_hrl.context.context_transition_functions import (
    relative_context_multi_transition_fn,
    relative_context_transition_fn,
)
from efficient_hrl.context.rewards_functions import negative_distance
from efficient_hrl.context.samplers import RandomSampler
from efficient_hrl.hierarchical_policy import DrawnTargets, GivenTargets, HierarchicalPolicy, HighLevelGoals
from efficient_hrl.hierarchy import Hierarchy
from efficient_hrl.relabeling import InverseDynamics
from efficient_hrl.replay import CircularBuffer
from efficient_hrl.representations.representation import StatePreprocess
from efficient_hrl.specifications.level import LevelSpec
from environments.batched import BatchedMazeEnvironment
from environments.create_maze_env import create_maze_env

TARGET_RANGE = ((-2, -2), (10, 10))
ACTOR = functools.partial(ActorNetwork, hidden_layers=(8,))
CRITIC = functools.partial(CriticNetwork, states_hidden_layers=(8,), joint_hidden_layers=(8,))


@functools.cache
def maze():
    """PointMaze, the fastest of the mazes."""
    return create_maze_env("PointMaze").maze


def point_mazes(num_envs, seed=5, episode_steps=20):
    return BatchedMazeEnvironment(maze(), num_envs, seed, episode_steps=episode_steps)


def action_spec(size=2):
    return tensor_spec.BoundedTensorSpec(
        [size], tf.float32, -np.ones(size, np.float32), np.ones(size, np.float32), "action"
    )


def hierarchy(
    state_size=7,
    action_size=2,
    c=10,
    low=None,
    high=None,
    goals=None,
    targets=None,
    low_class=UvfAgent,
    high_class=MetaAgent,
):
    """Goals are changes of x, y; the target is a place.  First weights are the same in every call.

    Args:
      state_size, action_size: S and A.
      c: steps per segment.
      low, high: arguments of the agents beside or instead of the usual ones.
      goals, targets: likewise of their contexts.
      low_class, high_class: the agents.
    """

    def goal_context(env):
        usual = {
            "context_ranges": [(-10, 10)],
            "context_shapes": [2],
            "reward_fn": functools.partial(negative_distance, relative_context=True),
            "context_transition_fn": relative_context_transition_fn,
            "context_multi_transition_fn": relative_context_multi_transition_fn,
            "meta_action_every_n": c,
        }
        return Context(env, **usual | (goals or {}))

    def target_context(env):
        usual = {
            "context_ranges": [TARGET_RANGE],
            "context_shapes": [2],
            "samplers": {"explore": functools.partial(RandomSampler, context_range=TARGET_RANGE)},
            "reward_fn": functools.partial(negative_distance, state_indices=[0, 1]),
        }
        return Context(env, **usual | (targets or {}))

    def usual():
        return {
            "learning": LevelSpec(0.99, adam_optimizer(1e-3), adam_optimizer(1e-3), 2),
            "actor_net": ACTOR,
            "critic_net": CRITIC,
        }

    tf.keras.utils.set_random_seed(0)
    observation_spec = tf.TensorSpec([state_size], tf.float32, "observation")
    specs = (observation_spec, action_spec(action_size), None)
    low_agent = low_class(
        *specs,
        goal_context,
        **usual() | {"state_preprocess_class": functools.partial(StatePreprocess, ndims=2)} | (low or {}),
    )
    high_agent = high_class(
        *specs,
        target_context,
        goal_context,
        representation=low_agent.state_preprocess,
        **usual() | (high or {}),
    )
    low_agent.initialize()
    high_agent.initialize()
    # Actors begin near zero: these act.
    for i, agent in enumerate((low_agent, high_agent)):
        kernel = agent.actor_net.trainable_variables[-2]
        kernel.assign(0.5 * tf.random.stateless_normal(kernel.shape, [3, i]))
    return Hierarchy(low_agent, high_agent, InverseDynamics(low_agent.context.specs[0]))


def buffers(of, capacity=1000):
    """Buffers for transitions and for segments."""
    return (
        CircularBuffer(capacity, "agent").build(of.low.training_data_spec),
        CircularBuffer(capacity, "meta").build(of.high.training_data_spec),
    )


def collector(env, of, steps, target=None, explore=False, **policy):
    """A collector, its buffers and its policy; `env` is batched or a TFPyEnvironment.

    Args:
      env: where to act.
      of: the hierarchy.
      steps: per call of `collect`, over all environments.
      target: [N, T], which then stays; None draws targets of mode "explore".
      explore: whether to add noise.
      **policy: other arguments of `HierarchicalPolicy`.
    """
    tf_env = (
        env if isinstance(env, tf_py_environment.TFPyEnvironment) else tf_py_environment.TFPyEnvironment(env)
    )
    made = HierarchicalPolicy(
        tf_env.time_step_spec(),
        of.low,
        of.high,
        DrawnTargets("explore") if target is None else GivenTargets(),
        HighLevelGoals(explores=explore),
        explores=explore,
        **policy,
    )
    low_replay, high_replay = buffers(of)
    driver = Collector(tf_env, made, low_replay, high_replay, steps)
    driver.start()
    if target is not None:
        driver._policy_state.target.assign(target)
    return driver, low_replay, high_replay


def collected(env, of, steps, **arguments):
    """What is stored after `steps` steps, all environments together: transitions and segments."""
    driver, low_replay, high_replay = collector(env, of, steps, **arguments)
    driver.collect()
    return low_replay.gather_all(), high_replay.gather_all()


def same(left, right, **tolerance):
    """Checks that all fields of two nests are equal, bit by bit unless a tolerance is given."""
    assert left._fields == right._fields
    for name in left._fields:
        a, b = getattr(left, name), getattr(right, name)
        if tolerance:
            np.testing.assert_allclose(a, b, err_msg=name, **tolerance)
        else:
            np.testing.assert_array_equal(a, b, err_msg=name)
