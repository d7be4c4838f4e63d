"""A gin configuration of one's own, though gin knows one at a time."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import gin

from efficient_hrl.configuration.config import bindings, usage_errors


def texts(given: str | Sequence[str]) -> list[str]:
    """One text, or several."""
    return [given] if isinstance(given, str) else [*given]


class OwnConfiguration:
    """What gin is told whenever something is built, or traced for the first time, that reads it.

    gin's configuration belongs to the process, and TensorFlow traces a function when it is first
    called: without this a second experiment would change what the first one still has to trace.

    Attributes:
      bindings: every binding as gin writes it, name -> value.
    """

    def __init__(self, load: Callable[[], None]):
        """Empties gin's configuration and calls `load`, which fills it."""
        gin.clear_config()
        load()
        self.bindings = bindings()

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Inside, gin knows this configuration, and what the user can mend is a `UsageError` of one line."""
        if bindings() != self.bindings:
            gin.clear_config()
            gin.parse_config([f"{name} = {value}" for name, value in self.bindings.items()])
            gin.finalize()
        with usage_errors():
            yield
