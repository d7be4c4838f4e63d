"""What a robot in the gather arena senses of one kind of object: the nearest one in each direction.

rllab's readings (arXiv 1604.06778), as HIRO and HRAC use them.  Pure functions of geometry, on any
leading batch shape.
"""

import numpy as np

BINS = 10  # directions, over the whole circle
SENSOR_RANGE = 6.0  # metres
_BIN_WIDTH = 2 * np.pi / BINS


def direction_bins(angles: np.ndarray) -> np.ndarray:
    """The bins of directions, int [...], 0 to `BINS` - 1.

    Bin 0 begins straight behind the robot and the numbers grow to its left; straight behind, which
    is both pi and -pi, is the end of the last one.

    Args:
      angles: relative to the heading, rad, [...]; any number of turns.
    """
    turned = np.pi - np.mod(np.pi - angles, 2 * np.pi)  # (-pi, pi]
    bins = np.floor((turned + np.pi) / _BIN_WIDTH).astype(np.int64)
    return np.clip(bins, 0, BINS - 1)


def readings(xy: np.ndarray, heading: np.ndarray, objects: np.ndarray, is_there: np.ndarray) -> np.ndarray:
    """1 - distance / 6 m of the nearest object in each direction; 0 where there is none within 6 m.

    Args:
      xy: of the robot, metres, [..., 2].
      heading: rad, [...].
      objects: x, y of n objects, metres, [..., n, 2].
      is_there: which of them can be sensed, bool [..., n].

    Returns:
      [..., BINS].
    """
    relative = objects - xy[..., None, :]  # [..., n, 2]
    distances = np.sqrt(np.sum(np.square(relative), axis=-1))  # [..., n]
    nearness = np.where(is_there, np.maximum(1.0 - distances / SENSOR_RANGE, 0.0), 0.0)
    bins = direction_bins(np.arctan2(relative[..., 1], relative[..., 0]) - heading[..., None])
    in_bin = bins[..., None] == np.arange(BINS)  # [..., n, BINS]
    return np.max(np.where(in_bin, nearness[..., None], 0.0), axis=-2, initial=0.0)
