"""What a run's folder says about the run, without gin and TensorFlow."""

import dataclasses
import os
import pathlib
import re
import shlex
import zlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from efficient_hrl.comparison.published import (
    Published,
    is_papers_learner,
    is_papers_protocol,
    published_success,
)
from efficient_hrl.errors import UsageError
from efficient_hrl.storage.bound_values import text_of, value_of
from efficient_hrl.storage.rows import checked_rows, column
from efficient_hrl.storage.run_folder import OPERATIVE_CONFIG, RunFolder, present_config
from efficient_hrl.storage.run_name import printable

METRICS, EVALUATIONS = "metrics.csv", "eval.csv"
SUCCESS, RETURN = "success_rate", "high_return"  # columns of eval.csv by which runs are judged
_SEED = re.compile(r"(?:^|[_-])seed[_-]?(\d+)$")
_TASK = re.compile(
    r"(?:^|_)((?:ego_)?(?:ant|point)_(?:block_maze|block|maze_medium|maze_large|maze|push|fall|gather)(?:_img)?)(?:_single)?$"
)


# What makes an environment -> the binding that names it.
_NAMES = {
    "create_gymnasium_env": "create_gymnasium_env.env_id",
    "create_gather_env": "create_gather_env.env_name",
}


class RecordedTask(NamedTuple):
    """What is to be reached, and where.

    Attributes:
      name: as in gin files: "ant_maze"; with "_img" for views in place of x, y.
      targets: pairs of an evaluation mode and its target, metres; () where they are not known.
    """

    name: str
    targets: tuple[tuple[str, tuple[float, ...]], ...] = ()


@dataclasses.dataclass(frozen=True)
class RunSummary:
    """One run: what it was, and the numbers that it has written.

    Attributes:
      root: its folder.
      gin_name: its gin file's name, e.g. "norl_ant_maze"; that of the folder where there is no record.
      folder_name: its folder's name without the seed.
      seed: None where nothing says it.
      config: bindings, name -> value as gin writes it; None where there is no record.
      bindings: the same or, where there is no record, the one-line ones of operative_config.gin.
      task: its task.
      metrics: column of metrics.csv -> numbers [n], NaN where there is none.
      evaluations: target -> column of eval.csv -> numbers [m], in the order of env_steps.
    """

    root: pathlib.Path
    gin_name: str
    folder_name: str
    seed: int | None
    config: Mapping[str, str] | None
    bindings: Mapping[str, str]
    task: RecordedTask
    metrics: Mapping[str, np.ndarray]
    evaluations: Mapping[str, Mapping[str, np.ndarray]]

    @property
    def score(self) -> str:
        """The column of eval.csv that counts: `RETURN` where no success was ever measured, else `SUCCESS`."""
        rates = [rate for columns in self.evaluations.values() for rate in columns[SUCCESS]]
        return RETURN if rates and np.isnan(rates).all() else SUCCESS

    def published(self, target: str, method: str | None = None) -> Published | None:
        """What a paper says that may stand beside this run's success rate or return, or None.

        Only where the run is measured as the papers measure, see `is_papers_protocol`.

        Args:
          target: an evaluation mode, e.g. "eval3".
          method: whose number, e.g. "hiro"; None is the run's own method, of which there is none
            where it learns by another algorithm than the paper, see `is_papers_learner`.
        """
        place = dict(self.task.targets).get(target)
        if not is_papers_protocol(self.bindings) or (place is None and self.score != RETURN):
            return None
        if method is None:
            if not is_papers_learner(self.bindings):
                return None
            method, _ = split_name(self.gin_name)
        return published_success(method, self.task.name, place)


def is_run(folder: pathlib.Path) -> bool:
    """Whether a folder is a run's, or keeps a run's CSV files alone as those of results/ do."""
    csv_files = (folder / METRICS, folder / EVALUATIONS)
    return RunFolder.has_record(folder) or all(map(os.path.isfile, csv_files))


def find_runs(paths: Sequence[str | os.PathLike]) -> list[pathlib.Path]:
    """Folders of runs; a folder that is none stands for the runs in it and in the folders in it.

    So `runs` stands for runs/norl and for runs/hiro/seed0, which a job of several seeds has made.

    Raises:
      UsageError: there is no run, or one is named twice.
    """
    runs = {}
    for path in paths:
        try:
            root = pathlib.Path(path).expanduser()
            found = [root] if is_run(root) else _runs_in(root)
        except (OSError, RuntimeError, ValueError) as error:
            raise UsageError(f"--root_dir={path}: {_reason(error, path)}") from None
        if not found:
            raise UsageError(
                f"--root_dir={path}: no run and no folder of runs; allowed: a folder with run.json, or with"
                f" {METRICS} and {EVALUATIONS}, or one that holds such, up to two levels deep"
            )
        for run in found:
            _check_name(run, path)
        own = {}
        for run in sorted(found, key=_is_by_link):
            own.setdefault(run.resolve(), run)  # others lead to a run that is there, as `latest` -> `seed0`
        for resolved, run in own.items():
            if resolved not in runs:
                runs[resolved] = run
            elif not _is_by_link(run):
                raise UsageError(f"--root_dir={path}: the run {run} is given twice; allowed: each run once")
    return list(runs.values())


def _check_name(run, path):
    """Refuses a run whose folder's name cannot stand in any table, title or page."""
    if printable(str(run)) != str(run):
        raise UsageError(
            f"--root_dir={path}: it holds the run {os.fsencode(run)!r}; allowed: folders' names in UTF-8"
        )


def _is_by_link(run):
    """Whether the way to a run leads through a link."""
    return run.is_symlink() or run.parent.is_symlink()


