"""What this machine can do: matrix products and physics."""

import functools
import os
import pathlib
import time
from collections import Counter

import mujoco.batch
import numpy as np
import tensorflow as tf

from benchmarks.operations import Product
from efficient_hrl.graph.compiled import repeat
from efficient_hrl.graph.machine import processor

_SECONDS = 0.1  # of one reading
_READINGS = 5
_PRODUCTS = 20
_TALLEST = 1000  # rows
_PHYSICS_STEPS = 1000


def description() -> str:
    """Processor and cores in a few words."""
    return f"{processor()}, {os.cpu_count()} cores"


def product_rate(product: Product, chains: int = 1) -> float:
    """FLOP/s of a float32 product whose factors lie in the cache, the best of some readings.

    A product uses as many threads as `use_threads` gives it: half of the cores.

    Args:
      product: its size.
      chains: how many independent ones at the same time; with one thread per product,
        as many as there are cores use all of them.
    """
    rows, inner, columns, left_transposed, right_transposed = product
    normal = lambda shape, key: tf.Variable(tf.random.stateless_normal(shape, [0, key]))
    left_shape = [inner, rows] if left_transposed else [rows, inner]
    right_shape = [columns, inner] if right_transposed else [inner, columns]
    factors = [(normal(left_shape, i), normal(right_shape, i)) for i in range(chains)]
    results = [tf.Variable(tf.zeros([rows, columns])) for _ in range(chains)]

    def round_of(chain):
        left, right = factors[chain]
        written = tf.no_op()
        for _ in range(_PRODUCTS):  # unrolled, so that the loop itself costs nothing
            with tf.control_dependencies([written]):  # one after the other
                result = tf.matmul(
                    left.read_value(),
                    right.read_value(),
                    transpose_a=left_transposed,
                    transpose_b=right_transposed,
                )
            # Written to a variable, or TensorFlow would compute it once.
            written = results[chain].assign(result, read_value=False)

    @tf.function(autograph=False)
    def products(rounds):
        for chain in range(chains):
            repeat(rounds, lambda _, chain=chain: round_of(chain))

    flops = product.flops * chains * _PRODUCTS  # of one round
    seconds = lambda rounds: _seconds(lambda: products(tf.constant(rounds)))
    seconds(1)
    rounds = max(1, round(_SECONDS / seconds(1)))
    return max(rounds * flops / seconds(rounds) for _ in range(_READINGS))


def seconds_of(products: Counter, chains: int) -> float:
    """The least time for a number of products, if each runs as fast as its size allows here."""
    total = 0.0
    for product, count in products.items():
        # A tall product can be made of smaller ones that stay in the cache.
        size = product._replace(rows=min(product.rows, _TALLEST))
        total += count * product.flops / _size_rate(size, chains)
    return total


@functools.cache
def _size_rate(product, chains):
    return product_rate(product, chains)


def physics_rate(maze, threads: int) -> float:
    """Environment steps per second of bare physics, one simulation per thread, best of some readings."""
    batch = mujoco.batch.Batch(maze.model, nsim=threads, nthread=threads)
    rng = np.random.default_rng(0)
    qpos, qvel, ctrl = batch.bind("qpos"), batch.bind("qvel"), batch.bind("ctrl")

    def steps():
        batch.reset(np.arange(threads))
        for i in range(threads):
            qpos[i], qvel[i] = maze.first_state(rng)
        if ctrl.size:
            ctrl[:] = rng.uniform(-1, 1, ctrl.shape)
        for _ in range(_PHYSICS_STEPS):
            batch.step(None, nstep=maze.robot.frame_skip)

    return max(threads * _PHYSICS_STEPS / _seconds(steps) for _ in range(_READINGS))


def resident_mib() -> float:
    """Resident memory of this process, MiB; NaN where /proc does not tell."""
    statm = pathlib.Path("/proc/self/statm")
    if not statm.exists():
        return float("nan")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _seconds(call):
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
