"""Gin files and bindings -> configuration, with errors in one line."""

import contextlib
import copy
import difflib
import errno
import logging
import os
import re
import tokenize
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import gin
import tensorflow as tf
from gin import config_parser

# Imported for their gin configurables.
from efficient_hrl import train  # noqa: F401
from efficient_hrl.ablations import no_hierarchy, transition_policy_gradient  # noqa: F401
from efficient_hrl.agents import optimizers  # noqa: F401
from efficient_hrl.binding_effects import (
    decides_acting,
    is_evaluation_target,
    may_change,
    patterns_that_may_change,
)
from efficient_hrl.configuration import external_configurables  # noqa: F401
from efficient_hrl.configuration.bindable import bindable_parameters
from efficient_hrl.configuration.recorded import recorded_bindings, recorded_imports
from efficient_hrl.configuration.shipped import SHIPPED_FILES, find_gin_file
from efficient_hrl.context import (  # noqa: F401
    context,
    context_transition_functions,
    gin_utils,
    maze_targets,
    reward_wrappers,
    rewards_functions,
    samplers,
)
from efficient_hrl.errors import UsageError
from efficient_hrl.evaluation import eval_repeatedly, random_policy  # noqa: F401
from efficient_hrl.representations import e2c, end_to_end, vae  # noqa: F401
from efficient_hrl.storage.run_folder import OPERATIVE_CONFIG, RECORD, UNBOUND, RunFolder
from environments import create_gather_env, create_maze_env, gymnasium_task, own_layout  # noqa: F401

# By which gin files name a task.
_TASK = (
    "create_maze_env.env_name",
    "create_maze_env.layout",
    "create_gather_env.env_name",
    "create_gymnasium_env.env_id",
)

_MOST_INCLUDES = 20  # files inside each other; nobody means more
_MOST_LETTERS = 300  # of a user's text in a message
_ERRORS = (
    ValueError,
    TypeError,
    AttributeError,
    ImportError,
    SyntaxError,
    OSError,
    RuntimeError,
    MemoryError,
    LookupError,
    AssertionError,
    ArithmeticError,
    tokenize.TokenError,
    tf.errors.OpError,
)


def load_config(
    gin_files: Sequence[str],
    gin_bindings: Sequence[str],
    announce: Callable[[str], None] = lambda line: None,
) -> None:
    """Parses files, then bindings, which override them.

    A file that is not there is looked for among the shipped ones, see `find_gin_file`; an included one
    beside the files and among the shipped ones.

    Args:
      gin_files: paths; of a name that two of them bind the later one's value holds.
      gin_bindings: "name = value" each.
      announce: is told when a file replaces the task of another.

    Raises:
      UsageError: a missing file, a syntax error, an unknown name.
    """
    if not gin_files and not gin_bindings:
        raise UsageError("no configuration; give --gin_file=PATH, e.g. --gin_file=gin/norl_ant_maze.gin")
    found = {path: find_gin_file(path) for path in gin_files}
    for path in gin_files:
        if found[path] is None:
            raise UsageError(f"--gin_file={path}: no such file")
        _look_in(os.path.dirname(os.path.abspath(found[path])))
    _look_in(str(SHIPPED_FILES))
    for path in gin_files:
        before = bindings()
        with usage_errors(f"--gin_file={path}: "), _quiet_gin():
            gin.parse_config_file(found[path])
        for line in _replaced_task(before, bindings()):
            announce(f"--gin_file={path}: {line}; the rest of the files before it stays")
    _bind(gin_bindings)


def load_recorded_config(folder: RunFolder, gin_bindings: Sequence[str]) -> None:
    """Parses what a run's own record says of its configuration, then bindings, which override it.

    Modules that the run's gin files import are known from its operative_config.gin; they are imported
    if `folder` allows it, see `recorded`.

    Raises:
      UsageError: the record is of another version of this program or damaged, or imports what is
        not allowed; or as `load_config`.
    """
    with usage_errors(f"{folder.path(OPERATIVE_CONFIG)}: "):
        gin.parse_config(recorded_imports(folder))
    begun = recorded_bindings(folder)
    try:
        with usage_errors():
            for line in begun:
                gin.parse_config(line)
    except UsageError as error:
        raise UsageError(f"{folder.path(RECORD)}: {error}; give the run's --gin_file=PATH instead") from None
    _bind(gin_bindings)


