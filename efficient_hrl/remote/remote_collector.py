"""In a learner's process, in place of a collector: blocks that others have collected -> buffers."""

import collections
import contextlib
import time
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from efficient_hrl.observers.returns import EpisodeReturns
from efficient_hrl.remote.block import FINISHED, Block, unpacked
from efficient_hrl.remote.transport import Server
from efficient_hrl.replay import UniformReplayBuffer, row_dtype
from environments.instability import NonFiniteError

SILENT_SECONDS = 60.0  # after which a collector counts as gone
FAREWELL_SECONDS = 60.0  # for which those that are collecting a block may not hear that the run is finished
_TELL_SECONDS = 60.0
_TIMES_SLOWER = 4  # than the mean may a collector be
_DEAF_SECONDS = 10.0  # of learning, evaluating and saving between two blocks; less does not matter


class Traffic(NamedTuple):
    """What has come since the last call of `RemoteCollector.traffic`.

    Attributes:
      collectors: how many have sent something in the last `SILENT_SECONDS`.
      blocks: how many have come.
      mean_age, largest_age: of the weights that collected them, in blocks that were learned from since;
        NaN without blocks.
      waited_s: seconds in which there was no block to learn from.
      dropped_steps: of segments that were open when their collector was gone, and of blocks that were
        too old or for an earlier start of the learner.  Those of a silent collector that goes on after
        all are taken back, so that the number may be negative; the sum over all calls is what is lost.
      received_bytes: of blocks.
    """

    collectors: int
    blocks: int
    mean_age: float
    largest_age: float
    waited_s: float
    dropped_steps: int
    received_bytes: int


class RemoteReturns:
    """Sums over episodes as collectors have added them up, see `ReturnObserver`."""

    def __init__(self):
        """Nothing yet."""
        zero = lambda name: tf.Variable(0.0, trainable=False, name=name)
        self._finished = EpisodeReturns(*map(zero, EpisodeReturns._fields))

    def add(self, finished: np.ndarray) -> None:
        """Adds a block's sums, float32 [3]."""
        for variable, value in zip(self._finished, finished):
            variable.assign_add(value)

    def finished(self) -> EpisodeReturns:
        """Sums since the last `reset`."""
        return EpisodeReturns(*(tf.identity(variable) for variable in self._finished))

    def reset(self) -> None:
        """Starts new sums."""
        for variable in self._finished:
            variable.assign(0.0)

    def checkpointed(self) -> dict[str, tf.Variable]:
        """What a checkpoint must hold, by name."""
        return {f"returns_{name}": variable for name, variable in self._finished._asdict().items()}


class RemoteSimulations:
    """What a learner knows of environments that others have.

    Attributes:
      unstable_episodes: abandoned because a simulation became unstable.
      fault: what was wrong with an environment's numbers, or None.
      keeps_state: False; after a restart collectors go on with the episodes that they are in, and new
        ones begin new episodes.
    """

    keeps_state = False

    def __init__(self):
        """Nothing yet."""
        self.unstable_episodes = 0
        self.fault: str | None = None

    def get_state(self) -> str:
        """For a checkpoint."""
        return str(self.unstable_episodes)

    def set_state(self, state: str) -> None:
        """From a checkpoint."""
        self.unstable_episodes = int(state)

    def close(self) -> None:
        """Nothing: collectors close their own."""


class _Peer:
    """What is known of a collector's process."""

    def __init__(self, session):
        self.session = session
        self.next_number = 0
        self.open_steps = 0
        self.missed_steps = 0  # counted as dropped because it is silent
        self.heard = 0.0
        self.left_out = 0  # blocks that were too old, not told of yet
        self.told = -np.inf  # when they were


