"""What this machine can do: matrix products and physics."""

import os
import pathlib
import platform
import time

import mujoco
import numpy as np
import tensorflow as tf

_SECONDS = 0.2  # of one reading
_READINGS = 5
_PAIRS = 10
_PHYSICS_STEPS = 1000


def description() -> str:
    """Processor, cores and memory in a few words."""
    model = platform.processor() or "unknown processor"
    info = pathlib.Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line
        ]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores"


def product_rate(
    rows: int, inputs: int, outputs: int, chains: int = 1, dtype: tf.DType = tf.float32
) -> float:
    """FLOP/s of products [rows, inputs] x [inputs, outputs], the best of some readings.

    Args:
      rows, inputs, outputs: size of a product.
      chains: independent chains of products at the same time; with one thread per
        product, as many as there are cores use all of them.
      dtype: of the numbers.
    """
    left = [tf.cast(tf.random.stateless_normal([rows, inputs], [0, i]), dtype) for i in range(chains)]
    right = tf.cast(tf.random.stateless_normal([inputs, outputs], [1, 1]) / inputs**0.5, dtype)
    back = tf.cast(tf.random.stateless_normal([outputs, inputs], [2, 2]) / outputs**0.5, dtype)

    @tf.function
    def products(rounds):
        ends = []
        for x in left:
            for _ in tf.range(rounds):
                for _ in range(_PAIRS):  # unrolled, so that the loop itself costs nothing
                    x = tf.matmul(tf.matmul(x, right), back)
            ends.append(x)
        return ends

    flops = 4.0 * rows * inputs * outputs * chains * _PAIRS  # of one round
    seconds = lambda rounds: _seconds(lambda: products(tf.constant(rounds)))
    seconds(1)
    rounds = max(1, round(_SECONDS / seconds(1)))
    return max(rounds * flops / seconds(rounds) for _ in range(_READINGS))


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
