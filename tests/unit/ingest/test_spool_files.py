"""The spool's files: torn, altered, of another key, on a disk that is full, left by processes that are gone."""

from __future__ import annotations

import asyncio
import base64
import errno
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from services.ingest.adapters import spool_segments, spool_storage
from services.ingest.adapters.spool_cipher import Altered, Keyring, WrongKey, keys_of
from services.ingest.adapters.spool_directory import SpoolDirectory
from services.ingest.adapters.spool_opening import NoSpoolKey, open_spool
from services.ingest.adapters.spool_segments import HEADER_BYTES
from services.ingest.domain.spooling import LogMessage, Spooled
from services.ingest.ports import SpoolFailed
from services.ingest.settings import SpoolSettings
from services.ingest.spool_metrics import SpoolMetrics
from tests.support.manual_clock import ManualClock

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
Open = Callable[..., SpoolDirectory]


def delivery(number: int) -> Spooled:
    return Spooled("pipedrive", number, (LogMessage("crm.events", f"k-{number}", b"the amount is 1200.00"),))


def numbers(spooled: Any) -> list[int]:
    return [one.received_at for one in spooled or ()]


class Counted:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = SpoolMetrics(self.registry)

    def __getitem__(self, name: str) -> float | None:
        return self.registry.get_sample_value(f"ingest_spool_{name}")


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
async def opened(tmp_path: Path, counted: Counted) -> AsyncIterator[Open]:
    """Opens a spool below tmp_path, as a process would; all are closed at the end."""
    made: list[SpoolDirectory] = []

    def one(*keys: bytes, at: str = "2026-11-23T10:00:00Z") -> SpoolDirectory:
        ring = Keyring(keys)
        clock = ManualClock(at)
        made.append(SpoolDirectory(tmp_path, ring, max_bytes=10**8, clock=clock, metrics=counted.metrics))
        return made[-1]

    yield one
    for spool in made:
        await spool.close()


async def filled_and_left(spool: SpoolDirectory, *which: int) -> None:
    """Puts deliveries there and ends, as a process does."""
    for number in which:
        await spool.put(delivery(number))
    await spool.close()


async def drained(spool: SpoolDirectory) -> list[int]:
    found: list[int] = []
    while spool.held.parts:
        found += numbers(await spool.oldest())
        await spool.release_oldest()
    return found


def files(tmp_path: Path, pattern: str = "*/*.seg") -> list[Path]:
    return sorted(tmp_path.glob(pattern))


async def test_nothing_is_made_before_it_is_needed(tmp_path: Path, counted: Counted) -> None:
    settings = SpoolSettings(dir=tmp_path / "spool")
    async with open_spool(settings, ManualClock(), counted.metrics) as spool:
        assert await spool.state() == "0 deliveries, 0 bytes"
        assert not (tmp_path / "spool").exists()
        await spool.put(delivery(1))
        assert (tmp_path / "spool" / "0").is_dir()


async def test_a_successor_finds_what_was_put_in_order(opened: Open) -> None:
    await filled_and_left(opened(), 1, 2, 3)
    successor = opened(at="2020-01-01T00:00:00Z")  # its clock is behind: order does not depend on it
    await successor.adopt()
    await successor.put(delivery(4))
    assert await drained(successor) == [1, 2, 3, 4]


async def test_files_of_some_megabytes_are_drained_one_after_the_other(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_storage, "SEGMENT_BYTES", 200)
    spool = opened()
    for number in range(10):
        await spool.put(delivery(number))
    parts = len(files(tmp_path))
    assert spool.held.parts == parts > 2
    first = numbers(await spool.oldest())
    await spool.release_oldest()
    assert len(files(tmp_path)) == parts - 1
    assert first + await drained(spool) == list(range(10))
    assert files(tmp_path) == []


