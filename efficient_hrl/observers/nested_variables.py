"""Variables for nests of tensors, kept from step to step while collecting."""

from typing import Any

import tensorflow as tf


def zero_variables(spec: Any, batch_size: int, name: str) -> Any:
    """Variables of zeros for a nest of specifications, each [batch_size, ...]."""
    return tf.nest.map_structure(
        lambda s: tf.Variable(tf.zeros([batch_size, *s.shape], s.dtype), trainable=False, name=name), spec
    )


def assign_all(variables: Any, values: Any) -> None:
    """Assigns a nest of values to a nest of variables."""
    tf.nest.map_structure(lambda variable, value: variable.assign(value), variables, values)


def named_variables(**nests: Any) -> dict[str, tf.Variable]:
    """The variables of some nests, by name, for a checkpoint."""
    leaves = {name: tf.nest.flatten(nest) for name, nest in nests.items()}
    return {f"{name}_{i}": variable for name, nest in leaves.items() for i, variable in enumerate(nest)}
