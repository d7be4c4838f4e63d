"""Which flags do not go together: a table of rules, asked before anything is imported or written.

Not absl's validators of several flags: they put all values of the flags before the message.
"""

import math
import pathlib
from collections.abc import Callable
from typing import NamedTuple

from absl import flags

from efficient_hrl.checks import MOST_METRES, is_coordinate
from efficient_hrl.configuration.shipped import find_gin_file
from efficient_hrl.errors import UsageError
from efficient_hrl.storage.run_folder import RunFolder

# Modes that can show several runs together, with the modules that do.
SEVERAL_MODES = {"plot": "compare", "report": "report_runs"}
# Modes that look at a run, whose folder says how it was configured.
LOOKING_MODES = ("eval", "plot", "video", "report", "export")
# Flags of what is drawn of several runs together.
SEVERAL_FLAGS = ("out_dir", "statistic", "group_by", "until")
LEARNER_FLAGS = ("listen", "collectors", "queue_blocks")
COLLECTOR_FLAGS = ("learner", "collector")
SWEEP_FLAGS = ("on", "grid", "cpus_per_run", "address", "slurm_option")
# Flags that runs drawn together have in their own records.
RECORDED_FLAGS = ("gin_file", "gin_bindings", "seed")


class Rule(NamedTuple):
    """A combination that is refused.

    Attributes:
      holds: flag values -> whether they are such a combination.
      message: flag values -> what is wrong and what is allowed, one line.
    """

    holds: Callable[[flags.FlagValues], object]
    message: Callable[[flags.FlagValues], str]


def several_runs(values: flags.FlagValues) -> bool:
    """Whether the flags name several runs, or a folder of runs, to be shown together."""
    roots = values.root_dir
    return values.mode in SEVERAL_MODES and (len(roots) > 1 or bool(roots and _is_no_run(roots[0])))


def check_combinations(values: flags.FlagValues) -> None:
    """Raises a UsageError for the first rule that holds."""
    for rule in RULES:
        if rule.holds(values):
            raise UsageError(rule.message(values))


def targets_of(values: flags.FlagValues) -> list[list[float]]:
    """The places of --target, metres.

    Raises:
      UsageError: what is given is not numbers.
    """
    return [_place(text) for text in values.target]


def _place(text):
    try:
        place = [float(number) for number in text.split(",")]
    except ValueError:
        place = [math.nan]
    if not all(map(is_coordinate, place)):
        raise UsageError(
            f"--target={text}: allowed: numbers with commas between them, e.g. --target=4,4; up to"
            f" {MOST_METRES:g}"
        )
    return place


def _is_no_run(root):
    """Whether a path is a folder, but not that of a run with a record."""
    try:
        folder = pathlib.Path(root).expanduser()
        return folder.is_dir() and not RunFolder.has_record(folder)
    except (OSError, RuntimeError):  # told when the folder is used
        return False


def _lost_gin_file(values):
    return next((path for path in values.gin_file if find_gin_file(path) is None), None)


def _present(values, names):
    return next((name for name in names if values[name].present), None)


def _recorded_flag(values):
    name = _present(values, RECORDED_FLAGS)
    given = values[name].value
    shown = given[0] if isinstance(given, list) else given
    return f"--{name}={shown}: runs drawn together have their own; allowed: no --{name}"


def _several_flag(values):
    name = _present(values, SEVERAL_FLAGS)
    modes = " and ".join(f"--mode={mode}" for mode in SEVERAL_MODES)
    return f"--{name}={values[name].value}: only for {modes} with several runs"


def _reads_a_record(values):
    """Whether the configuration of one run is read from its own folder."""
    return values.mode in LOOKING_MODES and not values.gin_file and not several_runs(values)


