"""What each gin binding of a recorded run matters for: the one list of it.

A run may go on with another value only of what changes nothing that was learned; what looks at a run
may ignore what only decided how it learned; and runs are seeds of one method when they agree in all
that decides their curves.
"""

import ast
import enum
import fnmatch
import re
from collections.abc import Mapping
from typing import NamedTuple


class Effect(enum.Enum):
    """What a binding decides."""

    EVERYTHING = "what is learned, and how it acts"
    LEARNING = "how it is learned, not how it acts"
    MEASURING = "what an evaluation means, and how exactly it measures"
    TELLING = "how long a run is, and what is kept and told of it"


class Binding(NamedTuple):
    """Bindings whose names match a shell pattern.

    Attributes:
      pattern: of names as gin writes them, scopes included.
      effect: what they decide.
      may_change: whether a run may go on although one of them has changed.
    """

    pattern: str
    effect: Effect
    may_change: bool = False


# The first that matches counts; what none matches decides everything and may not change.
BINDINGS = (
    Binding("train_uvf.num_episodes_train", Effect.TELLING, may_change=True),
    Binding("train_uvf.should_stop_early", Effect.TELLING, may_change=True),
    Binding("train_uvf.log_every_n_steps", Effect.TELLING, may_change=True),
    Binding("train_uvf.eval_every_n_steps", Effect.TELLING, may_change=True),
    Binding("train_uvf.checkpoint_every_n_steps", Effect.TELLING, may_change=True),
    Binding("train_uvf.save_policy_every_n_steps", Effect.TELLING, may_change=True),
    Binding("train_uvf.max_policies_to_save", Effect.TELLING, may_change=True),
    Binding("train_uvf.max_checkpoints_to_keep", Effect.TELLING, may_change=True),
    Binding("train_uvf.keep_every_nth_checkpoint", Effect.TELLING, may_change=True),
    Binding("evaluate.environment", Effect.MEASURING, may_change=True),
    Binding("evaluate.num_episodes_eval", Effect.MEASURING, may_change=True),
    Binding("evaluate.success_distance", Effect.MEASURING, may_change=True),
    Binding("evaluate.success_fn", Effect.MEASURING, may_change=True),
    Binding("evaluate.max_steps_per_episode", Effect.MEASURING, may_change=True),
    Binding("evaluate.gamma", Effect.MEASURING, may_change=True),
    Binding("evaluate.*", Effect.TELLING, may_change=True),
    Binding("run_random.*", Effect.TELLING, may_change=True),
    Binding("EVAL_MODES", Effect.TELLING, may_change=True),
    Binding("create_maze_env.evaluation_targets", Effect.MEASURING, may_change=True),
    Binding("create_maze_env.training_targets", Effect.LEARNING),
    Binding("*train_uvf*", Effect.LEARNING),
    Binding("*CircularBuffer*", Effect.LEARNING),
    Binding("*AdamOptimizer*", Effect.LEARNING),
    Binding("*add_noise_fn*", Effect.LEARNING),
    Binding("*update_targets*", Effect.LEARNING),
    Binding("*huber_loss*", Effect.LEARNING),
    Binding("*ConstantSampler.value", Effect.LEARNING),
    Binding("*InverseDynamics*", Effect.LEARNING),
)
_OTHERS = Binding("*", Effect.EVERYTHING)


def binding_of(name: str) -> Binding:
    """The entry that counts for the binding `name`."""
    matching = (binding for binding in BINDINGS if fnmatch.fnmatchcase(name, binding.pattern))
    return next(matching, _OTHERS)


def may_change(name: str) -> bool:
    """Whether a run may go on with another value of the binding `name`."""
    return binding_of(name).may_change


def decides_acting(name: str) -> bool:
    """Whether weights act otherwise, or not at all, under another value of the binding `name`."""
    return binding_of(name).effect is Effect.EVERYTHING


def decides_curves(name: str) -> bool:
    """Whether runs that differ in the binding `name` are not seeds of one method."""
    return binding_of(name).effect is not Effect.TELLING


def is_evaluation_target(name: str, config: Mapping[str, str]) -> bool:
    """Whether a binding is a target at which a run is evaluated and not trained, so that it may change.

    Args:
      name: of the binding, e.g. "eval1/ConstantSampler.value".
      config: all bindings, name -> value as gin writes it.
    """
    found = re.fullmatch(r"(\w+)/ConstantSampler\.value", name)
    if not found:
        return False
    reference = f"@{found.group(1)}/ConstantSampler"
    users = {other: text for other, text in config.items() if reference in text}
    return bool(users) and all(_evaluates_alone(reference, *user) for user in users.items())


def _evaluates_alone(reference, name, text):
    """Whether a binding is of samplers that use `reference` in modes of evaluation alone."""
    if not name.endswith("Context.samplers"):
        return False
    try:
        samplers = ast.literal_eval(re.sub(r"[@%][\w./]+(?:\(\))?", lambda found: repr(found.group()), text))
        modes = [mode for mode, own in samplers.items() if reference in repr(own)]
    except (AttributeError, SyntaxError, ValueError):
        return False
    return all(mode.startswith("eval") for mode in modes)


def patterns_that_may_change() -> list[str]:
    """Patterns of all that may change, for messages; those that another one covers are left out."""
    patterns = [binding.pattern for binding in BINDINGS if binding.may_change]
    covered = lambda name: any(p != name and fnmatch.fnmatchcase(name, p) for p in patterns)
    return [pattern for pattern in patterns if not covered(pattern)]
