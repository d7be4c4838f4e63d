"""A collector's process: weights -> a block of steps -> the learner's queue, again and again."""

import contextlib
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from efficient_hrl.collect import Collecting
from efficient_hrl.errors import RunError, UsageError
from efficient_hrl.graph.finite import culprit
from efficient_hrl.remote.block import FINISHED, Block, block_bytes, packed
from efficient_hrl.remote.transport import LearnerLostError, Link
from efficient_hrl.replay import UniformReplayBuffer, row_dtype, rows_of
from environments.instability import NonFiniteError

_TELL_SECONDS = 60.0
_TRY_SECONDS = 1.0


class CollectorProcess:
    """One collector at work for a learner that may come and go."""

    def __init__(
        self,
        number: int,
        collecting: Collecting,
        stores: Sequence[UniformReplayBuffer],
        link: Link,
        check_run: Callable[[Any], None],
        patience: float,
        tell: Callable[[str], None],
    ):
        """Prepares; nothing is asked yet.

        Args:
          number: of the collector.
          collecting: what collects.
          stores: what it writes to, for transitions and for segments; empty between blocks.
          link: to the learner.
          check_run: raises a UsageError when the learner's run, as it describes it, is another.
          patience: seconds without the learner after which to give up.
          tell: prints one line for the user.
        """
        self._number = number
        self._collecting = collecting
        self._stores = stores
        self._dtypes = [row_dtype(store.data_spec) for store in stores]
        self._size = block_bytes([int(store.capacity) for store in stores], self._dtypes)
        self._link = link
        self._check_run = check_run
        self._patience = patience
        self._tell = tell
        self._session = secrets.randbits(62)
        self._next = 0
        self._steps = self._episodes = self._unstable = 0

    def run(self, stopped: Callable[[], bool]) -> None:
        """Collects until `stopped`, or the learner has finished.

        Raises:
          UsageError: the learner's run is another; or another collector has this one's number.
          RunError: the learner has not been there for longer than `patience`; or this collector's
            numbers are not finite, which the learner is told.
        """
        if not self._connect(stopped):
            return
        self._collecting.collector.start()
        block = None
        while not stopped():
            try:
                given = self._link.pull(self._collecting.acting.acting_variables)
                if given.version == FINISHED:
                    self._leave(stopped)
                    return
                self._check_is_not_displaced(given)
                if block is None:
                    block = self._collected(given.version)
                if not self._link.send(packed(block, self._size), stopped):
                    return
            except LearnerLostError:
                # The block in hand is sent again: the learner knows by its number whether it has it,
                # and by its token whether it can still use it.
                if not self._connect(stopped):
                    return
                continue
            if block.fault:
                raise RunError(f"collector {self._number}: {block.fault}")
            block = None

    def _connect(self, stopped):
        """Waits for the learner; whether it is there and not `stopped`."""
        began, told = time.monotonic(), None
        while not stopped():
            try:
                run = self._link.connect(stopped)
            except LearnerLostError:
                run = None
            if run is not None:
                self._check_run(run)
                return True
            now = time.monotonic()
            if now - began >= self._patience:
                raise RunError(f"collector {self._number}: no learner for {now - began:.0f} s")
            if told is None or now - told >= _TELL_SECONDS:
                told = now
                self._tell(
                    f"collector {self._number}: waiting for the learner, for up to {self._patience:.0f} s"
                )
            time.sleep(_TRY_SECONDS)
        return False

    def _leave(self, stopped):
        """Lets the learner know that this collector has heard that the run is finished."""
        self._tell(f"collector {self._number}: the learner has finished")
        with contextlib.suppress(LearnerLostError):  # which is gone by now
            self._link.send(packed(Block(**self._mine(FINISHED), leaves=1), self._size), stopped)

    def _check_is_not_displaced(self, given):
        if given.displaced == self._session:
            raise UsageError(
                f"--collector={self._number}: another collector that has begun since has this number;"
                " allowed: each a number of its own"
            )

    def _mine(self, version):
        """What a new block says of who has made it."""
        number, self._next = self._next, self._next + 1
        return {
            "collector": self._number,
            "session": self._session,
            "number": number,
            "version": version,
            "learner": self._link.token,
        }

    def _collected(self, version) -> Block:
        """A new block, of these weights."""
        mine = self._mine(version)
        collector, simulations = self._collecting.collector, self._collecting.simulations
        try:
            collector.collect()
        except Exception as error:
            fault = simulations.fault or _wrong_number(error)
            if fault is None:
                raise
            return Block(**mine, fault=fault)
        unstable = simulations.unstable_episodes - self._unstable
        self._unstable += unstable
        steps, episodes = int(collector.env_steps), int(collector.episodes)
        new = {"steps": steps - self._steps, "episodes": episodes - self._episodes}
        self._steps, self._episodes = steps, episodes
        finished = np.array([float(total) for total in collector.returns.finished()], np.float32)
        collector.returns.reset()
        transitions, segments = (
            rows_of(store.taken(), dtype) for store, dtype in zip(self._stores, self._dtypes)
        )
        return Block(
            **mine,
            **new,
            open_steps=collector.open_steps,
            unstable_episodes=unstable,
            finished=finished,
            transitions=transitions,
            segments=segments,
        )


def _wrong_number(error):
    """What `error` says of a number that is not finite, or None if it is another one."""
    if isinstance(error, NonFiniteError):
        return str(error)
    return culprit(error) if isinstance(error, tf.errors.OpError) else None
