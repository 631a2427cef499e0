"""Notices edits: the version of a directory, and the stream of what became of it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from shared.configuration.deployment import Deployment
from shared.configuration.loading import load_deployment
from shared.configuration.problems import ConfigurationInvalid, Problem
from shared.configuration.secret_values import FilesRead


class Edit(NamedTuple):
    """The files as they are now: their version, and what they say or why they cannot be used."""

    version: str
    outcome: Deployment | ConfigurationInvalid


def configuration_version(directory: Path) -> str:
    """SHA-256 over the names and contents of all files that are not hidden. Raises: OSError."""
    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        inner = path.relative_to(directory)
        if path.is_file() and not any(part.startswith(".") for part in inner.parts):
            content = path.read_bytes()
            digest.update(f"{inner.as_posix()}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()


async def watch(
    directory: Path,
    environment: Mapping[str, str],
    interval: timedelta,
    *,
    since: str | None = None,
    files: FilesRead | None = None,
    secrets_needed: bool = True,
) -> AsyncIterator[Edit]:
    """One edit for each change of the files, those that secrets are in included.

    ``since`` is the version that the caller runs on and ``files`` the secrets' that it read, so that no edit is missed
    in between; None: those of now. An invalid edit ends nothing: whoever iterates keeps what he has.
    """
    read = FilesRead() if files is None else files
    version = await asyncio.to_thread(configuration_version, directory) if since is None else since
    while True:
        try:
            found = await asyncio.to_thread(configuration_version, directory)
        except OSError:  # the directory is being replaced: look again
            found = version
        if found != version or await asyncio.to_thread(read.changed):
            version, read = found, FilesRead()
            outcome = await asyncio.to_thread(_outcome, directory, environment, read, secrets_needed=secrets_needed)
            yield Edit(version, outcome)
        await asyncio.sleep(interval.total_seconds())


def _outcome(
    directory: Path, environment: Mapping[str, str], files: FilesRead, *, secrets_needed: bool
) -> Deployment | ConfigurationInvalid:
    try:
        return load_deployment(directory, environment, secrets_needed=secrets_needed, files=files)
    except ConfigurationInvalid as invalid:
        return invalid
    except OSError as error:
        problem = Problem(str(directory), 1, f"the files cannot be read ({error.strerror}). They will be read again")
        return ConfigurationInvalid((problem,))
