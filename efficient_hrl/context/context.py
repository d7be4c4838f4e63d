"""What a policy is conditioned on besides the state.

The low level's context is the goal that the high level gives it; the high
level's context is the task's target.  Both are described by the same class: the
range of values, how they are drawn, how they follow the state, and the reward
for pursuing them.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gin
import numpy as np
import tensorflow as tf
from tf_agents.specs import tensor_spec

from efficient_hrl.checks import (
    check_function,
    check_number,
    check_truth,
    check_whole,
    is_mode,
    is_whole,
    length,
    numbers,
)
from efficient_hrl.context.reward_results import checked_rewards
from efficient_hrl.context.samplers import ConstantSampler, sampler_seeds
from efficient_hrl.inert_parameters import accepts_inert

ADDED_TARGETS = "evaluate.targets (--target)"  # where they come from, for messages


def target_mode(target: Sequence[float]) -> str:
    """The mode of a target that is no part of the configuration, e.g. "target_4_0.5"."""
    return "_".join(["target", *(f"{number:g}" for number in target)])


@gin.configurable
class Context(tf.Module):
    """One or more context tensors with their samplers, transition and reward.

    Where one tensor is wanted (an observation, a replay buffer), contexts are joined
    along their last axis; `merge` and `split` go from one form to the other.

    Attributes:
      specs: one BoundedTensorSpec, shape [G], per context tensor.
      size: sum of their sizes.
      meta_action_every_n: c, environment steps per high-level action, or None.
      settable_context: whether the environment is told of new contexts.
      draws_anew: whether the transition function asks for new contexts.
    """

    @accepts_inert("Context")
    def __init__(
        self,
        tf_env: Any,
        context_ranges: Sequence | None = None,
        context_shapes: Sequence[int | None] | None = None,
        state_indices: Sequence | None = None,
        variable_indices: Sequence | None = None,
        gamma_index: int | None = None,
        settable_context: bool = False,
        samplers: Mapping[str, Callable | Sequence[Callable]] | None = None,
        reward_weights: Sequence[float] | None = None,
        reward_fn: Callable | Sequence[Callable] | None = None,
        normalizers: Sequence[Callable | None] | None = None,
        context_transition_fn: Callable | None = None,
        context_multi_transition_fn: Callable | None = None,
        meta_action_every_n: int | None = None,
    ):
        """Builds samplers and specifications.

        Args:
          tf_env: the environment, for contexts of a state's shape.
          context_ranges: per context (minimum, maximum), numbers or sequences of them; always needed.
          context_shapes: per context its number of dimensions G, a list as long; an entry None is
            that of a state; 0, with the range ((), ()), is nothing, as where a task has no target.
          state_indices: as in the original only its length counts: one entry per context.
          variable_indices: likewise.
          gamma_index: which context holds the discount of this level, in place of
            gamma; None for none.
          settable_context: tell the environment of every newly drawn context, through
            its method `set_context`.
          samplers: mode ("train", "explore", "eval1", ...) -> one sampler class per
            context, or a single class.
          reward_weights: one weight per reward function, default all 1.
          reward_fn: a reward function or several; several are summed with their
            weights and their discounts multiplied.
          normalizers: per context None, or what makes from zeros [G] an object with
            `update_apply(x)`, `apply(x)` and `unapply(x)`; sampled contexts are
            normalised by it.
          context_transition_fn: contexts, s, s' -> contexts; None keeps them as they are.
          context_multi_transition_fn: the same for a sequence of states.
          meta_action_every_n: c, environment steps per goal; the low level's context needs it.

        Raises:
          ValueError: lists of unequal length, a period below 1, or a value of another kind.
        """
        super().__init__(name="context")
        count = _checked_count(context_ranges, context_shapes)
        if meta_action_every_n is not None:
            _check_period(meta_action_every_n, context_shapes)
        for name, values in (
            ("state_indices", state_indices),
            ("variable_indices", variable_indices),
            ("normalizers", normalizers),
        ):
            _check_length(count, **{name: values})
        check_truth("Context.settable_context", settable_context)
        check_function("Context.context_transition_fn", context_transition_fn)
        check_function("Context.context_multi_transition_fn", context_multi_transition_fn)
        if gamma_index is not None and gamma_index not in range(-count, count):
            raise ValueError(f"Context.gamma_index = {gamma_index!r}; allowed: None, 0 to {count - 1}")
        self.meta_action_every_n = meta_action_every_n
        self.settable_context = settable_context
        self._gamma_index = gamma_index
        shapes = [tf_env.observation_spec().shape[0] if size is None else size for size in context_shapes]
        self.specs = tuple(
            _context_spec(i, limits, size) for i, (limits, size) in enumerate(zip(context_ranges, shapes))
        )
        self.size = sum(spec.shape[0] for spec in self.specs)
        self._samplers = _built_samplers(samplers or {}, self.specs)
        self._normalizers = _built_normalizers(normalizers or [None] * count, self.specs)
        self._reward_fns, self._reward_weights = _checked_rewards(reward_fn, reward_weights)
        self._transition_fn = context_transition_fn
        self._multi_transition_fn = context_multi_transition_fn
        self.draws_anew = self._asks_for_contexts(tf_env)

    def _asks_for_contexts(self, tf_env):
        """Tries the transition function on zeros."""
        if self._transition_fn is None:
            return False
        asked = []
        zeros = [tf.zeros([1, *spec.shape]) for spec in self.specs]

        def sampler_fn():
            asked.append(True)
            return zeros

        state = tf.zeros([1, 1] if tf_env is None else [1, *tf_env.observation_spec().shape])
        with contextlib.suppress(ValueError, tf.errors.InvalidArgumentError):
            # What does not fit is told of by `build_hierarchy`, with the right states.
            self.transition(zeros, state, state, tf.zeros([1], tf.int32), sampler_fn)
        return bool(asked)

    def samplers(self, mode: str) -> list:
        """The samplers of a mode.

        Raises:
          ValueError: unknown mode, or one that cannot be drawn from.
        """
        if mode not in self._samplers:
            raise ValueError(
                f"no context sampler for mode {mode!r}; Context.samplers has {', '.join(self._samplers)}"
            )
        for sampler in self._samplers[mode]:
            if isinstance(sampler, ConstantSampler):
                _ = sampler.value  # complains when there is none
        return self._samplers[mode]

    def add_targets(self, targets: Sequence[Sequence[float]]) -> None:
        """Adds a mode for each of `targets` that always draws it, see `target_mode`.

        Raises:
          ValueError: a target of another size than a context, or several contexts.
        """
        for target in targets:
            if len(self.specs) != 1 or len(target) != self.size:
                allowed = f"{self.size} numbers" if len(self.specs) == 1 else "no target of one's own"
                raise ValueError(f"{ADDED_TARGETS}: {list(target)}; allowed: {allowed}")
            sampler = ConstantSampler(self.specs[0], value=list(target), scope=ADDED_TARGETS)
            self._samplers[target_mode(target)] = [sampler]

    def modes_like(self, beginning: str) -> tuple[str, ...]:
        """Modes with samplers whose names begin so; `beginning` itself if there are none."""
        return tuple(mode for mode in self._samplers if mode.startswith(beginning)) or (beginning,)

    def set_replay(self, draw_next_states: Callable) -> None:
        """Gives samplers what they may draw from: (batch size, seed) -> next states, [B, S]."""
        for samplers in self._samplers.values():
            for sampler in samplers:
                sampler.set_replay(draw_next_states)

    def merge(self, contexts: Sequence[tf.Tensor]) -> tf.Tensor:
        """Contexts as one tensor, [..., size]."""
        return tf.concat(contexts, axis=-1)

    def split(self, merged: tf.Tensor) -> list[tf.Tensor]:
        """What `merge` has joined."""
        return tf.split(merged, [spec.shape[0] for spec in self.specs], axis=-1)

    def sample(
        self,
        mode: str,
        batch_size: int,
        seed: tf.Tensor,
        state: tf.Tensor | None = None,
        next_state: tf.Tensor | None = None,
        updates: bool = True,
    ) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """Draws contexts and next contexts, lists of float32 [B, G].

        Args:
          mode: one of the constructor's.
          batch_size: B.
          seed: int64 [2], the stateless seed.
          state, next_state: states or representations, [B, S], for samplers that use them.
          updates: whether normalisers learn from what is drawn; evaluations only apply them.
        """
        samplers = self.samplers(mode)
        seeds = sampler_seeds(seed, len(samplers))
        contexts, next_contexts = [], []
        for sampler, normalizer, its_seed in zip(samplers, self._normalizers, seeds):
            context, next_context = sampler(batch_size, its_seed, state, next_state)
            if normalizer is not None:
                apply = normalizer.update_apply if updates else normalizer.apply
                context, next_context = apply(context), normalizer.apply(next_context)
            contexts.append(context)
            next_contexts.append(next_context)
        return contexts, next_contexts

    def unnormalized(self, contexts: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Contexts as their samplers drew them, before normalisation."""
        return [x if n is None else n.unapply(x) for x, n in zip(contexts, self._normalizers)]

    def transition(
        self,
        contexts: Sequence[tf.Tensor],
        state: tf.Tensor,
        next_state: tf.Tensor,
        timer: tf.Tensor | None = None,
        sampler_fn: Callable | None = None,
    ) -> list[tf.Tensor]:
        """Contexts after a step from `state` to `next_state`.

        Args:
          contexts: [..., G] each.
          state, next_state: representations or states, [..., S].
          timer: steps since the episode began, this one included, int [...]; for transition
            functions that go by the clock.
          sampler_fn: () -> fresh contexts, for those that draw anew.
        """
        if self._transition_fn is None:
            return list(contexts)
        return self._transition_fn(contexts, timer, sampler_fn, state=state, next_state=next_state)

    @property
    def normalizes(self) -> bool:
        """Whether any context has a normaliser."""
        return any(normalizer is not None for normalizer in self._normalizers)

    @property
    def reads_replay(self) -> bool:
        """Whether any sampler draws from the replay buffer."""
        return any(sampler.reads_replay for samplers in self._samplers.values() for sampler in samplers)

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
        """Weighted sum of the reward functions and product of their discounts, [B] each, or [B, R].

        Where some give vectors [B, R], the others' numbers [B] count in every dimension.
        """
        if None in self._reward_fns:
            raise ValueError("Context.reward_fn is not set; allowed: a reward function or a list of them")
        arguments = (states, actions, rewards, next_states, contexts)
        batch_size = tf.convert_to_tensor(next_states).shape[0]
        parts = [checked_rewards(fn, fn(*arguments), batch_size) for fn in self._reward_fns]
        is_vector = any(reward.shape.rank > 1 for reward, _ in parts)
        widened = lambda x: x[:, None] if is_vector and x.shape.rank == 1 else x
        total, discount = 0.0, 1.0
        for weight, (reward, reward_discount) in zip(self._reward_weights, parts):
            total += weight * widened(reward)
            discount *= widened(reward_discount)
        discount *= tf.ones_like(total)
        if is_vector and total.shape[-1] == 1:  # which critics take as a number
            return total[:, 0], discount[:, 0]
        return total, discount

    def discount(self, gamma: float, reward_discount: tf.Tensor, contexts: Sequence[tf.Tensor]) -> tf.Tensor:
        """Discount of the next value: gamma, or what context `gamma_index` says, times the reward's own.

        Args:
          gamma: a number.
          reward_discount: [B] or [B, R].
          contexts: [B, G] each.

        Returns:
          Like `reward_discount`.
        """
        if self._gamma_index is None:
            return gamma * reward_discount
        gammas = contexts[self._gamma_index][:, 0]
        return reward_discount * (gammas[:, None] if reward_discount.shape.rank > 1 else gammas)


