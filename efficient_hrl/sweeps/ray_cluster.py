"""A Ray cluster: one that is begun on this machine, or one that is there.  Ray is imported only here."""

import contextlib
import os
import pathlib
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType

from efficient_hrl.errors import RunError, UsageError
from efficient_hrl.sweeps.cpus import check_cpus

_REACH_SECONDS = 10.0
_ANSWER_SECONDS = 20.0  # a cluster that is there answers in one
_LOOPBACK = "127.0.0.1"
_REPOSITORY = pathlib.Path(__file__).parents[2]
# Ends with status 0 when a cluster answers; within this program Ray would go on asking for a minute, deaf
# to signals.
_ASK = "import sys; from ray._raylet import GcsClient; GcsClient(address=sys.argv[1])"


def load_ray() -> ModuleType:
    """Ray.

    Raises:
      UsageError: it is not installed.
    """
    try:
        import ray
        import ray.util.scheduling_strategies
    except ImportError:
        raise UsageError(
            "--on=ray: Ray is not installed; pip install -r requirements.txt -r requirements-scale.txt"
        ) from None
    return ray


def connect(ray: ModuleType, address: str | None, cpus_per_run: int) -> None:
    """Connects this process to the cluster at `address`; None begins one here, for 127.0.0.1 alone.

    Raises:
      UsageError: there is no cluster at `address`, or none of its nodes has `cpus_per_run` CPUs.
      RunError: the cluster that was begun here would listen to other machines.
    """
    own_path = os.pathsep.join(filter(None, [str(_REPOSITORY), os.environ.get("PYTHONPATH")]))
    environment = {"env_vars": {"PYTHONPATH": own_path}}
    quiet = {"log_to_driver": False, "logging_level": "error", "runtime_env": environment}
    if address is None:
        _begin(ray, check_cpus(cpus_per_run), quiet)
        return
    _check_reachable(address)
    _check_is_ray(address)
    try:
        ray.init(address=address, **quiet)
    except Exception as error:  # Ray has many for it, and none in common
        said = str(error).strip().splitlines()
        raise UsageError(f"--address={address}: {said[0] if said else type(error).__name__}") from None
    largest = max((node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]), default=0)
    if cpus_per_run > largest:
        ray.shutdown()
        raise UsageError(
            f"--cpus_per_run={cpus_per_run}: allowed: 1 to {largest:.0f}, the most of a node of {address}"
        )


def _begin(ray, count, quiet):
    """Begins a cluster that no other machine reaches."""
    with _alone(ray):
        ray.init("local", num_cpus=count, include_dashboard=False, _node_ip_address=_LOOPBACK, **quiet)
    listens = ray.get_runtime_context().gcs_address
    if listens.rsplit(":", 1)[0] != _LOOPBACK:  # another version of Ray
        ray.shutdown()
        raise RunError(f"--on=ray: Ray {ray.__version__} listens at {listens}, and not at {_LOOPBACK} alone")


@contextlib.contextmanager
def _alone(ray: ModuleType) -> Iterator[None]:
    """Lets Ray take 127.0.0.1 as it is.

    Otherwise it puts the machine's own address in its place, and then listens on all; where it believes
    that clusters are not possible, it does not.  What it starts reads that in the environment, this
    process has read it when Ray was imported.
    """
    constants = ray._private.ray_constants
    name = constants.ENABLE_RAY_CLUSTERS_ENV_VAR
    before, was_possible = os.environ.get(name), constants.ENABLE_RAY_CLUSTER
    os.environ[name], constants.ENABLE_RAY_CLUSTER = "0", False
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = was_possible
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


def _check_reachable(address):
    """Asks for a connection; Ray itself would go on trying for many minutes."""
    found = re.fullmatch(r"([^:/]+):(\d{1,5})", address)
    if not found:
        raise UsageError(
            f"--address={address}: allowed: HOST:PORT, as `ray start --head` says, on a node of the cluster"
        )
    try:
        socket.create_connection((found[1], int(found[2])), _REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UsageError(f"--address={address}: {getattr(error, 'strerror', None) or error}") from None


def _check_is_ray(address):
    """Asks whoever listens there whether it is Ray, in a process of its own that can be ended."""
    command = [sys.executable, "-c", _ASK, address]
    nowhere = subprocess.DEVNULL
    try:
        answer = subprocess.run(
            command,
            stdin=nowhere,
            stdout=nowhere,
            stderr=subprocess.PIPE,
            timeout=_ANSWER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        answer = None
    if answer is not None and answer.returncode and b"AuthenticationError" in answer.stderr:
        raise UsageError(
            f"--address={address}: this cluster asks for a token; allowed: with RAY_AUTH_MODE=token in the"
            " environment, as a user who has it (see Ray's token authentication)"
        )
    if answer is None or answer.returncode:
        raise UsageError(f"--address={address}: what listens there does not answer as Ray's head does")
