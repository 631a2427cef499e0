"""Collects cases until there are enough, and writes them, once."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import Counter
from pathlib import Path
from typing import Any

from cli.capture.bodies import Uncapturable
from cli.capture.cases import Taken, case_of
from cli.capture.pseudonyms import Pseudonyms
from services.ingest.providers.registry import PROVIDERS
from shared.domain.sources import Source

KEY_BYTES = 32
MOST_BYTES = 32 * 1_048_576
"""Of all bodies together: what a file for tests may hold, and this process with it."""


class Collection:
    """The cases of one run; of what is no case only how often and why."""

    def __init__(self, source: Source, *, most: int) -> None:
        self.cases: list[dict[str, Any]] = []
        self.left_out: Counter[str] = Counter()
        self.enough = asyncio.Event()
        self._source = source
        self._provider = PROVIDERS[source.provider]
        self._most = most
        self._bytes = 0
        self._names = Pseudonyms(secrets.token_bytes(KEY_BYTES), source.won_stages | source.lost_stages)

    def take(self, taken: Taken) -> None:
        """Makes a case of a delivery, unless there are enough or it cannot be one."""
        if self.enough.is_set():
            return
        try:
            case = case_of(taken, self._source, self._provider, self._names, number=len(self.cases) + 1)
        except Uncapturable as error:
            self.left_out[str(error)] += 1
            return
        self.cases.append(case)
        self._bytes += len(taken.delivery.body)
        if len(self.cases) >= self._most or self._bytes >= MOST_BYTES:
            self.enough.set()

    def close(self) -> list[dict[str, Any]]:
        """The cases; no more are taken."""
        self.enough.set()
        return self.cases


def write_cases(file: Path, cases: list[dict[str, Any]]) -> None:
    """As the run's file. Raises: OSError."""
    file.write_text(json.dumps(cases, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
