"""`--mode=train` with `--listen` or `--collectors`: learns from what other processes collect."""

import contextlib

from efficient_hrl.builder.remote import build_remote_training
from efficient_hrl.configuration.config import bindings
from efficient_hrl.learner import Learning
from efficient_hrl.modes.train import begun
from efficient_hrl.remote.local_collectors import LocalCollectors
from efficient_hrl.remote.remote_collector import RemoteCollector, RemoteSimulations
from efficient_hrl.remote.transport import Address, Server, load_reverb, parse_address
from efficient_hrl.run.stop_request import StopRequest
from efficient_hrl.storage.run_folder import RunFolder
from efficient_hrl.sweeps.own_command import configuration_flags, own_command
from efficient_hrl.terminal.console import announce

_LEAST_FAREWELL_SECONDS = 5.0  # for collectors that wait for a learner of which they know nothing
_ANY = Address("127.0.0.1", 0)


def run(
    folder: RunFolder,
    seed: int,
    gin_files: list[str],
    gin_bindings: list[str],
    listen: str | None,
    count: int,
    waits: tuple[int, float],
) -> int:
    """Trains, or continues the run in `folder`; returns the exit status.

    Args:
      folder, seed, gin_files, gin_bindings: as for `train`.
      listen: HOST:PORT; None is any free port of 127.0.0.1.
      count: of collectors that are begun here.
      waits: how many blocks may wait; and seconds without any block after which to give up.
    """
    address = _ANY if listen is None else parse_address("listen", listen)
    load_reverb("collectors" if listen is None else "listen")
    flags = configuration_flags(gin_files, gin_bindings)
    post = _Post(address, listen is None, waits, seed, count, folder, flags)
    build = lambda spec, make_evaluator: build_remote_training(spec, make_evaluator, post.join)
    # The outer one is for a run that cannot be built; the inner one ends it before the lock is let go.
    with (
        contextlib.closing(post),
        begun(folder, seed, gin_files, gin_bindings, build) as found,
        contextlib.closing(post),
    ):
        announce(
            f"collectors find this learner at {post.server.address}; Reverb listens on all addresses of this"
            " machine and asks nobody who they are: for trusted networks only"
        )
        found.run.run(found.changed)
        if found.run.is_complete:
            with StopRequest() as stop:
                post.say_farewell(found.training.collector, stop)
    return 1 if found.training.collector.has_given_up else 0


class _Post:
    """Where blocks come in, and the collectors that are begun here.

    Attributes:
      server: takes blocks; None before `join`.
    """

    def __init__(self, address, is_alone, waits, seed, count, folder, flags):
        self._address, self._waits, self._seed, self._flags = address, waits, seed, flags
        self._is_alone = is_alone  # with its own collectors: nobody else knows of it
        self._collectors = LocalCollectors(self._command_of, count, folder.root, announce, is_alone)
        self.server: Server | None = None

    def join(self, learning: Learning, simulations: RemoteSimulations) -> RemoteCollector:
        """Begins to listen; what takes blocks into the buffers."""
        queue_blocks, patience = self._waits
        run = {"seed": self._seed, "config": bindings()}
        self.server = Server(self._address, learning.hierarchy.acting_variables, run, queue_blocks)
        stores = (learning.low_replay, learning.high_replay)
        tend = self._collectors.tend
        return RemoteCollector(self.server, stores, simulations, queue_blocks, patience, announce, tend)

    def say_farewell(self, collector: RemoteCollector, stop: StopRequest) -> None:
        """Lets collectors know that the run is finished, unless a signal comes."""
        least_s = 0.0 if self._is_alone else _LEAST_FAREWELL_SECONDS
        collector.dismiss(lambda: bool(stop), self._collectors.ended, least_s)

    def close(self) -> None:
        """Ends the collectors that were begun here, and listening."""
        self._collectors.close()
        server, self.server = self.server, None
        if server is not None:
            server.close()

    def _command_of(self, number):
        address = self.server.address._replace(host=_ANY.host)  # the other may be one for other machines
        own = [f"--seed={self._seed}", f"--learner={address}", f"--collector={number}"]
        return [*own_command(), "--mode=collect", *self._flags, *own, f"--patience={self._waits[1]:.0f}"]
