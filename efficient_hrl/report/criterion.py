"""What counts as success in a run, in words."""

from collections.abc import Mapping

from efficient_hrl.comparison.published import is_papers_protocol
from efficient_hrl.storage.bound_values import text_of, value_of

_DEFAULT_DISTANCE = 5.0  # metres, of evaluate.success_distance
_MOST_DISTANCE = 1e300


def success_in_words(bindings: Mapping[str, str]) -> str:
    """The criterion of a run's evaluations.

    Args:
      bindings: name -> value as gin writes it.
    """
    function = text_of(bindings, "evaluate.success_fn")
    if function not in (None, "None"):
        return f"Success is what {function} says of the last step of a noise-free episode."
    text = text_of(bindings, "evaluate.success_distance")
    if text == "None":
        return "There is no success: the task has no target, and the return of a noise-free episode counts."
    distance = _DEFAULT_DISTANCE if text is None else value_of(bindings, "evaluate.success_distance")
    if not (isinstance(distance, int | float) and abs(distance) < _MOST_DISTANCE):
        return f"Success depends on evaluate.success_distance = {text}."
    if "gymnasium" in bindings.get("train_uvf.environment", ""):
        return f"Success: the task's reward of the last step of a noise-free episode is above {-distance:g}."
    words = f"Success: nearer than {distance:g} m to the target at the last step of a noise-free episode"
    return f"{words}, the protocol of HIRO and NORL." if is_papers_protocol(bindings) else f"{words}."
