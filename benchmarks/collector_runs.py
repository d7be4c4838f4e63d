"""A real run, with or without collectors of its own, watched for a while."""

import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import NamedTuple

from efficient_hrl.errors import UsageError
from efficient_hrl.storage.rows import read_rows

_ROOT = pathlib.Path(__file__).parents[1]
_ALWAYS = (
    "train_uvf.initial_episodes=1",
    "train_uvf.num_episodes_train=100000",
    "train_uvf.log_every_n_steps=100",
    "train_uvf.eval_every_n_steps=1000000000",
    "train_uvf.checkpoint_every_n_steps=1000000000",
)
_INITIAL_STEPS = 500  # of one episode
_WARM_UP_STEPS = 1000
_LONGEST_START = 300.0  # seconds until all collectors have sent something
_LOOPBACK = "lo"


class Measured(NamedTuple):
    """What a run has done in a while.

    Attributes:
      seconds: for which it was watched.
      steps_per_s: environment steps.
      updates_per_s: of the low level.
      waiting_share: of the time, in which there was no block to learn from; NaN without collectors.
      mean_age, largest_age: of blocks, in blocks that were learned from since; NaN without collectors.
      dropped_steps: of blocks that were too old, and of collectors that were gone; NaN without collectors.
      blocks_mb_per_s: blocks on their way to the learner, 1e6 bytes; NaN without collectors.
      loopback_mb_per_s: all that went through this machine's loopback interface: blocks, and weights
        from the learner into its server and out to every collector.
    """

    seconds: float
    steps_per_s: float
    updates_per_s: float
    waiting_share: float
    mean_age: float
    largest_age: float
    dropped_steps: float
    blocks_mb_per_s: float
    loopback_mb_per_s: float


def measured_run(gin_file: str, bindings: Sequence[str], collectors: int, seconds: float) -> Measured:
    """Starts a run in an empty folder, watches it once all collectors are at work, and stops it.

    Args:
      gin_file: of the run.
      bindings: its own.
      collectors: in processes of their own; 0 is one in the learner's process.
      seconds: to watch for.

    Raises:
      UsageError: the run ends, or its collectors do not come; with what was said last.
    """
    command = [sys.executable, str(_ROOT / "run.py"), f"--gin_file={gin_file}"]
    command += [f"--gin_bindings={binding}" for binding in (*_ALWAYS, *bindings)]
    command += [f"--collectors={collectors}"] if collectors else []
    with tempfile.TemporaryDirectory() as folder:
        root, log = pathlib.Path(folder, "run"), pathlib.Path(folder, "log")
        with open(log, "w") as said:
            process = subprocess.Popen([*command, f"--root_dir={root}"], stdout=said, stderr=said)
        try:
            run = _Watched(root, log, process, collectors)
            first = run.row_when(run.is_at_work, _LONGEST_START)
            traffic = _loopback_bytes()
            last = run.row_when(
                lambda row: float(row["wall_s"]) - float(first["wall_s"]) >= seconds, 10 * seconds
            )
            traffic = _loopback_bytes() - traffic
            process.send_signal(signal.SIGTERM)
            process.wait(120)
        finally:
            process.kill()
            process.wait()
        return _summary(root, first, last, traffic)


class _Watched:
    """A run that goes on."""

    def __init__(self, root, log, process, collectors):
        self._root, self._log, self._process, self._count = root, log, process, collectors

    def row_when(self, holds, seconds):
        """The newest row of metrics.csv, as soon as something holds of it."""
        deadline = time.monotonic() + seconds
        while True:
            rows = read_rows(self._root / "metrics.csv")
            if rows and holds(rows[-1]):
                return rows[-1]
            has_ended = self._process.poll() is not None
            if has_ended or time.monotonic() > deadline:
                lines = self._log.read_text().strip().splitlines() or ["nothing"]
                what = "has ended" if has_ended else f"is not where it should be after {seconds:.0f} s"
                raise UsageError(f"the run with {self._count} collectors {what}; it said: {lines[-1]}")
            time.sleep(0.1)

    def is_at_work(self, row):
        """Whether it learns from as many collectors as it is to have."""
        if int(row["env_steps"]) < _WARM_UP_STEPS:
            return False
        rows = read_rows(self._root / "collectors.csv")
        return not self._count or bool(rows) and int(float(rows[-1]["collectors"])) == self._count


def _summary(root, first, last, traffic) -> Measured:
    since = float(last["wall_s"]) - float(first["wall_s"])
    steps = int(last["env_steps"]) - int(first["env_steps"])
    inside = [
        {name: float(value) for name, value in row.items()}
        for row in read_rows(root / "collectors.csv")
        if int(first["env_steps"]) < int(row["env_steps"]) <= int(last["env_steps"])
    ]
    nan = float("nan")
    total = lambda name: sum(row[name] for row in inside) if inside else nan
    blocks = total("blocks")
    aged = [row for row in inside if row["blocks"]]
    values = Measured(
        seconds=since,
        steps_per_s=steps / since,
        updates_per_s=_updates_per_step(root) * steps / since,
        waiting_share=total("waited_s") / since,
        mean_age=sum(row["mean_age"] * row["blocks"] for row in aged) / blocks,
        largest_age=max((row["largest_age"] for row in aged), default=nan),
        dropped_steps=total("dropped_steps"),
        blocks_mb_per_s=total("received_bytes") / since / 1e6,
        loopback_mb_per_s=traffic / since / 1e6,
    )
    return Measured(*(float(f"{value:.4g}") for value in values))


def _updates_per_step(root):
    """Of the low level, counted: updates in the last checkpoint, per step since learning began."""
    # Only now, because importing TensorFlow takes seconds.
    import tensorflow as tf

    from efficient_hrl.storage.checkpoints import newest_whole, weights_in

    newest = newest_whole(root / "checkpoints", print)
    if newest is None:
        raise UsageError(f"{root}: the run has left no checkpoint")
    reader = tf.train.load_checkpoint(str(weights_in(newest)))
    updates = int(reader.get_tensor("low_agent/updates/.ATTRIBUTES/VARIABLE_VALUE"))
    steps = int(newest.name.rpartition("-")[2])
    return updates / (steps - _INITIAL_STEPS)


def _loopback_bytes():
    """Bytes that this machine has sent to itself; NaN where the system does not tell."""
    path = pathlib.Path("/sys/class/net", _LOOPBACK, "statistics/rx_bytes")
    return float(path.read_text()) if path.exists() else float("nan")
