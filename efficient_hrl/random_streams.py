"""Independent random streams, keyed by (run seed, stream, counter).

Learning and exploring draw from these alone: a run that continues from a
checkpoint needs only its counters to draw the same numbers as one that was never
stopped.  (Environments have NumPy generators of their own, which a checkpoint
holds; first weights come from Keras' seed.)
"""

import enum

import tensorflow as tf


class Stream(enum.IntEnum):
    """One number per independent use of randomness."""

    LOW_REPLAY = 0
    HIGH_REPLAY = 1
    REPRESENTATION_REPLAY = 2
    REPRESENTATION_STEP = 3
    LOW_TARGET_NOISE = 4
    HIGH_TARGET_NOISE = 5
    RELABELING = 6
    LOW_EXPLORATION = 7
    HIGH_EXPLORATION = 8
    TARGETS = 9
    LOW_CONTEXTS = 10
    HIGH_CONTEXTS = 11
    GOALS = 12


def stream_seed(run_seed: int, stream: Stream, counter: tf.Tensor) -> tf.Tensor:
    """Seed for `tf.random.stateless_*`, int64 [2].

    Args:
      run_seed: the run's seed, below 2**48.
      stream: which use of randomness.
      counter: how often this stream was used before, an integer scalar.
    """
    return tf.stack([tf.constant((run_seed << 8) + int(stream), tf.int64), tf.cast(counter, tf.int64)])
