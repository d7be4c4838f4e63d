"""Kills a run again and again, and compares its end with that of one left in peace.

    python -m benchmarks.crash_drill --kills=30

Both runs are real ones of `run.py`, with everything that a run does: learning, evaluation,
kept weights, checkpoints; buffers are so small that they wrap around.  A third of the kills
is SIGTERM, a third SIGKILL, and a third SIGKILL while a checkpoint is being written, in
random order at random moments, the seconds of starting and restoring included.  On top
the disk becomes full `--full_disks` times: the process is forbidden to make files any
longer.  Every start has another PYTHONHASHSEED, and the folder's name has a space and
letters beyond ASCII.
"""

import contextlib
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence

import numpy as np
from absl import flags

from benchmarks import setting
from benchmarks.report import new_figure, save_figure, write_table
from benchmarks.same_runs import differences
from efficient_hrl.errors import UsageError
from efficient_hrl.graph.machine import processor

_REPOSITORY = pathlib.Path(__file__).parents[1]
_EPISODE = 500
_SIGTERM, _SIGKILL, _WRITING, _FULL = "SIGTERM", "SIGKILL", "SIGKILL while saving", "full disk"
_TRIES = 20  # to catch a checkpoint that is being written
_PATIENCE_S = 300.0  # for anything that a run is waited for


