"""The command line: flags -> gin -> one call."""

import importlib
import os
import pathlib
import re
import sys

from absl import flags

from efficient_hrl.console import announce, open_missing_streams, write_line
from efficient_hrl.run_folder import RunError, RunFolder, UsageError
from efficient_hrl.video.headless import choose_opengl


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
        write_line(sys.stderr, f"run.py: {error}")
        return 2
    except RunError as error:
        write_line(sys.stderr, f"run.py: {error}")
        return 1
    except KeyboardInterrupt:
        # Training handles signals itself; this is one that came before or after it.
        write_line(sys.stderr, "run.py: interrupted")
        return 130


def _define_flags():
    values = flags.FlagValues()
    many = lambda name, text: flags.DEFINE_multi_string(name, [], text, flag_values=values)
    many("gin_file", "Path of a gin file; repeatable. --config_file is another name for it.")
    many(
        "gin_bindings",
        "A binding, e.g. 'train_uvf.batch_size=50'; repeatable. --params is another name for it.",
    )
    many("root_dir", "The run's folder; default runs/<name of the last gin file>.")
    flags.DEFINE_integer(
        "seed",
        None,
        "The run's seed; default 0, or the one that the run began with.",
        lower_bound=0,
        upper_bound=2**31 - 1,
        flag_values=values,
    )
    flags.DEFINE_enum(
        "mode",
        "train",
        ["train", "eval", "plot", "video", "random"],
        "train; or evaluate a run's newest checkpoint; or draw everything that the run in --root_dir can"
        " show into its folder plots/, or film it into its folder videos/ (no other flag is needed); or run"
        " the random policy.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "env", None, "With --mode=random: an environment's name, e.g. AntPush.", flag_values=values
    )
    flags.DEFINE_bool("help", False, "Show this text.", short_name="h", flag_values=values)
    return values


def _run(argv):
    values = _define_flags()
    try:
        rest = values([_renamed(argument) for argument in argv])[1:]
    except flags.Error as error:
        raise UsageError(f"{str(error).splitlines()[0]}; see --help") from None
    if values.help:
        announce(f"{sys.modules['__main__'].__doc__}\n{values.get_help()}")
        return 0
    if rest:
        raise UsageError(f"{rest[0]!r}: only flags are allowed; see --help")
    gin_files, gin_bindings = values.gin_file, values.gin_bindings
    for path in gin_files:
        if not os.path.isfile(path):
            raise UsageError(f"--gin_file={path}: no such file")
    if values.env is not None and values.mode != "random":
        raise UsageError(f"--env={values.env}: only for --mode=random; gin files name the environment")
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
    if len(values.root_dir) > 1:
        raise UsageError(f"--root_dir={values.root_dir[1]}: --mode={values.mode} takes one run")
    name = pathlib.Path(gin_files[-1]).stem if gin_files else "run"
    root = values.root_dir[0] if values.root_dir else pathlib.Path("runs", name)
    folder = RunFolder(root, writes=values.mode != "eval")
    seed = _seed(folder, values)
    return _mode(values.mode).run(folder, seed, gin_files, gin_bindings)


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
