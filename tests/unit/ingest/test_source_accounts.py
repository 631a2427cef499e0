"""What an ingest process tells of its sources."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from services.ingest.domain.delivery import Receipt
from services.ingest.domain.source_accounts import SIGNATURES, SourceAccounts
from services.ingest.metrics import IngestMetrics
from services.ingest.ports import LogUnavailable
from services.ingest.reporting import Reporting
from shared.domain.instants import HOUR_US, SECOND_US, parse
from shared.domain.source_hours import SourceHour
from tests.support.ingest_app import native_source
from tests.support.manual_clock import ManualClock

T0 = parse("2026-11-23T10:00:00Z")
SOURCE = native_source()


class Reports:
    """Keeps what it is told, unless it is away."""

    def __init__(self) -> None:
        self.hours: list[SourceHour] = []
        self.away = False

    async def tell(self, hours: list[SourceHour]) -> None:
        if self.away:
            raise LogUnavailable("away, as the test wants it")
        self.hours += hours


@pytest.fixture
def accounts() -> SourceAccounts:
    return SourceAccounts("p1")


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def reporting(accounts: SourceAccounts, reports: Reports) -> Reporting:
    return Reporting(accounts, reports, ManualClock(T0))


def receipt(accepted: int = 1, quarantined: int = 0) -> Receipt:
    return Receipt(accepted=accepted, quarantined=quarantined, ignored=0, delivery="dl_1")


def stored(accounts: SourceAccounts, at: int = T0, signed_at: int | None = None) -> None:
    accounts.stored(SOURCE, receipt(), signed_at=signed_at, now=at)


async def test_the_counts_of_an_hour_are_told_whole_each_time(
    accounts: SourceAccounts, reporting: Reporting, reports: Reports
) -> None:
    for _ in range(2):
        stored(accounts)
        accounts.refused(SOURCE, "bad_signature", T0)
        await reporting.tell()
    assert [(told.deliveries, told.accepted, told.refused) for told in reports.hours] == [
        (1, 1, {"bad_signature": 1}),
        (2, 2, {"bad_signature": 2}),
    ]


async def test_what_did_not_change_is_not_told_again(
    accounts: SourceAccounts, reporting: Reporting, reports: Reports
) -> None:
    stored(accounts)
    await reporting.tell()
    await reporting.tell()
    assert len(reports.hours) == 1


async def test_what_could_not_be_told_is_told_later_with_the_hour_that_ended_meanwhile(
    accounts: SourceAccounts, reporting: Reporting, reports: Reports
) -> None:
    reports.away = True
    stored(accounts)
    await reporting.tell()
    stored(accounts, T0 + HOUR_US)
    await reporting.tell()
    reports.away = False
    await reporting.tell()
    await reporting.tell()
    assert [(told.hour - T0 // HOUR_US, told.deliveries) for told in reports.hours] == [(0, 1), (1, 1)]


async def test_what_changes_while_it_is_told_is_told_next(accounts: SourceAccounts) -> None:
    stored(accounts)
    hours = accounts.untold(T0)
    stored(accounts)
    accounts.told(hours)
    assert [told.deliveries for told in accounts.untold(T0)] == [2]


def test_the_skew_is_the_median_of_the_latest_signatures(accounts: SourceAccounts) -> None:
    stored(accounts, signed_at=T0 - 250 * SECOND_US)
    assert accounts.skew_us(SOURCE) == 250 * SECOND_US
    for _ in range(SIGNATURES):
        stored(accounts, signed_at=T0 - 2 * SECOND_US)
    stored(accounts, signed_at=T0 - 280 * SECOND_US)
    assert accounts.skew_us(SOURCE) == 2 * SECOND_US


def test_who_signs_no_time_has_no_skew(accounts: SourceAccounts) -> None:
    stored(accounts)
    assert accounts.skew_us(SOURCE) is None


def test_a_clock_shows_in_the_metrics_once_it_is_told() -> None:
    registry = CollectorRegistry()
    metrics = IngestMetrics(registry)
    metrics.expect_sources(["close"])
    metrics.stored("close", receipt(), now=T0, skew_us=None)
    assert registry.get_sample_value("source_clock_skew_seconds", {"source": "close"}) is None
    metrics.stored("close", receipt(), now=T0, skew_us=-3 * SECOND_US)
    assert registry.get_sample_value("source_clock_skew_seconds", {"source": "close"}) == -3
