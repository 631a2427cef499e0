"""What the benchmarks send is what every provider takes: nothing is measured that is refused or quarantined."""

from __future__ import annotations

import time

import pytest

from services.ingest.domain.delivery import Accepted, Context
from services.ingest.providers.registry import PROVIDERS
from tests.benchmarks.crm_requests import delivery_of, requests_of
from tests.fuzz.senders import Request, source_of


def records_of(provider: str, request: Request) -> set[str]:
    """Whom it speaks of. Raises what refuses it."""
    steps, source, delivery = PROVIDERS[provider], source_of(provider), delivery_of(request)
    now = time.time_ns() // 1000
    steps.authenticate(delivery, source, now)
    outcomes = steps.translate(steps.parse(delivery, source), Context(source, "dl_1", now))
    assert outcomes and all(isinstance(outcome, Accepted) for outcome in outcomes), outcomes
    return {change.record for one in outcomes if isinstance(one, Accepted) for change in one.changes}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_delivery_is_taken_whole_and_of_another_record(provider: str) -> None:
    following = requests_of(provider)
    first, second = (records_of(provider, following()) for _ in range(2))
    assert first and second and not first & second
