"""What a policy is conditioned on besides the state.

The low level's context is the goal that the high level gives it; the high
level's context is the task's target.  Both are described by the same class: the
range of values, how they are drawn, how they follow the state, and the reward
for pursuing them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gin
import numpy as np
import tensorflow as tf
from tf_agents.specs import tensor_spec

from efficient_hrl.context.samplers import sampler_seeds


@gin.configurable
class Context:
    """One or more context tensors with their samplers, transition and reward.

    Attributes:
      specs: one BoundedTensorSpec, shape [G], per context tensor.
      meta_action_every_n: c, environment steps per high-level action, or None.
    """

    def __init__(
        self,
        tf_env: Any,
        context_ranges: Sequence | None = None,
        context_shapes: Sequence[int] | None = None,
        samplers: Mapping[str, Sequence[Callable]] | None = None,
        reward_weights: Sequence[float] | None = None,
        reward_fn: Callable | Sequence[Callable] | None = None,
        context_transition_fn: Callable | None = None,
        context_multi_transition_fn: Callable | None = None,
        meta_action_every_n: int | None = None,
    ):
        """Builds samplers and specifications.

        Args:
          tf_env: the environment; accepted as in the original, not read.
          context_ranges: per context (minimum, maximum), numbers or sequences of them.
          context_shapes: per context its number of dimensions G.
          samplers: mode ("train", "explore", "eval1", ...) -> one sampler class per context.
          reward_weights: one weight per reward function, default all 1.
          reward_fn: a reward function or several; several are summed with their
            weights and their discounts multiplied.
          context_transition_fn: g, s, s' -> g'; None keeps contexts as they are.
          context_multi_transition_fn: the same for a sequence of states.
          meta_action_every_n: c.

        Raises:
          ValueError: lists of unequal length, or a period below 1.
        """
        del tf_env
        if not context_ranges or not context_shapes or len(context_ranges) != len(context_shapes):
            raise ValueError(
                f"Context.context_ranges = {context_ranges!r} and Context.context_shapes ="
                f" {context_shapes!r}; allowed: two lists of one length, at least 1"
            )
        if meta_action_every_n is not None and meta_action_every_n < 1:
            raise ValueError(f"Context.meta_action_every_n = {meta_action_every_n!r}; allowed: 1 or more")
        self.meta_action_every_n = meta_action_every_n
        self.specs = tuple(
            _context_spec(i, limits, size)
            for i, (limits, size) in enumerate(zip(context_ranges, context_shapes))
        )
        self._samplers = {}
        for mode, classes in (samplers or {}).items():
            if len(classes) != len(self.specs):
                raise ValueError(
                    f"Context.samplers[{mode!r}] has {len(classes)} samplers; allowed: {len(self.specs)},"
                    " one per context"
                )
            self._samplers[mode] = [make(spec) for make, spec in zip(classes, self.specs)]
        self._reward_fns = list(reward_fn) if isinstance(reward_fn, (list, tuple)) else [reward_fn]
        self._reward_weights = reward_weights or [1.0] * len(self._reward_fns)
        if len(self._reward_weights) != len(self._reward_fns):
            raise ValueError(
                f"Context.reward_weights = {reward_weights!r}; allowed: {len(self._reward_fns)} weights,"
                " one per reward function"
            )
        self._transition_fn = context_transition_fn
        self._multi_transition_fn = context_multi_transition_fn

    def samplers(self, mode: str) -> list:
        """The samplers of a mode, one per context.

        Raises:
          ValueError: unknown mode.
        """
        if mode not in self._samplers:
            raise ValueError(
                f"unknown context mode {mode!r}; Context.samplers has: {', '.join(self._samplers)}"
            )
        return self._samplers[mode]

    def sample(
        self,
        mode: str,
        batch_size: int,
        seed: tf.Tensor,
        state: tf.Tensor | None = None,
        next_state: tf.Tensor | None = None,
    ) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """Draws contexts and next contexts, lists of float32 [B, G].

        Args:
          mode: one of the constructor's.
          batch_size: B.
          seed: int32 [2], the stateless seed.
          state, next_state: representations, [B, S], for samplers that use them.
        """
        samplers = self.samplers(mode)
        seeds = sampler_seeds(seed, len(samplers))
        pairs = [sample(batch_size, s, state, next_state) for sample, s in zip(samplers, seeds)]
        contexts, next_contexts = zip(*pairs)
        return list(contexts), list(next_contexts)

    def transition(
        self, contexts: Sequence[tf.Tensor], state: tf.Tensor, next_state: tf.Tensor
    ) -> list[tf.Tensor]:
        """Contexts after a step from `state` to `next_state` (representations)."""
        if self._transition_fn is None:
            return list(contexts)
        return self._transition_fn(contexts, None, None, state=state, next_state=next_state)

    def multi_transition(self, contexts: Sequence[tf.Tensor], states: tf.Tensor) -> list[tf.Tensor]:
        """Contexts at every state of a sequence; contexts [..., G], states [..., c, S]."""
        if self._multi_transition_fn is None:
            steps = states.shape[-2]
            return [tf.repeat(context[..., None, :], steps, axis=-2) for context in contexts]
        return self._multi_transition_fn(contexts, None, None, states=states)

    def compute_rewards(
        self,
        states: tf.Tensor,
        actions: tf.Tensor | None,
        rewards: tf.Tensor | None,
        next_states: tf.Tensor,
        contexts: Sequence[tf.Tensor],
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Weighted sum of the reward functions and product of their discounts, [B] each."""
        total, discount = 0.0, 1.0
        for weight, reward_fn in zip(self._reward_weights, self._reward_fns):
            if reward_fn is None:
                raise ValueError("Context.reward_fn is not set; allowed: a reward function or a list of them")
            reward, reward_discount = reward_fn(states, actions, rewards, next_states, contexts)
            total += weight * reward
            discount *= reward_discount
        return total, discount


def _context_spec(index, limits, size):
    try:
        minimum, maximum = (np.broadcast_to(np.asarray(limit, np.float32), [size]) for limit in limits)
    except (TypeError, ValueError):
        raise ValueError(
            f"Context.context_ranges[{index}] = {limits!r}; allowed: (minimum, maximum), each a number or"
            f" {size} numbers"
        ) from None
    if np.any(minimum >= maximum):
        raise ValueError(
            f"Context.context_ranges[{index}] = {limits!r}; every minimum must be below its maximum"
        )
    return tensor_spec.BoundedTensorSpec([size], tf.float32, minimum, maximum, name=f"context_{index}")
