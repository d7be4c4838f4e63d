"""Bindings that are right one by one and make no sense together, found before anything is built.

Each function takes all bindings, name -> value as gin writes it, and returns what is wrong in one line,
or None.  What the configurables can find themselves they do; this is what none of them sees alone.
"""

import re
from collections.abc import Mapping

from efficient_hrl.storage.bound_values import text_of, value_of

_CLASSES = ("agent_class", "meta_agent_class", "state_preprocess_class")
# Parameters of negative_distance that make its reward another number than minus the distance in metres.
_PLAIN_DISTANCE = {
    "state_scales": 1.0,
    "goal_scales": 1.0,
    "reward_scales": 1.0,
    "weight_index": None,
    "weight_vector": None,
    "vectorize": False,
    "diff": False,
    "bonus_epsilon": 0.0,
    "offset": 0.0,
}
_OWN_RANGES = {"ConstantSampler", "RandomSampler", "ScheduledSampler", "ZeroSampler"}  # which ask no maze
_RELATIVE = ("relative_context_transition_fn", "relative_context_multi_transition_fn")


def evaluates_what_it_trains(config: Mapping[str, str]) -> str | None:
    """A run is evaluated and looked at as the classes of `evaluate`; they must be those that learn."""
    for name in _CLASSES:
        trained, evaluated = (text_of(config, f"{of}.{name}") for of in ("train_uvf", "evaluate"))
        are_classes = all((text or "").startswith("@") for text in (trained, evaluated))
        if are_classes and trained != evaluated:
            return (
                f"train_uvf.{name} = {trained} and evaluate.{name} = {evaluated}; allowed:"
                f" the same for both{_macro_of(config, name)}"
            )
    return None


def success_is_a_distance(config: Mapping[str, str]) -> str | None:
    """In a maze a success is a task reward above minus a distance, which the reward must then be."""
    counts = "create_maze_env" in (text_of(config, "evaluate.environment") or "")
    if (
        not counts
        or _is_none(config, "evaluate.success_distance")
        or not _is_none(config, "evaluate.success_fn")
    ):
        return None
    scope = _scope_of(config, "meta/Context.reward_fn", "negative_distance")
    if scope is None:
        return None
    for parameter, plain in _PLAIN_DISTANCE.items():
        name = _bound_name(config, scope, "negative_distance", parameter)
        if name is not None and not _is_plain(config, name, plain):
            return (
                f"{name} = {text_of(config, name)}: a success is a last task reward above"
                f" -evaluate.success_distance, and with it the reward is no distance in metres; allowed:"
                f" {plain!r}, or another reward function as evaluate.success_fn"
            )
    return None


def targets_are_drawn(config: Mapping[str, str]) -> str | None:
    """Targets of a maze of one's own are drawn by samplers that ask the maze."""
    samplers = text_of(config, "meta/Context.samplers") or "%"
    names = {name.rsplit("/", 1)[-1] for name in re.findall(r"@([\w./]+)", samplers)}
    if "%" in samplers or not names <= _OWN_RANGES:
        return None  # the maze's, or of one's own
    for name in ("evaluation_targets", "training_targets"):
        if not _is_none(config, f"create_maze_env.{name}"):
            return (
                f"create_maze_env.{name} is read by no sampler of meta/Context.samplers, which has targets of"
                " its own; allowed: with a gin file that includes 'tasks/own_ant_maze.gin' or"
                " 'tasks/own_point_maze.gin'"
            )
    return None


