"""How TensorFlow's operations share the CPUs."""

import contextlib

import tensorflow as tf

from efficient_hrl.graph.machine import available_cpus


def use_threads() -> None:
    """Divides the CPUs among two chains of operations.

    Updates of the low and of the high level run side by side, so a product with
    half of the CPUs in each is faster than one product at a time with all of them.
    """
    with contextlib.suppress(RuntimeError):  # TensorFlow is in use already, e.g. in a notebook
        tf.config.threading.set_inter_op_parallelism_threads(2)
        tf.config.threading.set_intra_op_parallelism_threads(max(1, available_cpus() // 2))
