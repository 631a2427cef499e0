"""The data directory of a running `pacer up`: one supervisor at a time, and where its parts answer.

Other commands read ``deployment.json`` to find the deployment by ``--data DIR``.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from shared.errors import ConfigurationError

DEPLOYMENT_FILE = "deployment.json"
LOCK_FILE = "lock"


class DataDirectoryInUse(ConfigurationError):
    """Another `pacer up` holds it."""

    reason = "data_directory_in_use"


class NothingRunning(ConfigurationError):
    """No `pacer up` runs with this data directory."""

    reason = "nothing_running"


class RunningDeployment(msgspec.Struct, frozen=True, kw_only=True):
    """Where a running `pacer up` answers. ``ports`` by label; ``log_identity`` only with the embedded broker."""

    pid: int
    config: str
    kafka: str
    redis: str
    ports: dict[str, int]
    log_identity: str | None = None


@contextmanager
def hold(directory: Path) -> Iterator[None]:
    """Keeps every other supervisor out; the kernel lets go when the process ends, however it ends.

    Raises: DataDirectoryInUse.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / LOCK_FILE).open("w") as lock:
        if not _locked(lock.fileno()):
            raise DataDirectoryInUse(f"another `pacer up` uses {directory}: end it, or choose another with --data")
        try:
            yield
        finally:
            (directory / DEPLOYMENT_FILE).unlink(missing_ok=True)


def write_deployment(directory: Path, deployment: RunningDeployment) -> None:
    """Replaces the file as a whole; only its owner may read it, since the address may carry a password."""
    written = directory / f"{DEPLOYMENT_FILE}.new"
    written.touch(mode=0o600)
    written.write_bytes(msgspec.json.format(msgspec.json.encode(deployment), indent=2))
    written.rename(directory / DEPLOYMENT_FILE)


def read_deployment(directory: Path) -> RunningDeployment:
    """The deployment that runs with this data directory. Raises: NothingRunning."""
    try:
        with (directory / LOCK_FILE).open("r+") as lock:
            if _locked(lock.fileno()):  # a file without its supervisor was left by a kill -9
                raise NothingRunning(f"no `pacer up` runs with {directory}: start it, or give --kafka and --redis")
        return msgspec.json.decode((directory / DEPLOYMENT_FILE).read_bytes(), type=RunningDeployment)
    except (OSError, msgspec.DecodeError) as error:
        raise NothingRunning(f"{directory} is not the data directory of a running `pacer up`") from error


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
