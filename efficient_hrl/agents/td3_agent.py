"""TD3 (Fujimoto et al. 2018, arXiv 1802.09477) as HIRO and NORL use it.

It differs from `tf_agents.agents.Td3Agent` in when things happen, see
`ddpg_agent`: on every other update the actor's gradient is zero, yet Adam is
applied, and target networks move on the updates in between.
"""

import gin
import tensorflow as tf

from efficient_hrl.agents.ddpg_agent import DdpgAgent
from efficient_hrl.agents.target_networks import td3_update_targets
from efficient_hrl.graph.random_streams import stream_seed

TARGET_NOISE_STDDEV = 0.2  # in action units
TARGET_NOISE_LIMIT = 0.5


@gin.configurable
class TD3Agent(DdpgAgent):
    """DDPG with twin critics and smoothed targets; all that differs is here."""

    num_critics = 2

    def update_target(self, network, target_network):
        td3_update_targets(network, target_network)

    def target_action(self, next_observation, noise):
        """The target actor's choice plus noise clipped to +-0.5, not clipped to the action range; [B, A].

        TD3's target policy smoothing (section 5.3).
        """
        action, _ = self.target_actor_net(next_observation)  # [B, A]
        return action + tf.clip_by_value(noise, -TARGET_NOISE_LIMIT, TARGET_NOISE_LIMIT)  # [B, A]

    def target_noise(self, shape):
        """N(0, 0.2) in action units, of `shape` [B, A]."""
        seed = stream_seed(self._seed, self._target_noise_stream, self.train_step_counter)
        return TARGET_NOISE_STDDEV * tf.random.stateless_normal(shape, seed)
