"""A run on disk: training from the first step, or the last checkpoint, to the end."""

import contextlib
import math
import time
from collections.abc import Callable, Mapping, Sequence

import gin
import numpy as np

from efficient_hrl.exploration_maps import ExplorationMaps
from efficient_hrl.figures import curves
from efficient_hrl.run.metrics import RunLog
from efficient_hrl.run.run_end import explained
from efficient_hrl.run.stop_request import StopRequest
from efficient_hrl.run.tensorboard import TensorBoard
from efficient_hrl.run.training import Training
from efficient_hrl.storage.checkpoints import ScalarState
from efficient_hrl.storage.durable import remove_partials, write_text
from efficient_hrl.storage.run_folder import RunFolder
from efficient_hrl.storage.weights import save_weights
from efficient_hrl.terminal.progress import Progress
from environments.instability import NonFiniteError
from environments.make_batched import maze_of


class TrainingRun:
    """A run's parts at work in a folder: what happens by the clock, and what is written and said of it."""

    def __init__(
        self,
        training: Training,
        folder: RunFolder,
        announce: Callable[[str], None],
        check_folder: Callable[[], None] = lambda: None,
    ):
        """Prepares; nothing is read or written yet.

        Args:
          training: the parts.
          folder: of the run; it exists.
          announce: prints one line for the user.
          check_folder: raises a RunError when `folder` is not this run's any more; asked
            before anything is written.
        """
        self._training = training
        self._folder = folder
        self._announce = announce
        self._check_folder = check_folder
        self._state = ScalarState(wall_s=0.0, evaluated_steps=0)
        self._checkpoints = training.checkpoints(folder, self._state)
        self._steps, self._has_saved = 0, False

    def run(self, changed: Mapping[str, Sequence[str]] | None = None) -> None:
        """Trains until the last environment step, or until SIGINT, SIGTERM or SIGHUP.

        A folder in which this run was stopped is continued.

        Args:
          changed: bindings that differ from those that the run began with, name ->
            (then, now), to be noted when it is continued.

        Raises:
          RunError: the run cannot go on; names what is wrong and the last good checkpoint.
        """
        training = self._training
        told = (lambda: training.where, lambda: training.fault, training.keeps_environment_state)
        with explained(self._folder, self._checkpoints, *told):
            if self._begin(changed or {}):
                self._go_on()

    def _begin(self, changed):
        """Restores or begins; says whether anything is left to do."""
        training, root = self._training, self._folder.root
        remove_partials(root)
        resumes = self._checkpoints.restore(self._announce)
        if not resumes:
            training.begin()
        elif not training.keeps_environment_state:
            training.collector.start()
        self._steps = training.env_steps
        if self.is_complete:
            self._announce(f"{root} is finished: {self._steps:,} environment steps")
            return False
        # Read before anything is said or written of a continuation.
        self._records = RunLog(root, self._steps, self._state.values["evaluated_steps"])
        if resumes:
            self._announce(f"continuing {root} at {self._steps:,} environment steps")
        if self._folder.is_run and (resumes or changed):
            for difference in self._folder.note_continuation(self._steps, changed):
                self._announce(f"not as when the run began: {difference}")
        return True

    def _go_on(self):
        """Trains from where the run is."""
        training, periods = self._training, self._training.spec.periods
        self._open()
        saved_at = policy_at = self._steps
        trained_from, training_s = self._steps, 0.0
        now = time.perf_counter()
        with contextlib.closing(self._progress), StopRequest() as stop:
            training.stopped = lambda: bool(stop)
            while True:
                if self._is_due(periods.evaluation, self._state.values["evaluated_steps"]):
                    self._evaluate(stop)
                if self._is_due(periods.policy, policy_at):
                    self._keep_weights()
                    policy_at = self._steps
                before, now = now, time.perf_counter()
                self._state.values["wall_s"] += now - before
                stops_early = training.spec.should_stop_early() or training.collector.has_given_up
                ends = bool(stop) or stops_early or self._steps >= training.spec.total_steps
                if ends or self._is_due(periods.checkpoint, saved_at):
                    saved = self._save()
                    saved_at = self._steps
                if ends:
                    if stop and not self.is_complete:
                        self._progress.stopped(stop.name)
                    break
                began, steps_before = time.perf_counter(), self._steps
                self._train_block()
                logs = self._is_due(periods.log, steps_before)
                measured = training.measured() if logs else {}
                block_s = time.perf_counter() - began
                training_s += block_s
                self._interval_s += block_s
                if logs:
                    self._log(measured, now)
                self._tell_of_instability()
                self._progress.update(self._steps)
        rate = (self._steps - trained_from) / training_s if training_s else math.nan
        self._announce(
            f"{self._folder.root}: {self._reason(stop, stops_early)} at {self._steps:,} environment steps;"
            f" {rate:.0f} steps/s without evaluation and checkpoints;"
            f" the last checkpoint has {saved.total / 2**20:.1f} MiB"
        )

    def _open(self):
        """Opens the files that grow, and the progress bar."""
        training, root = self._training, self._folder.root
        parts = (training.hierarchy, training.low_replay, training.high_replay)
        maze = maze_of(training.spec.task.environment)
        self._maps = ExplorationMaps(root, maze, *parts, self._state)
        self._board = TensorBoard(root, *parts, maze)
        self._config = self._folder.path("operative_config.gin")
        if not self._config.exists():
            write_text(self._config, gin.config_str())
        self._progress = Progress(
            training.spec.total_steps,
            self._steps,
            self._records.newest_success,
            self._records.newest_returns,
            self._records.newest_trained_return,
            pace_lasts=training.has_learned,
        )
        self._interval_from, self._interval_s = self._steps, 0.0
        self._learns = training.has_learned
        if training.pretraining is not None:
            training.pretraining.begin_block(self._steps)
        self._unstable = training.simulations.unstable_episodes

    def _evaluate(self, stop):
        """Evaluates and writes the results, or leaves all as it was when it is stopped."""
        self._check_weights()
        results = self._training.evaluate(self._steps, lambda: bool(stop))
        if results is None:
            return
        self._check_folder()
        self._state.values["evaluated_steps"] = self._steps
        self._records.log_evaluation(self._steps, results)
        curves.draw_run(self._folder.root)
        self._board.log_evaluation(self._steps, results, self._maps.write(self._steps))
        self._progress.evaluated(
            {result.target: result.success_rate for result in results if result.has_success},
            {result.target: result.high_return for result in results if not result.has_success},
        )

    def _keep_weights(self):
        """Writes weights that stay when their checkpoint goes."""
        kept = self._training.spec.kept
        self._check_weights()
        self._check_folder()
        save_weights(
            self._folder.path(kept.policy_folder),
            self._training.hierarchy.weights(),
            self._steps,
            kept.policies,
        )

    def _save(self):
        """Writes a checkpoint; returns its size."""
        self._check_weights()
        self._check_folder()
        saved = self._checkpoints.save(self._steps, self._stays_for_good)
        if not self._has_saved and self._folder.is_run:
            self._folder.note_checkpoint()
            self._has_saved = True
        if self._steps >= self._training.spec.schedule.initial_steps:  # every part has been in use
            write_text(self._config, gin.operative_config_str())
            self._board.log_config(self._steps)
        return saved

    def _train_block(self):
        """Trains, and says when another phase begins."""
        training, steps_before, pretrains = self._training, self._steps, self._training.pretrains
        training.train_block()
        self._steps = training.env_steps
        if not steps_before:
            self._tell_when_learning_begins()
        if pretrains and not training.pretrains:
            self._progress.new_pace()
            self._progress.message(f"the low level is frozen since {steps_before:,} environment steps")
        if not self._learns and training.has_learned:
            self._learns = True
            self._progress.new_pace()
            self._progress.message(f"learning since {self._steps:,} environment steps")

    def _tell_when_learning_begins(self):
        """Says it, and whether it is after the run's end."""
        training, total = self._training, self._training.spec.total_steps
        late = lambda steps: ", after the run's end" * (steps >= total)
        begins = training.spec.schedule.initial_steps
        self._progress.message(f"collecting; learning begins at {begins:,} environment steps{late(begins)}")
        if training.pretraining is not None and training.pretraining.steps >= total:
            high = training.pretraining.steps
            self._progress.message(
                f"the high level begins to learn at {high:,} environment steps{late(high)}"
            )

    def _log(self, measured, now):
        """Writes a row of metrics.csv; `now` is when `wall_s` was last brought up to date."""
        self._check_folder()
        values = measured | {
            "wall_s": self._state.values["wall_s"] + time.perf_counter() - now,
            "steps_per_s": (self._steps - self._interval_from) / self._interval_s,
        }
        self._records.log_training(values)
        traffic = self._training.collector.traffic()
        if traffic is not None:
            clocks = {"env_steps": self._steps, "wall_s": values["wall_s"]}
            self._records.log_collectors(clocks | traffic._asdict())
        self._board.log_training(values)
        self._progress.trained(values["high_episode_return"])
        self._interval_from, self._interval_s = self._steps, 0.0

    def _tell_of_instability(self):
        """Says once that a simulation became unstable."""
        unstable = self._training.simulations.unstable_episodes
        if unstable and not self._unstable:
            self._progress.message(
                "a simulation became unstable, and its episode was abandoned; metrics.csv counts them"
            )
        self._unstable = unstable

    def _check_weights(self):
        """What is kept is to be good: a ReLU may hide NaN from the losses."""
        for variable in self._training.hierarchy.learned_variables():
            if not np.isfinite(variable.numpy()).all():
                raise NonFiniteError(f"{variable.name} is not finite")

    def _reason(self, stop, stops_early):
        """Why training ends, in words."""
        if self.is_complete:
            return "finished"
        if stop:
            return f"stopped by {stop.name}; the same command continues"
        if self._training.collector.has_given_up:
            return "stopped without collectors; the same command continues"
        return "stopped by train_uvf.should_stop_early" if stops_early else "finished"

    @property
    def _stays_for_good(self):
        """Whether a checkpoint is one of those that the clock writes, and the nth."""
        count, late = divmod(self._steps, self._training.spec.periods.checkpoint)
        nth = self._training.spec.kept.nth_checkpoint
        return nth > 0 and late < self._training.spec.steps_per_block and count % nth == 0

    @property
    def is_complete(self) -> bool:
        """Whether all environment steps are made and evaluated."""
        total = self._training.spec.total_steps
        return self._steps >= total and self._state.values["evaluated_steps"] >= self._steps

    def _is_due(self, period, done_at):
        """Whether a clock of `period` has struck after `done_at`, or strikes now because the run is over.

        A period of 0 never strikes.
        """
        if period == 0:
            return False
        at_end = self._steps >= self._training.spec.total_steps and done_at < self._steps
        return at_end or self._steps // period > done_at // period