def _runs_in(folder):
    runs = []
    for inner in sorted(folder.iterdir()):
        if is_run(inner):
            runs.append(inner)
        elif inner.is_dir():
            runs += sorted(filter(is_run, inner.iterdir()))
    return runs


def _reason(error, path):
    """Why a folder cannot be read, with the path inside it that cannot."""
    inner = getattr(error, "filename", None)
    reason = getattr(error, "strerror", None) or error
    return reason if inner is None or pathlib.Path(inner) == pathlib.Path(path) else f"{inner}: {reason}"


def read_run(root: pathlib.Path, until: float = np.inf) -> RunSummary:
    """Reads a run.

    Args:
      root: its folder.
      until: leaves out what is later, environment steps.

    Raises:
      UsageError: its record or its CSV files are damaged.
    """
    folder_name, seed = _folder_name(root)
    gin_name, config = folder_name, None
    if RunFolder.has_record(root):
        record = RunFolder(root, writes=False).record()
        seed, config = record["seed"], present_config(record)
        gin_name = "+".join(pathlib.Path(path).stem for path in _gin_files(record)) or folder_name
    bindings = _operative_config(root) if config is None else config
    return RunSummary(
        root,
        gin_name,
        folder_name,
        seed,
        config,
        bindings,
        _task(bindings, gin_name),
        _columns(root / METRICS, ("env_steps", "high_episode_return"), until),
        _by_target(
            _columns(
                root / EVALUATIONS,
                ("env_steps", SUCCESS, "high_last_reward"),
                until,
                texts=("target",),
                maybe=(RETURN,),
            )
        ),
    )


def split_name(gin_name: str) -> tuple[str, str | None]:
    """The method and the task in a gin file's name: "hiro_ant_push_single" -> ("hiro", "ant_push")."""
    found = _TASK.search(gin_name)
    return (gin_name[: found.start()], found.group(1)) if found else (gin_name, None)


def _folder_name(root):
    """A folder's name without the seed, and the seed; the folder around it may hold a part of the name."""
    root = root.resolve()
    found = _SEED.search(root.name)
    seed = int(found.group(1)) if found else None
    name = root.name[: found.start()] if found else root.name
    if not name:
        return printable(root.parent.name), seed
    if split_name(name)[1] is None and split_name(root.parent.name) == ("", root.parent.name):
        return printable(f"{name}_{root.parent.name}"), seed
    return printable(name), seed


def _gin_files(record):
    """Paths of a run's gin files; records of older versions have them in the command alone."""
    if "gin_files" in record:
        return record["gin_files"]
    try:
        words = shlex.split(record.get("command", ""))
    except ValueError:
        return []
    paths = []
    for word, following in zip(words, [*words[1:], ""]):
        found = re.fullmatch(r"--?(?:gin_file|config_file)(?:=(.*))?", word)
        if found:
            paths.append(following if found.group(1) is None else found.group(1))
    return paths


def _operative_config(root):
    """One-line bindings of operative_config.gin, for runs without a record."""
    try:
        text = (root / OPERATIVE_CONFIG).read_text(encoding="utf-8")
    except (OSError, UnicodeError):
        return {}
    return dict(re.findall(r"^(\S+) = (.+)$", text, re.MULTILINE))


def _task(config, gin_name):
    kind = text_of(config, "train_uvf.environment") or ""
    name = next((name for maker, name in _NAMES.items() if maker in kind), "create_maze_env.env_name")
    environment = value_of(config, name)
    if not isinstance(environment, str):
        return RecordedTask(split_name(gin_name)[1] or "unknown_task")
    layout = text_of(config, "create_maze_env.layout")
    if layout not in (None, "None"):
        cell_size = text_of(config, "create_maze_env.cell_size")
        environment = f"{environment.removesuffix('Maze')}OwnMaze_{_checksum(layout, cell_size)}"
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", environment)
    view = "_img" if value_of(config, "create_maze_env.top_down_view") is True else ""
    places = value_of(config, "create_maze_env.evaluation_targets")
    of_maze = places if isinstance(places, list | tuple) else ()
    values = {f"eval{number}": place for number, place in enumerate(of_maze, start=1)}
    for binding in config:
        found = re.fullmatch(r"(eval\w*)/ConstantSampler\.value", binding)
        if found:
            values[found.group(1)] = value_of(config, binding)
    targets = {mode: tuple(map(float, place)) for mode, place in values.items() if _is_place(place)}
    return RecordedTask(re.sub(r"\W+", "_", words).lower() + view, tuple(sorted(targets.items())))


def _is_place(value):
    return isinstance(value, list | tuple) and all(
        isinstance(number, int | float) and abs(number) < 1e9
        for number in value  # metres
    )


def _checksum(*texts):
    """What tells one maze of a user's own from another."""
    return f"{zlib.crc32(repr(texts).encode()):08x}"


def _columns(path, names, until, texts=(), maybe=()):
    """Columns of a CSV file: `names` as numbers, NaN where there is none, and `texts`.

    Those of `maybe` are numbers too, and may be missing.
    """
    rows = [row for row in checked_rows(path) if float(row["env_steps"]) <= until]
    columns = {name: column(rows, name) for name in names}
    columns |= {name: column([{name: None} | row for row in rows], name) for name in maybe}
    return columns | {name: np.array([row[name] for row in rows], dtype=str) for name in texts}


def _by_target(columns):
    """Target -> columns in the order of env_steps; of a step that occurs twice, the later row."""
    targets = columns.pop("target")
    found = {}
    for target in sorted(set(targets.tolist())):
        own = {name: values[targets == target][::-1] for name, values in columns.items()}
        _, chosen = np.unique(own["env_steps"], return_index=True)
        found[target] = {name: values[chosen] for name, values in own.items()}
    return found
