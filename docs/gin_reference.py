"""Writes docs/gin_reference.md: everything that a gin file can bind, from the docstrings.

python -m docs.gin_reference
"""

import inspect
import pathlib
import re
import sys
from collections.abc import Callable, Iterator

import gin

# Importing it registers all that gin files know.
from efficient_hrl.configuration import config  # noqa: F401
from efficient_hrl.configuration.bindable import bindable_parameters
from efficient_hrl.inert_parameters import INERT, OVERRULED

PAGE = pathlib.Path(__file__).with_suffix(".md")
# Title, and the modules whose configurables stand below it; the first that fits counts.
SECTIONS = (
    ("Runs", ("efficient_hrl.train", "efficient_hrl.eval", "efficient_hrl.evaluation")),
    ("Environments", ("environments",)),
    ("Levels", ("efficient_hrl.agent", "efficient_hrl.ablations")),
    (
        "Optimisers and losses",
        ("efficient_hrl.configuration", "efficient_hrl.agents.losses", "efficient_hrl.agents.optimizers"),
    ),
    ("Actor-critics, networks and exploration", ("efficient_hrl.agents",)),
    ("When episodes end and which steps count", ("efficient_hrl.cond_fn",)),
    ("Contexts: goals and targets", ("efficient_hrl.context.context", "efficient_hrl.context.maze_targets")),
    ("Context transitions", ("efficient_hrl.context.context_transition_functions",)),
    ("Samplers", ("efficient_hrl.context.samplers",)),
    ("Rewards", ("efficient_hrl.context.rewards_functions", "efficient_hrl.context.reward_wrappers")),
    ("Representations", ("efficient_hrl.representations",)),
    ("Relabelling and replay", ("efficient_hrl.relabeling", "efficient_hrl.replay")),
    ("Values", ("efficient_hrl.context.gin_utils",)),
)
MACROS = {
    "SUBGOAL_DIM": "dimensions of a goal",
    "CONTEXT_RANGE_MIN": "least goal, one number or one for each dimension",
    "CONTEXT_RANGE_MAX": "greatest goal, likewise",
    "META_EXPLORE_NOISE": "standard deviation of the high level's noise, in units of goals",
    "RESET_EPISODE_PERIOD": "environment steps per episode, in training and evaluation",
    "ZERO_OBS": "whether the low level does not see x and y",
    "IMAGES": "whether a top-down view stands in place of x and y",
    "STATE_INDICES": "which entries of a state are the goal space of `whole_obs`",
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
run. What is bound for a class holds for those made of it: `MetaAgentCore.k` for every high level,
`UvfAgentCore.step_cond_fn` for every low level, `DdpgAgent.actor_net` and `BaseSampler.context_range`
likewise.
[B] is a batch, [S] the size of a state, [A] of an action, [G] of a goal or target, [R] of a reward, c the
environment steps per goal; f, phi and other words: [glossary](code.md#glossary).
"""


def page() -> str:
    """The whole page, Markdown."""
    parts = [_HEAD, _table(("macro", "meaning"), MACROS.items())]
    for title, _ in SECTIONS:
        parts.append(f"## {title}\n")
        parts += [
            _entry(selector, target) for selector, target in _configurables() if _section(target) == title
        ]
    external = ", ".join(f"`@{name}`" for name in _external())
    parts.append(f"## From TensorFlow\n\n{external}, with TensorFlow's own parameters.\n")
    return "\n".join(parts)


def undocumented() -> list[str]:
    """Parameters that can be bound and about which no docstring says anything, as "name.parameter"."""
    return [
        f"{_short(selector)}.{name}"
        for selector, target in _configurables()
        for name in bindable_parameters(selector)
        if not _told(target, name) and name not in _without_effect(selector, target)
    ]


def defaults() -> Iterator[tuple[str, Callable]]:
    """Of every parameter whose default is a function or class: the gin name that the page has, and itself."""
    for selector, _ in _configurables():
        for parameter in bindable_parameters(selector).values():
            if callable(parameter.default) and parameter.default is not parameter.empty:
                yield _gin_name(parameter.default), parameter.default


def _registered():
    """Selector -> configurable; gin has no public list."""
    return gin.config._REGISTRY._selector_map


def _configurables() -> Iterator[tuple[str, object]]:
    """Selector and what it configures, of this project, by their short names."""
    own = [
        (selector, inspect.unwrap(found.wrapped))
        for selector, found in _registered().items()
        if found.wrapped.__module__.split(".")[0] in ("efficient_hrl", "environments")
    ]
    return iter(sorted(own, key=lambda pair: _short(pair[0]).lower()))


def _external():
    return sorted(
        selector
        for selector, found in _registered().items()
        if selector.startswith("tf.") and not found.wrapped.__module__.startswith("efficient_hrl")
    )


def _short(selector):
    return selector.rsplit(".", 1)[-1]


def _section(target):
    fits = lambda prefix: f"{target.__module__}.".startswith(f"{prefix}.")
    for title, prefixes in SECTIONS:
        if any(map(fits, prefixes)):
            return title
    raise ValueError(
        f"{target.__module__} has no section of the page; allowed: one of SECTIONS that names it"
    )


def _entry(selector, target):
    """One configurable: what it is, a table of its parameters, and those without effect."""
    summary = " ".join((inspect.getdoc(target) or "").split("\n\n")[0].split())
    reasons = _without_effect(selector, target)
    rows, inert = [], {}
    for name, parameter in bindable_parameters(selector).items():
        if name in reasons:
            inert.setdefault(reasons[name], []).append(f"`{name}`")
        else:
            rows.append((name, _default(parameter), _escaped(_told(target, name))))
    text = f"### `{_short(selector)}`\n\n{_escaped(summary)}\n"
    if rows:
        text += "\n" + _table(("parameter", "default", "meaning"), rows)
    if inert:
        told = (f"{', '.join(names)} ({reason})" for reason, names in inert.items())
        text += f"\nWithout effect: {'; '.join(told)}.\n"
    return text


def _table(head, rows):
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    lines += [f"| `{first}` | {' | '.join(others)} |" for first, *others in rows]
    return "\n".join(lines) + "\n"


def _default(parameter):
    value = parameter.default
    if value is parameter.empty:
        return "required"
    return f"`@{_gin_name(value)}`" if callable(value) else f"`{value!r}`"


def _gin_name(value):
    """The name by which gin files refer to a function or class."""
    for selector, found in _registered().items():
        if inspect.unwrap(found.wrapped) is inspect.unwrap(value):
            return selector if selector.startswith("tf.") else _short(selector)
    raise ValueError(f"{value!r} is a default that no gin file can name")


def _without_effect(selector, target):
    """Name -> reason, of a configurable's parameters without effect."""
    names = {_short(selector)}
    for maker in _makers(target):
        names |= {base.__name__ for base in getattr(maker, "__mro__", [])}
    inert = {name: told.reason for known in names for name, told in INERT.get(known, {}).items()}
    return inert | OVERRULED.get(_short(selector), {})


def _makers(target):
    return [target, *filter(None, [getattr(target, "learner_class", None)])]


def _told(target, name):
    """What docstrings say about a parameter."""
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
    """The one function or class of the project that has a name, or None."""
    own = (
        module
        for key, module in sorted(sys.modules.items())
        if key.startswith(("efficient_hrl.", "environments."))
    )
    found = {id(value): value for module in own if callable(value := getattr(module, name, None))}
    if len(found) > 1:
        raise ValueError(f"a docstring says 'see `{name}`', and {len(found)} things have that name")
    return next(iter(found.values()), None)


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
