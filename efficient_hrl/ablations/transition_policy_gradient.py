"""FuN's transition policy gradient for the high level (arXiv 1703.01161, section 3.2).

FuN takes the high level's goal for a *direction* in which the state is to move, and
assumes that the low level moves it so, up to noise.  The gradient of the policy over
transitions then needs no gradient of a critic with respect to goals (equation 7):

    grad J = A_t grad cos(s_{t+c} - s_t, g(s_t)),   A_t = R_t - V(s_t)

It determines the directions of goals and not their lengths; it goes with rewards that
do not depend on lengths either (`cosine_similarity`, FuN's equation 8).
"""

from typing import NamedTuple

import gin
import tensorflow as tf

from efficient_hrl.agent import MetaAgentCore


class TransitionBatch(NamedTuple):
    """`AgentBatch` and the change of state that came of it.

    Attributes:
      observation, action, reward, discount, next_observation: as in `AgentBatch`.
      moved: f(s_{t+c}) - f(s_t) in the goal's dimensions, [B, G].
    """

    observation: tf.Tensor
    action: tf.Tensor
    reward: tf.Tensor
    discount: tf.Tensor
    next_observation: tf.Tensor
    moved: tf.Tensor


def transition_policy_loss(advantages: tf.Tensor, moved: tf.Tensor, goals: tf.Tensor) -> tf.Tensor:
    """-mean_i A_i cos(moved_i, g_i), a scalar whose gradient goes to the goals alone.

    Args:
      advantages: [B].
      moved: changes of state, [B, G]; those of length 0 have no direction and do not count.
      goals: of the policy, [B, G].
    """
    directions = tf.math.l2_normalize(tf.stop_gradient(moved), axis=-1, epsilon=1e-12)
    similarity = tf.reduce_sum(directions * tf.math.l2_normalize(goals, axis=-1, epsilon=1e-12), axis=-1)
    return -tf.reduce_mean(tf.stop_gradient(advantages) * similarity)


@gin.configurable
class TransitionMetaAgent(MetaAgentCore):
    """The high level with TD3's critics and FuN's transition policy gradient.

    FuN is on-policy and has a critic V(s) of its own; with replay and TD3's twin critics
    the advantage is that of what was stored over what the policy would do now,

        A_t = r + discount * min_i Q'_i(s_{t+c}, a') - min_i Q_i(s_t, g(s_t)),

    the critics' target minus their present value.  `dqda_clipping` and
    `actions_regularizer` have no effect: there is no gradient through a critic.
    """

    def learning_batch(self, experience) -> TransitionBatch:
        """As for `MetaAgent`, with the change of state in the goal's dimensions."""
        f = self._representation
        moved = f(experience.next_state) - f(experience.state)  # [B, at least G]
        batch = super().learning_batch(experience)
        return TransitionBatch(*batch, moved=moved[:, : self.action_spec.shape[0]])

    def _actor_objective(self, actor_critic, batch: TransitionBatch, noise: tf.Tensor) -> tf.Tensor:
        """`transition_policy_loss` of the batch, and `actions_reg` as in `MetaAgent`."""
        goals = actor_critic.action(batch.observation)  # [B, G]
        values = [net((batch.observation, goals))[0] for net in actor_critic.critic_nets]  # [B] each
        advantages = actor_critic.td_targets(batch, noise) - tf.minimum(*values)  # [B]
        return transition_policy_loss(advantages, batch.moved, goals) + self.goal_size_loss(goals)