def _replaced_task(before, now):
    """A line if a task was bound and is another one now."""
    if not any(name in before for name in _TASK):
        return
    for name in _TASK:
        if before.get(name) != now.get(name):
            yield f"{name} = {now[name]} replaces {before.get(name, 'the other task')}"
            return


def _bind(gin_bindings):
    """Parses bindings of the command line, the last part of a configuration."""
    for binding in gin_bindings:
        with usage_errors(f"--gin_bindings={binding}: "):
            _check_is_used(binding, gin_bindings)
            gin.parse_config(binding)
    with usage_errors():
        _read_layouts()
        gin.finalize()


def _read_layouts():
    """Puts the rows of a maze in place of the file that they are in: they are part of the configuration."""
    for (scope, selector), parameters in list(gin.config._CONFIG.items()):
        if selector.rsplit(".", 1)[-1] == "create_maze_env" and "layout" in parameters:
            layout = copy.deepcopy(parameters["layout"])  # a copy of a macro is its value
            if isinstance(layout, str):
                gin.bind_parameter((scope, selector, "layout"), own_layout.rows_of(layout))


def _look_in(folder):
    # gin would remember a folder as often as it is told of it, and lists all in its messages.
    if folder not in gin.config._LOCATION_PREFIXES:
        gin.add_config_file_search_path(folder)


def bindings() -> dict[str, str]:
    """Every binding as gin writes it, name -> value."""
    lines = gin.config_str(max_line_length=10**5).splitlines()
    return dict(line.split(" = ", 1) for line in lines if " = " in line and not line.startswith("#"))


def check_continues(
    begun: Mapping[str, str], now: Mapping[str, str], root: os.PathLike, evaluates: bool = False
) -> dict[str, tuple[str, str]]:
    """Refuses to continue or evaluate a run with another configuration.

    Args:
      begun, now: `bindings` when the run began, and now.
      root: the run's folder, for the message.
      evaluates: whether the run is only evaluated, so that learning may differ.

    Returns:
      What differs and may: name -> (then, now).

    Raises:
      UsageError: they differ in what matters; names the first difference.
    """
    changed = {}
    for name in sorted({*begun, *now}):
        if begun.get(name) == now.get(name):
            continue
        harmless = may_change(name) or all(is_evaluation_target(name, config) for config in (begun, now))
        if harmless or (evaluates and not decides_acting(name)):
            changed[name] = (begun.get(name, UNBOUND), now.get(name, UNBOUND))
            continue
        raise UsageError(
            f"{name} = {_shown(now, name)}, but the run in {root} began with {_shown(begun, name)};"
            f" only these may change: {', '.join(patterns_that_may_change())}"
        )
    return changed


def _shown(config, name):
    """A binding for a message; of a large maze its beginning."""
    text = config.get(name, UNBOUND)
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}..."


@contextlib.contextmanager
def usage_errors(prefix: str = "") -> Iterator[None]:
    """Turns errors of configuring and building into a `UsageError` of one line.

    With EFFICIENT_HRL_TRACEBACK set, errors pass as they are.
    """
    if os.environ.get("EFFICIENT_HRL_TRACEBACK"):
        yield
        return
    try:
        yield
    except _ERRORS as error:
        raise UsageError(_shortened(prefix) + (_endless(error) or _one_line(error))) from error


def _check_is_used(binding, gin_bindings):
    """A macro or a scope on the command line must be one that files or other bindings refer to."""
    name = binding.split("=", 1)[0].strip()
    known = bindings()
    text = "\n".join([*known.values(), *gin_bindings])
    if re.fullmatch(r"\w+", name):
        macros = {*re.findall(r"%(\w+)", text)}
        _check_known(name, name, macros, "macro")
    elif "/" in name:
        scoped = {*re.findall(r"@([\w./]+)", text)}
        selector = name.rsplit(".", 1)[0]
        _check_known(name, selector, scoped, "scoped name")


