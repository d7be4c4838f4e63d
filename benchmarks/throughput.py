"""Environment steps per second of training in steady state, without evaluation.

    python -m benchmarks.throughput --gin_file=gin/norl_ant_maze.gin --steps=5000

Fills the buffers with the initial episodes, warms up, then times whole blocks of
collecting and learning.  Prints first what this machine can do, a product of the
size that training makes and raw physics, because they decide most of the time;
then the shares; the last line is `steps_per_s=...`.
"""

import sys
import time

from absl import flags

from efficient_hrl.run_folder import UsageError

WARM_UP_BLOCKS = 50
_PRODUCT = (100, 300, 300)  # rows, inputs, outputs of a hidden layer in one update
_PRODUCT_REPEATS = 2000
_PHYSICS_STEPS = 2000


def main(argv: list[str]) -> int:
    """Measures; returns the exit status, 2 for what the user can mend."""
    values = flags.FlagValues()
    flags.DEFINE_multi_string("gin_file", [], "Path of a gin file; repeatable.", flag_values=values)
    flags.DEFINE_multi_string("gin_bindings", [], "A binding; repeatable.", flag_values=values)
    flags.DEFINE_integer("steps", 5000, "Environment steps to time.", 1, flag_values=values)
    try:
        values(argv)
        _measure(values.gin_file, values.gin_bindings, values.steps)
    except (flags.Error, UsageError) as error:
        print(f"benchmarks.throughput: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    return 0


def _measure(gin_files, gin_bindings, steps):
    # Only now, because importing TensorFlow takes seconds.
    from efficient_hrl.config import load_config, usage_errors
    from efficient_hrl.modes import use_threads
    from efficient_hrl.train import Trainer
    from environments.maze_env import MazeEnv

    use_threads()
    load_config(gin_files, gin_bindings)
    with usage_errors():
        trainer = Trainer(seed=0)
    rows, inputs, outputs = _PRODUCT
    seconds = _seconds_per_product()
    rate = 2e-9 * rows * inputs * outputs / seconds
    print(f"one {rows} x {inputs} x {outputs} float32 product: {1e6 * seconds:.0f} us, {rate:.0f} GFLOP/s")
    if isinstance(trainer.environment, MazeEnv):
        rate = _physics_rate(trainer.environment.maze)
        print(f"raw physics, one thread: {rate:.0f} environment steps/s")

    trainer.collector.start()
    while int(trainer.collector.env_steps) < trainer.initial_steps:
        trainer.collector.collect()
    for _ in range(WARM_UP_BLOCKS):
        trainer.collector.collect()
        trainer.learn()

    collecting = learning = 0.0
    blocks = -(-steps // trainer.steps_per_block)
    for _ in range(blocks):
        began = time.perf_counter()
        trainer.collector.collect()
        collected = time.perf_counter()
        trainer.learn()
        collecting += collected - began
        learning += time.perf_counter() - collected
    timed = blocks * trainer.steps_per_block
    total = collecting + learning
    print(f"{timed} environment steps in {total:.1f} s, {1e3 * total / timed:.2f} ms each:")
    for name, share in (("environment and policy", collecting), ("learning", learning)):
        print(f"  {name:<24}{1e3 * share / timed:6.2f} ms {share / total:6.0%}")
    print(f"steps_per_s={timed / total:.1f}")


def _seconds_per_product():
    import tensorflow as tf

    rows, inputs, outputs = _PRODUCT
    left = tf.random.stateless_normal([rows, inputs], [0, 0]) / inputs**0.5
    right = tf.random.stateless_normal([inputs, outputs], [1, 1]) / inputs**0.5

    @tf.function
    def products():
        x = left
        for _ in tf.range(_PRODUCT_REPEATS):
            x = tf.matmul(x, right)
        return x

    products()
    began = time.perf_counter()
    products()
    return (time.perf_counter() - began) / _PRODUCT_REPEATS


def _physics_rate(maze):
    import mujoco
    import numpy as np

    data = mujoco.MjData(maze.model)
    data.qpos[:], data.qvel[:] = maze.first_state(np.random.default_rng(0))
    began = time.perf_counter()
    for _ in range(_PHYSICS_STEPS):
        mujoco.mj_step(maze.model, data, maze.robot.frame_skip)
    return _PHYSICS_STEPS / (time.perf_counter() - began)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
