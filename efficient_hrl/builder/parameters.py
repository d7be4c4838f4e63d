"""What gin may bind to `train_uvf` and `evaluate`: for each parameter the values that are allowed.

Kinds are functions (name, value) that raise a ValueError of one line.  A parameter without a kind is
checked by what is built from it.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from efficient_hrl.checks import (
    MOST_METRES,
    check_above_0,
    check_function,
    check_number,
    check_truth,
    check_whole,
    is_coordinate,
    is_mode,
    is_number,
    is_whole,
)
from efficient_hrl.context.context import target_mode
from efficient_hrl.relabeling import check_strategy
from efficient_hrl.replay import CircularBuffer
from environments.make_batched import check_environment

# What a run has in its folder beside kept weights.
_OWN_NAMES = {"checkpoints", "eval", "export", "lock", "maps", "plots", "train", "videos"}
_OWN_ENDINGS = (".csv", ".gin", ".html", ".json", ".log", ".png", ".txt")

Kind = Callable[[str, Any], None]


def whole(least: int = 1) -> Kind:
    """Whole numbers from `least`."""
    return functools.partial(check_whole, least=least)


def number(least: float = float("-inf"), most: float = float("inf")) -> Kind:
    """Finite numbers from `least` to `most`."""
    return functools.partial(check_number, least=least, most=most)


def optional(kind: Kind) -> Kind:
    """None, or what `kind` allows; of its messages those on a value say "name = value; allowed: ..."."""

    def check(name, value):
        try:
            if value is not None:
                kind(name, value)
        except ValueError as error:
            told = str(error)
            if told.startswith(f"{name} = "):  # of the value as a whole
                told = told.replace("; allowed: ", "; allowed: None, ", 1)
            raise ValueError(told) from None

    return check


def only(allowed: Any, why: str = "") -> Kind:
    """One value, and what is equal to it; the original has more, or the command line says the rest."""

    def check(name, value):
        if isinstance(value, bool) != isinstance(allowed, bool) or value != allowed:
            raise ValueError(f"{name} = {value!r}{why or f'; allowed: {allowed!r}'}")

    return check


def not_available(name: str, value: Any) -> None:
    """What the original can do and this port cannot, off."""
    if value:
        raise ValueError(f"{name} = {value!r} is not available; allowed: False")


def buffer(name: str, value: Any) -> None:
    """A `CircularBuffer`."""
    is_set(name, value)
    if not isinstance(value, CircularBuffer):
        raise ValueError(f"{name} = {value!r}; allowed: @agent/CircularBuffer()")


def optimizer(name: str, value: Any) -> None:
    """One of Keras' legacy optimisers, whose update rules are the original's."""
    if not isinstance(value, tf.keras.optimizers.legacy.Optimizer):
        raise ValueError(f"{name} = {value!r}; allowed: an optimizer, e.g. @AdamOptimizer()")


def is_set(name: str, value: Any) -> None:
    """Anything but None."""
    if value is None:
        raise ValueError(f"{name} is not set; the gin files must bind it")


def both(*kinds: Kind) -> Kind:
    """What all of `kinds` allow."""

    def check(name, value):
        for kind in kinds:
            kind(name, value)

    return check


def sub_folder(name: str, value: Any) -> None:
    """The name of a folder in the run's; None and "" are the run's own."""
    path = value.removesuffix("/") if isinstance(value, str) and value != "/" else value or ""
    if not isinstance(path, str) or "/" in path or path == "..":
        raise ValueError(f"{name} = {value!r}; allowed: the name of a folder in the run's, as 'policy'")
    if path in _OWN_NAMES or path.endswith(_OWN_ENDINGS):
        raise ValueError(f"{name} = {value!r}, which the run has for something else; allowed: another name")


def path(name: str, value: Any) -> None:
    """Text."""
    if not isinstance(value, str):
        raise ValueError(f"{name} = {value!r}; allowed: a path")


def modes(name: str, value: Any) -> None:
    """Names, each once; files are named after them."""
    is_list = isinstance(value, (list, tuple)) and all(map(is_mode, value))
    if not is_list or not value or len({*value}) < len(value):
        raise ValueError(f"{name} = {value!r}; allowed: a list of at least one mode, each once, as 'eval1'")


def places(name: str, value: Any) -> None:
    """Lists of coordinates in metres, each once."""
    is_list = isinstance(value, (list, tuple)) and value
    if not is_list or not all(
        isinstance(place, (list, tuple)) and place and all(map(is_coordinate, place)) for place in value
    ):
        raise ValueError(
            f"{name} = {value!r}; allowed: a list of places, e.g. [[4, 4]], up to {MOST_METRES:g}"
        )
    modes_of_places = [target_mode(place) for place in value]
    for number, mode in enumerate(modes_of_places):
        if mode in modes_of_places[:number]:
            raise ValueError(f"{name}: {list(value[number])} is given twice; allowed: each place once")


def steps_range(name: str, value: Any) -> None:
    """(first, last), environment steps."""
    is_pair = isinstance(value, (list, tuple)) and len(value) == 2 and all(map(is_number, value))
    if not is_pair or not value[0] <= value[1]:
        raise ValueError(f"{name} = {value!r}; allowed: (first, last)")


_FOLDER = "; the run's folder is given by --root_dir"

TRAIN: Mapping[str, Kind] = {
    "train_dir": only(None, _FOLDER),
    "batch_size": whole(),
    "num_episodes_train": whole(),
    "num_updates_per_observation": whole(),
    "num_collect_per_update": whole(),
    "num_collect_per_meta_update": whole(),
    "target_update_period": whole(),
    "num_envs": whole(),
    "max_steps_per_episode": optional(whole()),
    "max_policies_to_save": optional(whole()),
    "initial_steps": optional(whole()),
    "eval_every_n_steps": whole(),
    "checkpoint_every_n_steps": whole(),
    "max_checkpoints_to_keep": whole(),
    "keep_every_nth_checkpoint": whole(0),
    "repeat_size": whole(0),
    "log_every_n_steps": whole(0),
    "save_policy_every_n_steps": whole(0),
    "environment": check_environment,
    "replay_buffer": buffer,
    "meta_replay_buffer": buffer,
    "critic_optimizer": both(is_set, optimizer),
    "actor_optimizer": both(is_set, optimizer),
    "meta_critic_optimizer": both(is_set, optimizer),
    "meta_actor_optimizer": both(is_set, optimizer),
    "repr_optimizer": optional(optimizer),
    "replay_num_steps": only(1),
    "meta_replay_num_steps": only(1),
    "gamma": number(0, 1),
    "meta_gamma": number(0, 1),
    "clip_gradient_norm": number(0),
    "reward_scale_factor": number(),
    "random_goal_share": number(0, 1),
    "relabel_contexts": check_truth,
    "meta_relabel_contexts": check_truth,
    "collect_beside_learning": check_truth,
    "deterministic_ops": check_truth,
    "pretrain_steps": optional(whole(0)),
    "load_path": optional(path),
    "should_stop_early": check_function,
    "policy_save_dir": sub_folder,
    "goal_sample_strategy": lambda name, value: check_strategy(value),
}

EVALUATE: Mapping[str, Kind] = {
    "checkpoint_dir": only(None, _FOLDER),
    "eval_dir": only(None, _FOLDER),
    "generate_videos": not_available,
    "eval_model_rollout": not_available,
    "environment": check_environment,
    "num_episodes_eval": whole(),
    "success_distance": optional(check_above_0),
    "eval_modes": modes,
    "targets": optional(places),
    "gamma": number(0, 1),
    "tuner_hook": check_function,
    "success_fn": check_function,
    "timeout_fn": check_function,
    "generate_summaries": check_truth,
    "evaluate_nohrl": check_truth,
    "eval_interval_secs": number(0),
    "checkpoint_timeout": optional(number(0)),
    "max_number_of_evaluations": optional(whole()),
    "policy_save_dir": path,
    "checkpoint_path": optional(path),
    "checkpoint_range": optional(steps_range),
}


def check(configurable: str, kinds: Mapping[str, Kind], given: Mapping[str, Any]) -> None:
    """Raises a ValueError for the first parameter, in the order of `kinds`, that is not allowed.

    Args:
      configurable: whose parameters they are, "train_uvf" or "evaluate".
      kinds: parameter -> what it allows.
      given: parameter -> value.
    """
    for name, kind in kinds.items():
        kind(f"{configurable}.{name}", given[name])


def check_train(given: Mapping[str, Any]) -> None:
    """`check` of `train_uvf`'s parameters, and of those that do not go together."""
    check("train_uvf", TRAIN, given)
    if given["initial_steps"] is None:
        check_whole("train_uvf.initial_episodes", given["initial_episodes"])
    _check_window(given["low_replay_window"], given["replay_buffer"].buffer_size)
    if given["relabel_contexts"] and given["random_goal_share"]:
        raise ValueError(
            f"train_uvf.random_goal_share = {given['random_goal_share']!r} with train_uvf.relabel_contexts ="
            " True, which replaces all goals; allowed: either"
        )
    steps = given["pretrain_steps"]
    if steps is not None and given["collect_beside_learning"]:
        raise ValueError(
            f"train_uvf.pretrain_steps = {steps!r} with train_uvf.collect_beside_learning = True; allowed:"
            " either"
        )
    if steps == 0 and given["load_path"] is None:
        raise ValueError(
            "train_uvf.pretrain_steps = 0 would freeze an untrained low level; allowed: a whole number from"
            " 1, or 0 with train_uvf.load_path"
        )


def check_evaluate(given: Mapping[str, Any]) -> None:
    """`check` of `evaluate`'s parameters."""
    check("evaluate", EVALUATE, given)


def _check_window(window, buffer_size):
    if window is not None and not (is_whole(window, 1) and window <= buffer_size):
        raise ValueError(
            f"train_uvf.low_replay_window = {window!r}; allowed: None, a whole number from 1 to"
            f" {buffer_size}, the size of the low level's buffer"
        )