def main(argv: list[str]) -> int:
    """Runs the drill; returns 0 when both runs are equal, 1 when not, 2 for what the user can mend."""
    values = flags.FlagValues()
    whole = lambda name, default, least, text: flags.DEFINE_integer(
        name, default, text, lower_bound=least, flag_values=values
    )
    whole("kills", 30, 1, "How often the run is killed.")
    whole("full_disks", 3, 0, "How often the disk becomes full.")
    whole("steps", 6_000, 1_000, "Environment steps of the run, in episodes of 500.")
    whole("seed", 0, 0, "Of the run and of the moments of the kills.")
    flags.DEFINE_string(
        "gin_file", "gin/norl_point_maze.gin", "What to run; the buffers are made small.", flag_values=values
    )
    flags.DEFINE_multi_string("gin_bindings", [], "More bindings; repeatable.", flag_values=values)
    flags.DEFINE_string("out", "benchmarks/results", "Folder for table and picture.", flag_values=values)
    try:
        setting.parse(values, argv)
        with tempfile.TemporaryDirectory(prefix="crash drill é ") as folder:
            drill = Drill(pathlib.Path(folder), values)
            try:
                found = drill.run()
            finally:
                _Process.kill_all()
    except (flags.Error, UsageError) as error:
        print(f"benchmarks.crash_drill: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    drill.report(pathlib.Path(values.out))
    print("\n".join(found) or "the run that was killed has ended as the undisturbed one, bit for bit")
    return 1 if found else 0


class Drill:
    """Two runs of the same configuration, one of which is disturbed."""

    def __init__(self, folder: pathlib.Path, values: flags.FlagValues):
        """Prepares; nothing is started.

        Args:
          folder: an empty folder for both runs.
          values: the flags.
        """
        self._folder = folder
        self._steps = values.steps // _EPISODE * _EPISODE
        self._period = max(50, self._steps // 600 * 10)  # of checkpoints
        self._rng = np.random.default_rng(values.seed)
        thirds = [_SIGTERM, _SIGKILL, _WRITING]
        self._plan = [thirds[i % 3] for i in range(values.kills)] + [_FULL] * values.full_disks
        self._rng.shuffle(self._plan)
        bindings = {
            "train_uvf.num_episodes_train": self._steps // _EPISODE,
            "train_uvf.initial_episodes": 1,
            "train_uvf.log_every_n_steps": 100,
            "train_uvf.checkpoint_every_n_steps": self._period,
            "train_uvf.save_policy_every_n_steps": 1_000,
            "train_uvf.eval_every_n_steps": self._steps // 2,
            "evaluate.num_episodes_eval": 2,
            "agent/CircularBuffer.buffer_size": self._steps // 2,
            "meta/CircularBuffer.buffer_size": self._steps // 20,
        }
        self._command = [sys.executable, "run.py", f"--gin_file={values.gin_file}", f"--seed={values.seed}"]
        self._command += [f"--gin_bindings={name}={value}" for name, value in bindings.items()]
        self._command += [f"--gin_bindings={binding}" for binding in values.gin_bindings]
        self._rows = []
        self._began = time.perf_counter()

    def run(self) -> list[str]:
        """Does it all; returns what differs at the end, [] for nothing.

        Raises:
          UsageError: a run does not do what it should; with what it says.
        """
        whole, killed = self._folder / "whole", self._folder / "killed"
        print("the undisturbed run", flush=True)
        began = time.perf_counter()
        process = _Process([*self._command, f"--root_dir={whole}"], "0")
        starts_s = process.wait_until_it_trains() - began
        process.expect_end(0)
        rate = self._steps / (time.perf_counter() - began - starts_s)
        print(f"{starts_s:.1f} s to start, then {rate:.0f} steps/s", flush=True)
        for number, kind in enumerate(self._plan, start=1):
            left = self._steps - _steps_in(killed)
            # So that the run is not at its end before the kills are.
            at_most = 2.0 * left / rate / (len(self._plan) - number + 2)
            row = self._kill(killed, kind, starts_s, at_most)
            self._rows.append({"kill": number, **row})
            print(", ".join(f"{name} {value}" for name, value in self._rows[-1].items()), flush=True)
        _Process([*self._command, f"--root_dir={killed}"], "0").expect_end(0)
        return differences(whole, killed)

    def _kill(self, root, kind, starts_s, at_most):
        """Starts the run and ends it; tells how that went."""
        began_at = _checkpointed(root)
        for _ in range(_TRIES):
            began = time.perf_counter()
            leftovers = _unfinished(root)
            process = _Process([*self._command, f"--root_dir={root}"], str(int(self._rng.integers(1, 2**32))))
            moment = "training"
            if kind in (_SIGTERM, _SIGKILL) and self._rng.random() < 0.2:
                moment = "starting"
                time.sleep(self._rng.uniform(0.0, starts_s))
            else:
                process.wait_until_it_trains()
                time.sleep(self._rng.uniform(0.0, at_most))
            status = self._end(process, kind, root, leftovers)
            if status is not None:
                break
        else:
            raise UsageError(f"no checkpoint was caught being written in {_TRIES} tries")
        return {
            "kind": kind,
            "while": moment,
            "began_at": began_at,
            "reached": _steps_in(root),
            "continues_at": _checkpointed(root),
            "seconds": round(time.perf_counter() - began, 1),
            "status": status,
        }

    def _end(self, process, kind, root, leftovers):
        """Ends the process; its exit status, or None if it was not in the state that was wanted."""
        if kind == _SIGTERM:
            process.send(signal.SIGTERM)
            # One that has not come to its loop yet just ends.
            return process.expect_end(0, -signal.SIGTERM)
        if kind == _SIGKILL:
            process.send(signal.SIGKILL)
            return process.expect_end(-signal.SIGKILL)
        if kind == _FULL:
            process.forbid_files()
            status = process.expect_end(1)
            if "cannot write" not in process.last_said:
                raise UsageError(f"a full disk is not named: {process.last_said}")
            return status
        deadline = time.monotonic() + _PATIENCE_S
        while not _unfinished(root) - leftovers and time.monotonic() < deadline and process.is_running():
            time.sleep(0.0005)
        time.sleep(self._rng.uniform(0.0, 0.05))
        process.send(signal.SIGKILL)
        status = process.expect_end(-signal.SIGKILL, 0)
        return status if _unfinished(root) - leftovers else None

    def report(self, out: pathlib.Path) -> None:
        """Writes table and picture of the kills."""
        write_table(self._rows, out / "crash_drill.csv")
        draw(self._rows, out / "crash_drill.png")
        # A row is written every 100 steps: a checkpoint may be newer than the last row.
        lost = [max(0, row["reached"] - row["continues_at"]) for row in self._rows]
        print(
            f"{len(self._rows)} kills in {time.perf_counter() - self._began:.0f} s; steps to be done again"
            f" after one: {np.mean(lost):.0f} on average, {max(lost)} at most"
            f" (a checkpoint every {self._period})"
        )


def draw(rows: Sequence[Mapping], path: pathlib.Path) -> None:
    """Draws where processes began, where they were killed and where the next ones continued."""
    figure, axis = new_figure(width=8.0)
    kinds = sorted({row["kind"] for row in rows})
    for number, kind in enumerate(kinds):
        own = [row for row in rows if row["kind"] == kind]
        kills = [int(row["kill"]) for row in own]
        # A row is written every 100 steps: a checkpoint may be newer than the last row.
        ends = [max(int(row["reached"]), int(row["continues_at"])) for row in own]
        colour = f"C{number}"
        axis.vlines(kills, [int(row["began_at"]) for row in own], ends, color=colour, lw=4)
        axis.plot(kills, ends, "o", color=colour, ms=5, label=kind)
    continued = [(int(row["kill"]) + 0.5, int(row["continues_at"])) for row in rows]
    axis.plot(*zip(*continued), "k_", ms=9, label="the next process continues")
    axis.set_xlabel("number of the kill (a bar: what the process has done until then)")
    axis.set_ylabel("environment steps")
    axis.set_title(f"{processor()}, {os.cpu_count()} cores", fontsize=9)
    axis.legend(fontsize=8)
    save_figure(figure, path)


class _Process:
    """A run in a process of its own.

    Attributes:
      last_said: the last line that it has printed.
    """

    _started = []

    def __init__(self, command, hash_seed):
        self.last_said = ""
        self._started.append(self)
        self._trains = threading.Event()
        self._process = subprocess.Popen(
            command,
            cwd=_REPOSITORY,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @classmethod
    def kill_all(cls):
        """Leaves none behind, whatever has ended the drill."""
        while cls._started:
            cls._started.pop()._process.kill()

    def _read(self):
        for line in self._process.stdout:
            self.last_said = line.rstrip()
            if line.startswith(("collecting", "continuing", "learning")):
                self._trains.set()
        self._trains.set()

    def wait_until_it_trains(self):
        """Waits; returns the time."""
        if not self._trains.wait(_PATIENCE_S):
            self._process.kill()
        return time.perf_counter()

    def is_running(self):
        return self._process.poll() is None

    def send(self, number):
        self._process.send_signal(number)

    def forbid_files(self):
        """From now on no file may become longer than a byte."""
        limit = resource.RLIMIT_FSIZE
        hard = resource.prlimit(self._process.pid, limit)[1]
        resource.prlimit(self._process.pid, limit, (1, hard))

    def expect_end(self, *statuses):
        """Waits for the end; returns the exit status.

        Raises:
          UsageError: it is not one of `statuses`.
        """
        try:
            status = self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._reader.join()
        if status not in statuses:
            raise UsageError(
                f"a run ended with status {status} and not {statuses}; it last said: {self.last_said}"
            )
        return status


def _steps_in(root):
    """The last environment step of which the run has written a row."""
    # Only now, because importing TensorFlow takes seconds.
    from efficient_hrl.storage.rows import read_rows

    rows = read_rows(root / "metrics.csv")
    return int(rows[-1]["env_steps"]) if rows else 0


def _checkpointed(root):
    """Environment steps of the newest checkpoint."""
    return max((int(path.name[5:]) for path in (root / "checkpoints").glob("ckpt-*")), default=0)


def _unfinished(root):
    """What lies there of checkpoints that are not complete: path, inode and time of the last change."""
    found = set()
    for folder in (root / "checkpoints", root / "checkpoints" / "replay"):
        for name in os.listdir(folder) if folder.is_dir() else ():
            if name.endswith((".partial", ".replaced")):
                # It may be gone already.
                with contextlib.suppress(FileNotFoundError):
                    status = os.stat(folder / name)
                    found.add((name, status.st_ino, status.st_ctime_ns))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv))
