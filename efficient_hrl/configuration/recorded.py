"""What a run has recorded of its configuration, read without trusting it.

A run's folder may come from somebody else.  Its record is bindings and nothing else, each readable by
itself; they name parts of this program and of modules that the user has allowed, and no module is imported
for them that is not loaded already, or that the user has not allowed.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import gin
from gin import config_parser

from efficient_hrl.errors import UsageError
from efficient_hrl.storage.run_folder import OPERATIVE_CONFIG, RECORD, RunFolder, present_config

# gymnasium imports what stands before the colon of an environment's id, whatever it is: Python takes
# "a folder/file" for a module too.
_IMPORTING_ID = re.compile(r"([^:]*):.*", re.DOTALL)


# Registered by importing that library, and no part of any configuration of ours: some of them load
# programs from files, as SavedModels are.
_FOREIGN = "tf_agents."


class _Placeholders(config_parser.ParserDelegate):
    """Values without what they refer to.

    Attributes:
      referenced: names of what they refer to, without scopes.
    """

    def __init__(self):
        self.referenced: list[str] = []

    def configurable_reference(self, scoped_configurable_name, evaluate):
        self.referenced.append(scoped_configurable_name.rsplit("/", 1)[-1])

    def macro(self, macro_name):
        return None


def recorded_bindings(folder: RunFolder) -> list[str]:
    """The bindings of a run since it was continued last, "name = value" each, checked.

    Raises:
      UsageError: the record is damaged, holds something else than bindings, or would import a
        module that is not allowed.
    """
    path = folder.path(RECORD)
    lines = []
    for name, value in present_config(folder.record()).items():
        line = f"{name} = {value}"
        statement, referenced = _parsed(line, path)
        for module in _modules_in(statement.value):
            _check_allowed(folder, path, module)
        for part in [statement.selector, *referenced]:
            _check_is_no_foreign_part(path, part)
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


def _check_is_no_foreign_part(path, name):
    """Refuses what another library has registered."""
    found = gin.config._REGISTRY.matching_selectors(name) if name else []
    if found and all(selector.startswith(_FOREIGN) for selector in found):
        raise UsageError(
            f"{path}: the run's configuration names {name}, which is no part of this program; allowed with"
            " the run's --gin_file=PATH"
        )


def _parsed(line, path) -> tuple[Any, list[str]]:
    """One binding, and what it refers to; references in its value are None."""
    values = _Placeholders()
    try:
        # Each by itself: what is no binding alone could become one together with the next.
        (statement,) = config_parser.ConfigParser(line, values)
        is_binding = isinstance(statement, config_parser.BindingStatement)
    except Exception:  # whatever gin's parser raises
        is_binding = False
    if not is_binding:
        raise UsageError(f"{path}: {line.splitlines()[0][:200]!r} is not one binding; allowed: name = value")
    return statement, values.referenced


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
