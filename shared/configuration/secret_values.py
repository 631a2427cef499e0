"""Secrets: named by the configuration, never written into it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from shared.configuration.documents import Location
from shared.configuration.parsing import Section, Strict


class SecretReference(Strict):
    """``{env: NAME}`` or ``{file: PATH}``; a relative path starts at the tenant's directory."""

    env: str | None = None
    file: str | None = None


def _only_a_reference(value: object) -> Any:  # noqa: ANN401 - pydantic goes on with it
    if not isinstance(value, dict):
        raise ValueError("a secret is never written into a file. Write {env: NAME} or {file: PATH}")  # noqa: TRY004
    if set(value) not in ({"env"}, {"file"}) or not all(isinstance(place, str) and place for place in value.values()):
        raise ValueError("a secret has one place. Write {env: NAME} or {file: PATH}")
    return value


Secret = Annotated[SecretReference, BeforeValidator(_only_a_reference)]


class FilesRead:
    """The files that a configuration names and that it may have outside of its directory, as they were read.

    Known by their contents: a mounted secret is a link to a link whose target is exchanged, with times of its own.
    """

    def __init__(self) -> None:
        self._digests: dict[Path, bytes | None] = {}

    def read(self, path: Path) -> bytes:
        """The content, noted. Raises: OSError, noted too: a file that comes later is a change."""
        self._digests[path] = None
        content = path.read_bytes()
        self._digests[path] = hashlib.sha256(content).digest()
        return content

    def changed(self) -> bool:
        """Whether one of them says something else now, or is gone or there again."""
        return any(_digest(path) != digest for path, digest in self._digests.items())


def _digest(path: Path) -> bytes | None:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return None


@dataclass(frozen=True)
class SecretPlaces:
    """Where references lead. ``needed`` False: who asks sends and receives nothing, so that secrets may be missing."""

    directory: Path
    environment: Mapping[str, str]
    needed: bool = True
    files: FilesRead = field(default_factory=FilesRead)

    def secret(self, reference: SecretReference, section: Section[Any], location: Location) -> str:
        """A secret proper, as against a text that numbers depend on: nothing where secrets are not needed."""
        return self.resolve(reference, section, location) if self.needed else ""

    def resolve(self, reference: SecretReference, section: Section[Any], location: Location) -> str:
        """The secret's text without a trailing line end; empty, with a problem, where there is none."""
        if reference.env is not None:
            found = self.environment.get(reference.env, "")
            if not found:
                section.problem(location, f"the environment variable `{reference.env}` is not set. Set it")
            return found
        return self._read(self.directory / (reference.file or ""), section, location)

    def _read(self, path: Path, section: Section[Any], location: Location) -> str:
        try:
            found = self.files.read(path).decode("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            section.problem(location, f"the file `{path}` cannot be read. Check that it is there and readable")
            return ""
        if not found:
            section.problem(location, f"the file `{path}` is empty. Write the secret into it")
        return found
