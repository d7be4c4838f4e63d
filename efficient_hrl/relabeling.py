"""Off-policy correction of the high level's experience (HIRO section 3.3).

A stored goal made the low level of that time act as recorded; today's low level
would act differently under it.  So before the high level learns, the goal is
replaced by the candidate under which today's low level explains the recorded
actions best.
"""

from typing import NamedTuple

import gin
import tensorflow as tf

from efficient_hrl.checks import check_number, check_whole
from efficient_hrl.replay import Segment

STRATEGIES = ("sample", "FuN", None)
DTYPES = ("float32", "bfloat16")
_STAGES = 5  # parts of a segment between which candidates are given up
_ROUNDING = 1e-5  # relative; sums of float32 networks that should be equal differ by less


class Relabeled(NamedTuple):
    """Goals that the high level learns from.

    Attributes:
      goals: [B, G].
      kinds: what each of them is, int32 [B]: 2 where it is the stored goal, 1 where it is the
        change reached, 0 where it is a sampled goal; 2 comes before 1 and 1 before 0 where
        these are equal, as clipping makes them.  None with strategies that do not choose.
    """

    goals: tf.Tensor
    kinds: tf.Tensor | None = None


def sampled_goals(
    state_reprs: tf.Tensor,
    next_state_reprs: tf.Tensor,
    normal: tf.Tensor,
    minimum: tf.Tensor,
    maximum: tf.Tensor,
    scale: float,
) -> tf.Tensor:
    """Goals drawn around the change that was reached; they may be outside of the goal range.

    Args:
      state_reprs: f(s_t), [B, at least G].
      next_state_reprs: f(s_{t+c}), likewise.
      normal: standard normal draws, [n, B, G].
      minimum, maximum: goal range, [G].
      scale: standard deviation in units of half the range.

    Returns:
      N(f(s_{t+c}) - f(s_t), (scale * half range)^2), [n, B, G].
    """
    reached = (next_state_reprs - state_reprs)[:, : minimum.shape[0]]  # [B, G]
    return reached + scale * 0.5 * (maximum - minimum) * normal


@gin.configurable
class InverseDynamics:
    """Proposes goals that may explain a segment.

    For a proposal of one's own, overwrite `candidates` (and `draws_shape` with it), and bind the class as
    `train_uvf.inverse_dynamics_class`.  The last two candidates stay the change reached and the stored goal,
    which is how metrics tell what has won.

    Attributes:
      dtype: in which the low level's hidden layers are computed to judge candidates.
      minimum, maximum: goal range, [G].
      num_samples: how many candidates there are for each segment.
    """

    def __init__(
        self,
        spec,
        num_samples: int = 10,
        sc: float = 0.5,
        fun_sc: float = 0.1,
        dtype: str = "float32",
    ):
        """Describes the candidates.

        Args:
          spec: the goal's BoundedTensorSpec, shape [G].
          num_samples: candidates per segment, the change reached and the stored goal included.
          sc: standard deviation of sampled candidates in units of half the range.
          fun_sc: the same for the single draw of strategy "FuN".
          dtype: in which the low level's hidden layers are computed for relabelling; with
            "bfloat16" about one choice in 800 differs (benchmarks/NOTES.md).

        Raises:
          ValueError: fewer than 2 candidates, a negative deviation, or another type.
        """
        check_whole("InverseDynamics.num_samples", num_samples, 2)
        if dtype not in DTYPES:
            raise ValueError(f"InverseDynamics.dtype = {dtype!r}; allowed: {', '.join(map(repr, DTYPES))}")
        check_number("InverseDynamics.sc", sc, 0)
        check_number("InverseDynamics.fun_sc", fun_sc, 0)
        self.dtype = tf.as_dtype(dtype)
        self.minimum = tf.constant(spec.minimum, tf.float32)
        self.maximum = tf.constant(spec.maximum, tf.float32)
        self.num_samples = num_samples
        self._sc = sc
        self._fun_sc = fun_sc

    def draws_shape(self, strategy: str | None, batch_size: int) -> list[int]:
        """Shape of the standard normal draws that a strategy needs."""
        draws = {"sample": self.num_samples - 2, "FuN": 1, None: 0}[strategy]
        return [draws, batch_size, self.minimum.shape[0]]

    def candidates(
        self,
        state_reprs: tf.Tensor,
        next_state_reprs: tf.Tensor,
        stored_goals: tf.Tensor,
        normal: tf.Tensor,
    ) -> tf.Tensor:
        """Sampled goals, then the change reached, then the stored goal; all clipped.

        Args:
          state_reprs, next_state_reprs: f(s_t) and f(s_{t+c}), [B, at least G].
          stored_goals: [B, G].
          normal: standard normal draws, [num_samples - 2, B, G].

        Returns:
          [num_samples, B, G].
        """
        limits = (self.minimum, self.maximum)
        reprs = (state_reprs, next_state_reprs)
        sampled = sampled_goals(*reprs, normal, *limits, self._sc)  # [num_samples - 2, B, G]
        reached = sampled_goals(*reprs, tf.zeros_like(stored_goals)[None], *limits, self._sc)  # [1, B, G]
        candidates = tf.concat([sampled, reached, stored_goals[None]], axis=0)  # [num_samples, B, G]
        return tf.clip_by_value(candidates, *limits)

    def fun_goals(self, state_reprs: tf.Tensor, next_state_reprs: tf.Tensor, normal: tf.Tensor) -> tf.Tensor:
        """One narrow draw around the change reached, [B, G] (HIRO's ablation after FuN).

        As in the original it is not clipped: the critic may learn of goals that the
        actor cannot give.

        Args:
          state_reprs, next_state_reprs: f(s_t) and f(s_{t+c}), [B, at least G].
          normal: standard normal draws, [1, B, G].
        """
        limits = (self.minimum, self.maximum)
        return sampled_goals(state_reprs, next_state_reprs, normal, *limits, self._fun_sc)[0]


