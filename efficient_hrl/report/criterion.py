"""What counts as success in a run, in words."""

import ast
from collections.abc import Mapping

_PAPERS_DISTANCE = 5.0  # metres, HIRO's and NORL's


def success_in_words(config: Mapping[str, str] | None) -> str:
    """The criterion of a run's evaluations.

    Args:
      config: every binding, name -> value as gin writes it; None where nothing is recorded.
    """
    config = config or {}
    function = config.get("evaluate.success_fn", "None")
    if function != "None":
        return f"Success is what {function} says of the last step of a noise-free episode."
    distance = _PAPERS_DISTANCE
    text = config.get("evaluate.success_distance")
    if text is not None:
        try:
            distance = float(ast.literal_eval(text))
        except (TypeError, ValueError, SyntaxError):
            return f"Success depends on evaluate.success_distance = {text}."
    if "gymnasium" in config.get("train_uvf.environment", ""):
        return f"Success: the task's reward of the last step of a noise-free episode is above {-distance:g}."
    words = f"Success: nearer than {distance:g} m to the target at the last step of a noise-free episode"
    return f"{words}, the protocol of HIRO and NORL." if distance == _PAPERS_DISTANCE else f"{words}."