def _checked_count(ranges, shapes):
    """How many contexts there are."""
    are_lists = all(isinstance(values, Sequence) and len(values) for values in (ranges, shapes))
    if not are_lists or len(ranges) != len(shapes):
        raise ValueError(
            f"Context.context_ranges = {ranges!r} and Context.context_shapes = {shapes!r}; allowed: two lists"
            " of one length, at least 1"
        )
    for i, (limits, size) in enumerate(zip(ranges, shapes)):
        if size is not None and not (is_whole(size, 0) and (size > 0 or _is_empty(limits))):
            raise ValueError(
                f"Context.context_shapes[{i}] = {size!r}; allowed: None, a whole number from 1, or 0 with"
                f" Context.context_ranges[{i}] = ((), ())"
            )
    return len(shapes)


def _check_period(steps, shapes):
    """Refuses a period that is none, and goals of nothing that a high level would give."""
    check_whole("Context.meta_action_every_n", steps)
    if steps > 1 and 0 in shapes:
        raise ValueError(
            f"Context.context_shapes = {list(shapes)} with Context.meta_action_every_n = {steps}; allowed for"
            " goals of a high level: None, whole numbers from 1"
        )


def _is_empty(limits):
    """Whether a range is that of nothing."""
    return isinstance(limits, Sequence) and [*limits] in ([(), ()], [[], []])


