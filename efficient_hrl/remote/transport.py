"""Reverb (arXiv 2102.04736) as a queue of blocks one way and a box of weights the other.

The server is inside the learner: so a learner that begins again on the same port finds its collectors
again.  Nothing here waits without an end: what Reverb itself would wait for for ever is asked in turns.
"""

import contextlib
import json
import queue
import re
import secrets
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


class Address(NamedTuple):
    """Where a learner listens.

    Attributes:
      host: its name or number, one of IPv6 in brackets.
      port: 0 is any that is free.
    """

    host: str
    port: int

    def __str__(self):
        return f"{self.host}:{self.port}"


def parse_address(flag: str, text: str) -> Address:
    """The address of "HOST:PORT".

    Raises:
      UsageError: something else.
    """
    host, colon, port = text.rpartition(":")
    is_number = port.isascii() and port.isdigit() and 0 < int(port) < 65536
    is_host = re.fullmatch(r"[^:\[\]]+|\[[0-9a-fA-F:.]+\]", host)
    if not (colon and is_host and is_number):
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


class Given(NamedTuple):
    """What comes with weights.

    Attributes:
      version: blocks that were learned from before, or `FINISHED`.
      displaced: the session of a collector whose number another one has by now, or 0.
    """

    version: int
    displaced: int = 0


class Server:
    """The learner's end: takes blocks, gives weights and what the run is.

    Attributes:
      address: where collectors find it.
      token: a number that no other process of a learner has.  It goes out with the weights and comes
        back with the blocks, so that a learner knows blocks from a time that it has lost.
    """

    def __init__(self, address: Address, weights: Sequence[tf.Variable], run: Any, queue_blocks: int):
        """Begins to listen.

        Args:
          address: as asked for.  Reverb itself listens on all addresses of the machine, so that the
            host is only what collectors are told; this machine may not even have it (NAT, containers).
          weights: that are given, all of them each time.
          run: a description of the run, JSON.
          queue_blocks: how many blocks wait at most.

        Raises:
          UsageError: the port is taken, or is not allowed.
        """
        reverb = load_reverb("listen")
        from tf_agents.experimental.distributed import reverb_variable_container

        self.address = address = address._replace(port=address.port or _free_port())
        self.token = secrets.randbits(62)
        _check_is_free(address)
        numbers = [tf.TensorSpec([], tf.int64, name) for name in ("token", *Given._fields)]
        specs = [*numbers, *(_spec(variable) for variable in weights)]

        def box(name, signature=None):
            """A table of one item, which replaces the one before it."""
            choice = (reverb.selectors.Uniform(), reverb.selectors.Fifo())
            return reverb.Table(name, *choice, 1, reverb.rate_limiters.MinSize(1), signature=signature)

        tables = [reverb.Table.queue(BLOCKS, queue_blocks), box(WEIGHTS, specs), box(RUN)]
        try:
            self._server = reverb.Server(tables, port=address.port)
        except ValueError as error:  # somebody was faster than we after `_check_is_free`
            raise UsageError(f"--listen={address}: {error}") from None
        local = f"localhost:{address.port}"
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
        text = np.frombuffer(json.dumps({"token": self.token, "run": run}).encode(), np.uint8)
        self._client.insert([text], {RUN: 1.0})

    def publish(self, version: int, displaced: int = 0) -> None:
        """Gives the weights as they are now, with what a `Given` says of them."""
        numbers = [tf.constant(number, tf.int64) for number in (self.token, version, displaced)]
        values = [tf.identity(variable) for variable in self._weights]
        self._container.push([*numbers, *values], WEIGHTS)

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
      token: of the learner's process to which it is connected, see `Server`.
      is_stuck: whether a call of Reverb's has not come back, so that this process cannot end in order.
    """

    def __init__(self, address: Address):
        """Remembers where the learner is."""
        self._address = address
        self._client = self._container = self._writer = None
        self.token = 0
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
        found = json.loads(bytes(sample[0].data[0]))
        self.token = found["token"]
        return found["run"]

    def pull(self, weights: Sequence[tf.Variable]) -> Given:
        """Sets weights to those that the learner has given last; returns what came with them.

        Raises:
          LearnerLostError: the learner does not answer, or is another one than at `connect`, to which
            Reverb has connected by itself.
        """
        self._tables()
        token, version, displaced, *values = self._in_time(lambda: self._container.pull(WEIGHTS))
        if int(token) != self.token:
            raise LearnerLostError
        for variable, value in zip(weights, values, strict=True):
            variable.assign(value)
        return Given(int(version), int(displaced))

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
        probe.bind(("", 0))
        return probe.getsockname()[1]


def _check_is_free(address):
    """Refuses a port that is taken on any address, as Reverb would without saying why."""
    deadline = time.monotonic() + _ASK_SECONDS  # of a learner that has just been killed
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", address.port))
                return
            except (OSError, OverflowError) as error:
                if time.monotonic() > deadline:
                    raise UsageError(f"--listen={address}: {error.strerror or error}") from None
        time.sleep(0.2)
