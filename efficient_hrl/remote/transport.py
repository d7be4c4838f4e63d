"""Reverb (arXiv 2102.04736) as a queue of blocks one way and a box of weights the other.

The server is inside the learner: so a learner that begins again on the same port finds its collectors
again.  Nothing here waits without an end: what Reverb itself would wait for for ever is asked in turns.
"""

import contextlib
import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from efficient_hrl.errors import UsageError

BLOCKS, WEIGHTS, RUN = "blocks", "variables", "run"
_ASK_SECONDS = 5
_TURN_MS = 1000
_LONGEST_RUN = 1 << 22  # bytes of a run's description


class Address(NamedTuple):
    """Where a learner listens.

    Attributes:
      host: its name or number.
      port: 0 is any that is free.
    """

    host: str
    port: int

    def __str__(self):
        return f"{self.host}:{self.port}"


def parse_address(flag: str, text: str, least: int = 1) -> Address:
    """The address of "HOST:PORT".

    Raises:
      UsageError: something else.
    """
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and least <= int(port) < 65536):
        raise UsageError(f"--{flag}={text}: allowed: HOST:PORT, e.g. 127.0.0.1:7070")
    return Address(host, int(port))


def load_reverb(flag: str):
    """The library.

    Raises:
      UsageError: it is not installed; says how it is.
    """
    try:
        import reverb
    except ImportError:
        raise UsageError(
            f"--{flag}: Reverb is not installed; pip install -r requirements.txt -r requirements-scale.txt"
        ) from None
    return reverb


class Server:
    """The learner's end: takes blocks, gives weights and what the run is.

    Attributes:
      address: where it listens.
    """

    def __init__(self, address: Address, weights: Sequence[tf.Variable], run: Any, queue_blocks: int):
        """Begins to listen.

        Args:
          address: as asked for.  Reverb itself listens on all addresses of the machine.
          weights: that are given, all of them each time.
          run: a description of the run, JSON.
          queue_blocks: how many blocks wait at most.

        Raises:
          UsageError: the port is taken.
        """
        reverb = load_reverb("listen")
        from tf_agents.experimental.distributed import reverb_variable_container

        port = address.port or _free_port()
        _check_is_free(Address(address.host, port))
        specs = [tf.TensorSpec([], tf.int64, "version"), *(_spec(variable) for variable in weights)]

        def box(name, signature=None):
            """A table of one item, which replaces the one before it."""
            choice = (reverb.selectors.Uniform(), reverb.selectors.Fifo())
            return reverb.Table(name, *choice, 1, reverb.rate_limiters.MinSize(1), signature=signature)

        self._server = reverb.Server(
            [
                reverb.Table.queue(BLOCKS, queue_blocks),
                box(WEIGHTS, specs),
                box(RUN),
            ],
            port=port,
        )
        self.address = Address(address.host, port)
        local = f"localhost:{port}"
        self._weights = list(weights)
        self._container = reverb_variable_container.ReverbVariableContainer(local, [WEIGHTS])
        self._client = reverb.Client(local)
        self._dataset = reverb.TrajectoryDataset(
            local,
            BLOCKS,
            dtypes=tf.uint8,
            shapes=tf.TensorShape([1, None]),
            max_in_flight_samples_per_worker=1,
            num_workers_per_iterator=1,
            rate_limiter_timeout_ms=_TURN_MS,
        )
        self._blocks = iter(self._dataset)
        text = np.frombuffer(json.dumps(run).encode(), np.uint8)
        self._client.insert([text], {RUN: 1.0})

    def publish(self, version: int) -> None:
        """Gives the weights as they are now."""
        values = [tf.identity(variable) for variable in self._weights]
        self._container.push([tf.constant(version, tf.int64), *values], WEIGHTS)

    def next_block(self) -> np.ndarray | None:
        """The oldest block that waits, uint8 [n]; None when none has come for a second."""
        try:
            # Outside of compiled functions: inside, Reverb may hang.
            sample = next(self._blocks)
        except (StopIteration, tf.errors.OutOfRangeError, tf.errors.DeadlineExceededError):
            self._blocks = iter(self._dataset)
            return None
        return sample.data[0].numpy()

    def close(self) -> None:
        """Stops to listen."""
        del self._blocks, self._dataset
        self._server.stop()


