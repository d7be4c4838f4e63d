"""How the long compiled calls are made."""

from collections.abc import Callable

import tensorflow as tf

# Without AutoGraph, which would rewrite the source of every function below before it is
# traced: that takes 10 of the 12 seconds of tracing (benchmarks/NOTES.md).  So what is
# called from there has no Python `if` or loop over tensors.
compiled = tf.function(autograph=False)


def repeat(times: tf.Tensor, body: Callable[[tf.Tensor], object]) -> None:
    """Calls `body` with 0, 1, ... in a loop of the graph, `times` times; int32 []."""

    def once(i):
        body(i)
        return i + 1

    tf.while_loop(lambda i: i < times, once, [tf.constant(0)])
