"""The command line: flags -> gin -> one call."""

import importlib
import os
import pathlib
import re
import sys

from absl import flags

from efficient_hrl.commands.combinations import (
    SEVERAL_FLAGS,
    SEVERAL_MODES,
    check_combinations,
    several_runs,
    targets_of,
)
from efficient_hrl.commands.flags import define_flags
from efficient_hrl.commands.help import help_text
from efficient_hrl.comparison.run_summary import find_runs
from efficient_hrl.errors import RunError, UsageError, not_installed
from efficient_hrl.storage.run_folder import RunFolder
from efficient_hrl.terminal.console import announce, call_program, open_missing_streams, write_error
from efficient_hrl.video.headless import choose_opengl


def installed() -> int:
    """The command `efficient-hrl`, which is there where the package is installed; its exit status."""
    sys.argv[0] = "efficient-hrl"  # as runs record it, wherever it is
    call_program(sys.argv[0])
    return main(sys.argv)


def main(argv: list[str]) -> int:
    """Runs the command line.

    Returns:
      The exit status: 0, 1, 2 or 130, see docs/reliability.md.
    """
    open_missing_streams()
    try:
        return _run(argv)
    except UsageError as error:
        write_error(str(error))
        return 2
    except RunError as error:
        write_error(str(error))
        return 1
    except KeyboardInterrupt:
        # Training handles signals itself; this is one that came before or after it.
        write_error("interrupted")
        return 130


def _run(argv):
    _check_text(argv[1:])
    values = define_flags()
    try:
        rest = values([_renamed(argument) for argument in argv])[1:]
    except flags.Error as error:
        raise UsageError(f"{str(error).splitlines()[0]}; see --help") from None
    if values.help:
        announce(help_text(values))
        return 0
    if rest:
        raise UsageError(f"{rest[0]!r}: only flags are allowed; see --help")
    runs = find_runs(values.root_dir) if several_runs(values) else []
    check_combinations(values)
    gin_files, gin_bindings = values.gin_file, values.gin_bindings
    if values.target:
        gin_bindings = [*gin_bindings, f"evaluate.targets = {targets_of(values)}"]
    if runs:
        several = {name: values[name].value for name in SEVERAL_FLAGS}
        named = values.root_dir[0] if len(values.root_dir) == 1 else None
        return _mode(SEVERAL_MODES[values.mode]).run(runs, **several, named=named)
    if values.mode == "sweep":
        return _sweep(values)
    if values.mode == "collect":
        return _mode("collect").run(
            values.learner, values.collector, values.patience, values.seed or 0, gin_files, gin_bindings
        )
    if values.seeds is not None:
        side_by_side = 1 if values.side_by_side is None else values.side_by_side
        return _mode("seeds").run(_root(values), values.seeds, side_by_side, gin_files, gin_bindings)
    if values.mode == "random":
        return _mode(values.mode).run(gin_files, gin_bindings, values.seed or 0, values.env)
    folder = RunFolder(_root(values), values.mode != "eval", values.allow_import)
    seed = _seed(folder, values)
    if values.listen is not None or values.collectors:
        return _mode("learn").run(
            folder, seed, gin_files, gin_bindings, values.listen, values.collectors or 0, _waits(values)
        )
    return _mode(values.mode).run(folder, seed, gin_files, gin_bindings)


def _sweep(values):
    """Every gin file, value and seed as a run; several gin files are several methods."""
    root = pathlib.Path(values.root_dir[0] if values.root_dir else "runs/sweep")
    seeds = "0" if values.seeds is None else values.seeds
    flags_of = (values.grid, values.on, values.cpus_per_run, values.address, values.slurm_option)
    return _mode("sweep").run(root, values.gin_file, values.gin_bindings, seeds, *flags_of)


def _check_text(arguments):
    """Refuses what no file name inside TensorFlow can be and no record could hold."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise UsageError(f"{os.fsencode(argument)!r}: allowed: text in UTF-8") from None


def _waits(values):
    """How many blocks may wait, and how long who waits does."""
    return values.queue_blocks, float(values.patience)


def _root(values):
    """The folder asked for, or one that is named after the last gin file."""
    if values.root_dir:
        return pathlib.Path(values.root_dir[0])
    return pathlib.Path("runs", pathlib.Path(values.gin_file[-1]).stem if values.gin_file else "run")


def _renamed(argument):
    """An argument with the original's flag names replaced, so that all keep their order."""
    for theirs, ours in (("config_file", "gin_file"), ("params", "gin_bindings")):
        argument = re.sub(rf"^(--?){theirs}(?==|$)", rf"\1{ours}", argument)
    return argument


def _mode(name):
    """The module of a mode; only now, because importing TensorFlow takes seconds."""
    if name == "video":
        choose_opengl()  # before MuJoCo is imported
    try:
        return importlib.import_module(f"efficient_hrl.modes.{name}")
    except RuntimeError as error:  # MuJoCo cannot be imported, see environments/opengl.py
        raise UsageError(str(error)) from None
    except ModuleNotFoundError as error:
        if not_installed(error) is None:
            raise
        raise UsageError(not_installed(error)) from None


def _seed(folder, values):
    """The seed asked for, or else that of the run in the folder, or 0."""
    if not folder.is_run:
        return values.seed or 0
    begun = folder.record()["seed"]
    if values.seed not in (None, begun) and values.mode == "train":
        raise UsageError(f"--seed={values.seed}: the run in {folder.root} began with seed {begun}")
    return begun if values.seed is None else values.seed
