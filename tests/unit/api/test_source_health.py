"""What /v1/status tells of each source's health."""

from __future__ import annotations

from typing import Any

from services.api.adapters.http.app import create_app
from services.api.domain.source_rhythm import HourlyCounts
from shared.domain.instants import HOUR_US
from shared.domain.source_hours import SourceHour
from shared.domain.tenant import SourceRhythm
from tests.support.api_parts import FixedConfiguration, KnownArrivals, KnownReports, TurnedClock, local_client, parts
from tests.support.tenants import tenant

ACME = tenant(sources={"crm": SourceRhythm(id="crm", provider="close", expect_every_us=None)})
NOW = TurnedClock().now()
HOUR = NOW // HOUR_US


def told(process: str = "p1", hour: int = HOUR, **counts: Any) -> SourceHour:
    return SourceHour(tenant="acme", source="crm", process=process, hour=hour, at=NOW, **counts)


async def health(*hours: SourceHour, counts: HourlyCounts | None = None) -> dict[str, Any]:
    wired = parts(
        FixedConfiguration(ACME),
        arrivals=KnownArrivals({("acme", "crm"): counts or HourlyCounts()}),
        reported=KnownReports(*hours),
    )
    async with local_client(create_app(wired)) as http:
        (source,) = (await http.get("/v1/status")).json()["sources"]
    return dict(source["health"])


async def test_processes_and_hours_add_up() -> None:
    found = await health(
        told(deliveries=3, accepted=4), told("p2", deliveries=1, accepted=1), told(hour=HOUR - 5, deliveries=7)
    )
    hour, day = found["last_hour"], found["last_day"]
    assert (hour["deliveries"], hour["accepted"], day["deliveries"]) == (4, 5, 11)


async def test_signatures_that_fail_and_those_that_are_only_old_are_told_apart() -> None:
    found = await health(told(deliveries=6, refused={"bad_signature": 2, "stale_timestamp": 1, "rate_limited": 1}))
    assert (found["signature_failures"], found["stale_signatures"], found["error_share"]) == (2, 1, 0.4)


async def test_the_share_of_duplicates_is_of_what_arrived_within_a_day() -> None:
    counts = HourlyCounts({HOUR: 6, HOUR - 3: 2, HOUR - 30: 99}, {HOUR: 1, HOUR - 3: 1, HOUR - 30: 99})
    assert (await health(counts=counts))["duplicate_share"] == 0.25


async def test_the_latest_word_of_the_clock_counts() -> None:
    early = SourceHour(tenant="acme", source="crm", process="a", hour=HOUR, at=NOW - 9, skew_us=9_000_000)
    assert (await health(early, told(skew_us=-1_500_000)))["clock_skew_seconds"] == -1.5


async def test_of_a_source_that_never_sent_nothing_is_known() -> None:
    found = await health()
    nothing = [found[name] for name in ("last_delivery_at", "duplicate_share", "error_share", "clock_skew_seconds")]
    assert (nothing, found["rhythm"]) == ([None] * 4, {"state": "unknown", "rate": 0, "usual": None})
