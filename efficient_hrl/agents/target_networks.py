"""How target networks follow."""

import gin

from efficient_hrl import checks


def soft_update(network, target_network, tau: float) -> None:
    """theta' <- (1 - tau) theta' + tau theta, for every variable of a network.

    Args:
      network, target_network: with theta and theta'.
      tau: share of the network's weights, 0 to 1, that a target takes on at once.

    Raises:
      ValueError: tau outside 0 to 1.
    """
    checks.check_number("update_targets.tau", tau, 0, 1)
    for variable, target in zip(network.variables, target_network.variables):
        target.assign((1.0 - tau) * target + tau * variable)


@gin.configurable
def ddpg_update_targets(network, target_network, tau: float = 1.0) -> None:
    """`soft_update` of a `DdpgAgent`.

    Args:
      network, target_network, tau: see `soft_update`.
    """
    soft_update(network, target_network, tau)


@gin.configurable
def td3_update_targets(network, target_network, tau: float = 1.0) -> None:
    """`soft_update` of a `TD3Agent`.

    Args:
      network, target_network, tau: see `soft_update`.
    """
    soft_update(network, target_network, tau)