RULES = (
    Rule(_lost_gin_file, lambda v: f"--gin_file={_lost_gin_file(v)}: no such file"),
    Rule(
        lambda v: v.env is not None and v.mode != "random",
        lambda v: f"--env={v.env}: only for --mode=random; gin files name the environment",
    ),
    Rule(
        lambda v: v.target and v.mode not in ("eval", "video"),
        lambda v: f"--target={v.target[0]}: only for --mode=eval and --mode=video, not --mode={v.mode}",
    ),
    Rule(
        lambda v: v.allow_import and not _reads_a_record(v),
        lambda v: (
            f"--allow_import={v.allow_import[0]}: only where one run's own configuration is read,"
            f" --mode={', '.join(LOOKING_MODES)} without --gin_file"
        ),
    ),
    Rule(lambda v: several_runs(v) and _present(v, RECORDED_FLAGS), _recorded_flag),
    Rule(
        lambda v: len(v.root_dir) > 1 and v.mode not in (*SEVERAL_MODES, "random"),
        lambda v: f"--root_dir={v.root_dir[1]}: --mode={v.mode} takes one run",
    ),
    Rule(lambda v: not several_runs(v) and _present(v, SEVERAL_FLAGS), _several_flag),
    Rule(
        lambda v: v.side_by_side is not None and v.seeds is None,
        lambda v: f"--side_by_side={v.side_by_side}: only with --seeds, e.g. --seeds=0,1,2",
    ),
    Rule(
        lambda v: v.seeds is not None and v.mode not in ("train", "sweep"),
        lambda v: f"--seeds={v.seeds}: only for --mode=train and --mode=sweep, not --mode={v.mode}",
    ),
    Rule(
        lambda v: v.mode != "sweep" and _present(v, SWEEP_FLAGS),
        lambda v: f"--{_present(v, SWEEP_FLAGS)}: only for --mode=sweep",
    ),
    Rule(
        lambda v: v.address is not None and v.on != "ray",
        lambda v: f"--address={v.address}: only with --on=ray",
    ),
    Rule(
        lambda v: v.slurm_option and v.on != "slurm",
        lambda v: f"--slurm_option={v.slurm_option[0]}: only with --on=slurm",
    ),
    Rule(
        lambda v: v.mode != "train" and _present(v, LEARNER_FLAGS),
        lambda v: f"--{_present(v, LEARNER_FLAGS)}: only for --mode=train",
    ),
    Rule(
        lambda v: v.mode != "collect" and _present(v, COLLECTOR_FLAGS),
        lambda v: f"--{_present(v, COLLECTOR_FLAGS)}: only for --mode=collect",
    ),
    Rule(
        lambda v: v.mode == "collect" and v.learner is None,
        lambda v: "no learner; --mode=collect needs --learner=HOST:PORT",
    ),
    Rule(
        lambda v: v.mode == "collect" and v.collector is None,
        lambda v: "no number; --mode=collect needs --collector=N, another for each collector of a learner",
    ),
    Rule(
        lambda v: v.mode == "collect" and v.root_dir,
        lambda v: f"--root_dir={v.root_dir[0]}: --mode=collect writes nothing",
    ),
    Rule(
        lambda v: v.seeds is not None and _present(v, LEARNER_FLAGS),
        lambda v: f"--seeds={v.seeds}: not with --{_present(v, LEARNER_FLAGS)}; allowed: one seed",
    ),
    Rule(
        lambda v: v["queue_blocks"].present and not _present(v, ("listen", "collectors")),
        lambda v: f"--queue_blocks={v.queue_blocks}: only with --listen or --collectors",
    ),
    Rule(
        lambda v: v["patience"].present and v.mode != "collect" and not _present(v, ("listen", "collectors")),
        lambda v: f"--patience={v.patience}: only with --listen, --collectors or --mode=collect",
    ),
    Rule(
        lambda v: v.mode == "sweep" and v.seed is not None,
        lambda v: f"--seed={v.seed}: allowed with --mode=sweep: --seeds={v.seed}",
    ),
    Rule(
        lambda v: v.mode == "sweep" and v.side_by_side is not None,
        lambda v: f"--side_by_side={v.side_by_side}: allowed with --mode=sweep: --cpus_per_run",
    ),
    Rule(
        lambda v: v.mode == "sweep" and not v.gin_file,
        lambda v: "no configuration; give --gin_file=PATH, e.g. --gin_file=gin/norl_ant_maze.gin",
    ),
    Rule(
        lambda v: v.seeds is not None and v.seed is not None,
        lambda v: f"--seed={v.seed}: --seeds={v.seeds} is given too; allowed: one of both",
    ),
    Rule(
        lambda v: v.mode == "random" and v.root_dir,
        lambda v: f"--root_dir={v.root_dir[0]}: --mode=random writes nothing",
    ),
    Rule(
        lambda v: v.mode == "random" and v.env is not None and v.gin_file,
        lambda v: f"--env={v.env}: a gin file names the environment; allowed: one of both",
    ),
    Rule(
        lambda v: v.mode == "random" and v.env is None and not v.gin_file and not v.gin_bindings,
        lambda v: "no configuration; give --env=NAME, e.g. --env=AntMaze, or --gin_file=PATH",
    ),
    Rule(
        lambda v: v.mode not in ("train", "random", "collect") and not v.root_dir and not v.gin_file,
        lambda v: f"no run; --mode={v.mode} needs --root_dir=PATH, e.g. --root_dir=runs/norl_ant_maze",
    ),
)