async def test_a_torn_tail_is_cut_off_and_counted(opened: Open, tmp_path: Path, counted: Counted) -> None:
    await filled_and_left(opened(), 1, 2)
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[HEADER_BYTES : HEADER_BYTES + 20])
    spool = opened()
    await spool.adopt()
    assert (path.stat().st_size, counted["torn_bytes_total"]) == (len(whole), 20)
    assert await drained(spool) == [1, 2]


@pytest.mark.parametrize("length", [0, 5, HEADER_BYTES - 1, HEADER_BYTES])
async def test_a_file_that_was_only_begun_is_taken_away(opened: Open, tmp_path: Path, length: int) -> None:
    await filled_and_left(opened(), 1)
    (path,) = files(tmp_path)
    begun = path.with_name(f"{10**15:020d}-begun.seg")
    begun.write_bytes(path.read_bytes()[:length])
    spool = opened()
    await spool.adopt()
    assert (await drained(spool), begun.exists()) == ([1], False)


async def test_a_delivery_that_the_disk_altered_is_kept_aside_and_the_others_drained(
    opened: Open, tmp_path: Path, counted: Counted
) -> None:
    await filled_and_left(opened(), 1, 2, 3)
    (path,) = files(tmp_path)
    altered = bytearray(path.read_bytes())
    frame = (len(altered) - HEADER_BYTES) // 3
    altered[HEADER_BYTES + frame + 20] ^= 1
    path.write_bytes(altered)
    spool = opened()
    await spool.adopt()
    assert (await drained(spool), counted["damaged_deliveries_total"]) == ([1, 3], 1)
    assert files(tmp_path, "*/*.damaged")[0].read_bytes() == altered[HEADER_BYTES + frame : HEADER_BYTES + 2 * frame]


async def test_a_file_whose_header_is_damaged_is_kept_aside(opened: Open, tmp_path: Path) -> None:
    await filled_and_left(opened(), 1)
    (path,) = files(tmp_path)
    path.write_bytes(b"PACERSP9" + path.read_bytes()[8:])
    spool = opened()
    await spool.adopt()
    assert (spool.held.parts, len(files(tmp_path, "*/*.damaged"))) == (0, 1)


async def test_a_file_that_somebody_took_away_holds_nothing_up(opened: Open, tmp_path: Path) -> None:
    spool = opened()
    await spool.put(delivery(1))
    await spool.oldest()
    await spool.put(delivery(2))
    files(tmp_path)[0].unlink()
    assert await drained(spool) == [2]


async def test_with_a_key_nothing_can_be_read_on_the_disk(opened: Open, tmp_path: Path) -> None:
    await filled_and_left(opened(KEY), 1)
    assert not any(b"amount" in path.read_bytes() or b"k-1" in path.read_bytes() for path in files(tmp_path))


async def test_without_a_key_it_is_plain(opened: Open, tmp_path: Path) -> None:
    await filled_and_left(opened(), 1)
    assert b"the amount is 1200.00" in files(tmp_path)[0].read_bytes()


async def test_a_key_that_was_rotated_still_reads(opened: Open) -> None:
    await filled_and_left(opened(KEY), 1)
    rotated = opened(OTHER, KEY)
    await rotated.adopt()
    await rotated.put(delivery(2))
    assert await drained(rotated) == [1, 2]


async def test_what_lay_there_before_there_was_a_key_is_read(opened: Open) -> None:
    await filled_and_left(opened(), 1)
    spool = opened(KEY)
    await spool.adopt()
    assert await drained(spool) == [1]


@pytest.mark.parametrize("keys", [(), (OTHER,)])
async def test_with_the_wrong_key_a_file_stays_and_is_named_and_the_others_are_drained(
    opened: Open, keys: tuple[bytes, ...]
) -> None:
    await filled_and_left(opened(KEY), 1)
    spool = opened(*keys)
    await spool.adopt()
    assert (spool.held.unreadable, "of another key" in await spool.state()) == (1, True)
    await spool.put(delivery(2))
    assert await drained(spool) == [2]
    await spool.close()
    again = opened(KEY)
    await again.adopt()
    assert await drained(again) == [1]


