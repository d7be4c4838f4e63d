"""What `python run.py --help` shows: examples, then the flags as a table of 80 columns."""

import re
import textwrap

from absl import flags

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
    "statistic": "NAME",
    "group_by": "NAME",
}


def help_text(examples: str, values: flags.FlagValues) -> str:
    """Examples, and a table of flags in the order in which they were defined.

    Args:
      examples: the program's own text.
      values: its flags; absl's own are left out.
    """
    own = [flag for of in values.flags_by_module_dict().values() for flag in of]
    own = [flag for flag in own if flag.name not in ("flagfile", "undefok")]
    usages = {flag.name: _usage(flag) for flag in own}
    width = max(map(len, usages.values())) + 2
    lines = [examples.strip(), "", "Flags:"]
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
