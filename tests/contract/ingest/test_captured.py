"""Every captured delivery still comes to what it came to when it was captured."""

from __future__ import annotations

import pytest

from cli.capture.cases import Taken, case_of
from cli.capture.pseudonyms import Pseudonyms
from services.ingest.domain.delivery import Delivery
from services.ingest.providers.registry import PROVIDERS
from shared.domain.instants import SECOND_US
from tests.support.captured import captured_cases, comes_to_the_same
from tests.support.request_cases import Case, body_of, cases, name_of, provider_of, source_of

NAMES = Pseudonyms(b"k" * 32)


@pytest.mark.parametrize("case", captured_cases(), ids=name_of)
async def test_comes_to_the_same(case: Case) -> None:
    await comes_to_the_same(case)


ACCEPTED = [case for case in cases(*PROVIDERS) if case["expect"]["status_class"] == "2xx"]


@pytest.mark.parametrize("case", [case for case in ACCEPTED if case["method"] == "POST"], ids=name_of)
async def test_a_recorded_request_could_have_been_captured(case: Case) -> None:
    source = source_of(case)
    delivery = Delivery(
        method="POST",
        headers={name.lower().encode(): value.encode("latin-1") for name, value in case["headers"].items()},
        body=body_of(case),
        query=case["url"].partition("?")[2],
    )
    provider = PROVIDERS[provider_of(case)]
    status = 200 if source.provider == "salesforce_outbound_message" else 202
    captured = case_of(Taken(delivery, status, case["now"] * SECOND_US), source, provider, NAMES, number=1)
    await comes_to_the_same(captured)
