"""Parameters that bind and have no effect, with the reason.

Gin files of the original bind some of them, so that they are known by name.  What they are set to is
not looked at.  `INERT` are those that no function has, which are filtered here; `OVERRULED` are those
that functions have for other callers.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from efficient_hrl import cond_fn


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
_TENSORBOARD = "TensorBoard shows what metrics.csv holds"
_NO_QUEUE = "batches are drawn when they are needed"
_LOW_LEVEL = "the original only asks the low level's"

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
        "prefetch_queue_capacity": Inert(2, _NO_QUEUE),
        "save_policy_interval_secs": Inert(0, "nothing waits after saving"),
        "summarize_gradients": Inert(False, _TENSORBOARD),
        "debug_summaries": Inert(False, _TENSORBOARD),
    },
    "evaluate": {
        "num_bin_actions": Inert(3, _UNUSED),
        "num_episodes_videos": Inert(5, _VIDEOS),
        "video_settings": Inert(None, _VIDEOS),
    },
    "UvfAgentCore": {"metrics": Inert(None, _TENSORBOARD)},
    "MetaAgentCore": {
        "step_cond_fn": Inert(cond_fn.env_transition, _LOW_LEVEL),
        "reset_episode_cond_fn": Inert(cond_fn.env_restart, _LOW_LEVEL),
        "reset_env_cond_fn": Inert(cond_fn.false_fn, _LOW_LEVEL),
        "metrics": Inert(None, _TENSORBOARD),
    },
    "DdpgAgent": {"debug_summaries": Inert(False, _TENSORBOARD)},
    "CriticNetwork": {"weight_decay": Inert(0.0001, "the original never adds it to a loss")},
    "ReplaySampler": {"prefetch_queue_capacity": Inert(2, _NO_QUEUE)},
    "timer_context_fn": {"debug": Inert(False, "it would print")},
    **{
        reward: {"summarize": Inert(False, _TENSORBOARD)}
        for reward in (
            "negative_distance",
            "diff_distance",
            "tanh_similarity",
            "negative_mse",
            "binary_indicator",
            "state_rewards",
        )
    },
    "cosine_similarity": {
        "state_scales": Inert(1.0, _UNUSED),
        "goal_scales": Inert(1.0, _UNUSED),
        "reward_scales": Inert(1.0, _UNUSED),
        "summarize": Inert(False, _TENSORBOARD),
    },
    "Context": {
        "timers": Inert(None, "clocks count environment steps"),
        "random_sampler_mode": Inert("random", "nothing samples without a mode"),
    },
}

_GIVEN_BY_RUNS = "train_uvf.state_preprocess_class takes its place"
_EVALUATES = "--mode=eval gives the parameters of evaluate"
_NO_CRITIC = "no gradient goes through a critic"
_NO_RANGE, _NO_PLACE = "nothing is drawn from a range", "nothing is relative to a state"
# Configurable -> parameter -> why what a gin file says of it does not count.
OVERRULED = {
    "UvfAgent": {"state_preprocess_class": _GIVEN_BY_RUNS},
    "UvfAgentCore": {"state_preprocess_class": _GIVEN_BY_RUNS},
    "DdpgUvfAgent": {"state_preprocess_class": _GIVEN_BY_RUNS},
    "evaluate_checkpoint_repeatedly": dict.fromkeys(
        ("eval_interval_secs", "max_number_of_evaluations", "checkpoint_timeout", "timeout_fn"), _EVALUATES
    ),
    "ddpg_sample_action": {"stddev": "levels explore by uvf_add_noise_fn and meta_add_noise_fn"},
    "ddpg_critic_function": {"weights": "each level gives its own"},
    "TransitionMetaAgent": {"dqda_clipping": _NO_CRITIC, "actions_regularizer": _NO_CRITIC},
    "TargetAgent": {"actions_reg": "it does not learn", "k": "it does not learn"},
    "Context": dict.fromkeys(("state_indices", "variable_indices"), "only its length is checked"),
    "BinarySampler": {"context_range": _NO_RANGE, "k": _NO_PLACE},
    "ConstantSampler": {"context_range": _NO_RANGE, "k": _NO_PLACE},
    "ZeroSampler": {"context_range": _NO_RANGE, "k": _NO_PLACE},
    "ScheduledSampler": {"context_range": _NO_RANGE, "k": _NO_PLACE},
    "TimeSampler": {"context_range": _NO_RANGE, "k": _NO_PLACE},
    "RandomSampler": {"k": _NO_PLACE},
    "GaussianSampler": {"k": _NO_PLACE},
    "ReplaySampler": {"k": _NO_PLACE},
    "MazeTargetSampler": {"context_range": _NO_RANGE, "k": _NO_PLACE},
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
        accepting.__signature__ = _with_inert(inspect.signature(function), inert)
        return accepting

    return decorate


def _with_inert(signature, inert):
    """A signature with the inert parameters, before `**arguments` where it has them."""
    own = list(signature.parameters.values())
    others = [own.pop()] if own and own[-1].kind == inspect.Parameter.VAR_KEYWORD else []
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=parameter.default)
        for name, parameter in inert.items()
    ]
    return signature.replace(parameters=[*own, *more, *others])
