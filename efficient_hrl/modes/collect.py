"""`--mode=collect`: collects for a learner in another process."""

import os
import traceback
from collections.abc import Callable

from efficient_hrl.builder.remote import build_remote_collecting
from efficient_hrl.configuration.config import bindings, check_continues, load_config, usage_errors
from efficient_hrl.errors import RunError, UsageError
from efficient_hrl.graph.threads import use_threads
from efficient_hrl.modes.closing import closed_afterwards
from efficient_hrl.remote.collector_process import CollectorProcess
from efficient_hrl.remote.transport import Link, load_reverb, parse_address
from efficient_hrl.run.stop_request import StopRequest
from efficient_hrl.terminal.console import announce, write_error
from efficient_hrl.train import train_uvf


def run(
    learner: str, number: int, patience: int, seed: int, gin_files: list[str], gin_bindings: list[str]
) -> int:
    """Collects until the learner has finished, or SIGINT, SIGTERM or SIGHUP; returns the exit status.

    Args:
      learner: HOST:PORT.
      number: of the collector.
      patience: seconds without the learner after which to give up.
      seed: of the learner's run.
      gin_files, gin_bindings: the same as the learner's.
    """
    address = parse_address("learner", learner)
    load_reverb("learner")
    use_threads()
    load_config(gin_files, gin_bindings, announce)
    own = bindings()
    with usage_errors():
        spec = train_uvf(seed, build=lambda spec, make_evaluator: spec)
        collecting, stores = build_remote_collecting(spec, number)
        collecting.collector.prepare()

    def check_run(run):
        if run["seed"] != seed:
            raise UsageError(f"--seed={seed}: the learner at {address} has seed {run['seed']}")
        check_continues(run["config"], own, f"the learner at {address}")

    link = Link(address)
    process = CollectorProcess(number, collecting, stores, link, check_run, patience, announce)

    def act():
        with closed_afterwards(collecting.simulations.close):
            process.run(lambda: bool(stop))

    with StopRequest() as stop:
        return _ended(act, link)


def _ended(act: Callable[[], None], link: Link) -> int:
    """Acts; returns 0.

    A process with a call of Reverb's that does not come back cannot end in order: whatever ends `act`
    is then told as `main` would, and the process ends here.
    """
    status = 0
    try:
        act()
    except BaseException as error:
        if not link.is_stuck:
            raise
        known = {UsageError: 2, RunError: 1, KeyboardInterrupt: 130}
        status = known.get(type(error), 1)
        if type(error) in known:
            write_error(str(error) or "interrupted")
        else:
            traceback.print_exc()
    if link.is_stuck:
        os._exit(status)
    return status
