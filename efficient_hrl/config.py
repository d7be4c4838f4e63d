"""Gin files and bindings -> configuration, with errors in one line."""

import contextlib
import difflib
import inspect
import logging
import os
import re
from collections.abc import Iterator, Sequence

import gin
import tensorflow as tf

# Imported for their gin configurables.
from efficient_hrl import train  # noqa: F401
from efficient_hrl.context import (  # noqa: F401
    context,
    context_transition_functions,
    rewards_functions,
    samplers,
)
from efficient_hrl.run_folder import UsageError
from environments import create_maze_env  # noqa: F401

gin.external_configurable(tf.nn.relu, "relu", module="tf.nn")


def load_config(gin_files: Sequence[str], gin_bindings: Sequence[str]) -> None:
    """Parses files, then bindings, which override them.

    Raises:
      UsageError: a missing file, a syntax error, an unknown name.
    """
    if not gin_files:
        raise UsageError("no configuration; give --gin_file=PATH, e.g. --gin_file=gin/norl_ant_maze.gin")
    for path in gin_files:
        if not os.path.isfile(path):
            raise UsageError(f"--gin_file={path}: no such file")
        gin.add_config_file_search_path(os.path.dirname(os.path.abspath(path)))
    with usage_errors(), _quiet_gin():
        gin.parse_config_files_and_bindings(list(gin_files), list(gin_bindings))


@contextlib.contextmanager
def usage_errors() -> Iterator[None]:
    """Turns errors of configuring and building into a `UsageError` of one line."""
    try:
        yield
    except (ValueError, TypeError, SyntaxError, OSError, RuntimeError) as error:
        raise UsageError(_one_line(error)) from error


@contextlib.contextmanager
def _quiet_gin():
    """Hides what gin logs while it looks for an included file in one place after another."""
    hide = lambda record: not record.getMessage().startswith("Path not found")
    logging.getLogger().addFilter(hide)
    try:
        yield
    finally:
        logging.getLogger().removeFilter(hide)


def _one_line(error):
    text = str(error)
    if isinstance(error, SyntaxError) and error.text:
        return f"{error.msg.rstrip('.')}, line {error.lineno}: {error.text.strip()}"
    first = text.strip().splitlines()[0] if text.strip() else type(error).__name__
    place = re.search(r"In (file|bindings string) .*?line \d+", text, re.DOTALL)
    where = f" ({' '.join(place.group(0).split())})" if place and place.group(0) not in first else ""
    return first.rstrip() + where + _hint(first)


def _hint(message):
    """What would have been allowed, for names that gin does not know."""
    parameter = re.search(r"Configurable '([^']+)' doesn't have a parameter named '([^']+)'", message)
    if parameter:
        wrapped = inspect.unwrap(gin.get_configurable(parameter.group(1)))
        target = wrapped.__init__ if inspect.isclass(wrapped) else wrapped
        return f" Allowed: {', '.join(n for n in inspect.signature(target).parameters if n != 'self')}"
    unknown = re.search(r"No configurable matching (?:reference )?'@?([^'(]+)", message)
    if unknown:
        name = unknown.group(1).rsplit("/", 1)[-1]
        known = sorted({selector.rsplit(".", 1)[-1] for selector in gin.config._REGISTRY._selector_map})
        near = difflib.get_close_matches(name.rsplit(".", 1)[-1], known, n=3)
        return f" Did you mean: {', '.join(near)}?" if near else ""
    return ""
