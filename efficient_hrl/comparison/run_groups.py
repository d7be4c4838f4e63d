"""Which runs are seeds of one method, and which methods belong into one picture."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from efficient_hrl.binding_effects import decides_curves
from efficient_hrl.comparison.published import Published
from efficient_hrl.comparison.run_summary import EVALUATIONS, RETURN, SUCCESS, RunSummary, split_name
from efficient_hrl.errors import UsageError

_SMOOTHING_STEPS = 20_000  # environment steps
_MOST_RETURNS = 300  # points of a curve of returns
_MOST_BINDINGS = 3  # in a label


@dataclasses.dataclass(frozen=True)
class Group:
    """Runs that differ in their seed alone.

    Attributes:
      label: a short name for people, e.g. "norl_ant_maze (train_uvf.batch_size = 50)".
      method: the method's part of the gin file's name, e.g. "norl".
      runs: in the order of their seeds.
    """

    label: str
    method: str
    runs: tuple[RunSummary, ...]

    def scores(self, column: str, targets: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """A column of eval.csv, at the steps at which every run was evaluated at every target.

        Args:
          column: "success_rate", "high_return" or "high_last_reward".
          targets: evaluation modes [t].

        Returns:
          Environment steps [n], increasing, and scores [runs, t, n].
        """
        rows = [[run.evaluations[target] for target in targets] for run in self.runs]
        steps = _common(own["env_steps"] for of_run in rows for own in of_run)
        at = lambda own: own[column][np.isin(own["env_steps"], steps)]
        return steps, np.array([[at(own) for own in of_run] for of_run in rows])

    def returns(self) -> tuple[np.ndarray, np.ndarray]:
        """Task returns while collecting: mean of those logged in the 20,000 steps before.

        Returns:
          Environment steps that all runs logged [n], at most 300 of them, and returns
          [runs, 1, n], NaN where no episode ended.
        """
        steps = _common(run.metrics["env_steps"] for run in self.runs)
        steps = steps[:: -max(1, -(-len(steps) // _MOST_RETURNS))][::-1]  # with the last
        return steps, np.array([[_smoothed(run.metrics, steps)] for run in self.runs])

    def published(self, target: str, method: str | None = None) -> Published | None:
        """What a paper says beside every run of the group, see `RunSummary.published`; or None."""
        found, *others = {run.published(target, method) for run in self.runs}
        return None if others else found


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Groups that have the same task.

    Attributes:
      name: unlike those of other comparisons, e.g. "ant_maze", "ant_maze_2"; a folder can be called so.
      task: the task's name, e.g. "ant_maze".
      targets: evaluation modes at which every run was evaluated.
      positions: evaluation mode -> target, metres; without those that are not known.
      groups: in the order in which their first runs were given.
    """

    name: str
    task: str
    targets: tuple[str, ...]
    positions: Mapping[str, tuple[float, ...]]
    groups: tuple[Group, ...]

    @property
    def score(self) -> str:
        """The column of eval.csv that counts, see `RunSummary.score`."""
        scores = {run.score for group in self.groups for run in group.runs}
        return RETURN if scores == {RETURN} else SUCCESS


def compare(
    runs: Sequence[RunSummary], group_by: str = "gin_file", until: int | None = None
) -> tuple[list[Comparison], list[str]]:
    """Sorts runs by task, then by gin file and by the bindings that decide what is learned.

    A run without a record (run.json) is grouped by the name of its folder.  It may have been
    configured in another way than runs that have one, and is put with them by "folder" alone.

    Args:
      runs: at least one.
      group_by: "gin_file", or "folder" for the names of the runs' folders without their seeds.
      until: what was left out of the runs is later than this, environment steps; for messages.

    Returns:
      A comparison for every task, and lines that say what was left out or assumed.

    Raises:
      UsageError: a seed occurs twice in a group; or nothing in common can be compared.
    """
    evaluated = [run for run in runs if run.evaluations]
    none = "no evaluation yet" if until is None else f"no evaluation up to --until={until}"
    notes = [f"{run.root}: left out, it has {none}" for run in runs if not run.evaluations]
    if not evaluated:
        raise UsageError(f"{runs[0].root / EVALUATIONS}: {none}; allowed: runs that have some")
    comparisons, names = [], []
    tasks, assumed = _by_task(evaluated)
    notes += assumed
    for (name, targets), of_task in tasks.items():
        names.append(name)
        count = names.count(name)
        unique = name if count == 1 else f"{name}_{count}"
        everywhere = [t for t in of_task[0].evaluations if all(t in run.evaluations for run in of_task)]
        if not everywhere:
            raise UsageError(
                f"{', '.join(str(run.root) for run in of_task)}: no evaluation target that all have; allowed:"
                " runs that have one in common in eval.csv"
            )
        for target in sorted({t for run in of_task for t in run.evaluations} - {*everywhere}):
            notes.append(f"{unique}: {target} left out, not every run was evaluated there")
        groups, trusted = _groups(of_task, group_by)
        notes += trusted
        for group in groups:
            if not len(group.scores("success_rate", everywhere)[0]):
                raise UsageError(
                    f"{', '.join(str(run.root) for run in group.runs)}: no environment step at which all"
                    " were evaluated; allowed: seeds with the same train_uvf.eval_every_n_steps"
                )
        comparisons.append(Comparison(unique, name, tuple(everywhere), dict(targets), groups))
    return comparisons, notes


