"""Whether two runs have come to the same end, bit for bit.

    python -m benchmarks.same_runs runs/a runs/b

Compares newest checkpoints (networks, optimisers, counters, environments, random
generators, replay buffers), metrics.csv, eval.csv and the maps; what the clock has written is
left out. Nothing is built: only files are read.
"""

import json
import pathlib
import sys
from collections.abc import Iterator

import numpy as np

from efficient_hrl.errors import UsageError
from efficient_hrl.storage.run_folder import RunFolder

CLOCKS = ("wall_s", "steps_per_s")


def main(argv: list[str]) -> int:
    """Compares two folders; returns 0 when they are equal, 1 when not, 2 for what the user can mend."""
    try:
        if len(argv) != 3:
            raise UsageError(f"{len(argv) - 1} arguments; allowed: two folders of runs")
        found = differences(*argv[1:])
    except UsageError as error:
        print(f"benchmarks.same_runs: {error}", file=sys.stderr)
        return 2
    print("\n".join(found) or "equal, bit for bit")
    return 1 if found else 0


def differences(left: str | pathlib.Path, right: str | pathlib.Path) -> list[str]:
    """What differs between two runs, a line each; [] for equal ones.

    Raises:
      UsageError: one of them is no run, or has no checkpoint that is whole.
    """
    # Only now, because importing TensorFlow takes seconds.
    from efficient_hrl.storage.checkpoints import newest_whole

    roots = []
    for root in (left, right):
        if not RunFolder(root, writes=False).is_run:
            raise UsageError(f"{root}: not a run")
        roots.append(pathlib.Path(root))
    checkpoints = [newest_whole(root / "checkpoints", print) for root in roots]
    if None in checkpoints:
        raise UsageError(f"{roots[checkpoints.index(None)]}: no checkpoint")
    if checkpoints[0].name != checkpoints[1].name:
        return [f"newest checkpoint: {checkpoints[0].name} and {checkpoints[1].name}"]
    return [
        *_variables(*checkpoints),
        *_python_states(*checkpoints),
        *_replays(*checkpoints),
        *_tables(*roots, "metrics.csv"),
        *_tables(*roots, "eval.csv"),
        *_maps(*roots),
    ]


def _variables(left, right) -> Iterator[str]:
    import tensorflow as tf

    from efficient_hrl.storage.checkpoints import weights_in

    readers = [tf.train.load_checkpoint(str(weights_in(path))) for path in (left, right)]
    names = [set(reader.get_variable_to_shape_map()) for reader in readers]
    for name in sorted(names[0] | names[1]):
        if not all(name in known for known in names):
            yield f"{name}: only in one checkpoint"
            continue
        values = [np.asarray(reader.get_tensor(name)) for reader in readers]
        if not _are_same(*values):
            yield f"{name}: {_how_far(*values)}"


def _python_states(left, right):
    states = [json.loads((path / "python.json").read_text()) for path in (left, right)]
    for state in states:
        clocks = json.loads(state["clocks"])
        state["clocks"] = {name: value for name, value in clocks.items() if name not in CLOCKS}
    for name in sorted({*states[0], *states[1]}):
        if states[0].get(name) != states[1].get(name):
            yield f"state of {name} differs"


def _replays(left, right):
    from efficient_hrl.storage.checkpoints import read_marker

    saved = [read_marker(path)["replays"] for path in (left, right)]
    for name in sorted({*saved[0], *saved[1]}):
        added = [known[name]["added"] for known in saved]
        if added[0] != added[1]:
            yield f"{name}: {added[0]} and {added[1]} rows were ever added"
            continue
        rows = [
            _records(path.parent / "replay", name, known[name]) for path, known in zip((left, right), saved)
        ]
        # Blocks may begin earlier than the oldest row that is left.
        count = min(map(len, rows))
        rows = [known[len(known) - count :] for known in rows]
        for field in rows[0].dtype.names or ():
            if not _are_same(rows[0][field], rows[1][field]):
                yield f"{name}, {field}: {_how_far(rows[0][field], rows[1][field])}"


def _records(folder, name, saved):
    """All rows that `ReplayFiles.save` of `name` has described, as one structured array."""
    from efficient_hrl.storage.replay_files import names_of

    blocks = [np.load(folder / file, allow_pickle=False) for file in names_of(name, saved)]
    return np.concatenate(blocks) if blocks else np.empty(0)


def _tables(left, right, name):
    from efficient_hrl.storage.rows import read_rows

    tables = [
        [{k: v for k, v in row.items() if k not in CLOCKS} for row in read_rows(root / name)]
        for root in (left, right)
    ]
    if len(tables[0]) != len(tables[1]):
        yield f"{name}: {len(tables[0])} and {len(tables[1])} rows"
    for number, rows in enumerate(zip(*tables), start=1):
        if rows[0] != rows[1]:
            yield f"{name}, row {number} differs"


def _maps(left, right):
    from efficient_hrl.exploration_maps import map_files

    files = [{path.name: path for path in map_files(root)} for root in (left, right)]
    for name in sorted(set(files[0]) ^ set(files[1])):
        yield f"maps/{name}: only in one run"
    for name in sorted(set(files[0]) & set(files[1])):
        if files[0][name].read_bytes() != files[1][name].read_bytes():
            yield f"maps/{name} differs"


def _are_same(left, right):
    """Equal in type, shape and every bit, so that NaN equals itself."""
    return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()


def _how_far(left, right):
    if left.shape != right.shape or not np.issubdtype(left.dtype, np.number):
        return "differs"
    return f"differs by up to {np.max(np.abs(left.astype(np.float64) - right.astype(np.float64))):.3g}"


if __name__ == "__main__":
    sys.exit(main(sys.argv))
