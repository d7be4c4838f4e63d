"""Which matrix products learning truly needs.

Counted is learning; what acting needs for a few rows is nothing beside it.  Left out are
products whose results nobody uses: gradients towards a network's own
inputs, and in relabelling the first layer's view of a state once for every candidate.
Activations, optimisers and moving target networks are no products: a floor that
follows from these counts is below what is possible.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # importing TensorFlow takes seconds
    from efficient_hrl.hierarchy import Hierarchy
    from efficient_hrl.run.training import Training


class Product(NamedTuple):
    """A product [rows, inner] x [inner, columns].

    Attributes:
      rows, inner, columns: its size.
      left_transposed, right_transposed: whether a factor lies in memory the other way
        round, as in gradients of weights, or of hidden layers.
    """

    rows: int
    inner: int
    columns: int
    left_transposed: bool = False
    right_transposed: bool = False

    @property
    def flops(self) -> int:
        """Multiplications and additions."""
        return 2 * self.rows * self.inner * self.columns


class Layer(NamedTuple):
    """A dense layer's weights, seen from the network's inputs.

    Attributes:
      hidden_inputs: how many inputs come from other layers.
      action_inputs: how many are a critic's action.
      other_inputs: the rest of the network's own inputs.
      outputs: units.
    """

    hidden_inputs: int
    action_inputs: int
    other_inputs: int
    outputs: int

    @property
    def inputs(self) -> int:
        """All of them."""
        return self.hidden_inputs + self.action_inputs + self.other_inputs


def layers_of(net, action_size: int = 0) -> list[Layer]:
    """The dense layers of an actor, a critic, f or phi's network.

    Args:
      net: the network.
      action_size: for a critic; 0 for the others.
    """
    kernels = [(_stack(v), *v.shape) for v in net.trainable_variables if v.shape.rank == 2]
    has_action_stack = any(stack == "actions" for stack, _, _ in kernels) and action_size > 0
    layers, seen = [], set()
    for i, (stack, inputs, outputs) in enumerate(kernels):
        begins = stack not in seen
        seen.add(stack)
        action = other = 0
        if begins and stack == "actions" and action_size:
            action = inputs
        elif i == 0:
            action, other = action_size, inputs - action_size
        elif begins and stack == "joint" and not has_action_stack:
            action = action_size
        layers.append(Layer(inputs - action - other, action, other, outputs))
    return layers


def _stack(kernel):
    """Name of the stack of layers that a kernel belongs to, e.g. "states" of ".../states_2/kernel:0"."""
    layer = kernel.name.split("/")[-2]
    stack, _, number = layer.rpartition("_")
    return stack if number.isdigit() else layer


def forward(layers: list[Layer], rows: int) -> Counter:
    """Products for a network's outputs, with how often each occurs."""
    return Counter(Product(rows, layer.inputs, layer.outputs) for layer in layers)


def weight_gradients(layers: list[Layer], rows: int) -> Counter:
    """Products for the gradients of weights, given those of all layers' outputs."""
    return Counter(Product(layer.inputs, rows, layer.outputs, left_transposed=True) for layer in layers)


def hidden_gradients(layers: list[Layer], rows: int, action: bool = False) -> Counter:
    """Products for the gradients of hidden layers' outputs; with `action`, of a critic's action too."""
    sizes = ((layer.outputs, layer.hidden_inputs + layer.action_inputs * action) for layer in layers)
    return Counter(Product(rows, units, inputs, right_transposed=True) for units, inputs in sizes if inputs)


def training(layers: list[Layer], rows: int) -> Counter:
    """Products for a network's outputs and all its gradients."""
    return forward(layers, rows) + weight_gradients(layers, rows) + hidden_gradients(layers, rows)


def times(products: Counter, factor: float) -> Counter:
    """The same products, `factor` times as often."""
    return Counter({product: count * factor for product, count in products.items()})


def actor_critic_update(agent, rows: int) -> Counter:
    """Products of one update of a DDPG or TD3 agent, on average over its actor's gated gradients."""
    actor = layers_of(agent.actor_net)
    critic = layers_of(agent.critic_nets[0], agent.action_spec.shape[0])
    critics = len(agent.critic_nets)
    action_gradient = forward(critic, rows) + hidden_gradients(critic, rows, action=True)
    actor_gradient = training(actor, rows) + action_gradient
    return (
        forward(actor, rows)  # the target's
        + times(forward(critic, rows) + training(critic, rows), critics)
        + times(actor_gradient, 1.0 / agent.target_update_period)
    )


def update_products(hierarchy: Hierarchy, batch_size: int, strategy: str | None) -> dict[str, Counter]:
    """Products of one update each: "low", "representation", "relabel", and "high" without relabelling.

    Args:
      hierarchy: what learns.
      batch_size: rows of a batch.
      strategy: of relabelling.
    """
    low, high, f = hierarchy.low, hierarchy.high, hierarchy.representation
    f_layers = layers_of(f.state_net) if f.state_net is not None else []
    # The low level's reward needs f of both states.
    products = {"low": actor_critic_update(low, batch_size) + times(forward(f_layers, batch_size), 2)}
    if f.trainable_representation:
        # f of the start and of the drawn future state; phi's correction.
        f_training = times(training(f_layers, batch_size), 2)
        products["representation"] = f_training + training(layers_of(f.embed_net), batch_size)
    if strategy is not None:
        products["relabel"] = times(forward(f_layers, batch_size), 2)
    if strategy == "sample":
        steps, state_size = high.training_data_spec.low_states.shape
        first, *rest = layers_of(low.actor_net)
        rows = batch_size * steps
        goals = rows * hierarchy.inverse_dynamics.num_samples
        products["relabel"] += forward(f_layers, rows) + forward(rest, goals)
        products["relabel"][Product(rows, state_size, first.outputs)] += 1
        products["relabel"][Product(goals, first.inputs - state_size, first.outputs)] += 1
    products["high"] = actor_critic_update(high, batch_size)
    return products


def step_products(trainer: Training) -> dict[str, Counter]:
    """Products per environment step of a training run, by part, and of all "learning" together."""
    schedule, learner = trainer.spec.schedule, trainer.learner
    low = schedule.updates_per_low_round / schedule.steps_per_low_round
    rates = {"low": low, "representation": low, "relabel": 1 / schedule.period, "high": 1 / schedule.period}
    per_update = update_products(
        trainer.hierarchy, learner.settings.update_size, learner.settings.goal_sample_strategy
    )
    per_step = {name: times(products, rates[name]) for name, products in per_update.items()}
    return per_step | {"learning": sum(per_step.values(), Counter())}


def flops(products: Counter) -> float:
    """Multiplications and additions of them all."""
    return sum(count * product.flops for product, count in products.items())
