"""Weights are counted before they are made, and refused where there is no room for them."""

import itertools

import pytest
import tensorflow as tf

from efficient_hrl.agents import sized_network
from efficient_hrl.agents.ddpg_networks import ActorNetwork, CriticNetwork
from efficient_hrl.agents.sized_network import Stack
from efficient_hrl.representations.autoencoder import DecoderNetwork, EncoderNetwork
from efficient_hrl.representations.e2c import TransitionNetwork
from efficient_hrl.representations.representation import ActionEmbedNetwork, StatePreprocessNetwork
from tests import golden_data

STATES, ACTIONS = tf.TensorSpec([7], tf.float32), golden_data.ACTION_SPEC
LATENTS = tf.TensorSpec([3], tf.float32)

NETWORKS = {
    "actor": lambda: ActorNetwork(STATES, ACTIONS, (5, 4)),
    "actor, normalised": lambda: ActorNetwork(STATES, ACTIONS, (5, 4), tf.keras.layers.LayerNormalization),
    "actor without hidden layers": lambda: ActorNetwork(STATES, ACTIONS, ()),
    "critic": lambda: CriticNetwork((STATES, ACTIONS), 1, (5, 4), (6,), (9, 2)),
    "critic, actions as they are": lambda: CriticNetwork((STATES, ACTIONS), 2, (5,), None, (9,)),
    "critic without hidden layers": lambda: CriticNetwork((STATES, ACTIONS), 1, (), None, ()),
    "f": lambda: StatePreprocessNetwork(STATES, 2, (5, 4)),
    "phi": lambda: ActionEmbedNetwork((tf.TensorSpec([20], tf.float32), STATES), 2, (5, 4)),
    "phi of actions": lambda: ActionEmbedNetwork((tf.TensorSpec([20], tf.float32), None), 2, (5, 4)),
    "encoder": lambda: EncoderNetwork(STATES, 3, (5, 4)),
    "decoder": lambda: DecoderNetwork(LATENTS, 7, (5, 4)),
    "transition": lambda: TransitionNetwork(LATENTS, 8, (5, 4)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_counted_is_what_is_made(name):
    net = NETWORKS[name]()
    counted = sum(stack.num_weights for stack in net.stacks())
    net.create_variables()
    kernels = [variable for variable in net.trainable_variables if variable.shape.rank == 2]
    assert counted == sum(kernel.shape.num_elements() for kernel in kernels) > 0


def test_a_stack_has_the_products_of_its_neighbours():
    layers = [tf.keras.layers.Dense(4), tf.keras.layers.ReLU(), tf.keras.layers.Dense(6)]
    assert Stack(3, layers).widths == [3, 4, 6]
    assert Stack(3, layers).num_weights == 3 * 4 + 4 * 6


@pytest.mark.parametrize(
    "sizes, products",
    [
        # Neither stack of a critic is large alone: what joins them is.
        ({"states_hidden_layers": (1000,), "joint_hidden_layers": (1000,)}, 1008 * 1000),
        ({"actions_hidden_layers": (1000,), "joint_hidden_layers": (1000,)}, 1400 * 1000),
        # One layer, by what goes in.
        ({"states_hidden_layers": (100_000,), "joint_hidden_layers": ()}, 15 * 100_000),
    ],
)
def test_layers_are_refused_for_what_is_before_them(sizes, products, monkeypatch):
    net = CriticNetwork((STATES, ACTIONS), **sizes)
    monkeypatch.setattr("efficient_hrl.graph.memory.free_bytes", lambda: 16 * products)
    with pytest.raises(MemoryError, match=r"^critic_net with layers of \[15, .*: less in ddpg_critic_net.*"):
        net.create_variables()
    assert not net.built


def test_networks_are_refused_for_what_others_have_taken(monkeypatch):
    room = itertools.count(10**5, -(10**4))  # less each time that it is asked
    monkeypatch.setattr("efficient_hrl.graph.memory.free_bytes", lambda: next(room))
    made = []
    with pytest.raises(MemoryError, match="0 MiB are free"):
        for _ in range(20):
            # 3,250 weights, 52,000 bytes with what learning adds.
            net = ActorNetwork(STATES, ACTIONS, (50, 50))
            net.create_variables()
            made.append(net)
    assert len(made) == 5


def test_weights_that_are_there_need_no_room(monkeypatch):
    net = ActorNetwork(STATES, ACTIONS, (50, 50))
    spec = net.create_variables()
    monkeypatch.setattr("efficient_hrl.graph.memory.free_bytes", lambda: 0)
    assert net.create_variables() == spec


def test_four_copies_of_a_weight_are_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr(sized_network, "check_room", lambda needs, *_: asked.append(needs))
    ActorNetwork(STATES, ACTIONS, (5, 4)).create_variables()
    assert asked == [{"87 weights": 4 * 4 * (7 * 5 + 5 * 4 + 4 * 8)}]
