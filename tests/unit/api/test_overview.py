from datetime import date

import pytest
from msgspec.structs import replace

from services.api.adapters.http.app import create_app
from services.api.catalogue import away_until
from services.api.domain.pipeline import Following, Parked, PartitionState, PipelineState, source_state
from shared.domain.alerting import Severity
from shared.domain.episodes import Episode, EpisodeState, Subject
from shared.domain.instants import DAY_US, SECOND_US
from shared.domain.people import DateSpan
from shared.domain.tenant import SourceRhythm
from tests.support.api_parts import (
    MONDAY_NOON,
    FixedConfiguration,
    KnownEpisodes,
    KnownPipeline,
    local_client,
    parts,
)
from tests.support.tenants import rep, tenant

HOUR_US = 3600 * SECOND_US
ACME = tenant(sources={"crm": SourceRhythm("crm", "native", expect_every_us=HOUR_US)})
FIRING = Episode(
    id="ep_1", tenant="acme", dedup_key="behind/ana/day/2026-11-23", rule="behind", kpi="calls",
    severity=Severity.WARNING, subject=Subject(name="Ana", rep="ana", team="emea"), period_kind="day",
    period_id="2026-11-23", period_end_at=None, state=EpisodeState.FIRING, reason="pace", started_at=MONDAY_NOON,
    changed_at=MONDAY_NOON,
)  # fmt: skip
OLD = replace(FIRING, id="ep_2", state=EpisodeState.RESOLVED, changed_at=MONDAY_NOON - 8 * DAY_US)
DONE = replace(FIRING, id="ep_3", state=EpisodeState.RESOLVED, rule="other")


async def alerts(query: str) -> list[str]:
    wired = parts(FixedConfiguration(ACME), episodes=KnownEpisodes(DONE, FIRING, OLD))
    async with local_client(create_app(wired)) as http:
        return [alert["id"] for alert in (await http.get(f"/v1/alerts{query}")).json()["alerts"]]


async def test_alerts_of_the_last_week_come_firing_first() -> None:
    assert await alerts("") == ["ep_1", "ep_3"]


async def test_alerts_are_found_by_state() -> None:
    assert await alerts("?state=resolved") == ["ep_3"]


async def test_alerts_are_found_by_team() -> None:
    assert (await alerts("?team=emea&rule=behind"), await alerts("?team=other")) == (["ep_1"], [])


async def test_alerts_are_found_by_rep() -> None:
    assert await alerts("?rep=nobody") == []


async def test_an_unknown_alert_is_not_found() -> None:
    async with local_client(create_app(parts(FixedConfiguration(ACME)))) as http:
        answer = await http.get("/v1/alerts/ep_9")
    assert (answer.status_code, answer.json()["reason"]) == (404, "unknown_alert")


async def test_an_alert_is_read_with_its_history() -> None:
    async with local_client(create_app(parts(FixedConfiguration(ACME), episodes=KnownEpisodes(FIRING)))) as http:
        answer = (await http.get("/v1/alerts/ep_1")).json()
    assert (answer["state"], answer["history"]) == ("firing", [])


async def test_the_status_lists_what_waits_for_somebody() -> None:
    pipeline = KnownPipeline(parked=Parked(unmapped={("acme", "crm", "77"): 3}, unconverted={("acme", "JPY"): 2}))
    async with local_client(create_app(parts(FixedConfiguration(ACME), pipeline=pipeline))) as http:
        found = (await http.get("/v1/status")).json()
    assert (found["unmapped_owners"], found["facts_without_rate"]) == (
        [{"source": "crm", "owner": "77", "facts": 3}], [{"currency": "JPY", "facts": 2}],
    )  # fmt: skip


async def test_the_status_counts_records_of_which_the_crm_has_not_told_all() -> None:
    pipeline = KnownPipeline(parked=Parked(incomplete={("acme", "crm", "call", "owner"): 3, ("b", "c", "d", "e"): 1}))
    async with local_client(create_app(parts(FixedConfiguration(ACME), pipeline=pipeline))) as http:
        found = (await http.get("/v1/status")).json()
    assert found["incomplete_records"] == [{"source": "crm", "record_type": "call", "field": "owner", "records": 3}]


async def test_the_status_says_when_the_configuration_was_rejected() -> None:
    configured = FixedConfiguration(ACME)
    configured.problem = "kpis.yaml:3: no such unit"
    async with local_client(create_app(parts(configured))) as http:
        found = (await http.get("/v1/status")).json()
    configuration = found["configuration"]
    assert [configuration[part] for part in ("valid", "version", "problem")] == [
        False, "v1", "kpis.yaml:3: no such unit",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("following", "done"),
    [
        (Following(version="v1"), True),
        (Following(version="v0"), False),
        (Following(), False),
        (Following(version="v1", partitions=2, records=7, reps=1), False),
    ],
)
async def test_the_status_says_what_an_edit_has_left_to_do(following: Following, done: bool) -> None:
    pipeline = KnownPipeline(PipelineState(following=following))
    async with local_client(create_app(parts(FixedConfiguration(ACME), pipeline=pipeline))) as http:
        found = (await http.get("/v1/status")).json()["configuration"]["following"]
    assert found == {
        "done": done, "taken_up": following.version == "v1",
        "partitions": following.partitions, "records": following.records, "reps": following.reps,
    }  # fmt: skip


async def test_the_pages_of_the_board_allow_nothing_from_elsewhere() -> None:
    async with local_client(create_app(parts(FixedConfiguration(ACME)))) as http:
        answer = await http.get("/static/../settings.py")
    assert answer.status_code == 404


def test_a_source_is_out_after_a_longer_silence_than_it_keeps() -> None:
    source = ACME.sources["crm"]
    states = [source_state(ACME, source, MONDAY_NOON - n * HOUR_US, now=MONDAY_NOON).out for n in (1, 2)]
    assert states == [False, True]


def watermark(*partitions: PartitionState) -> int | None:
    return PipelineState(partitions=partitions, asked_at=100).watermark


def test_a_lagging_partition_holds_the_watermark_back() -> None:
    behind = PartitionState(stage="ledger", partition=0, mark=40, lag=3)
    quiet = PartitionState(stage="ledger", partition=1, mark=None, lag=0)
    assert watermark(behind, quiet) == 40


def test_partitions_without_lag_are_as_far_as_the_log_was_asked() -> None:
    assert watermark(PartitionState(stage="ledger", partition=1, mark=7, lag=0)) == 100


def test_a_partition_that_never_began_leaves_the_watermark_unknown() -> None:
    assert watermark(PartitionState(stage="ledger", partition=1, mark=None, lag=None)) is None


def test_an_absence_ends_on_its_last_unbroken_day() -> None:
    away = rep(
        absences=(DateSpan(date(2026, 11, 20), date(2026, 11, 24)), DateSpan(date(2026, 11, 25), date(2026, 11, 26)))
    )
    assert away_until(away, date(2026, 11, 23)) == date(2026, 11, 26)
