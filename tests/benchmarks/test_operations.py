"""Counted products against those in TensorFlow's own graphs."""

from collections import Counter

import pytest
import tensorflow as tf

from benchmarks import operations
from benchmarks.operations import Layer, Product
from tests import golden_data

ROWS = 16


def products_in(function, *arguments):
    """Matrix products in a function's graph, branches and called functions included."""
    graph = tf.function(function, autograph=False).get_concrete_function(*arguments).graph
    found = Counter()
    graphs = [graph, *(f.graph for f in graph._functions.values() if hasattr(f, "graph"))]
    for each in graphs:
        for op in each.get_operations():
            if op.type == "MatMul":
                left, right = (list(t.shape) for t in op.inputs)
                transposed = op.get_attr("transpose_a"), op.get_attr("transpose_b")
                rows, inner = left[::-1] if transposed[0] else left
                columns = right[0] if transposed[1] else right[1]
                found[Product(rows, inner, columns, *transposed)] += 1
    assert found
    return found


def agent_and_batch(method, level):
    arrays = golden_data.load(f"td3_{'uvf' if level == 'low' else 'meta'}_{method}")
    agent = getattr(golden_data.hierarchy(method), level)
    if level == "low":
        experience = golden_data.transitions(arrays, 0)
    else:
        experience = golden_data.segments(arrays, "batch", 0)
    experience = tf.nest.map_structure(lambda x: tf.convert_to_tensor(x)[:ROWS], experience)
    return agent, agent.learning_batch(experience)


@pytest.mark.parametrize("level", ["low", "high"])
@pytest.mark.parametrize("phase", [0, 1])
def test_an_update_makes_the_counted_products_and_two_that_nobody_needs(level, phase):
    agent, batch = agent_and_batch("hiro_orig", level)
    noise = tf.zeros_like(batch.action)
    found = products_in(lambda: agent.actor_critic.update(batch, noise, phase))
    gated = operations.actor_critic_update(agent, ROWS)
    actor = operations.layers_of(agent.actor_net)
    critic = operations.layers_of(agent.critic_nets[0], agent.action_spec.shape[0])
    action_gradient = operations.forward(critic, ROWS) + operations.hidden_gradients(
        critic, ROWS, action=True
    )
    actor_gradient = operations.training(actor, ROWS) + action_gradient
    # Half of the actor's gradient is in the average of both phases.
    counted = Counter(gated)
    for product, count in actor_gradient.items():
        counted[product] += (0.5 if phase == 0 else -0.5) * count
    # TensorFlow also computes what is cut away: the gradient towards the action in the
    # critics' own steps, and towards the state where only the action's is wanted.
    first, joint = critic[:2]
    critics = len(agent.critic_nets)
    counted[Product(ROWS, joint.outputs, joint.hidden_inputs, right_transposed=True)] -= critics
    counted[Product(ROWS, joint.outputs, joint.inputs, right_transposed=True)] += critics
    if phase == 0:
        counted[Product(ROWS, first.outputs, first.action_inputs, right_transposed=True)] -= 1
        counted[Product(ROWS, first.outputs, first.inputs, right_transposed=True)] += 1
    assert found == +counted


def test_the_representation_makes_the_counted_products():
    hierarchy = golden_data.hierarchy("hiro_repr")
    arrays = golden_data.load("td3_meta_hiro_repr")
    segments = tf.nest.map_structure(
        lambda x: tf.convert_to_tensor(x)[:ROWS], golden_data.segments(arrays, "batch", 0)
    )
    f = hierarchy.representation
    steps = tf.zeros([ROWS], tf.int64)
    found = products_in(
        lambda: f.update(
            segments.state, segments.next_state, segments.low_states, segments.low_actions, steps
        )
    )
    products = operations.update_products(hierarchy, ROWS, "sample")
    assert found == products["representation"]


def test_layers_and_flops_of_a_small_network_by_hand():
    critic = [Layer(0, 2, 5, 4), Layer(4, 2, 0, 3), Layer(3, 0, 0, 1)]
    rows = 10
    assert operations.flops(operations.forward(critic, rows)) == 2 * 10 * (7 * 4 + 6 * 3 + 3)
    assert operations.flops(operations.weight_gradients(critic, rows)) == 2 * 10 * (7 * 4 + 6 * 3 + 3)
    assert operations.flops(operations.hidden_gradients(critic, rows)) == 2 * 10 * (4 * 3 + 3)
    with_action = operations.hidden_gradients(critic, rows, action=True)
    assert operations.flops(with_action) == 2 * 10 * (2 * 4 + 6 * 3 + 3)


def test_relabelling_counts_the_first_layers_view_of_a_state_once():
    hierarchy = golden_data.hierarchy("hiro_orig")
    products = operations.update_products(hierarchy, 100, "sample")["relabel"]
    steps, states = hierarchy.high.training_data_spec.low_states.shape
    layers = operations.layers_of(hierarchy.low.actor_net)
    goals = layers[0].inputs - states
    rest = sum(layer.inputs * layer.outputs for layer in layers[1:])
    by_hand = 100 * steps * states * layers[0].outputs
    by_hand += 10 * 100 * steps * (goals * layers[0].outputs + rest)
    assert operations.flops(products) == 2 * by_hand
    assert "relabel" not in operations.update_products(hierarchy, 100, None)
