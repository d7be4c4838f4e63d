"""NORL's low-level reward in full (arXiv 1810.01257, equation 18; the write-up's equation 9).

    r_k = w_k (-D(f(s_{t+k}), g) + D(f(s_{t+k}), phi(s_t, pi)) + log E_{s ~ rho}[E(s, s_t, pi)])

for k = 1..c, w_k = 1 for k < c and w_c = 1 / (1 - gamma), pi the c actions of the segment;
gamma is the representation's constant, 0.99, as in its objective, whatever the low level's.
The first term asks for the goal; the others make up for what the representation cannot
tell: minus them is the log-likelihood ratio of s_{t+k} under K(s' | s_t, pi), which is
proportional to rho(s') exp(-D(f(s'), phi(s_t, pi))), and the replay's rho.  The released code
has the first term alone, with w_k = 1 and the Euclidean distance.
"""

import gin
import tensorflow as tf

from efficient_hrl.checks import check_above_0, check_truth
from efficient_hrl.replay import SegmentTransition
from efficient_hrl.representations.representation import STEP_DISCOUNT


@gin.configurable
class NorlReward:
    """Rewards of a drawn batch, under f and phi as they are now; no gradient flows into them."""

    def __init__(self, scale: float = 1.0, crosses_segments: bool = True, relative_context: bool = True):
        """Describes the reward.

        Args:
          scale: factor on all rewards; it changes what is best in nothing, but w_c = 100 makes
            rewards that a critic is slow to learn.
          crosses_segments: whether the value of a segment's last step goes on to the
            next segment and its goal, though w_c stands for all that follows.  If not,
            returns end with the segment, as in the paper's analysis.  A segment that a time-out cuts
            short has no step c: its return goes on, as returns do at time-outs.
          relative_context: whether goals are relative to f(s), as the high level gives them.
        """
        check_above_0("NorlReward.scale", scale)
        check_truth("NorlReward.crosses_segments", crosses_segments)
        check_truth("NorlReward.relative_context", relative_context)
        self._scale = scale
        self._crosses_segments = crosses_segments
        self._relative_context = relative_context

    def __call__(self, representation, batch: SegmentTransition) -> tuple[tf.Tensor, tf.Tensor]:
        """Rewards and discounts (1, or 0 where a return ends), [B] each.

        Args:
          representation: f and phi, see `StatePreprocess`.
          batch: transitions with their segments, [B].
        """
        f, c = representation, batch.low_actions.shape[1]
        size = batch.goal.shape[-1]
        reached = f(batch.next_state)  # f(s_{t+k}), [B, at least G]
        goal = batch.goal  # [B, G]
        if self._relative_context:
            goal += f(batch.state)[:, :size]
        phi = f.inverse_goal(batch.start, batch.low_actions)  # phi(s_t, pi), [B, at least G]
        is_last = tf.equal(batch.step, c)  # [B]
        weight = tf.where(is_last, 1.0 / (1.0 - STEP_DISCOUNT), 1.0)  # w_k, [B]
        reward = -f.distance(reached[:, :size], goal) + f.distance(reached, phi) + f.log_normalizer(phi)
        discount = tf.ones_like(reward)
        if not self._crosses_segments:
            discount = tf.where(is_last, 0.0, discount)
        return tf.stop_gradient(self._scale * weight * reward), discount
