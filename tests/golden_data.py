"""Recorded data, and the port's objects in the sizes that were recorded."""

import functools
import pathlib

import numpy as np
import tensorflow as tf
from tf_agents.specs import tensor_spec

from efficient_hrl.agent import MetaAgent, UvfAgent
from efficient_hrl.agents.ddpg_networks import ActorNetwork, CriticNetwork
from efficient_hrl.agents.optimizers import adam_optimizer
from efficient_hrl.context.context import Context
from efficient_hrl.context.context_transition_functions import (
    relative_context_multi_transition_fn,
    relative_context_transition_fn,
)
from efficient_hrl.context.rewards_functions import negative_distance
from efficient_hrl.context.samplers import RandomSampler
from efficient_hrl.hierarchy import Hierarchy
from efficient_hrl.relabeling import InverseDynamics
from efficient_hrl.replay import Segment, Transition
from efficient_hrl.representations.representation import (
    ActionEmbedNetwork,
    StatePreprocess,
    StatePreprocessNetwork,
)
from efficient_hrl.specifications.level import LevelSpec

FOLDER = pathlib.Path(__file__).parent / "golden"
METHODS = ("hiro_orig", "hiro_repr")
NETWORKS = (
    "actor_net",
    "target_actor_net",
    "critic_net",
    "target_critic_net",
    "critic_net2",
    "target_critic_net2",
)
OBSERVATION_SPEC = tf.TensorSpec([30], tf.float32, "observation")
ACTION_SPEC = tensor_spec.BoundedTensorSpec(
    [8], tf.float32, -30 * np.ones(8, np.float32), 30 * np.ones(8, np.float32), "action"
)
_ORIG_MAXIMUM = (10, 10, 0.5, 1, 1, 1, 1, 0.5, 0.3, 0.5, 0.3, 0.5, 0.3, 0.5, 0.3)
_STACKS = ("states", "joint", "hidden", "actions")


def load(name):
    """All arrays of a recording, by name."""
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}


def recorded_name(variable):
    """The name that a network's variable has in the recordings, e.g. states/states_1/weights."""
    layer, kind = variable.name.split("/")[-2:]
    stack, _, number = layer.rpartition("_")
    group = f"{stack}/" if number.isdigit() and stack in _STACKS else ""
    return f"{group}{layer}/{'weights' if kind.startswith('kernel') else 'biases'}"


def load_weights(net, arrays, prefix):
    """Fills a network with recorded weights."""
    for variable in net.variables:
        variable.assign(arrays[f"{prefix}/{recorded_name(variable)}"])


def network_of(level, name):
    """A level's network by the original's name, e.g. "target_critic_net2"."""
    learner, is_target = level.actor_critic, name.startswith("target_")
    kind = name.removeprefix("target_")
    if kind == "actor_net":
        return learner.target_actor_net if is_target else learner.actor_net
    critics = learner.target_critic_nets if is_target else learner.critic_nets
    return critics[{"critic_net": 0, "critic_net2": 1}[kind]]


def load_agent(agent, name, arrays, prefix):
    """Fills all six networks of an agent."""
    for net in NETWORKS:
        load_weights(network_of(agent, net), arrays, f"{prefix}/{name}/{net}")


def load_representation(representation, arrays, prefix):
    """Fills f and phi."""
    load_weights(representation.state_net, arrays, f"{prefix}/state_preprocess/state_process_net")
    load_weights(representation.embed_net, arrays, f"{prefix}/state_preprocess/action_embed_net")


def relative_movement_error(net, arrays, name, without=()):
    """|after - recorded after| / |recorded after - recorded before|, over the weights of a network."""
    error = movement = 0.0
    for variable in net.variables:
        if recorded_name(variable) in without:
            continue
        key = f"{name}/{recorded_name(variable)}"
        error += np.sum(np.square(variable.numpy() - arrays[f"w_final/{key}"]))
        movement += np.sum(np.square(arrays[f"w_final/{key}"] - arrays[f"w_init/{key}"]))
    return np.sqrt(error / movement)


def representation(sizes=((20, 16), (24, 20))):
    """A learned representation of two dimensions."""
    return StatePreprocess(
        OBSERVATION_SPEC,
        ACTION_SPEC,
        10,
        adam_optimizer(1e-4),
        trainable=True,
        state_preprocess_net=functools.partial(StatePreprocessNetwork, states_hidden_layers=sizes[0]),
        action_embed_net=functools.partial(ActionEmbedNetwork, hidden_layers=sizes[1]),
    )


def hierarchy(method, hidden=(32, 24), representation_sizes=((20, 16), (24, 20))):
    """Both levels as recorded for `hiro_orig` (15-D goals) or `hiro_repr` (learned 2-D goals)."""
    learned = method == "hiro_repr"
    size = 2 if learned else 15
    goal_range = (-10, 10) if learned else (tuple(-x for x in _ORIG_MAXIMUM), _ORIG_MAXIMUM)

    def goals(env):
        return Context(
            env,
            [goal_range],
            [size],
            reward_fn=functools.partial(negative_distance, relative_context=True),
            context_transition_fn=functools.partial(relative_context_transition_fn, k=size),
            context_multi_transition_fn=functools.partial(relative_context_multi_transition_fn, k=size),
            meta_action_every_n=10,
        )

    def targets(env):
        target_range = ((-4, -4), (20, 20))
        return Context(
            env,
            [target_range],
            [2],
            samplers={"explore": [functools.partial(RandomSampler, context_range=target_range)]},
            reward_fn=functools.partial(negative_distance, state_indices=[0, 1]),
        )

    def make_representation(*specs):
        return representation(representation_sizes) if learned else StatePreprocess(*specs, ndims=15)

    def level(hides_xy):
        return {
            "learning": LevelSpec(0.99, adam_optimizer(1e-3), adam_optimizer(1e-4), 2),
            "actor_net": functools.partial(ActorNetwork, hidden_layers=hidden, zero_obs=hides_xy),
            "critic_net": functools.partial(
                CriticNetwork,
                states_hidden_layers=hidden[:1],
                joint_hidden_layers=hidden[1:],
                zero_obs=hides_xy,
            ),
        }

    low = UvfAgent(
        OBSERVATION_SPEC,
        ACTION_SPEC,
        None,
        goals,
        state_preprocess_class=make_representation,
        **level(not learned),
    )
    high = MetaAgent(OBSERVATION_SPEC, ACTION_SPEC, None, targets, goals, **level(False))
    low.initialize()
    high.initialize()
    return Hierarchy(low, high, InverseDynamics(low.context.specs[0]))


def transitions(arrays, update):
    """A recorded batch of the low level."""
    names = ("states", "actions", "rewards", "discounts", "next_states", "contexts", "next_contexts")
    values = [tf.constant(arrays[f"batch/{name}"][update]) for name in names]
    return Transition(*values, bootstrap=tf.ones(values[0].shape[0]))


def segments(arrays, prefix, update=None):
    """A recorded batch of full segments."""

    def get(name):
        values = arrays[f"{prefix}/{name}"]
        return tf.constant(values if update is None else values[update])

    states = get("states")
    return Segment(
        state=states,
        goal=get("meta_actions"),
        reward=get("rewards"),
        discount=get("discounts"),
        next_state=get("next_states"),
        low_states=get("low_states"),
        low_actions=get("low_actions"),
        length=tf.fill([states.shape[0]], 10),
        target=get("meta_contexts"),
        next_target=get("next_meta_contexts"),
        bootstrap=tf.ones(states.shape[0]),
    )