class LearnerLostError(Exception):
    """The learner does not answer."""


class Link:
    """A collector's end.

    Attributes:
      is_stuck: whether a call of Reverb's has not come back, so that this process cannot end in order.
    """

    def __init__(self, address: Address):
        """Remembers where the learner is."""
        self._address = address
        self._client = self._container = self._writer = None
        self.is_stuck = False

    def connect(self, stopped: Callable[[], bool]) -> Any:
        """Waits until the learner is there, or `stopped`; returns the description of its run, or None.

        Raises:
          LearnerLostError: it does not answer now.
        """
        reverb = load_reverb("learner")
        from tf_agents.experimental.distributed import reverb_variable_container

        self.close()
        self._client = reverb.Client(str(self._address))
        tables = self._tables()
        if not all(tables[name].current_size for name in (RUN, WEIGHTS)):
            raise LearnerLostError
        if stopped():
            return None
        (sample,) = self._in_time(lambda: list(self._client.sample(RUN, 1)))
        self._container = self._in_time(
            lambda: reverb_variable_container.ReverbVariableContainer(str(self._address), [WEIGHTS])
        )
        self._writer = self._client.trajectory_writer(num_keep_alive_refs=1, validate_items=False)
        return json.loads(bytes(sample[0].data[0][:_LONGEST_RUN]))

    def pull(self, weights: Sequence[tf.Variable]) -> int:
        """Sets weights to those that the learner has given last; returns their version.

        Raises:
          LearnerLostError: the learner does not answer.
        """
        self._tables()
        version, *values = self._in_time(lambda: self._container.pull(WEIGHTS))
        for variable, value in zip(weights, values, strict=True):
            variable.assign(value)
        return int(version)

    def send(self, data: np.ndarray, stopped: Callable[[], bool]) -> bool:
        """Puts a block into the queue, when there is room; returns False if `stopped` before.

        Raises:
          LearnerLostError: the learner does not answer.
        """
        self._writer.append([data])
        self._writer.create_item(BLOCKS, 1.0, [column[-1:] for column in self._writer.history])
        while True:
            try:
                self._writer.flush(timeout_ms=_TURN_MS)
                return True
            except Exception as error:  # Reverb's own kinds differ between versions
                if "eadline" not in f"{type(error).__name__} {error}":
                    raise LearnerLostError from None
            if stopped():
                return False
            self._tables()

    def close(self) -> None:
        """Lets go of the connection; a block that was not taken is not sent any more."""
        if self._writer is not None:
            with contextlib.suppress(Exception):
                self._writer.end_episode(clear_buffers=True, timeout_ms=_TURN_MS)
        self._client = self._container = self._writer = None

    def _in_time(self, act):
        """What `act` returns; Reverb would wait for ever for a learner that is gone.

        Raises:
          LearnerLostError: it has failed, or has taken too long; then its thread is still there.
        """
        found = queue.Queue(1)

        def work():
            try:
                found.put((act(), None))
            except BaseException as error:  # as in `send`
                found.put((None, error))

        threading.Thread(target=work, daemon=True).start()
        try:
            value, error = found.get(timeout=_ASK_SECONDS)
        except queue.Empty:
            self.is_stuck = True
            raise LearnerLostError from None
        if error is not None:
            raise LearnerLostError from error
        return value

    def _tables(self):
        """The learner's tables, which says that it is there."""
        try:
            return self._client.server_info(_ASK_SECONDS)
        except Exception:  # as in `send`
            raise LearnerLostError from None


def _spec(variable):
    return tf.TensorSpec(variable.shape, variable.dtype)


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _check_is_free(address):
    """Refuses a port that is taken; Reverb would end the process."""
    deadline = time.monotonic() + _ASK_SECONDS  # of a learner that has just been killed
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
                return
            except (OSError, OverflowError) as error:
                if time.monotonic() > deadline:
                    raise UsageError(f"--listen={address}: {error.strerror or error}") from None
        time.sleep(0.2)
