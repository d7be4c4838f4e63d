"""A gait by which the ant walks in any direction, without learning.

Diagonal pairs of legs take turns: while one pair's feet are down and sweep against the
direction of travel, the other pair's are lifted and brought forward.  A foot sweeps by its hip
as far as the direction is across its leg, and by its ankle as far as it is along it.  Joints
follow their targets by a spring and a damper.  The constants were found by a random
search; with them the ant walks about 1 m/s.
"""

import numpy as np

_LEGS = np.deg2rad([45.0, 135.0, 225.0, 315.0])  # directions of the legs from the torso
_ANKLE_SIGNS = np.array([1.0, -1.0, -1.0, 1.0])  # of angles that lower a foot
_PAIRS = np.array([0.0, np.pi, 0.0, np.pi])  # phases
_MOTORS = [6, 7, 0, 1, 2, 3, 4, 5]  # the joint that each motor moves: the fourth leg's first

_PERIOD = 8.5  # environment steps
_HIP_SWEEP = 0.45  # rad
_ANKLE_DOWN, _ANKLE_SWEEP, _ANKLE_LIFTED = 1.1, 0.55, 0.6  # rad
_LAG = 0.72  # rad of phase by which lifting comes after sweeping
_STIFFNESS, _DAMPING = 67.0, 7.5  # of the actions, per rad and per rad/s


def steer_ant(states: np.ndarray, ways: np.ndarray) -> np.ndarray:
    """Actions of a walking ant, not clipped to the action range, [N, 8].

    Args:
      states: observations of a maze without blocks; the last entry tells time, [N, S].
      ways: where to go from here, world axes, metres, [N, 2]; their length does not matter.
    """
    w, x, y, z = states[:, 3:7].T
    yaw = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    to_leg = (np.arctan2(ways[:, 1], ways[:, 0]) - yaw)[:, None] - _LEGS  # [N, 4]
    steps = np.round(1000.0 * states[:, -1:])
    phase = 2 * np.pi * steps / _PERIOD + _PAIRS
    hips = _HIP_SWEEP * np.sin(to_leg) * np.cos(phase)
    down = _ANKLE_DOWN - _ANKLE_SWEEP * np.cos(to_leg) * np.cos(phase)
    ankles = _ANKLE_SIGNS * np.where(np.sin(phase - _LAG) > 0, down, _ANKLE_LIFTED)
    targets = np.stack([hips, ankles], axis=-1).reshape(len(states), 8)
    angles, velocities = states[:, 7:15], states[:, 21:29]
    return (_STIFFNESS * (targets - angles) - _DAMPING * velocities)[:, _MOTORS]