def _built_samplers(samplers, specs):
    """Mode -> one sampler per context."""
    if not isinstance(samplers, Mapping):
        raise ValueError(f"Context.samplers = {samplers!r}; allowed: a dictionary of modes")
    built = {}
    for mode, classes in samplers.items():
        if not is_mode(mode):
            raise ValueError(f"Context.samplers: the mode {mode!r}; allowed: names as 'train' or 'eval1'")
        classes = list(classes) if isinstance(classes, (list, tuple)) else [classes]
        if len(classes) != len(specs):
            raise ValueError(
                f"Context.samplers[{mode!r}] has {len(classes)} samplers; allowed: {len(specs)}, one per"
                " context"
            )
        if not all(callable(make) for make in classes):
            raise ValueError(f"Context.samplers[{mode!r}] = {classes!r}; allowed: sampler classes")
        built[mode] = [make(spec) for make, spec in zip(classes, specs)]
    return built


def _built_normalizers(normalizers, specs):
    """A normaliser or None per context."""
    for make in normalizers:
        check_function("Context.normalizers", make)
    return [make and make(tf.zeros(spec.shape)) for make, spec in zip(normalizers, specs)]


def _checked_rewards(reward_fn, weights):
    """Reward functions and their weights, lists of one length."""
    functions = list(reward_fn) if isinstance(reward_fn, (list, tuple)) else [reward_fn]
    if not functions:
        raise ValueError("Context.reward_fn = []; allowed: a reward function or a list of them")
    for function in functions:
        check_function("Context.reward_fn", function, "@negative_distance")
    weights = [1.0] * len(functions) if weights is None else weights
    if length("Context.reward_weights", weights) != len(functions):
        raise ValueError(
            f"Context.reward_weights has {len(weights)} entries; allowed: {len(functions)}, one per reward"
            " function"
        )
    for weight in weights:
        check_number("Context.reward_weights", weight)
    return functions, weights


def _check_length(count, **lists):
    for name, values in lists.items():
        if values is not None and length(f"Context.{name}", values) != count:
            raise ValueError(f"Context.{name} has {len(values)} entries; allowed: {count}, one per context")


def _context_spec(index, limits, size):
    try:
        minimum, maximum = (numbers("limit", limit, size) for limit in limits)
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
