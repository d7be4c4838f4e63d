"""The command line: flags -> gin -> one call."""

import pathlib
import sys

from absl import flags

from efficient_hrl.run_folder import RunFolder, UsageError

_FLAGS = flags.FlagValues()
flags.DEFINE_multi_string("gin_file", [], "Path of a gin file; repeatable.", flag_values=_FLAGS)
flags.DEFINE_multi_string("config_file", [], "Another name for --gin_file.", flag_values=_FLAGS)
flags.DEFINE_multi_string(
    "gin_bindings", [], "A binding, e.g. 'train_uvf.batch_size=50'; repeatable.", flag_values=_FLAGS
)
flags.DEFINE_multi_string("params", [], "Another name for --gin_bindings.", flag_values=_FLAGS)
flags.DEFINE_string(
    "root_dir", None, "The run's folder; default runs/<name of the last gin file>.", flag_values=_FLAGS
)
flags.DEFINE_integer(
    "seed", None, "The run's seed; default 0, or the one that the run began with.", 0, flag_values=_FLAGS
)
flags.DEFINE_enum(
    "mode", "train", ["train", "eval"], "train, or evaluate a run's newest checkpoint.", flag_values=_FLAGS
)
flags.DEFINE_bool("help", False, "Show this text.", short_name="h", flag_values=_FLAGS)


def main(argv: list[str]) -> int:
    """Runs the command line; returns the exit status, 2 for what the user can mend."""
    try:
        return _run(argv)
    except UsageError as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 2


def _run(argv):
    try:
        rest = _FLAGS(argv)[1:]
    except flags.Error as error:
        raise UsageError(f"{str(error).splitlines()[0]}; see --help") from None
    if _FLAGS.help:
        print(f"{sys.modules['__main__'].__doc__}\n{_FLAGS.get_help()}")
        return 0
    if rest:
        raise UsageError(f"{rest[0]!r}: only flags are allowed; see --help")
    gin_files = [*_FLAGS.gin_file, *_FLAGS.config_file]
    gin_bindings = [*_FLAGS.gin_bindings, *_FLAGS.params]
    for path in gin_files:
        if not pathlib.Path(path).is_file():
            raise UsageError(f"--gin_file={path}: no such file")
    name = pathlib.Path(gin_files[-1]).stem if gin_files else "run"
    folder = RunFolder(_FLAGS.root_dir or pathlib.Path("runs", name))
    seed = _seed(folder)

    # Only now, because importing TensorFlow takes seconds.
    from efficient_hrl import modes

    if _FLAGS.mode == "eval":
        return modes.evaluate(folder, seed, gin_files, gin_bindings)
    return modes.train(folder, seed, gin_files, gin_bindings)


def _seed(folder):
    """The seed asked for, or else that of the run in the folder, or 0."""
    if not folder.is_run:
        return _FLAGS.seed or 0
    begun = folder.record()["seed"]
    if _FLAGS.seed not in (None, begun) and _FLAGS.mode == "train":
        raise UsageError(f"--seed={_FLAGS.seed}: the run in {folder.root} began with seed {begun}")
    return begun if _FLAGS.seed is None else _FLAGS.seed
