"""What is asked for, what an answer means, and when it is asked again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.enrichment import (
    LONGEST_ASKED_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    MOST_FAILURES,
    Again,
    ApiAnswer,
    Ask,
    Outcome,
    Wait,
    asks_of,
    coalesced,
    next_step,
)
from shared.domain.sources import Enrich
from tests.support.changes import change
from tests.support.ingest_app import hubspot_source

ENRICHED = hubspot_source(enrich=Enrich("token", "https://api.example"))


def ask(record: str = "1", *missing: str, at: int = 0) -> Ask:
    return Ask(
        tenant="acme",
        source="hubspot",
        record_type="deal",
        record=record,
        event=f"e{at}",
        missing=missing,
        received_at=at,
    )


def test_what_an_event_leaves_out_is_asked_for() -> None:
    (found,) = asks_of([change(record="7", missing=("owner",), received_at=5)], ENRICHED)
    assert (found.key, found.missing, found.received_at) == ("acme/native/call/7", ("owner",), 5)


def test_a_record_is_asked_for_once_a_delivery() -> None:
    thin = [change(record="7", missing=("owner",)), change(record="8", missing=("owner",))]
    more = change(record="7", missing=("amount", "owner"))
    assert [(one.record, one.missing) for one in asks_of([*thin, more], ENRICHED)] == [
        ("7", ("owner", "amount")),
        ("8", ("owner",)),
    ]


def test_nothing_is_asked_where_nothing_is_missing_or_nobody_may_be_asked() -> None:
    assert asks_of([change()], ENRICHED) == []
    assert asks_of([change(missing=("owner",))], hubspot_source()) == []


def test_asks_for_a_record_become_one_with_all_that_is_missing() -> None:
    found = coalesced([ask("1", "owner", at=1), ask("2", "stage", at=2), ask("1", "amount", at=3)])
    assert [(one.record, one.missing, one.received_at) for one in found] == [
        ("2", ("stage",), 2),
        ("1", ("owner", "amount"), 3),
    ]


@pytest.mark.parametrize(
    ("status", "step"),
    [
        (200, Outcome.ENRICHED),
        (404, Outcome.GONE),
        (410, Outcome.GONE),
        (400, Outcome.REFUSED),
        (414, Outcome.REFUSED),
        (204, Outcome.REFUSED),
        (401, Again(Wait.TOKEN_REFUSED, LONGEST_PAUSE_SECONDS)),
        (403, Again(Wait.TOKEN_REFUSED, LONGEST_PAUSE_SECONDS)),
        (302, Again(Wait.WRONG_ADDRESS, LONGEST_PAUSE_SECONDS)),
        (429, Again(Wait.RATE_LIMITED, 1)),
        (500, Again(Wait.API_FAILS, 1)),
        (503, Again(Wait.API_AWAY, 1)),
    ],
)
def test_what_a_status_means(status: int, step: Again | Outcome) -> None:
    assert next_step(ApiAnswer(status, b""), failures=0) == step


def test_no_answer_is_waited_for_without_end() -> None:
    assert next_step(None, failures=10_000) == Again(Wait.API_AWAY, LONGEST_PAUSE_SECONDS)


def test_a_record_on_which_the_api_fails_again_and_again_is_given_up() -> None:
    assert next_step(ApiAnswer(500, b""), failures=MOST_FAILURES) is Outcome.GIVEN_UP
    assert next_step(ApiAnswer(503, b""), failures=MOST_FAILURES) == Again(Wait.API_AWAY, LONGEST_PAUSE_SECONDS)


@pytest.mark.parametrize(("asked", "seconds"), [(7, 7), (0, 1), (10**6, LONGEST_ASKED_PAUSE_SECONDS)])
def test_who_names_a_pause_gets_it_within_reason(asked: float, seconds: float) -> None:
    assert next_step(ApiAnswer(429, b"", asked), failures=0) == Again(Wait.RATE_LIMITED, seconds)


@given(st.integers(0, 10**6))
def test_pauses_grow_up_to_a_minute(failures: int) -> None:
    step, later = (next_step(None, failures=count) for count in (failures, failures + 1))
    assert isinstance(step, Again) and isinstance(later, Again)
    assert 1 <= step.seconds <= later.seconds <= LONGEST_PAUSE_SECONDS
