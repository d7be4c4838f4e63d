"""Writes docs/gin_reference.md: everything that a gin file can bind, from the docstrings.

python -m docs.gin_reference
"""

import inspect
import pathlib
import re
import sys
from collections.abc import Iterator

import gin

# Importing it registers all that gin files know.
from efficient_hrl.configuration import config  # noqa: F401
from efficient_hrl.configuration.bindable import bindable_parameters
from efficient_hrl.inert_parameters import INERT

PAGE = pathlib.Path(__file__).with_suffix(".md")
# Title, and the modules whose configurables stand below it; the first that fits counts.
SECTIONS = (
    ("Runs", ("efficient_hrl.train", "efficient_hrl.eval", "efficient_hrl.evaluation")),
    ("Environments", ("environments",)),
    ("Levels", ("efficient_hrl.agent", "efficient_hrl.ablations")),
    ("Actor-critics, networks and exploration", ("efficient_hrl.agents",)),
    ("When episodes end and which steps count", ("efficient_hrl.cond_fn",)),
    ("Contexts: goals and targets", ("efficient_hrl.context.context", "efficient_hrl.context.maze_targets")),
    ("Context transitions", ("efficient_hrl.context.context_transition_functions",)),
    ("Samplers", ("efficient_hrl.context.samplers",)),
    ("Rewards", ("efficient_hrl.context.rewards_functions", "efficient_hrl.context.reward_wrappers")),
    ("Representations", ("efficient_hrl.representations",)),
    ("Relabelling and replay", ("efficient_hrl.relabeling", "efficient_hrl.replay")),
    ("Optimisers and losses", ("efficient_hrl.configuration",)),
    ("Values", ("efficient_hrl.context.gin_utils",)),
)
_LOSSES = (
    "efficient_hrl.agents.losses",
    "efficient_hrl.agents.optimizers",
)  # beside those of `configuration`
# What a call of the program gives although a default is there.
_CALLED_WITH = {"state", "next_state", "states", "optimizer"}
MACROS = {
    "SUBGOAL_DIM": "dimensions of a goal",
    "CONTEXT_RANGE_MIN": "least goal, one number or one for each dimension",
    "CONTEXT_RANGE_MAX": "greatest goal, likewise",
    "META_EXPLORE_NOISE": "standard deviation of the high level's noise, in units of goals",
    "RESET_EPISODE_PERIOD": "environment steps per episode, in training and evaluation",
    "ZERO_OBS": "whether the low level does not see x and y",
    "IMAGES": "whether a top-down view stands in place of x and y",
    "STATE_INDICES": "which entries of a state are the goal space, where f is not learned",
    "TARGET_INDICES": "which entries of a state shall reach the target",
    "TARGET_DIM": "how many they are",
    "EVAL_MODES": "modes of the high level's samplers to evaluate, one per target",
    "ACTOR_HIDDEN_SIZE_1": "units of the first hidden layer of both levels' actors",
    "ACTOR_HIDDEN_SIZE_2": "of the second",
    "CRITIC_HIDDEN_SIZE_1": "units of the first hidden layer of both levels' critics",
    "CRITIC_HIDDEN_SIZE_2": "of the second",
    "TARGET_Q_CLIPPING": "(minimum, maximum) of both levels' target values, or None",
    "AGENT_CLASS": "the low level",
    "META_CLASS": "the high level",
    "STATE_PREPROCESS_CLASS": "the representation",
    "INVERSE_DYNAMICS_CLASS": "what proposes goals for relabelling",
    "CONTEXT": "the low level's context: goals",
    "META_CONTEXT": "the high level's context: targets",
}
_HEAD = """# What gin files can bind

Written by `python -m docs.gin_reference` from the docstrings. `name.parameter = value` in a gin file or in
`--gin_bindings` binds for every use, `scope/name.parameter` for one scope (`agent/`, `meta/`, `eval1/`, ...).
Defaults are those of the functions; what a shipped configuration has stands in
[`gin/base.gin`](../gin/base.gin) and the files that include it, and in the `operative_config.gin` of every
run. [G] is the size of a goal or target, [S] that of a state, [B] a batch.
"""


def page() -> str:
    """The whole page, Markdown."""
    parts = [_HEAD, _table("macro", "meaning", (), MACROS.items())]
    for title, _ in SECTIONS:
        parts.append(f"## {title}\n")
        parts += [
            _entry(selector, target) for selector, target in _configurables() if _section(target) == title
        ]
    parts.append(f"## From TensorFlow\n\n{', '.join(f'`@{name}`' for name in _external())}.\n")
    return "\n".join(parts)


def undocumented() -> list[str]:
    """Parameters that can be bound and about which no docstring says anything, as "name.parameter"."""
    return [
        f"{_short(selector)}.{name}"
        for selector, target in _configurables()
        for name in _parameters(selector, target)
        if not _told(target, name) and name not in _inert(selector, target)
    ]


def _configurables() -> Iterator[tuple[str, object]]:
    """Selector and what it configures, of this project, by their short names."""
    known = gin.config._REGISTRY._selector_map.items()  # gin has no public list
    own = [
        (selector, inspect.unwrap(found.wrapped))
        for selector, found in known
        if found.wrapped.__module__.split(".")[0] in ("efficient_hrl", "environments")
    ]
    return iter(sorted(own, key=lambda pair: _short(pair[0]).lower()))


