"""Which parameters of a configurable a gin file may bind."""

import inspect

import gin

from efficient_hrl.agent import Level

# Parameters of configurables that the program gives, or that stand for others.
_GIVEN = {
    *("self", "arguments", "base", "observation_spec", "action_spec", "tf_env", "seed", "name"),
    *("learning", "exploration_stddev", "target_noise_stream", "critic_function", "actor_objective"),
    *("encoder", "representation", "hierarchy", "default_environment", "build"),
}


def bindable_parameters(selector: str) -> dict[str, inspect.Parameter]:
    """Name -> parameter of a configurable, those of base classes and of a level's learner included.

    Args:
      selector: of the configurable as gin files write it, e.g. "UvfAgent".
    """
    target = inspect.unwrap(gin.get_configurable(selector))
    functions = [target]
    if inspect.isclass(target):
        learner = getattr(target, "learner_class", None)
        makers = [c for c in target.__mro__[:-1] if c is not Level] + ([learner] if learner else [])
        functions = [c.__init__ for c in makers]
    found = {}
    for function in functions:
        parameters = inspect.signature(function).parameters.values()
        for parameter in parameters:
            if parameter.kind != parameter.VAR_POSITIONAL:
                found.setdefault(parameter.name, parameter)
        if not any(p.kind == p.VAR_KEYWORD for p in parameters):
            break
    return {name: parameter for name, parameter in found.items() if name not in _GIVEN}
