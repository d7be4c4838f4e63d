"""Independent random streams, keyed by (run seed, stream, counter).

Learning and exploring draw from these alone: a run that continues from a
checkpoint needs only its counters to draw the same numbers as one that was never
stopped.  (Environments have NumPy generators of their own, which a checkpoint
holds; first weights come from Keras' seed.)  The program itself uses none of the
global generators, but functions of the user's own may: see `GlobalGenerators`.
"""

import enum
import json
import random

import numpy as np
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
    REPRESENTATION_STATES = 13
    RANDOM_GOALS = 14


def stream_seed(run_seed: int, stream: Stream, counter: tf.Tensor) -> tf.Tensor:
    """Seed for `tf.random.stateless_*`, int64 [2].

    Args:
      run_seed: the run's seed, below 2**48.
      stream: which use of randomness.
      counter: how often this stream was used before, an integer scalar.
    """
    return tf.stack([tf.constant((run_seed << 8) + int(stream), tf.int64), tf.cast(counter, tf.int64)])


class GlobalGenerators:
    """State of Python's and NumPy's global generators; TensorFlow's is what `seed_globals` returns."""

    def get_state(self) -> str:
        """Both states as JSON."""
        kind, keys, *rest = np.random.get_state()
        return json.dumps({"python": random.getstate(), "numpy": [kind, keys.tolist(), *rest]})

    def set_state(self, state: str) -> None:
        """Takes the states of `get_state`."""
        state = json.loads(state)
        version, internal, gauss = state["python"]
        random.setstate((version, tuple(internal), gauss))
        kind, keys, *rest = state["numpy"]
        np.random.set_state((kind, np.array(keys, np.uint32), *rest))


def seed_globals(seed: int) -> tf.random.Generator:
    """Seeds all global generators; returns TensorFlow's, which a checkpoint can hold."""
    tf.keras.utils.set_random_seed(seed)
    generator = tf.random.Generator.from_seed(seed)
    tf.random.set_global_generator(generator)
    return generator