def _external():
    known = gin.config._REGISTRY._selector_map.items()
    return sorted(
        selector
        for selector, found in known
        if selector.startswith("tf.") and not found.wrapped.__module__.startswith("efficient_hrl")
    )


def _short(selector):
    return selector.rsplit(".", 1)[-1]


def _section(target):
    module = target.__module__
    if module in _LOSSES:
        return "Optimisers and losses"
    fits = lambda prefix: module == prefix or module.startswith(prefix + ".")
    return next(title for title, prefixes in SECTIONS if any(map(fits, prefixes)))


def _entry(selector, target):
    """One configurable: what it is, and a table of its parameters."""
    summary = " ".join((inspect.getdoc(target) or "").split("\n\n")[0].split())
    rows, without_effect = [], {}
    for name, parameter in _parameters(selector, target).items():
        reason = _inert(selector, target).get(name)
        if reason is None:
            rows.append((name, _default(parameter), _escaped(_told(target, name))))
        else:
            without_effect.setdefault(reason, []).append(f"`{name}`")
    text = f"### `{_short(selector)}`\n\n{_escaped(summary)}\n"
    if rows:
        text += "\n" + _table("parameter", "default", ("meaning",), rows)
    if without_effect:
        reasons = (f"{', '.join(names)} ({reason})" for reason, names in without_effect.items())
        text += f"\nWithout effect: {'; '.join(reasons)}.\n"
    return text


def _table(first, second, others, rows):
    lines = [f"| {' | '.join((first, second, *others))} |", "|---" * (2 + len(others)) + "|"]
    lines += [f"| `{row[0]}` | {' | '.join(row[1:])} |" for row in rows]
    return "\n".join(lines) + "\n"


def _parameters(selector, target):
    """Name -> parameter of what a file binds, without what calls of the program give."""
    takes_required = _section(target) in ("Values", "Optimisers and losses")
    given = {"labels", "predictions", *_CALLED_WITH}
    is_bound = lambda name, parameter: (
        name not in given
        and (takes_required or parameter.default is not parameter.empty)
        and not (name == "clip_gradient_norm" and "representations" in target.__module__)
        and parameter.kind is not parameter.VAR_KEYWORD
    )
    found = bindable_parameters(selector).items()
    return {name: parameter for name, parameter in found if is_bound(name, parameter)}


def _default(parameter):
    value = parameter.default
    if value is parameter.empty:
        return "none"
    if callable(value):
        return f"`@{value.__name__}`"
    return f"`{value!r}`"


def _inert(selector, target):
    """Name -> reason, of a configurable's parameters without effect."""
    names = {_short(selector)}
    for maker in _makers(target):
        names |= {base.__name__ for base in getattr(maker, "__mro__", [])}
    if "ddpg_critic_net" in names:
        names.add("CriticNetwork")
    known = [INERT[name] for name in INERT if name in names]
    return {name: inert.reason for parameters in known for name, inert in parameters.items()}


def _makers(target):
    return [target, *filter(None, [getattr(target, "learner_class", None)])]


def _told(target, name):
    for maker in _makers(target):
        for text in _docstrings(maker):
            told = _entries(text).get(name)
            if told is None:
                continue
            elsewhere = re.fullmatch(r"(?:see|as for) `(\w+)`\.", told)
            other = elsewhere and _named(elsewhere.group(1))
            return (other and _told(other, name)) or told
    return ""


def _docstrings(maker):
    """Docstrings that tell of parameters: of a function, or of a class, its bases and their makers."""
    if not inspect.isclass(maker):
        return [inspect.getdoc(maker) or ""]
    texts = []
    for base in maker.__mro__:
        if base.__module__.split(".")[0] in ("efficient_hrl", "environments"):
            own = base.__dict__.get("__init__")
            texts += [inspect.getdoc(own) or ""] if own else []
            texts.append(inspect.cleandoc(base.__doc__ or ""))
    return texts


def _named(name):
    """What has this name in any of the project's modules."""
    for module_name, module in list(sys.modules.items()):
        if module_name.split(".")[0] in ("efficient_hrl", "environments") and hasattr(module, name):
            return getattr(module, name)
    return None


def _entries(text):
    """Name -> what the sections Args and Attributes of a docstring say of it."""
    found = {}
    for section in re.findall(r"^(?:Args|Attributes):\n((?:(?: .*)?\n?)*)", text, re.MULTILINE):
        # An entry begins at the section's own depth; what is deeper goes on with it.
        for entry in re.split(r"\n(?=  \S)", section.rstrip().removeprefix("  ")):
            names, colon, told = " ".join(entry.split()).partition(": ")
            if colon:
                for name in names.split(", "):
                    found.setdefault(name.strip("* "), told)
    return found


def _escaped(text):
    """Text as Markdown shows it: no cell ends in it, and no product or list becomes emphasis or a link."""
    code = re.split(r"(`[^`]*`)", text.replace("|", "\\|"))
    return "".join(
        part if part.startswith("`") else part.replace("*", "\\*").replace("](", "]\\(") for part in code
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