def goals_are_carried_as_rewarded(config: Mapping[str, str]) -> str | None:
    """Goals are changes of state in acting, in relabelling and in the reward, or in none of them."""
    if value_of(config, "agent/Context.meta_action_every_n") == 1:
        return None  # every goal is new
    is_relative, ks = {}, {}
    for parameter, function in zip(("context_transition_fn", "context_multi_transition_fn"), _RELATIVE):
        name = f"agent/Context.{parameter}"
        scope = _scope_of(config, name, function)
        if scope is None and not _is_none(config, name):
            return None  # a function of one's own
        is_relative[name] = scope is not None
        if scope is not None:
            its_k = _bound_name(config, scope, function, "k") or f"{function}.k"
            ks[its_k] = text_of(config, its_k)
    is_relative |= _relative_rewards(config)
    if len({*map(bool, is_relative.values())}) > 1:
        told = ", ".join(f"{name} = {text_of(config, name) or 'not bound'}" for name in is_relative)
        return (
            f"goals are relative to the state in one place and not in another ({told}); allowed: in all or in"
            " none"
        )
    if len({*ks.values()}) > 1:
        told = " and ".join(f"{name} = {text}" for name, text in ks.items())
        return f"{told}; allowed: the same for both"
    return None


def _relative_rewards(config):
    """Binding -> whether the low level's reward takes goals as changes of state; {} for other rewards."""
    found = {}
    scope = _scope_of(config, "agent/Context.reward_fn", "negative_distance")
    if scope is not None:
        name = _bound_name(config, scope, "negative_distance", "relative_context")
        default = f"{scope}negative_distance.relative_context"
        found[name or default] = value_of(config, name) if name else False
    agents = ("UvfAgent", "DdpgUvfAgent")
    if any("NorlReward" in (text_of(config, f"{of}.segment_reward") or "") for of in agents):
        name = "NorlReward.relative_context"
        found[name] = name not in config or value_of(config, name)
    return {name: value for name, value in found.items() if isinstance(value, bool)}


def time_is_hidden_where_it_is(config: Mapping[str, str]) -> str | None:
    """Networks of the representation hide a state's last entry, unless it is said not to be the time."""
    if value_of(config, "create_gymnasium_env.append_time") is not False:
        return None
    for network in ("state_preprocess_net", "action_embed_net"):
        uses = any(f"@{network}" in text for text in config.values())
        if uses and f"{network}.zero_time" not in config:
            return (
                f"create_gymnasium_env.append_time = False and {network}.zero_time = not bound, which hides a"
                f" state's last entry as the time; allowed: {network}.zero_time = False, or True where"
                " observations end with the time themselves"
            )
    return None


RULES = (
    evaluates_what_it_trains,
    success_is_a_distance,
    targets_are_drawn,
    goals_are_carried_as_rewarded,
    time_is_hidden_where_it_is,
)


def check_agreement(config: Mapping[str, str]) -> None:
    """Raises a ValueError for the first of `RULES` that bindings break."""
    for rule in RULES:
        wrong = rule(config)
        if wrong is not None:
            raise ValueError(wrong)


def _is_none(config, name):
    return (text_of(config, name) or "None") == "None"


def _is_plain(config, name, plain):
    """Whether a binding is a value, or a list of it; what cannot be read is taken for one."""
    text, value = text_of(config, name) or "None", value_of(config, name)
    if value is None or text.startswith("@"):
        return True
    values = value if isinstance(value, (list, tuple)) else [value]
    return all(one == (1.0 if name.endswith("weight_vector") else plain) for one in values)


def _scope_of(config, name, function):
    """The scope, "" or "scope/", in which a binding refers to a function; None where it is another one."""
    found = re.fullmatch(rf"\[?@((?:\w+/)*)(?:\w+\.)*{function}(?:\(\))?\]?", text_of(config, name) or "")
    return found and found.group(1)


def _bound_name(config, scope, function, parameter):
    """The binding that holds for a parameter of a function in a scope; None where none does."""
    parts = scope.split("/")[:-1]
    scopes = ["".join(f"{part}/" for part in parts[:end]) for end in range(len(parts), -1, -1)]
    names = [f"{outer}{function}.{parameter}" for outer in scopes]
    return next((name for name in names if name in config), None)


def _macro_of(config, name):
    """The macro that both may be bound to, for a message."""
    macro = config.get(f"evaluate.{name}") or ""
    return f", as {macro[1:]} binds them" if macro.startswith("%") else ""
