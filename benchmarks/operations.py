"""How many floating-point operations learning truly needs.

Counted are the multiplications and additions of matrix products, 2 m k n each, without
those whose results nobody uses (gradients towards a network's own inputs), and the
distances of the representation's normaliser.  Activations, optimisers and moving
target networks are not counted: the floor that follows is below what is possible.
"""

from typing import NamedTuple

from efficient_hrl.hierarchy import Hierarchy
from efficient_hrl.representation import PRIOR_SIZE


class NetworkOperations(NamedTuple):
    """Operations per row of a network's batch.

    Attributes:
      forward: outputs from inputs.
      weights: gradients of all weights, given those of all layers' outputs.
      hidden: gradients of the hidden layers' outputs.
      action: for a critic, the gradient of its action, hidden layers included.
      state_first: the part of `forward` by which the first layer depends on the first
        `state_size` inputs.
    """

    forward: float
    weights: float
    hidden: float
    action: float
    state_first: float


def network_operations(net, state_size: int, action_size: int = 0) -> NetworkOperations:
    """Counts a network's operations.

    Args:
      net: actor, critic, f or phi's network.
      state_size: how many inputs come first.
      action_size: for a critic, how many inputs of its first layer come last, and enter
        its joint layers again.
    """
    kernels = [(_stack(v), *v.shape) for v in net.trainable_variables if v.shape.rank == 2]
    total = sum(rows * columns for _, rows, columns in kernels)
    hidden = action = 0
    seen = set()
    has_action_stack = any(stack == "actions" for stack, _, _ in kernels) and action_size > 0
    for stack, rows, columns in kernels:
        begins, by_action = stack not in seen, 0
        seen.add(stack)
        if begins and stack in ("states", "hidden"):
            by_action = action_size
            rows = 0
        elif begins and stack == "actions" and action_size:
            by_action, rows = rows, 0
        elif begins and stack == "joint" and not has_action_stack:
            by_action = action_size
            rows -= action_size
        hidden += rows * columns
        action += (rows + by_action) * columns
    first = kernels[0][2] * min(state_size, kernels[0][1])
    return NetworkOperations(2.0 * total, 2.0 * total, 2.0 * hidden, 2.0 * action, 2.0 * first)


def _stack(kernel):
    """Name of the stack of layers that a kernel belongs to, e.g. "states" of ".../states_2/kernel:0"."""
    layer = kernel.name.split("/")[-2]
    stack, _, number = layer.rpartition("_")
    return stack if number.isdigit() else layer


class Operations(NamedTuple):
    """Operations of one update each.

    Attributes:
      low, representation, high: updates; `high` without relabelling.
      relabel: relabelling of one high-level batch, every candidate in full.
    """

    low: float
    representation: float
    relabel: float
    high: float


def update_operations(hierarchy: Hierarchy, batch_size: int, strategy: str | None, period: int) -> Operations:
    """Counts the operations of every kind of update.

    Args:
      hierarchy: what learns.
      batch_size: B.
      strategy: of relabelling.
      period: updates per gradient of an actor.
    """
    low, high, f = hierarchy.low, hierarchy.high, hierarchy.representation
    state_size = low.training_data_spec.state.shape[0]
    f_operations = NetworkOperations(*[0.0] * 5)
    if f.state_net is not None:
        f_operations = network_operations(f.state_net, state_size)
    trains = lambda of: of.forward + of.weights + of.hidden
    representation = 0.0
    if f.trainable_representation:
        phi = network_operations(f.embed_net, state_size)
        goal_size = f.prior.shape[1]
        normaliser = PRIOR_SIZE * (8 * goal_size + 2)  # a Huber distance per dimension; exp and sum
        representation = batch_size * (2 * trains(f_operations) + trains(phi) + normaliser)
    relabel = 0.0
    if strategy is not None:
        c = high.training_data_spec.low_states.shape[0]
        relabel = 2 * batch_size * f_operations.forward
        if strategy == "sample":
            actor = network_operations(low.actor_net, state_size)
            candidates = hierarchy.inverse_dynamics.num_samples
            # What the first layer makes of a state is the same for all candidates.
            per_state = actor.state_first + f_operations.forward
            relabel += batch_size * c * (per_state + candidates * (actor.forward - actor.state_first))
    return Operations(
        low=batch_size * (_td3(low, state_size, period) + 2 * f_operations.forward),
        representation=representation,
        relabel=relabel,
        high=batch_size * _td3(high, state_size, period),
    )


def _td3(agent, state_size, period):
    """Operations per row of one update of an actor-critic agent."""
    actor = network_operations(agent.actor_net, state_size)
    critic = network_operations(agent.critic_net, state_size, agent.action_spec.shape[0])
    critics = len(agent.critic_nets)
    targets = actor.forward + critics * critic.forward
    critic_step = critics * (critic.forward + critic.weights + critic.hidden)
    actor_gradient = actor.forward + critic.forward + critic.action + actor.weights + actor.hidden
    return targets + critic_step + actor_gradient / period
