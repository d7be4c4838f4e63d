"""Numbers that went wrong in learning, found in the update in which they appear.

Asking every gradient costs a sum over it (see benchmarks/NOTES.md); only when a sum is
not finite the tensors are looked at one by one.
"""

import re
from collections.abc import Mapping, Sequence

import tensorflow as tf

_MARK = "not finite: "


def check_finite(tensors: Mapping[str, tf.Tensor]) -> None:
    """Ends the compiled call when a tensor holds NaN or an infinity.

    Args:
      tensors: name -> tensor, in the order in which they are computed.

    Raises:
      tf.errors.InvalidArgumentError: when it runs; `culprit` finds the name in it.
    """
    total = tf.add_n([tf.reduce_sum(tensor) for tensor in tensors.values()])

    def look():
        for name, tensor in tensors.items():
            tf.debugging.check_numerics(tensor, f"{_MARK}{name}")
        return True  # only their sum was too large

    tf.cond(tf.math.is_finite(total), lambda: True, look)


def gradients_by_name(
    owner: str, variables: Sequence[tf.Variable], gradients: Sequence[tf.Tensor]
) -> dict[str, tf.Tensor]:
    """Gradients by the names of their variables, for `check_finite`."""
    return {f"gradient of {owner}/{v.name.split(':')[0]}": g for v, g in zip(variables, gradients)}


def culprit(error: tf.errors.OpError) -> str | None:
    """What `check_finite` has found, in words, or None if it was not what raised `error`."""
    found = re.search(rf"{_MARK}(.+?) : Tensor had (.+?) values", str(error.message))
    return f"{found.group(1)} holds {found.group(2)}" if found else None