def fitness(
    candidates: tf.Tensor,
    segments: Segment,
    low_state_reprs: tf.Tensor,
    low_agent,
) -> tf.Tensor:
    """How well the current low level explains the stored actions under each candidate.

    HIRO's log probability (section 3.3) up to a factor and a constant, with actions in units of half their
    range:
    -sum_i sum_dims ((a_{t+i} - mu_low(s_{t+i}, g_i)) / half action range)^2 with
    g_i the candidate carried to s_{t+i}; steps beyond a cut segment's length do
    not count.  The definition: `best_candidates` finds its maximum with less work.

    Args:
      candidates: goals at s_t, [n, B, G].
      segments: stored segments, [B].
      low_state_reprs: f of `segments.low_states`, [B, c, >= G].
      low_agent: the low level, for its context and `log_probs`.

    Returns:
      float64 [n, B].
    """
    n, batch = candidates.shape[0], tf.shape(candidates)[1]
    steps = segments.low_states.shape[1]
    (goals,) = low_agent.context.multi_transition([candidates], low_state_reprs[None])  # [n, B, c, G]
    repeat = lambda x: _rows(tf.repeat(x[None], n, axis=0))  # [B, c, X] -> [n B c, X]
    low_states, low_actions = repeat(segments.low_states), repeat(segments.low_actions)
    log_probs = low_agent.log_probs(low_states, low_actions, [_rows(goals)])  # [n B c, A]
    per_step = tf.reshape(tf.reduce_sum(log_probs, axis=-1), [n, batch, steps])  # [n, B, c]
    counts = tf.sequence_mask(segments.length, steps, per_step.dtype)  # [B, c]
    return tf.reduce_sum(per_step * counts, axis=-1)  # [n, B]


