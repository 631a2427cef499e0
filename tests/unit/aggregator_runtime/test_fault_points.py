"""The places at which a test may kill a worker do nothing unless they are asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.aggregator.adapters.fault_points import ENVIRONMENT, arm


class Store:
    async def commit(self, number: int) -> int:
        return number + 1


def test_without_the_variable_a_part_stays_as_it_is() -> None:
    store = Store()
    arm({}, store, "commit", before="here")
    assert vars(store) == {}


async def test_a_point_without_a_file_is_passed(tmp_path: Path) -> None:
    store = Store()
    arm({ENVIRONMENT: str(tmp_path)}, store, "commit", before="here", after="there")
    assert await store.commit(1) == 2


async def test_a_file_kills_once_and_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append((pid, number)))
    store = Store()
    arm({ENVIRONMENT: str(tmp_path)}, store, "commit", after="there")
    (tmp_path / "there").touch()
    assert [await store.commit(1), await store.commit(1)] == [2, 2]
    assert killed == [(os.getpid(), 9)]
