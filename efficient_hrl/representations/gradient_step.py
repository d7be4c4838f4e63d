"""One step of an optimiser on the weights of a representation."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from efficient_hrl.graph.finite import check_finite, gradients_by_name
from efficient_hrl.graph.gradients import clipped_gradients


def gradient_step(
    objective: Callable[[], tuple[tf.Tensor, Any]],
    variables: Sequence[tf.Variable],
    optimizer: tf.keras.optimizers.legacy.Optimizer,
    clip_gradient_norm: float,
) -> Any:
    """Changes `variables` by the gradient of a loss.

    Args:
      objective: () -> (loss, a scalar; anything else that was found on the way).
      variables: what the loss depends on and shall change.
      optimizer: makes steps of gradients.
      clip_gradient_norm: limit of each variable's gradient norm, 0 for none.

    Returns:
      What else `objective` gave.

    Raises:
      tf.errors.InvalidArgumentError: the loss or a gradient is not finite; says which.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(variables)
        loss, found = objective()
    gradients = tape.gradient(loss, variables)
    check_finite({"representation loss": loss} | gradients_by_name("representation", variables, gradients))
    optimizer.apply_gradients(zip(clipped_gradients(gradients, clip_gradient_norm), variables))
    return found
