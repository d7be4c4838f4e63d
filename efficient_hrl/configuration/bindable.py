"""Which parameters of a configurable a gin file may bind."""

import inspect

import gin

from efficient_hrl.agent import Level
from efficient_hrl.representations.goal_space import GoalSpace

# Parameters that the program gives, whoever has them: to levels and representations, to seeds.
_GIVEN = {
    *("self", "observation_spec", "action_spec", "tf_env", "seed", "name"),
    *("learning", "exploration_stddev", "target_noise_stream", "critic_function", "actor_objective"),
    *("encoder", "representation", "hierarchy", "default_environment", "build"),
}
_GIVEN_TO_GOAL_SPACES = {"segment_length", "optimizer", "clip_gradient_norm"}
# What calls give to context transitions, which others of these functions can do without.
_OF_A_STEP = {"state", "next_state", "states"}
# What gin itself calls, so that what has no default is bound too.
_CALLED_BY_GIN = {
    *("gin_range", "gin_sum", "gin_sparse_array"),
    *("GradientDescentOptimizer", "MomentumOptimizer"),
}


def bindable_parameters(selector: str) -> dict[str, inspect.Parameter]:
    """Name -> parameter of a configurable, those of base classes and of a level's learner included.

    What has no default is what a call gives, but for what gin itself calls.

    Args:
      selector: of the configurable as gin files write it, e.g. "UvfAgent".
    """
    target = inspect.unwrap(gin.get_configurable(selector))
    given = set(_GIVEN)
    if inspect.isclass(target) and issubclass(target, GoalSpace):
        given |= _GIVEN_TO_GOAL_SPACES
    if inspect.isfunction(target):
        given |= _OF_A_STEP
    by_gin = selector.rsplit(".", 1)[-1] in _CALLED_BY_GIN
    return {
        name: parameter
        for name, parameter in _parameters(target).items()
        if name not in given and (by_gin or parameter.default is not parameter.empty)
    }


def _parameters(target):
    """Name -> parameter of a function, or of a class, its bases and a level's learner."""
    functions = [target]
    if inspect.isclass(target):
        learner = getattr(target, "learner_class", None)
        makers = [c for c in target.__mro__[:-1] if c is not Level] + ([learner] if learner else [])
        functions = [c.__init__ for c in makers]
    found = {}
    for function in functions:
        parameters = inspect.signature(function).parameters.values()
        for parameter in parameters:
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                found.setdefault(parameter.name, parameter)
        if not any(p.kind == p.VAR_KEYWORD for p in parameters):
            break
    return found
