"""Values of bindings that a run has recorded, without gin."""

import ast
from collections.abc import Mapping


def text_of(bindings: Mapping[str, str], name: str) -> str | None:
    """A binding as gin writes it, macros followed; None where it or the macro is not bound."""
    text = bindings.get(name)
    for _ in bindings:
        if text is None or not text.startswith("%"):
            break
        text = bindings.get(text[1:])
    return text


def value_of(bindings: Mapping[str, str], name: str) -> object:
    """A binding's value where it is a plain one, macros followed; None otherwise."""
    try:
        return ast.literal_eval(text_of(bindings, name) or "None")
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):  # the last for brackets
        return None
