"""Every configurable of the original exists, with its parameters and defaults."""

import csv
import inspect

import gin
import pytest

from tests import golden_data

# Defaults that name a thing which has another name, or another form, here.
OTHER_NAMES = {
    "lambda states: states": None,
    "ACTIONS": None,
    "networks.actor_net": "ddpg_actor_net",
    "networks.critic_net": "ddpg_critic_net",
    "LOAD_PATH": None,
}
# Arguments that the caller gives: states, batches, specifications.  Networks are classes
# here, and what acts on a network gets the network; gin binds none of these.
GIVEN = {
    "environment_steps", "num_episodes", "agent", "state", "action", "transition_type",
    "states", "actions", "rewards", "next_states", "contexts", "timer", "sampler_fn",
    "observation_spec", "action_spec", "tf_env", "spec", "context_spec", "action_fn",
    "critic_vals", "critic_values", "checkpoint_dir", "eval_dir", "train_dir",
    "evaluate_checkpoint_fn", "for_critic_loss",
}  # fmt: skip


def configurables():
    with open(golden_data.FOLDER / "configurables.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [(row["configurable"], row["parameters (defaults)"] or "") for row in rows]


def split_parameters(text):
    """Top-level commas only."""
    text = text.replace("lambda actions, *args, **kwargs: actions", "ACTIONS")
    parts, depth, current = [], 0, ""
    for character in text:
        depth += {"(": 1, "[": 1}.get(character, 0) - {")": 1, "]": 1}.get(character, 0)
        if character == "," and not depth:
            parts.append(current)
            current = ""
        else:
            current += character
    parts.append(current)
    return [part.strip() for part in parts if part.strip()]


def known_parameters(name):
    """Name -> default, base classes included."""
    target = inspect.unwrap(gin.get_configurable(name))
    functions = [c.__init__ for c in target.__mro__[:-1]] if inspect.isclass(target) else [target]
    known = {}
    for function in functions:
        parameters = inspect.signature(function).parameters
        for parameter in parameters.values():
            known.setdefault(parameter.name, parameter.default)
        if not any(p.kind == p.VAR_KEYWORD for p in parameters.values()):
            break
    return known


def shown(default):
    return getattr(default, "__name__", default)


@pytest.mark.parametrize("name, parameters", configurables(), ids=[name for name, _ in configurables()])
def test_configurable(name, parameters):
    known = known_parameters(name)
    for part in split_parameters(parameters):
        parameter, has_default, default = part.partition("=")
        if parameter in GIVEN:
            continue
        assert parameter in known, f"{name} has no parameter {parameter}"
        if not has_default:
            continue
        ours = known[parameter]
        if default in OTHER_NAMES:
            expected = OTHER_NAMES[default] and gin.get_configurable(OTHER_NAMES[default]).__name__
            assert shown(ours) == expected
        elif default.startswith(("cond_fn.", "tf.")):
            assert shown(ours) == default.rsplit(".", 1)[1]
        else:
            assert ours == eval(default), f"{name}.{parameter}"  # noqa: S307 (a literal from our own list)


def test_the_list_is_complete():
    assert len(configurables()) == 62
