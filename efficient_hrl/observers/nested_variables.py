"""Variables for nests of tensors, as observers keep them from step to step."""

import tensorflow as tf


def zero_variables(spec, batch_size, name):
    """Variables of zeros for a nest of specifications, each [batch_size, ...]."""
    return tf.nest.map_structure(
        lambda s: tf.Variable(tf.zeros([batch_size, *s.shape], s.dtype), trainable=False, name=name), spec
    )


def assign_all(variables, values) -> None:
    """Assigns a nest of values to a nest of variables."""
    tf.nest.map_structure(lambda variable, value: variable.assign(value), variables, values)


def named_variables(**nests) -> dict[str, tf.Variable]:
    """The variables of some nests, by name, for a checkpoint."""
    leaves = {name: tf.nest.flatten(nest) for name, nest in nests.items()}
    return {f"{name}_{i}": variable for name, nest in leaves.items() for i, variable in enumerate(nest)}
