"""The command line: flags -> gin -> one call."""

import importlib
import os
import pathlib
import re
import sys

from absl import flags

from efficient_hrl.commands.flags import define_flags
from efficient_hrl.commands.help import help_text
from efficient_hrl.comparison.run_summary import find_runs
from efficient_hrl.errors import RunError, UsageError
from efficient_hrl.storage.run_folder import RunFolder
from efficient_hrl.terminal.console import announce, open_missing_streams, write_error
from efficient_hrl.video.headless import choose_opengl

# Flags of what is drawn of several runs together; and the modes that can, with their modules.
_OF_SEVERAL = ("out_dir", "statistic", "group_by", "until")
_TAKE_SEVERAL = {"plot": "compare", "report": "report_runs"}


def main(argv: list[str]) -> int:
    """Runs the command line.

    Returns:
      The exit status: 2 for what the user can mend before anything is written, 1 for a
      run that could not go on.
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
    values = define_flags()
    try:
        rest = values([_renamed(argument) for argument in argv])[1:]
    except flags.Error as error:
        raise UsageError(f"{str(error).splitlines()[0]}; see --help") from None
    if values.help:
        announce(help_text(sys.modules["__main__"].__doc__, values))
        return 0
    if rest:
        raise UsageError(f"{rest[0]!r}: only flags are allowed; see --help")
    gin_files, gin_bindings = values.gin_file, values.gin_bindings
    for path in gin_files:
        if not os.path.isfile(path):
            raise UsageError(f"--gin_file={path}: no such file")
    if values.env is not None and values.mode != "random":
        raise UsageError(f"--env={values.env}: only for --mode=random; gin files name the environment")
    runs = _several(values)
    if values.seeds is not None or values.side_by_side is not None:
        return _run_seeds(values)
    if runs:
        several = {name: values[name].value for name in _OF_SEVERAL}
        return _mode(_TAKE_SEVERAL[values.mode]).run(runs, **several)
    if values.mode == "random":
        if values.root_dir:
            raise UsageError(f"--root_dir={values.root_dir[0]}: --mode=random writes nothing")
        if values.env is not None and gin_files:
            raise UsageError(f"--env={values.env}: a gin file names the environment; allowed: one of both")
        if values.env is None and not gin_files and not gin_bindings:
            raise UsageError("no configuration; give --env=NAME, e.g. --env=AntMaze, or --gin_file=PATH")
        if values.env is not None:
            gin_bindings = [f"create_maze_env.env_name = {values.env!r}", *gin_bindings]
        return _mode(values.mode).run(gin_files, gin_bindings, values.seed or 0)
    if values.mode != "train" and not values.root_dir and not gin_files:
        raise UsageError(
            f"no run; --mode={values.mode} needs --root_dir=PATH, e.g. --root_dir=runs/norl_ant_maze"
        )
    folder = RunFolder(_root(values), writes=values.mode != "eval")
    seed = _seed(folder, values)
    return _mode(values.mode).run(folder, seed, gin_files, gin_bindings)


def _several(values):
    """Folders of the runs that are to be drawn together; [] for the usual one run in --root_dir."""
    if values.mode in _TAKE_SEVERAL:
        if len(values.root_dir) > 1 or (values.root_dir and _is_no_run(values.root_dir[0])):
            runs = find_runs(values.root_dir)
            for flag in ("gin_file", "gin_bindings", "seed"):
                if values[flag].present:
                    given = values[flag].value
                    raise UsageError(
                        f"--{flag}={given[0] if isinstance(given, list) else given}: runs drawn together have"
                        f" their own; allowed: no --{flag}"
                    )
            return runs
    elif len(values.root_dir) > 1 and values.mode != "random":
        raise UsageError(f"--root_dir={values.root_dir[1]}: --mode={values.mode} takes one run")
    for flag in _OF_SEVERAL:
        if values[flag].present:
            modes = " and ".join(f"--mode={mode}" for mode in _TAKE_SEVERAL)
            raise UsageError(f"--{flag}={values[flag].value}: only for {modes} with several runs")
    return []


def _is_no_run(root):
    """Whether a path is a folder, but not that of a run with a record."""
    try:
        folder = pathlib.Path(root).expanduser()
        return folder.is_dir() and not RunFolder.has_record(folder)
    except (OSError, RuntimeError):  # told when the folder is used
        return False


def _run_seeds(values):
    """A run for each of several seeds."""
    if values.seeds is None:
        raise UsageError(f"--side_by_side={values.side_by_side}: only with --seeds, e.g. --seeds=0,1,2")
    if values.mode != "train":
        raise UsageError(f"--seeds={values.seeds}: only for --mode=train, not --mode={values.mode}")
    if values.seed is not None:
        raise UsageError(f"--seed={values.seed}: --seeds={values.seeds} is given too; allowed: one of both")
    side_by_side = 1 if values.side_by_side is None else values.side_by_side
    configuration = (values.gin_file, values.gin_bindings)
    return _mode("seeds").run(_root(values), values.seeds, side_by_side, *configuration)


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


def _seed(folder, values):
    """The seed asked for, or else that of the run in the folder, or 0."""
    if not folder.is_run:
        return values.seed or 0
    begun = folder.record()["seed"]
    if values.seed not in (None, begun) and values.mode == "train":
        raise UsageError(f"--seed={values.seed}: the run in {folder.root} began with seed {begun}")
    return begun if values.seed is None else values.seed
