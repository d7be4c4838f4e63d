"""Whether a picture would show a constant, which a number says better."""

import numpy as np


def is_constant(values: np.ndarray, within: float = 0.0) -> bool:
    """Whether there are several rows [n, ...] and none differs from another by more than `within`."""
    return len(values) > 1 and bool(np.all(np.ptp(values, axis=0) <= within))
