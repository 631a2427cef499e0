"""What a source may send at once and by rate; only who has authenticated takes of it."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.allowance import LocalAllowance, TurnedAway
from services.ingest.domain.refusals import RefusalReason, Refused
from services.ingest.domain.size_of_values import MOST_VALUES, refuse_too_many_values
from services.ingest.wiring import Ingest
from shared.domain.sources import Limits
from tests.support.crm_sender import CrmSender, event, hubspot_event
from tests.support.fake_log import FakeLog
from tests.support.ingest_app import configure, hubspot_source, native_source

FULL = TurnedAway(RefusalReason.TOO_MANY_AT_ONCE, 1)


def test_a_place_is_free_again_when_somebody_leaves() -> None:
    allowance = LocalAllowance(Limits(max_concurrent=1), 0)
    assert [allowance.enter(0), allowance.enter(0)] == [None, FULL]
    allowance.leave()
    assert allowance.enter(0) is None


def test_who_finds_no_place_uses_up_no_token() -> None:
    allowance = LocalAllowance(Limits(max_concurrent=1, burst=2, requests_per_second=0.1), 0)
    allowance.enter(0)
    assert [allowance.enter(0) for _ in range(5)] == [FULL] * 5
    allowance.leave()
    assert allowance.enter(0) is None


def test_who_finds_no_token_takes_up_no_place() -> None:
    allowance = LocalAllowance(Limits(max_concurrent=1, burst=1, requests_per_second=1), 0)
    allowance.enter(0)
    allowance.leave()
    assert allowance.enter(0) == TurnedAway(RefusalReason.RATE_LIMITED, 1)
    assert allowance.enter(1_000_000) is None


def test_new_limits_hold_for_who_is_already_in() -> None:
    allowance = LocalAllowance(Limits(max_concurrent=3), 0)
    allowance.enter(0)
    allowance.enter(0)
    allowance.limit(Limits(max_concurrent=2))
    assert allowance.enter(0) == FULL


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 5))
def test_never_more_inside_than_there_are_places(steps: list[bool], places: int) -> None:
    allowance = LocalAllowance(Limits(max_concurrent=places, burst=1000), 0)
    inside = 0
    for enters in steps:
        if enters:
            inside += allowance.enter(0) is None
        elif inside:
            allowance.leave()
            inside -= 1
        assert inside <= places


async def at_once(crm: CrmSender, log: FakeLog, number: int, **how: str) -> list[httpx.Response]:
    """So many deliveries of which none is confirmed before all have been sent."""
    log.confirmed = asyncio.Event()
    sending = [asyncio.create_task(crm.native(event(str(each)), **how)) for each in range(number)]
    await asyncio.sleep(0.05)  # whoever is turned away is done by then; if not, the test still holds
    log.confirmed.set()
    return list(await asyncio.gather(*sending))


async def test_more_at_once_than_a_source_may_are_asked_to_come_back(
    ingest: Ingest, crm: CrmSender, log: FakeLog
) -> None:
    configure(ingest, native_source(limits=Limits(max_concurrent=2)))
    answers = await at_once(crm, log, 5)
    assert sorted(answer.status_code for answer in answers) == [202, 202, 429, 429, 429]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert (refused.json()["reason"], refused.headers["retry-after"]) == ("too_many_at_once", "1")


async def test_what_failed_leaves_its_place(ingest: Ingest, crm: CrmSender, log: FakeLog) -> None:
    configure(ingest, native_source(limits=Limits(max_concurrent=1)))
    log.away = True
    assert [(await crm.native(event())).status_code for _ in range(3)] == [503, 503, 503]
    assert [(await crm.native("{")).status_code for _ in range(3)] == [400, 400, 400]


async def test_who_cannot_authenticate_takes_up_nobodys_place(ingest: Ingest, crm: CrmSender, log: FakeLog) -> None:
    configure(ingest, native_source(limits=Limits(max_concurrent=1)))
    answers = await at_once(crm, log, 5, token="wrong")
    assert {answer.status_code for answer in answers} == {401}
    assert (await crm.native(event())).status_code == 202


NESTED = '{"id":"1","type":"deal.won","occurred_at":"2026-11-23T09:30:00Z","fields":{"x":[[[1]]]}}'


@pytest.mark.parametrize(("max_depth", "quarantined"), [(4, 1), (5, 0)])
async def test_a_source_has_its_own_depth(ingest: Ingest, crm: CrmSender, max_depth: int, quarantined: int) -> None:
    configure(ingest, native_source(limits=Limits(max_depth=max_depth)))
    answer = (await crm.native(f"[{NESTED},{NESTED.replace('[[[1]]]', '1')}]")).json()
    problems = [problem["reason"] for problem in answer["problems"]]
    assert ("nested_too_deeply" in problems) is bool(quarantined), answer


async def test_hubspot_has_its_own_depth_too(ingest: Ingest, crm: CrmSender) -> None:
    configure(ingest, hubspot_source(limits=Limits(max_depth=2)))
    answer = await crm.hubspot([hubspot_event("deal.creation", extra={"deep": {"deeper": 1}})])
    assert [problem["reason"] for problem in answer.json()["problems"]] == ["nested_too_deeply"]


@pytest.mark.parametrize("body", [b"[" + b"0," * MOST_VALUES + b"0]", b"<a/>" * (MOST_VALUES + 1)])
def test_far_more_values_than_any_webhook_has_are_refused_unparsed(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        refuse_too_many_values(body)
    assert refused.value.why is RefusalReason.TOO_MANY_VALUES


def test_a_long_text_is_no_multitude_of_values() -> None:
    refuse_too_many_values(b'{"note":"' + b"x" * 1_000_000 + b'"}')


async def test_a_multitude_of_values_is_a_413(ingest: Ingest, crm: CrmSender) -> None:
    configure(ingest, native_source())
    answer = await crm.native(b"[" + b"0," * MOST_VALUES + b"0]")
    assert (answer.status_code, answer.json()["reason"]) == (413, "too_many_values")
