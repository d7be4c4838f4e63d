"""Jobs: command lines that are runs, how they end, and what is said of them."""

import collections
import pathlib
import signal
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple

from efficient_hrl.terminal.progress import Report

STARTING = "starting"  # what a view is told of a job whose process is begun


class Job(NamedTuple):
    """One run, in a process of its own.

    Attributes:
      key: by which it is known.
      command: its command line.
      log: the file for what it says, from when it has begun.
      group: jobs of one configuration; where all that have ended were wrong, the others are.
    """

    key: Hashable
    command: Sequence[str]
    log: pathlib.Path
    group: Hashable = None


class JobEnd(NamedTuple):
    """How a job's process has ended.

    Attributes:
      status: its exit status; minus a signal's number if that has killed it, or stopped it without being
        passed on from here.
      last_line: what it said last, without the program's name.
      log: the file with all that it said; None if it had not begun.
      stopped: whether it ended because it was asked to.
      concerns: whom a mistake of the user's (status 2) concerns: its "group"; the "run" alone, in whose
        folder another process is; or the whole "sweep".
    """

    status: int
    last_line: str
    log: pathlib.Path | None
    stopped: bool
    concerns: str = "group"

    @property
    def failed(self) -> bool:
        """Whether it ended with an error."""
        return self.status != 0 and not self.stopped

    @property
    def is_wrong(self) -> bool:
        """Whether it found a mistake of the user in its configuration and did not begin."""
        return self.status == 2 and self.log is None and self.concerns == "group"

    @property
    def is_held(self) -> bool:
        """Whether it did not begin because another process is in its folder."""
        return self.status == 2 and self.log is None and self.concerns == "run"


class View:
    """What is shown of jobs; this one shows nothing."""

    def report(self, key: Hashable, report: Report) -> None:
        """A job has come farther."""

    def state(self, key: Hashable, text: str) -> None:
        """A job has begun, or ended: how, in a word or two."""

    def tick(self) -> None:
        """Some time has passed."""


def word(outcome: JobEnd) -> str:
    """How a job has ended, in a word or two."""
    if outcome.stopped:
        return "stopped"
    if outcome.status < 0:
        return f"killed by {signal.Signals(-outcome.status).name}"
    return "failed" if outcome.status else "finished"


def failures(outcomes: Mapping[Hashable, JobEnd], title: Callable[[Sequence[Hashable]], str]) -> list[str]:
    """A line for each way in which jobs have failed.

    Args:
      outcomes: by the job's key.
      title: keys -> what such jobs are called together.
    """
    keys = collections.defaultdict(list)
    for key, outcome in outcomes.items():
        if outcome.failed:
            log = f"; all that it said: {outcome.log}" if outcome.log else ""
            killed = outcome.status < 0 or not outcome.last_line
            keys[f"{word(outcome) if killed else outcome.last_line}{log}"].append(key)
    return [f"{title(failed)}: {line}" for line, failed in keys.items()]


def worst_status(outcomes: Mapping[Hashable, JobEnd]) -> int:
    """The exit status for all: 1 if a run could not go on, 2 if the user can mend it, 0 if all is well."""
    statuses = {outcome.status for outcome in outcomes.values() if outcome.failed}
    return 0 if not statuses else 2 if statuses == {2} else 1
