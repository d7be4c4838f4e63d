"""What a run has recorded of its configuration, read without trusting it.

A run's folder may come from somebody else.  Its record is bindings and nothing else, and no module
is imported for it that is not loaded already, or that the user has not allowed.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gin import config_parser

from efficient_hrl.errors import UsageError
from efficient_hrl.storage.run_folder import OPERATIVE_CONFIG, RECORD, RunFolder

# gymnasium imports what stands before the colon of an environment's id, whatever it is: Python takes
# "a folder/file" for a module too.
_IMPORTING_ID = re.compile(r"([^:]*):.*", re.DOTALL)


class _Placeholders(config_parser.ParserDelegate):
    """Values without what they refer to."""

    def configurable_reference(self, scoped_configurable_name, evaluate):
        return None

    def macro(self, macro_name):
        return None


def recorded_bindings(folder: RunFolder) -> list[str]:
    """The bindings that a run began with, "name = value" each, checked.

    Raises:
      UsageError: the record is damaged, holds something else than bindings, or would import a
        module that is not allowed.
    """
    path = folder.path(RECORD)
    lines = []
    for name, value in folder.record()["config"].items():
        line = f"{name} = {value}"
        for module in _modules_in(_value_of(line, path)):
            _check_allowed(folder, path, module)
        lines.append(line)
    return lines


def recorded_imports(folder: RunFolder) -> list[str]:
    """The lines by which a run's gin files have imported modules, checked.

    Raises:
      UsageError: one of the modules is not allowed.
    """
    path = folder.path(OPERATIVE_CONFIG)
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    imports = [line for line in lines if re.fullmatch(r"import [\w.]+", line)]
    for line in imports:
        _check_allowed(folder, path, line.removeprefix("import "))
    return imports


def _check_allowed(folder, path, module):
    if module not in sys.modules and module not in folder.allowed_imports:
        raise UsageError(
            f"{path}: the run's configuration imports the module {module}, which runs its code; allowed with"
            f" --allow_import={module}, or with the run's --gin_file=PATH"
        )


def _value_of(line, path) -> Any:
    """The value of one binding; references are None."""
    try:
        statements = list(config_parser.ConfigParser(line, _Placeholders()))
    except Exception:  # whatever gin's parser raises; gin says it better when it parses the line itself
        return None
    if len(statements) != 1 or not isinstance(statements[0], config_parser.BindingStatement):
        raise UsageError(f"{path}: {line.splitlines()[0]!r} is not one binding; allowed: name = value")
    return statements[0].value


def _modules_in(value) -> Iterator[str]:
    """Modules that the strings in a value would import if they were environments' ids."""
    if isinstance(value, str):
        found = _IMPORTING_ID.fullmatch(value)
        if found:
            yield found.group(1)
    elif isinstance(value, Mapping):
        for inner in [*value.keys(), *value.values()]:
            yield from _modules_in(inner)
    elif isinstance(value, Iterable):
        for inner in value:
            yield from _modules_in(inner)
