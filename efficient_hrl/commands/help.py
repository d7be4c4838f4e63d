"""What `--help` shows: examples, then the flags as a table of 80 columns."""

import re
import textwrap

from absl import flags

from efficient_hrl.terminal.console import called

EXAMPLES = """\
Trains hierarchies that gin files describe, and shows what they do.

Train a run; the same command again continues one that was stopped:
    python run.py --gin_file=gin/norl_ant_maze.gin
    python run.py --gin_file=gin/norl_ant_maze.gin --root_dir=runs/a --seed=3
    python run.py --gin_file=gin/norl_ant_maze.gin \\
        --gin_bindings='train_uvf.batch_size=50'

Train several seeds, two at a time, and compare them:
    python run.py --gin_file=gin/norl_ant_maze.gin --seeds=0-4 --side_by_side=2

Train methods, tasks and seeds, here, on a Ray cluster or with SLURM:
    python run.py --mode=sweep --gin_file=gin/norl_ant_maze.gin --seeds=0-4 \\
        --gin_file=gin/norl_ant_push.gin --on=ray \\
        --grid='train_uvf.batch_size=[100,200]'

Collect with processes of their own, here (the first line) or anywhere:
    python run.py --gin_file=gin/norl_ant_maze.gin --collectors=2
    python run.py --gin_file=gin/norl_ant_maze.gin --listen=127.0.0.1:7070
    python run.py --mode=collect --gin_file=gin/norl_ant_maze.gin \\
        --learner=127.0.0.1:7070 --collector=0

Look at a run, or at several (the last line: at a folder of runs):
    python run.py --mode=eval   --root_dir=runs/a    # success rates, as a table
    python run.py --mode=eval   --root_dir=runs/a --target=4,4  # elsewhere
    python run.py --mode=plot   --root_dir=runs/a    # curves and figures
    python run.py --mode=plot   --root_dir=runs/a --root_dir=runs/b
    python run.py --mode=video  --root_dir=runs/a    # an MP4 for each target
    python run.py --mode=report --root_dir=runs/a    # all of it on one page
    python run.py --mode=report --root_dir=runs/norl_ant_maze

Take its policy elsewhere, as a SavedModel:
    python run.py --mode=export --root_dir=runs/a

See what acting at random achieves:
    python run.py --mode=random --env=AntPush
"""
_COLUMNS = 80
# What stands for a flag's value, where N or TEXT would say too little.
_VALUES = {
    "gin_file": "PATH",
    "gin_bindings": "'NAME=VALUE'",
    "root_dir": "PATH",
    "out_dir": "PATH",
    "seeds": "N,N,...",
    "mode": "MODE",
    "target": "X,Y",
    "env": "NAME",
    "on": "WHERE",
    "listen": "HOST:PORT",
    "learner": "HOST:PORT",
    "grid": "'NAME=[...]'",
    "address": "HOST:PORT",
    "statistic": "NAME",
    "group_by": "NAME",
}


def help_text(values: flags.FlagValues) -> str:
    """Examples, and a table of flags in the order in which they were defined; absl's own are left out."""
    own = [flag for of in values.flags_by_module_dict().values() for flag in of]
    own = [flag for flag in own if flag.name not in ("flagfile", "undefok")]
    usages = {flag.name: _usage(flag) for flag in own}
    width = max(map(len, usages.values())) + 2
    lines = [EXAMPLES.strip().replace("python run.py", called()), "", "Flags:"]
    for flag in own:
        text = textwrap.wrap(_explained(flag), _COLUMNS - width - 2)
        lines += [f"  {usages[flag.name]:{width}}{text[0]}", *(" " * (width + 2) + line for line in text[1:])]
    return "\n".join(lines)


def _usage(flag):
    if flag.boolean:
        return f"--{flag.name}"
    is_number = isinstance(flag.parser, (flags.IntegerParser, flags.FloatParser))
    return f"--{flag.name}={_VALUES.get(flag.name, 'N' if is_number else 'TEXT')}"


def _explained(flag):
    """A flag's own text without what absl has put before and behind it; and its choices."""
    text = re.sub(r"^<.*?>: |;\n.*", "", flag.help, flags=re.DOTALL)
    choices = getattr(flag.parser, "enum_values", None)
    return f"{text} One of: {', '.join(choices)}." if choices else text
