"""Numbers of a run as CSV files, for people and programs."""

import csv
import io
import math
import os
import pathlib
from collections.abc import Mapping, Sequence

from efficient_hrl.evaluation.result import EvalResult
from efficient_hrl.storage.durable import write_text
from efficient_hrl.storage.rows import checked_rows

METRICS_COLUMNS = (
    "env_steps",
    "episodes",
    "wall_s",
    "steps_per_s",
    "low_critic_loss",
    "low_actor_loss",
    "high_critic_loss",
    "high_actor_loss",
    "relabel_sampled",
    "relabel_reached",
    "relabel_stored",
    "representation_loss",
    "representation_close_loss",
    "representation_far_loss",
    "representation_bound",
    "representation_kl",
    "low_episode_return",
    "high_episode_return",
    "unstable_episodes",
)
COLLECTOR_COLUMNS = (
    "env_steps",
    "wall_s",
    "collectors",
    "blocks",
    "mean_age",
    "largest_age",
    "waited_s",
    "dropped_steps",
    "received_bytes",
)
EVAL_COLUMNS = ("env_steps", *EvalResult._fields)


class CsvLog:
    """A CSV file that grows by rows and can be cut back to a checkpoint."""

    def __init__(self, path: pathlib.Path, columns: Sequence[str]):
        """Remembers file and columns; the first column is `env_steps`."""
        self._path = path
        self._columns = tuple(columns)

    def cut_to(self, env_steps: int) -> list[dict[str, str]]:
        """Drops rows later than `env_steps`, which a resumed run will write again; returns the others.

        Raises:
          UsageError: the file was changed by somebody else.
        """
        rows = [row for row in checked_rows(self._path) if float(row["env_steps"]) <= env_steps]
        text = io.StringIO()
        writer = csv.DictWriter(text, self._columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({column: row.get(column, "") for column in self._columns} for row in rows)
        write_text(self._path, text.getvalue())
        return rows

    def append(self, row: Mapping[str, object]) -> None:
        """Adds a row and flushes it to the disk.

        Raises:
          OSError: the file cannot be written, or was deleted.
        """
        # Not "a", which would make a new file without a header.
        with open(self._path, "r+", newline="", encoding="utf-8") as file:
            file.seek(0, os.SEEK_END)
            csv.DictWriter(file, self._columns, lineterminator="\n").writerow(row)
            file.flush()
            os.fsync(file.fileno())


class RunLog:
    """The tables of a run's progress.

    Attributes:
      newest_success: success rates by target of the last evaluation before the files were
        opened, {} before the first one and where there is no success.
      newest_returns: mean task returns of that evaluation where there is no success.
      newest_trained_return: the last mean task return of episodes while collecting, or None.
    """

    def __init__(self, root: pathlib.Path, env_steps: int, evaluated_steps: int):
        """Opens the files of a run that stands at `env_steps` and was last evaluated at `evaluated_steps`.

        Raises:
          UsageError: a file was changed by somebody else.
        """
        self._root, self._env_steps = root, env_steps
        self._collectors = None  # of runs that have any
        self._metrics = CsvLog(root / "metrics.csv", METRICS_COLUMNS)
        self._eval = CsvLog(root / "eval.csv", EVAL_COLUMNS)
        logged = [float(row["high_episode_return"] or "nan") for row in self._metrics.cut_to(env_steps)]
        self.newest_trained_return = next((value for value in reversed(logged) if value == value), None)
        evaluations = self._eval.cut_to(evaluated_steps)
        newest = [row for row in evaluations if float(row["env_steps"]) == evaluated_steps]
        rates = {row["target"]: float(row["success_rate"]) for row in newest}
        self.newest_success = {target: rate for target, rate in rates.items() if not math.isnan(rate)}
        without = [row for row in newest if math.isnan(rates[row["target"]])]
        self.newest_returns = {row["target"]: float(row.get("high_return") or "nan") for row in without}

    def log_collectors(self, values: Mapping[str, float]) -> None:
        """Writes what has come from collectors in a log interval; keys are `COLLECTOR_COLUMNS`."""
        if self._collectors is None:
            self._collectors = CsvLog(self._root / "collectors.csv", COLLECTOR_COLUMNS)
            self._collectors.cut_to(self._env_steps)
        self._collectors.append({name: _number(values[name]) for name in COLLECTOR_COLUMNS})

    def log_training(self, values: Mapping[str, float]) -> None:
        """Writes one log interval; keys are `METRICS_COLUMNS`."""
        self._metrics.append(training_row(values))

    def log_evaluation(self, env_steps: int, results: Sequence[EvalResult]) -> None:
        """Writes one row per evaluation target."""
        for result in results:
            self._eval.append(evaluation_row(env_steps, result))


def training_row(values: Mapping[str, float]) -> dict[str, str]:
    """A row of metrics.csv, as it is read again."""
    return {name: _number(values[name]) for name in METRICS_COLUMNS}


def evaluation_row(env_steps: int, result: EvalResult) -> dict[str, str]:
    """A row of eval.csv, as it is read again."""
    return {name: _number(value) for name, value in {"env_steps": env_steps, **result._asdict()}.items()}


def _number(value):
    return f"{value:.6g}" if isinstance(value, float) else str(value)