class RemoteCollector(tf.Module):
    """Takes blocks from a queue, in the order in which they come.

    Before each block the newest weights are given.  A block that comes twice, because a collector could
    not know that it had come, is taken once.  A block whose weights are older than `largest_age`, or those
    of another process of the learner, is left out, as if its collector had not made it.

    Attributes:
      returns: sums over episodes.
      has_given_up: whether no collector has sent anything for longer than `patience`.
    """

    def __init__(
        self,
        server: Server,
        stores: Sequence[UniformReplayBuffer],
        simulations: RemoteSimulations,
        queue_blocks: int,
        patience: float,
        tell: Callable[[str], None],
        tend: Callable[[], None] = lambda: None,
    ):
        """Prepares.

        Args:
          server: where blocks come from.
          stores: for transitions and for segments.
          simulations: are told of unstable episodes.
          queue_blocks: how many blocks the server lets wait.
          patience: seconds without any block after which to give up.
          tell: prints one line for the user.
          tend: called about once a second while waiting.
        """
        super().__init__(name="remote_collector")
        self._server = server
        self._stores = stores
        self._simulations = simulations
        self._queue_blocks = queue_blocks
        self._patience = patience
        self._tell = tell
        self._tend = tend
        self._dtypes = [row_dtype(store.data_spec) for store in stores]
        self._adds = [self._add_to(store) for store in stores]
        count = lambda name: tf.Variable(0, dtype=tf.int64, trainable=False, name=name)
        self.env_steps, self.episodes, self._blocks = count("env_steps"), count("episodes"), count("blocks")
        self.returns = RemoteReturns()
        self.has_given_up = False
        self._peers: dict[int, _Peer] = {}
        self._replaced: set[int] = set()  # sessions of collectors that have begun anew
        self._clashes: set[int] = set()
        self._displaced = 0  # session of the collector that has to hear of it
        self._lost: set[int] = set()  # numbers of collectors with blocks for an earlier learner
        self._listened_at = time.monotonic()
        self._ages = collections.deque()
        self._waited_s, self._dropped, self._bytes = 0.0, 0, 0

    @staticmethod
    def _add_to(store):
        spec = tf.nest.map_structure(lambda s: tf.TensorSpec([None, *s.shape], s.dtype), store.data_spec)

        @tf.function(input_signature=[spec], autograph=False)
        def add(items):
            count = tf.shape(tf.nest.flatten(items)[0])[0]
            store.add(items, tf.fill([count], True))

        return add

    def prepare(self) -> None:
        """Traces what will be called."""
        for add in self._adds:
            add.get_concrete_function()

    def start(self) -> None:
        """Nothing to begin: collectors begin their episodes themselves."""

    def collect_block(self, stopped: Callable[[], bool]) -> None:
        """Waits for a block and takes it; returns without one if `stopped`, or when patience is at its end.

        Raises:
          NonFiniteError: a collector has ended because of its environment's or policy's numbers.
        """
        self._server.publish(int(self._blocks), self._displaced)
        began = told = time.monotonic()
        self._excuse_for(began - self._listened_at)
        while not stopped():
            self._tend()
            data = self._server.next_block()
            now = self._listened_at = time.monotonic()
            self._miss_the_silent(now)
            if data is not None and self._take(data, now):
                self._waited_s += now - began
                return
            if now - began >= self._patience:
                self.has_given_up = True
                self._tell(f"no collector has sent anything for {now - began:.0f} s")
                return
            if now - told >= _TELL_SECONDS:
                told = now
                self._tell(
                    f"waiting for collectors at {self._server.address}, for {now - began:.0f} s by now;"
                    f" gives up after {self._patience:.0f} s"
                )

    @property
    def largest_age(self) -> int:
        """How many blocks old a block may be: those that wait, four for each collector, and one on its way.

        So a collector may be about four times slower than the mean.
        """
        return self._queue_blocks + _TIMES_SLOWER * max(len(self._alive()), 1) + 1

    def dismiss(
        self, stopped: Callable[[], bool], gone: Callable[[], Collection[int]], least_s: float
    ) -> None:
        """Says that the run is finished, and waits until collectors have heard it.

        Waits for those that have sent something in the last `SILENT_SECONDS`, for `FAREWELL_SECONDS`
        at most.  Blocks that come meanwhile are not learned from.

        Args:
          stopped: whether to wait no longer.
          gone: numbers of collectors that need not be waited for.
          least_s: seconds to wait at least, for those of whom nothing is known.
        """
        began = time.monotonic()
        self._excuse_for(began - self._listened_at)
        self._server.publish(FINISHED)
        waits_for = self._alive()
        while not stopped():
            passed = time.monotonic() - began
            if passed >= FAREWELL_SECONDS or (passed >= least_s and not waits_for - set(gone())):
                return
            data = self._server.next_block()
            if data is not None:
                with contextlib.suppress(ValueError):  # bytes that are no block
                    block = unpacked(data, *self._dtypes)
                    waits_for -= {block.collector} if block.leaves else set()

    def traffic(self) -> Traffic:
        """What has come since the last call."""
        ages, self._ages = np.array(self._ages, float), collections.deque()
        found = Traffic(
            len(self._alive()),
            len(ages),
            ages.mean() if len(ages) else np.nan,
            ages.max() if len(ages) else np.nan,
            self._waited_s,
            self._dropped,
            self._bytes,
        )
        self._waited_s, self._dropped, self._bytes = 0.0, 0, 0
        return found

    def checkpointed(self) -> dict[str, tf.Variable]:
        """What a checkpoint must hold, by name; the buffers are not part of it."""
        counts = {"env_steps": self.env_steps, "episodes": self.episodes, "blocks": self._blocks}
        return counts | self.returns.checkpointed()

    def _take(self, data, now):
        """Whether the bytes are a block that is new; then its rows are in the buffers."""
        try:
            block = unpacked(data, *self._dtypes)
        except ValueError as error:
            self._tell(f"left out: {error}")
            return False
        if block.session in self._replaced:
            self._tell_of_a_clash(block)
            return False
        peer = self._peer_of(block)
        peer.heard = now
        if block.number < peer.next_number:
            return False
        if block.fault:
            self._simulations.fault = f"collector {block.collector}: {block.fault}"
            raise NonFiniteError(self._simulations.fault)
        peer.next_number = block.number + 1
        if block.leaves:
            return False
        age = int(self._blocks) - block.version
        if block.learner != self._server.token or age > self.largest_age:
            self._leave_out(block, peer, age, now)
            return False
        self._store(block)
        peer.open_steps = block.open_steps
        self._ages.append(age)
        self._bytes += data.size
        return True

    def _store(self, block):
        """Takes what a block holds."""
        self._simulations.unstable_episodes += block.unstable_episodes
        for add, store, rows in zip(self._adds, self._stores, (block.transitions, block.segments)):
            if len(rows):
                columns = [np.ascontiguousarray(rows[name]) for name in rows.dtype.names]
                add(tf.nest.pack_sequence_as(store.data_spec, columns))
        self.env_steps.assign_add(block.steps)
        self.episodes.assign_add(block.episodes)
        self.returns.add(block.finished)
        self._blocks.assign_add(1)

    def _leave_out(self, block, peer, age, now):
        """Counts a block's steps as dropped; says so, of old ones at most once a minute for a collector."""
        number = block.collector
        self._dropped += block.steps
        if block.learner != self._server.token:
            if number not in self._lost:
                self._lost.add(number)
                self._tell(f"collector {number}: blocks for an earlier start of this learner are left out")
            return
        peer.left_out += 1
        if now - peer.told >= _TELL_SECONDS:
            blocks = "block is" if peer.left_out == 1 else "blocks are"
            self._tell(
                f"collector {number}: {peer.left_out} {blocks} left out, the last {age} blocks old; allowed:"
                f" {self.largest_age}"
            )
            peer.left_out, peer.told = 0, now

    def _alive(self):
        """Numbers of collectors that have sent something lately."""
        now = time.monotonic()
        return {number for number, peer in self._peers.items() if now - peer.heard < SILENT_SECONDS}

    def _peer_of(self, block: Block):
        """What is known of a block's collector; one that has begun anew has dropped its open segments."""
        peer = self._peers.get(block.collector)
        if peer is None or peer.session != block.session:
            if peer is None:
                self._tell(f"collector {block.collector} has joined")
            else:
                self._drop(block.collector, peer, "has begun anew")
                self._replaced.add(peer.session)
            peer = self._peers[block.collector] = _Peer(block.session)
        if peer.missed_steps:
            missed, peer.missed_steps = peer.missed_steps, 0
            self._dropped -= missed
            self._tell(f"collector {block.collector} is heard of again; its {missed} steps are not dropped")
        return peer

    def _tell_of_a_clash(self, block):
        """Says once that what was thought to be gone still sends, and lets it know with the next weights."""
        number, self._displaced = block.collector, block.session
        if number not in self._clashes:
            self._clashes.add(number)
            self._tell(
                f"two collectors have the number {number}; what the first of them sends is left out; allowed:"
                " each a number of its own"
            )

    def _excuse_for(self, seconds):
        """Does not count as silence the time in which nobody listened, as in an evaluation."""
        if seconds > _DEAF_SECONDS:
            for peer in self._peers.values():
                peer.heard += seconds

    def _miss_the_silent(self, now):
        for number, peer in self._peers.items():
            if peer.open_steps and now - peer.heard >= SILENT_SECONDS:
                peer.missed_steps = peer.open_steps
                self._drop(number, peer, f"has not been heard of for {SILENT_SECONDS:.0f} s")

    def _drop(self, number, peer, why):
        self._tell(f"collector {number} {why}; {peer.open_steps} steps of its open segments are dropped")
        self._dropped += peer.open_steps
        peer.open_steps = 0