def _check_known(name, wanted, known: Iterable[str], kind):
    if wanted not in known:
        near = difflib.get_close_matches(wanted, sorted(known), n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise ValueError(f"no {kind} {wanted!r} is used by the configuration{hint}")


@contextlib.contextmanager
def _quiet_gin():
    """Hides what gin logs while it looks for an included file in one place after another."""
    hide = lambda record: not record.getMessage().startswith("Path not found")
    logging.getLogger().addFilter(hide)
    try:
        yield
    finally:
        logging.getLogger().removeFilter(hide)


def _endless(error):
    """What is wrong with files that never end, or with brackets that seem not to; "" for other errors."""
    if not isinstance(error, RecursionError) and getattr(error, "errno", None) != errno.EMFILE:
        return ""
    calls = [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)]
    if calls.count(gin.parse_config_file.__code__) > _MOST_INCLUDES:
        return "a file includes itself"
    if any(call.co_filename == config_parser.__file__ for call in calls):
        return "too many brackets inside each other; allowed: 100"
    return ""


def _shortened(text):
    """A text that may be shown beside a message."""
    half = _MOST_LETTERS // 2
    return text if len(text) <= _MOST_LETTERS else f"{text[:half]} ... {text[-half:]}"


def _one_line(error):
    if isinstance(error, SyntaxError):
        place = f" in {error.filename}" if error.filename else ""
        if (error.text or "").startswith("\ufeff"):
            return f"a byte order mark{place}; allowed: UTF-8 without one"
        message = error.msg.strip().splitlines()[-1].strip()  # the last one names the token
        return f"{message.rstrip('.')}{place}, line {error.lineno}: {_shortened((error.text or '').strip())}"
    if isinstance(error, UnicodeError):
        return f"{error}; allowed: text in UTF-8"
    if isinstance(error, tokenize.TokenError) and len(error.args) == 2:
        return f"{error.args[0]}, line {error.args[1][0]}; allowed: brackets and quotes that end"
    text = str(error).strip()
    environments_own = re.search(r"\b(?:ForeignError|NonFiniteError): (.+)$", text, re.MULTILINE)
    if environments_own:  # raised while a graph ran
        return environments_own.group(1)
    first = text.splitlines()[0].rstrip() if text else type(error).__name__
    if first == "in user code:":  # TensorFlow's account of where tracing was; the error comes last
        errors = re.findall(r"^\s*(?:\w+\.)*\w*Error: (.+)$", text, re.MULTILINE)
        first = errors[-1] if errors else first
    first = re.sub(r"^\{\{.*?\}\} | \[Op:\w+\]( name:)?$", "", first)  # names inside TensorFlow
    macro = re.search(r"'([\w/]+)/gin.macro'", first)
    if macro:
        return f"the macro %{macro.group(1)} is not defined"
    place = re.search(r"In (file|bindings string) .*?line \d+", text, re.DOTALL)
    where = f" ({' '.join(place.group(0).split())})" if place and place.group(0) not in first else ""
    return first + where + _hint(first, text)


def _hint(message, text):
    """What would have been allowed, for names that gin or a configurable does not know."""
    parameter = re.search(r"Configurable '([^']+)' doesn't have a parameter named '([^']+)'", message)
    if parameter:
        return f" Allowed: {', '.join(bindable_parameters(parameter.group(1)))}"
    if "unexpected keyword argument" in message:
        # Calls are listed from the inside: a base class before the class that was bound.
        calls = re.findall(r"In call to configurable '([^']+)'", text)
        calls = [call for call in calls if call not in ("train_uvf", "evaluate")]
        return f". Allowed: {', '.join(bindable_parameters(calls[-1]))}" if calls else ""
    unknown = re.search(r"No configurable matching (?:reference )?'@?([^'(]+)", message)
    if unknown:
        name = unknown.group(1).rsplit("/", 1)[-1]
        known = sorted({selector.rsplit(".", 1)[-1] for selector in gin.config._REGISTRY._selector_map})
        near = difflib.get_close_matches(name.rsplit(".", 1)[-1], known, n=3)
        return f" Did you mean: {', '.join(near)}?" if near else ""
    calls = re.findall(r"In call to configurable '([^']+)' .*?(?: in scope '([^']+)')?$", text, re.MULTILINE)
    if calls and not re.search("allowed|known", message):
        name, scope = calls[0]  # the innermost
        return f" (in {scope + '/' if scope else ''}{name})"
    return ""
