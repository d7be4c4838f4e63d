"""How often bfloat16 changes what relabelling chooses, and what it saves.

    python -m benchmarks.relabel_dtype --gin_file=gin/norl_ant_maze.gin --root_dir=runs/norl_ant_maze

Relabels batches of a run (or of the initial episodes, with an untrained low level) in
both types with the same candidates, and counts where the choices differ.
"""

import sys

import numpy as np
from absl import flags

from benchmarks import setting
from efficient_hrl.errors import UsageError


def main(argv: list[str]) -> int:
    """Measures; returns the exit status, 2 for what the user can mend."""
    return setting.run_benchmark("relabel_dtype", argv, _define_flags, _measure)


def _define_flags(values):
    flags.DEFINE_integer("batches", 20, "Batches to relabel.", 1, flag_values=values)


def _measure(values):
    trainer = setting.trainer_in_steady_state(values)
    if trainer.learner.settings.goal_sample_strategy != "sample":
        raise UsageError("goal_sample_strategy is not 'sample': nothing is chosen")
    import tensorflow as tf

    from efficient_hrl.graph.compiled import compiled
    from efficient_hrl.relabeling import best_candidates, fitness

    hierarchy, learner = trainer.hierarchy, trainer.learner
    f, low, inverse = hierarchy.representation, hierarchy.low, hierarchy.inverse_dynamics

    def problem(seed):
        segments = trainer.high_replay.sample(learner.settings.batch_size, seed)
        normal = tf.random.stateless_normal(inverse.draws_shape("sample", learner.settings.batch_size), seed)
        reprs = (f(segments.state), f(segments.next_state))
        return inverse.candidates(*reprs, segments.goal, normal), segments, f(segments.low_states), low

    choose = {
        dtype: compiled(lambda seed, dtype=dtype: best_candidates(*problem(seed), dtype))
        for dtype in (tf.float32, tf.bfloat16)
    }
    scores = compiled(lambda seed: fitness(*problem(seed)))
    differs, loss = [], []
    for i in range(values.batches):
        seed = tf.constant([i, 0], tf.int64)
        exact, rough = (choose[dtype](seed).numpy() for dtype in choose)
        fits = scores(seed).numpy()
        differs.append(exact != rough)
        loss.append(fits[rough, np.arange(len(rough))] / fits.max(axis=0) - 1.0)
    count = np.sum(differs)
    print(f"{count} of {np.size(differs)} choices differ ({count / np.size(differs):.2%});")
    print(f"mean relative loss of fitness over all choices {np.mean(loss):.1e}")
    seed = tf.constant([0, 0], tf.int64)
    seconds = setting.seconds_each({d.name: lambda d=d: choose[d](seed) for d in choose}, 5.0)
    print(", ".join(f"{name} {1e3 * value:.1f} ms" for name, value in seconds.items()) + " per batch")


if __name__ == "__main__":
    sys.exit(main(sys.argv))