def _by_task(runs):
    """Task -> runs, and lines about those whose targets are not known: another run's hold for them."""
    known = {}
    for run in runs:
        if run.task.targets:
            known.setdefault(run.task.name, run)
    tasks = {run.task: [] for run in runs if run.task.targets}
    notes = []
    for run in runs:
        if not run.task.targets and run.task.name in known:
            other = known[run.task.name]
            notes.append(f"{run.root}: its targets are not known and taken to be those of {other.root}")
            run = dataclasses.replace(run, task=other.task)
        tasks.setdefault(run.task, []).append(run)
    return tasks, notes


def _groups(runs, group_by):
    """Groups, and lines about runs whose folders' names are trusted."""
    named, notes = {}, []
    for run in runs:
        named.setdefault(run.folder_name if group_by == "folder" else run.gin_name, []).append(run)
    found = []
    for name, of_name in named.items():
        recorded = [run for run in of_name if run.config is not None]
        unrecorded = [run for run in of_name if run.config is None]
        differing, split = _differing(recorded), {}
        for run in recorded:
            split.setdefault(tuple(run.config.get(b, "not bound") for b in differing), []).append(run)
        seeds = {run.seed for run in recorded}
        fits = len(split) == 1 and not any(run.seed in seeds for run in unrecorded)
        if unrecorded and group_by == "folder" and fits:
            split[()] += unrecorded
            notes += [f"{run.root}: no run.json; its folder's name puts it into {name}" for run in unrecorded]
        elif unrecorded:
            found.append((f"{name} (no run.json)" if split else name, unrecorded))
        found += [(_label(name, dict(zip(differing, values))), own) for values, own in split.items()]
    place = {id(run): number for number, run in enumerate(runs)}
    found.sort(key=lambda group: min(place[id(run)] for run in group[1]))
    groups, labels = [], set()
    for wanted, of_group in found:
        label = _other_than(labels, wanted)
        labels.add(label)
        groups.append(Group(label, split_name(of_group[0].gin_name)[0], _in_order(of_group, label)))
    return tuple(groups), notes


def _differing(runs):
    """Names of bindings that decide what is learned and are not the same in all runs with a record."""
    configs = [run.config for run in runs]
    return [
        name
        for name in sorted({name for config in configs for name in config})
        if decides_curves(name) and len({config.get(name) for config in configs}) > 1
    ]


def _label(name, bindings):
    parts = [f"{binding} = {value}" for binding, value in bindings.items()]
    if len(parts) > _MOST_BINDINGS:
        parts[_MOST_BINDINGS:] = [f"{len(parts) - _MOST_BINDINGS} more"]
    return f"{name} ({', '.join(parts)})" if parts else name


def _other_than(labels, label):
    number = 2
    unique = label
    while unique in labels:
        unique = f"{label} [{number}]"
        number += 1
    return unique


def _in_order(runs, label):
    by_seed = {}
    for run in runs:
        other = by_seed.setdefault(run.seed, run)
        if other is not run:
            seed = "a run without a seed" if run.seed is None else f"seed {run.seed}"
            raise UsageError(
                f"--root_dir={run.root}: {seed} of {label}, as {other.root}; allowed: each seed once in a"
                " group, or --group_by=folder with folders of different names"
            )
    return tuple(sorted(runs, key=lambda run: -1 if run.seed is None else run.seed))


def _common(many: Iterable[np.ndarray]):
    first, *others = many
    for other in others:
        first = np.intersect1d(first, other)
    return first


def _smoothed(metrics, steps):
    at, values = metrics["env_steps"], metrics["high_episode_return"]
    means = []
    for now in steps:
        near = values[(at <= now) & (at > now - _SMOOTHING_STEPS)]
        near = near[np.isfinite(near)]
        means.append(near.mean() if len(near) else np.nan)
    return means
