"""Exploration: Gaussian noise on what a policy does."""

from collections.abc import Callable, Sequence
from typing import Any

import gin
import numpy as np
import tensorflow as tf

from efficient_hrl.checks import check_number, check_truth, numbers

# A schedule of exploration noise: 0.8 per million steps, not below one half.
_NOISE_DECAY, _NOISE_DECAY_STEPS, _LEAST_NOISE = 0.8, 1e6, 0.5


class NoisyAction:
    """An action function plus Gaussian noise.

    Attributes:
      stddev: standard deviation in the units of actions, which are goals for the high level, before
        any schedule; one number, or an array [A].
    """

    def __init__(
        self,
        action_fn: Callable,
        action_spec,
        stddev: float | Sequence[float],
        clip: bool,
        debug: bool = False,
        global_step: Any = None,
        name: str = "NoisyAction",
    ):
        """Wraps `action_fn`: (states, contexts) -> actions.

        Args:
          action_fn: what to add noise to.
          action_spec: its range.
          stddev: standard deviation in the units of what `action_fn` gives, one number, or a list or array
            of one per dimension.
          clip: whether noisy actions are clipped to the range.
          debug: print every action without and with noise.
          global_step: a scalar variable of environment steps with which the noise
            decays, by 0.8 per million down to one half; None for constant noise.
          name: of the configurable whose parameters these are, for messages.

        Raises:
          ValueError: a negative standard deviation, or a value of another kind.
        """
        if isinstance(stddev, (list, tuple, np.ndarray)):
            stddev = _stddevs(f"{name}.stddev", stddev, action_spec.shape[0])
        else:
            check_number(f"{name}.stddev", stddev, 0)
        check_truth(f"{name}.clip", clip)
        check_truth(f"{name}.debug", debug)
        if global_step is not None and not hasattr(global_step, "dtype"):
            raise ValueError(f"{name}.global_step = {global_step!r}; allowed: None, a variable")
        self.stddev = stddev
        self._action_fn = action_fn
        self._action_spec = action_spec
        self._clip = clip
        self._debug = debug
        self._global_step = global_step

    def __call__(self, states: tf.Tensor, contexts: Sequence[tf.Tensor], normal: tf.Tensor) -> tf.Tensor:
        """Noisy actions, [B, A]; `normal` holds standard normal draws, [B, A]."""
        actions = self._action_fn(states, contexts)
        noisy = actions + self._stddev_now() * normal
        if self._debug:
            tf.print("action", actions, "with noise", noisy)
        if not self._clip:
            return noisy
        return tf.clip_by_value(noisy, self._action_spec.minimum, self._action_spec.maximum)

    def _stddev_now(self):
        if self._global_step is None:
            return self.stddev
        steps = tf.cast(self._global_step, tf.float32)
        return self.stddev * tf.maximum(_NOISE_DECAY ** (steps / _NOISE_DECAY_STEPS), _LEAST_NOISE)


@gin.configurable
def uvf_add_noise_fn(
    action_fn: Callable,
    action_spec,
    stddev: float | Sequence[float] = 1.0,
    debug: bool = False,
    clip: bool = True,
    global_step: Any = None,
) -> NoisyAction:
    """Exploration of the low level: N(0, stddev) in action units.

    Args:
      action_fn: what to add noise to, (states, contexts) -> actions.
      action_spec: its range.
      stddev, debug, clip, global_step: see `NoisyAction`.
    """
    return NoisyAction(action_fn, action_spec, stddev, clip, debug, global_step, "uvf_add_noise_fn")


@gin.configurable
def meta_add_noise_fn(
    action_fn: Callable,
    action_spec,
    stddev: float | Sequence[float] = 1.0,
    debug: bool = False,
    global_step: Any = None,
) -> NoisyAction:
    """Exploration of the high level: N(0, stddev) in goal units, clipped to the goal range.

    Args:
      action_fn: what to add noise to, (states, contexts) -> actions.
      action_spec: its range.
      stddev, debug, global_step: see `NoisyAction`.
    """
    return NoisyAction(action_fn, action_spec, stddev, True, debug, global_step, "meta_add_noise_fn")


def _stddevs(name, stddev, size):
    values = numbers(name, stddev, size)
    if (values < 0).any():
        raise ValueError(f"{name} = {stddev!r}; allowed: numbers from 0")
    return values
