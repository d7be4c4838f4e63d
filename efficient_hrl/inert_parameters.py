"""Parameters of the original that bind and have no effect, with the reason; filtered here alone.

Gin files of the original bind some of them, so that they are known by name.  What they are set to is
not looked at.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple


class Inert(NamedTuple):
    """A parameter without effect.

    Attributes:
      default: as in the original.
      reason: why nothing reads it.
    """

    default: Any
    reason: str


_UNUSED = "the original does not use it either"
_VIDEOS = "--mode=video makes videos of a run"

INERT = {
    "train_uvf": {
        "num_bin_actions": Inert(3, _UNUSED),
        "exp_action_wrapper": Inert(None, _UNUSED),
        "replay_context_ratio": Inert(0.0, _UNUSED),
        "next_state_as_context_ratio": Inert(0.0, _UNUSED),
        "state_index": Inert(0, _UNUSED),
        "zero_timer_ratio": Inert(0.0, _UNUSED),
        "timer_index": Inert(-1, _UNUSED),
        "debug": Inert(False, _UNUSED),
        "prefetch_queue_capacity": Inert(2, "batches are drawn when they are needed"),
        "save_policy_interval_secs": Inert(0, "nothing waits after saving"),
        "summarize_gradients": Inert(False, "TensorBoard shows what metrics.csv holds"),
        "debug_summaries": Inert(False, "TensorBoard shows what metrics.csv holds"),
    },
    "evaluate": {
        "num_bin_actions": Inert(3, _UNUSED),
        "num_episodes_videos": Inert(5, _VIDEOS),
        "video_settings": Inert(None, _VIDEOS),
    },
}


def accepts_inert(configurable: str) -> Callable[[Callable], Callable]:
    """Lets a function take the inert parameters of a configurable, which it never sees.

    The result has them in its signature, so that gin binds them and refuses names that nobody knows.
    """
    inert = INERT[configurable]

    def decorate(function):
        @functools.wraps(function)
        def accepting(*arguments, **named):
            return function(*arguments, **{name: x for name, x in named.items() if name not in inert})

        del accepting.__wrapped__  # else gin reads the signature of `function`
        own = inspect.signature(function)
        more = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=parameter.default)
            for name, parameter in inert.items()
        ]
        accepting.__signature__ = own.replace(parameters=[*own.parameters.values(), *more])
        return accepting

    return decorate
