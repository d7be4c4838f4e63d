"""What happens to gradients before they are applied."""

from collections.abc import Sequence

import tensorflow as tf


def clipped_gradients(gradients: Sequence[tf.Tensor], limit: float) -> Sequence[tf.Tensor]:
    """Each gradient with its norm limited to `limit`; 0 is no limit."""
    return [tf.clip_by_norm(gradient, limit) for gradient in gradients] if limit > 0 else gradients
