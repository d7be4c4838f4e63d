"""The flags of `run.py`."""

from absl import flags

from efficient_hrl.checks import MOST_SEED


def define_flags() -> flags.FlagValues:
    """The flags, without values yet."""
    values = flags.FlagValues()
    _define_run_flags(values)
    _define_sweep_flags(values)
    _define_remote_flags(values)
    _define_several_flags(values)
    flags.DEFINE_bool("help", False, "Show this text.", short_name="h", flag_values=values)
    return values


def _define_run_flags(values):
    """Flags of what to run or to look at, and how."""
    many = lambda name, text: flags.DEFINE_multi_string(name, [], text, flag_values=values)
    many("gin_file", "A configuration; repeatable. --config_file is another name for it.")
    many("gin_bindings", "Overrides it; repeatable. --params is another name for it.")
    many(
        "root_dir",
        "The run's folder; default runs/<name of the last gin file>. With --mode=plot and --mode=report"
        " repeatable, and a folder that holds runs stands for all of them: they are shown together.",
    )
    flags.DEFINE_integer(
        "seed",
        None,
        "The run's seed; default 0, or the one that the run began with.",
        lower_bound=0,
        upper_bound=MOST_SEED,
        flag_values=values,
    )
    flags.DEFINE_string(
        "seeds",
        None,
        "Several seeds, e.g. 0,1,2 or 0-4; each is a run in the folder seedN of --root_dir, or with"
        " --mode=sweep in METHOD/seedN.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "side_by_side",
        None,
        "With --seeds: how many run at once; default 1. They share the CPUs.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "mode",
        "train",
        ["train", "sweep", "collect", "eval", "plot", "video", "report", "export", "random"],
        "What to do; default train.",
        flag_values=values,
    )
    many(
        "allow_import",
        "Of a run that is only looked at: a module that its own configuration may import, which runs the"
        " module's code; repeatable.",
    )
    many(
        "target",
        "With --mode=eval and --mode=video: a place in place of the run's evaluation targets, metres from the"
        " start; repeatable.",
    )
    flags.DEFINE_string(
        "env",
        None,
        "With --mode=random: an environment's name, e.g. AntPush, or gymnasium id, e.g. Ant-v5.",
        flag_values=values,
    )


def _define_sweep_flags(values):
    """Flags of `--mode=sweep`: every gin file, every value and every seed is a run."""
    flags.DEFINE_enum(
        "on",
        "local",
        ["local", "ray", "slurm"],
        "With --mode=sweep: where it runs: on this machine, on a Ray cluster, or as a SLURM job array.",
        flag_values=values,
    )
    flags.DEFINE_multi_string(
        "grid",
        [],
        "With --mode=sweep: a parameter and its values, e.g. 'train_uvf.batch_size=[50,100]'; repeatable.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "cpus_per_run",
        1,
        "With --mode=sweep: CPUs of each run; as many run at once as there is room for.",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_string(
        "address",
        None,
        "With --on=ray: HOST:PORT of a cluster, on a node of it; default: one that is begun on this machine.",
        flag_values=values,
    )
    flags.DEFINE_multi_string(
        "slurm_option",
        [],
        "With --on=slurm: an option of sbatch, e.g. --slurm_option=--time=24:00:00; repeatable.",
        flag_values=values,
    )


def _define_remote_flags(values):
    """Flags of collectors in processes of their own."""
    flags.DEFINE_string(
        "listen",
        None,
        "Learn from collectors in processes of their own: HOST:PORT where they find the learner.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "collectors",
        None,
        "Learn from so many collectors, which are begun on this machine, with the numbers 0 to N - 1; with"
        " --listen others can join, whose numbers begin at N.",
        lower_bound=1,
        upper_bound=256,
        flag_values=values,
    )
    flags.DEFINE_string(
        "learner", None, "With --mode=collect: HOST:PORT where the learner listens.", flag_values=values
    )
    flags.DEFINE_integer(
        "collector",
        None,
        "With --mode=collect: its number; each collector of a learner has one of its own.",
        lower_bound=0,
        upper_bound=65535,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "queue_blocks",
        2,
        "With --listen or --collectors: how many blocks of steps wait at most; more are collected with older"
        " weights.",
        lower_bound=1,
        upper_bound=10_000,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "patience",
        600,
        "Of a learner without collectors, and of collectors without a learner: seconds until they give up.",
        lower_bound=1,
        flag_values=values,
    )


def _define_several_flags(values):
    """Flags of what is shown of several runs together."""
    flags.DEFINE_string(
        "out_dir",
        None,
        "With several runs: where pictures and tables go; default plots/ in the folder named, or beside the"
        " runs.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "statistic",
        "iqm",
        ["iqm", "mean", "median"],
        "With several runs, over seeds: the interquartile mean with a bootstrap interval; the mean with its"
        " standard error; or the median with the 30th and 70th percentiles.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "group_by",
        "gin_file",
        ["gin_file", "folder"],
        "With several runs: those of one gin file and one configuration are seeds of one method; or those"
        " whose folders have one name but for the seed.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "until",
        None,
        "With several runs: leaves out what is later, environment steps.",
        lower_bound=1,
        flag_values=values,
    )
