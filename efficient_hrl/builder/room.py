"""What a run will allocate, from its configuration; refused where it is more than there is room for.

The numbers are what is needed at least: what a compiled call needs beside them nobody knows before.
"""

from typing import NamedTuple

from efficient_hrl.graph.memory import check_room
from efficient_hrl.hierarchy import Hierarchy
from efficient_hrl.replay import row_bytes
from efficient_hrl.specifications.run import TrainingSpec

_FLOAT = 4  # bytes
_PASSES = 2  # what a forward pass keeps, and its gradients
_SLOTS = 3  # beside each weight: its gradient, and Adam's two moments


class _Need(NamedTuple):
    """Bytes, and the binding that a smaller value of makes them fewer."""

    size: int
    binding: str


def check_buffers_fit(hierarchy: Hierarchy, spec: TrainingSpec) -> None:
    """Refuses replay buffers that are larger than the memory that is free.

    Raises:
      MemoryError: they do not fit.
    """
    needs = {}
    for name, agent, buffer in (
        ("low", hierarchy.low, spec.replay.low),
        ("high", hierarchy.high, spec.replay.high),
    ):
        size = row_bytes(agent.training_data_spec)
        needs[f"{name} {buffer.buffer_size:,} x {size:,} bytes"] = buffer.buffer_size * size
    check_room(needs, "the replay buffers", "a smaller CircularBuffer.buffer_size")


def check_updates_fit(hierarchy: Hierarchy, spec: TrainingSpec) -> None:
    """Refuses updates for which there is no memory beside the buffers.

    Raises:
      MemoryError: they do not fit; names the binding that needs most.
    """
    buffers = ((hierarchy.low, spec.replay.low), (hierarchy.high, spec.replay.high))
    room = sum(buffer.buffer_size * row_bytes(agent.training_data_spec) for agent, buffer in buffers)
    needs = {
        "replay buffers": _Need(room, "CircularBuffer.buffer_size"),
        "gradients and optimizers": _Need(_SLOTS * _weight_bytes(hierarchy), "size of the hidden layers"),
        # One after the other, so that the largest counts.
        **dict([max(_batches(hierarchy, spec).items(), key=lambda item: item[1])]),
    }
    sizes = {name: need.size for name, need in needs.items()}
    check_room(sizes, "updates, beside what they learn from,", f"a smaller {max(needs.values()).binding}")


def _weight_bytes(hierarchy):
    """Of everything that learns."""
    weights = []
    for learner in (hierarchy.low.actor_critic, hierarchy.high.actor_critic):
        if learner.learns:
            weights += learner.actor_net.trainable_variables + learner.critic_variables
    weights += getattr(hierarchy.representation, "trained_variables", [])
    return _FLOAT * sum(variable.shape.num_elements() for variable in weights)


def _batches(hierarchy, spec):
    """Name -> need of one update: of a level's own, of relabelling, and of the states f is compared with."""
    rows, f = spec.learning.update_size, hierarchy.representation
    needs = {}
    for name, agent in (("low", hierarchy.low), ("high", hierarchy.high)):
        each = row_bytes(agent.training_data_spec) + _PASSES * _FLOAT * sum(map(_width, _nets(agent)))
        needs[f"the {name} level's batch of {rows:,}"] = _Need(rows * each, "train_uvf.batch_size")
    if spec.learning.goal_sample_strategy == "sample" and hierarchy.high.learns:
        number = hierarchy.inverse_dynamics.num_samples
        binding = "InverseDynamics.num_samples" if number > rows else "train_uvf.batch_size"
        size = rows * number * _candidate_bytes(hierarchy)
        needs[f"{number:,} candidates for each of {rows:,} segments"] = _Need(size, binding)
    states = getattr(f, "num_replay_states", 0)
    if states:
        size = states * (
            _FLOAT * (hierarchy.low.training_data_spec.state.shape[0] + _width(f.state_net) + rows)
        )
        binding = "num_replay_states" if states > rows else "train_uvf.batch_size"
        needs[f"{states:,} replay states beside a batch of {rows:,}"] = _Need(size, binding)
    return needs


def _candidate_bytes(hierarchy):
    """Of a goal at each step of a segment, and of the low level's answer to one of them."""
    segment = hierarchy.high.training_data_spec
    steps, goal_size = segment.low_states.shape[0], segment.goal.shape[0]
    answer = segment.low_states.shape[1] + goal_size + _width(hierarchy.low.actor_net)
    return _FLOAT * (steps * goal_size + answer)


def _nets(agent):
    """An agent's networks that learn."""
    return [net for net in (agent.actor_net, *agent.critic_nets) if net is not None]


def _width(net):
    """Numbers that the layers of a network give for one input, all together."""
    return sum(variable.shape[-1] for variable in net.variables if variable.shape.rank > 1)