def best_candidates(
    candidates: tf.Tensor,
    segments: Segment,
    low_state_reprs: tf.Tensor,
    low_agent,
    dtype: tf.DType = tf.float32,
) -> tf.Tensor:
    """Index of the candidate of highest `fitness` for every segment, int64 [B].

    Every step can only lower a fitness.  So one promising candidate per segment is
    followed to the segment's end, and the others only as long as they are not worse
    than that; with a trained low level about half of all steps need not be looked at.
    Small stages also keep a layer's activations in the cache (benchmarks/NOTES.md).

    Args:
      candidates, segments, low_state_reprs, low_agent: as for `fitness`.
      dtype: of the low level's hidden layers.
    """
    n, batch = candidates.shape[0], tf.shape(candidates)[1]
    steps = segments.low_states.shape[1]
    (goals,) = low_agent.context.multi_transition([candidates], low_state_reprs[None])  # [n, B, c, G]
    goals = tf.reshape(goals, [n * batch, steps, goals.shape[-1]])  # [n B, c, G]
    counts = tf.sequence_mask(segments.length, steps, tf.float64)  # [B, c]

    def cost(pairs, first, last):
        """Minus the part of the fitness between two steps, [P]; pair = candidate * B + segment."""
        of = pairs % batch  # [P], the pairs' segments
        log_probs = low_agent.log_probs(
            _rows(tf.gather(segments.low_states[:, first:last], of)),
            _rows(tf.gather(segments.low_actions[:, first:last], of)),
            [_rows(tf.gather(goals[:, first:last], pairs))],
            dtype,
        )  # [P (last - first), A]
        per_step = tf.reshape(tf.reduce_sum(log_probs, axis=-1), [-1, last - first])  # [P, last - first]
        return -tf.reduce_sum(per_step * tf.gather(counts[:, first:last], of), axis=-1)

    # The first steps of all pairs.
    stage = -(-steps // _STAGES)
    costs = cost(tf.range(n * batch), 0, stage)  # [n B]
    if stage < steps:
        # The most promising candidate of every segment, to the segment's end.
        leaders = tf.argmin(tf.reshape(costs, [n, batch]), axis=0, output_type=tf.int32) * batch
        leaders += tf.range(batch)  # [B], pairs
        leader_costs = tf.gather(costs, leaders) + cost(leaders, stage, steps)
        costs = tf.tensor_scatter_nd_update(costs, leaders[:, None], leader_costs)

        # The others, a stage at a time, as long as they are not worse.
        follows = tf.tensor_scatter_nd_update(
            tf.fill([n * batch], True), leaders[:, None], tf.fill([batch], False)
        )
        limits = tf.tile(leader_costs * (1.0 + _ROUNDING), [n])  # [n B]
        for first in range(stage, steps, stage):
            follows &= costs <= limits
            pairs = tf.where(follows)  # [P, 1]
            more = cost(tf.cast(pairs[:, 0], tf.int32), first, min(first + stage, steps))
            costs = tf.tensor_scatter_nd_add(costs, pairs, more)
    return tf.argmin(tf.reshape(costs, [n, batch]), axis=0)


def _rows(x):
    return tf.reshape(x, [-1, x.shape[-1]])


def relabeled_goals(
    segments: Segment,
    state_reprs: tf.Tensor,
    next_state_reprs: tf.Tensor,
    low_state_reprs: tf.Tensor,
    inverse_dynamics: InverseDynamics,
    low_agent,
    normal: tf.Tensor,
    strategy: str | None = "sample",
) -> Relabeled:
    """The goals that the high level learns from, and which kind of candidates they are.

    Args:
      segments: stored segments, [B].
      state_reprs, next_state_reprs: f(s_t) and f(s_{t+c}), [B, >= G].
      low_state_reprs: f of the low-level states, [B, c, >= G].
      inverse_dynamics: proposes candidates.
      low_agent: the current low level.
      normal: standard normal draws of shape `inverse_dynamics.draws_shape(strategy, B)`.
      strategy: "sample" picks the candidate of highest fitness, "FuN" takes one
        narrow draw, None keeps the stored goals.

    Raises:
      ValueError: unknown strategy.
    """
    check_strategy(strategy)
    if strategy is None:
        return Relabeled(segments.goal)
    if strategy == "FuN":
        return Relabeled(inverse_dynamics.fun_goals(state_reprs, next_state_reprs, normal))
    candidates = inverse_dynamics.candidates(
        state_reprs, next_state_reprs, segments.goal, normal
    )  # [n, B, G]
    best = best_candidates(candidates, segments, low_state_reprs, low_agent, inverse_dynamics.dtype)  # [B]
    goals = tf.gather(tf.transpose(candidates, [1, 0, 2]), best, axis=1, batch_dims=1)  # [B, G]
    # By value: which of equal candidates has won is a matter of rounding.
    is_reached, is_stored = (tf.reduce_all(tf.equal(goals, candidates[n]), axis=-1) for n in (-2, -1))
    return Relabeled(goals, tf.where(is_stored, 2, tf.cast(is_reached, tf.int32)))


def check_strategy(strategy: str | None) -> None:
    """Raises a ValueError for an unknown relabelling strategy."""
    if strategy not in STRATEGIES:
        raise ValueError(
            f"goal_sample_strategy = {strategy!r}; allowed: {', '.join(repr(s) for s in STRATEGIES)}"
        )
