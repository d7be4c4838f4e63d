"""`--mode=train`: a run begins or goes on."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from efficient_hrl.builder.training import build_training
from efficient_hrl.configuration.agreement import check_agreement
from efficient_hrl.configuration.config import bindings, check_continues, load_config, usage_errors
from efficient_hrl.graph.threads import use_threads
from efficient_hrl.modes.closing import closed_afterwards
from efficient_hrl.run.training import Training
from efficient_hrl.run.training_run import TrainingRun
from efficient_hrl.storage.lost_checkpoints import check_checkpoints_are_there
from efficient_hrl.storage.run_folder import RunFolder
from efficient_hrl.storage.run_lock import hold
from efficient_hrl.terminal.console import announce
from efficient_hrl.train import train_uvf


class Begun(NamedTuple):
    """A run that begins or goes on, with its folder's lock held.

    Attributes:
      training: its parts.
      run: them at work in the folder.
      changed: bindings that are not as when it began, see `TrainingRun.run`.
    """

    training: Training
    run: TrainingRun
    changed: Mapping[str, Sequence[str]]


@contextlib.contextmanager
def begun(
    folder: RunFolder,
    seed: int,
    gin_files: Sequence[str],
    gin_bindings: Sequence[str],
    build: Callable[..., Training] = build_training,
) -> Iterator[Begun]:
    """Loads the configuration and builds the run in `folder`; nothing is written for one that does not work.

    Args:
      folder: of the run.
      seed: of the run.
      gin_files, gin_bindings: its configuration.
      build: see `train_uvf`.
    """
    with contextlib.ExitStack() as stack:
        lock = None
        if folder.is_run or folder.lock.exists():
            lock = stack.enter_context(hold(folder.lock, announce))
        use_threads()
        load_config(gin_files, gin_bindings, announce)
        is_new, changed = not folder.is_run, {}
        if not is_new:
            check_checkpoints_are_there(folder)
            changed = check_continues(folder.record()["config"], bindings(), folder.root)
        with usage_errors():
            if is_new:
                check_agreement(bindings())
            training = train_uvf(seed, build=build)
            stack.enter_context(closed_afterwards(training.close))
            training.prepare(is_new, announce)
        if lock is None:
            # Only now, because nothing is written for a configuration that does not work.
            folder.make()
            lock = stack.enter_context(hold(folder.lock, announce))
        if is_new:
            folder.create(seed, bindings(), gin_files)
        yield Begun(training, TrainingRun(training, folder, announce, lock.check), changed)


def run(folder: RunFolder, seed: int, gin_files: list[str], gin_bindings: list[str]) -> int:
    """Trains, or continues the run in `folder`; returns the exit status."""
    with begun(folder, seed, gin_files, gin_bindings) as found:
        found.run.run(found.changed)
    return 0