async def test_a_delivery_cannot_be_moved_to_another_place_unseen(
    opened: Open, tmp_path: Path, counted: Counted
) -> None:
    await filled_and_left(opened(KEY), 1, 2)
    (path,) = files(tmp_path)
    data = path.read_bytes()
    half = (len(data) - HEADER_BYTES) // 2
    first, second = data[HEADER_BYTES : HEADER_BYTES + half], data[HEADER_BYTES + half :]
    path.write_bytes(data[:HEADER_BYTES] + second + first)
    spool = opened(KEY)
    await spool.adopt()
    assert (await drained(spool), counted["damaged_deliveries_total"]) == ([], 2)


class FailingDisk:
    """Fails one function of os, after so many bytes of a write where it is ``write``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, function: str, code: int, *, written: int = 0) -> None:
        self._real = getattr(os, function)
        self._code, self._written, self.failing = code, written, True
        monkeypatch.setattr(spool_segments.os, function, self.call)

    def call(self, fd: int, *rest: Any, **named: Any) -> Any:
        if not self.failing:
            return self._real(fd, *rest, **named)
        if rest and self._written:
            self._real(fd, bytes(rest[0])[: self._written])
        raise OSError(self._code, os.strerror(self._code))


@pytest.mark.parametrize(
    ("function", "code", "written"),
    [("write", errno.ENOSPC, 0), ("write", errno.ENOSPC, 25), ("fdatasync", errno.EIO, 0), ("fsync", errno.EIO, 0)],
)
async def test_a_disk_that_fails_is_named_costs_nothing_and_is_used_again(
    opened: Open, monkeypatch: pytest.MonkeyPatch, function: str, code: int, written: int
) -> None:
    spool = opened()
    await spool.put(delivery(1))
    await spool.oldest()  # the next one begins a file
    disk = FailingDisk(monkeypatch, function, code, written=written)
    with pytest.raises(SpoolFailed, match=os.strerror(code)):
        await spool.put(delivery(2))
    assert os.strerror(code) in await spool.state()
    disk.failing = False
    await spool.put(delivery(3))
    await spool.close()
    successor = opened()
    await successor.adopt()
    assert [number for number in await drained(successor) if number != 2] == [1, 3]


async def test_a_write_that_fails_half_way_leaves_what_was_confirmed(
    opened: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spool = opened()
    await spool.put(delivery(1))
    size = files(tmp_path)[0].stat().st_size
    disk = FailingDisk(monkeypatch, "write", errno.ENOSPC, written=25)
    with pytest.raises(SpoolFailed, match="No space left"):
        await spool.put(delivery(2))
    assert files(tmp_path)[0].stat().st_size == size
    disk.failing = False
    await spool.put(delivery(3))
    assert await drained(spool) == [1, 3]


async def test_deliveries_that_arrive_together_are_synced_together(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs: list[int] = []
    real = os.fdatasync
    monkeypatch.setattr(spool_segments.os, "fdatasync", lambda fd: (syncs.append(fd), real(fd)))
    spool = opened()
    await asyncio.gather(*(spool.put(delivery(number)) for number in range(100)))
    assert len(syncs) < 10
    assert await drained(spool) == list(range(100))


async def test_processes_that_share_a_directory_have_a_part_each(opened: Open) -> None:
    first, second = opened(), opened()
    await first.put(delivery(1))
    await second.put(delivery(2))
    assert (await first.adopt(), await second.adopt()) == (0, 0)
    assert (await drained(first), await drained(second)) == ([1], [2])


async def test_it_sees_what_others_hold_and_could_be_drained(opened: Open) -> None:
    first, second, stranger = opened(), opened(), opened(OTHER)
    assert not await second.others_hold()
    await stranger.put(delivery(9))
    assert not await second.others_hold()
    await first.put(delivery(1))
    assert (await second.others_hold(), await first.others_hold()) == (True, False)
    await drained(first)
    assert not await second.others_hold()


async def test_what_a_process_that_is_gone_has_left_is_taken_over_before_newer_things(opened: Open) -> None:
    staying, leaving = opened(at="2026-11-23T11:00:00Z"), opened(at="2026-11-23T10:00:00Z")
    await staying.put(delivery(2))
    await filled_and_left(leaving, 1)
    assert await staying.adopt() == 1
    assert await drained(staying) == [1, 2]


async def test_a_directory_that_cannot_be_used_is_no_reason_not_to_start(tmp_path: Path, counted: Counted) -> None:
    directory = tmp_path / "spool"
    directory.mkdir()
    (directory / "0").write_text("a file where a directory has to be")
    async with open_spool(SpoolSettings(dir=directory), ManualClock(), counted.metrics) as spool:
        assert "fails" in await spool.state()
        (directory / "0").unlink()
        await spool.put(delivery(1))
        assert await drained(spool) == [1]


async def test_a_directory_that_vanishes_is_begun_anew(opened: Open, tmp_path: Path, counted: Counted) -> None:
    spool = opened()
    await spool.put(delivery(1))
    await spool.oldest()
    shutil.rmtree(tmp_path / "0")
    await spool.put(delivery(2))
    assert (await drained(spool), counted["damaged_deliveries_total"]) == ([2], 1)


def text_of(*keys: bytes) -> str:
    return ",".join(base64.b64encode(key).decode() for key in keys)


def test_keys_are_base64_of_32_bytes() -> None:
    assert keys_of(f" {text_of(KEY)}, {text_of(OTHER)}\n") == (KEY, OTHER)
    assert keys_of("") == ()


@pytest.mark.parametrize("text", ["secret", "c2hvcnQ=", "é", "*" * 44, text_of(KEY + b"x")])
def test_anything_else_is_no_key_and_is_not_shown(text: str) -> None:
    with pytest.raises(ValueError, match="openssl rand -base64 32") as refused:
        keys_of(text)
    assert text not in str(refused.value)


@pytest.mark.parametrize("content", [None, "", "no key"])
async def test_a_key_file_without_a_key_ends_the_start(tmp_path: Path, counted: Counted, content: str | None) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_text(content)
    with pytest.raises(NoSpoolKey, match="PACER_SPOOL__KEY_FILE"):
        async with open_spool(SpoolSettings(key_file=file), ManualClock(), counted.metrics):
            pass


async def test_a_key_has_one_place(tmp_path: Path, counted: Counted) -> None:
    settings = SpoolSettings(key=SecretStr(text_of(KEY)), key_file=tmp_path / "key")
    with pytest.raises(NoSpoolKey, match="Keep one"):
        async with open_spool(settings, ManualClock(), counted.metrics):
            pass


async def test_a_key_from_a_file_encrypts(tmp_path: Path, counted: Counted) -> None:
    file = tmp_path / "key"
    file.write_text(text_of(KEY) + "\n")
    async with open_spool(SpoolSettings(dir=tmp_path / "s", key_file=file), ManualClock(), counted.metrics) as spool:
        await spool.put(delivery(1))
    assert b"amount" not in files(tmp_path / "s")[0].read_bytes()


def test_another_keys_payload_is_refused() -> None:
    ours, theirs = Keyring([KEY]), Keyring([OTHER])
    sealed = ours.sealed(b"payload", ours.writes_with, bound_to=b"here")
    assert ours.opened(sealed, ours.writes_with, bound_to=b"here") == b"payload"
    with pytest.raises(WrongKey):
        theirs.opened(sealed, ours.writes_with, bound_to=b"here")
    for bent, place in ((sealed, b"there"), (sealed[:-1], b"here"), (b"", b"here")):
        with pytest.raises(Altered):
            ours.opened(bent, ours.writes_with, bound_to=place)
