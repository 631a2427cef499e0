"""How each provider's sender is set up: the guide names no secret, and the sample is taken and means nothing."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest

from services.ingest.domain.setup import Guide
from services.ingest.providers.registry import PROVIDERS
from services.ingest.wiring import Ingest
from shared.domain.sources import Source
from tests.fuzz.senders import source_of
from tests.support.cloud_senders import PUBLIC_KEY, standard_source
from tests.support.fake_log import FakeLog
from tests.support.ingest_app import configure
from tests.support.manual_clock import ManualClock

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in PROVIDERS),
    ("dataverse", {"options": {"header": "X-Pacer-Key"}}),
    ("pipedrive", {"options": {}}),
    ("zoho", {"options": {"channel_ids": ("1000000068001",)}}),
    ("salesforce_cdc", {"options": {"flow": True}}),
    ("cloudevents", {"options": {"access_token_query": False}}),
    ("dataverse", {"secrets": ("a key+with/odd=characters&more",)}),
]


async def answer_to_sample(http: httpx.AsyncClient, source: Source, clock: ManualClock) -> httpx.Response:
    sample = PROVIDERS[source.provider].setup.sample(source, clock.now())
    assert sample is not None
    path = f"/v1/webhooks/{source.id}" + (f"/{sample.path_token}" if sample.path_token else "")
    url = path + (f"?{sample.query}" if sample.query else "")
    return await http.request(sample.method, url, content=sample.body, headers=list(sample.headers.items()))


@pytest.mark.parametrize(("provider", "others"), VARIANTS)
async def test_a_sample_is_taken_and_means_nothing(
    http: httpx.AsyncClient, ingest: Ingest, log: FakeLog, clock: ManualClock, provider: str, others: dict[str, Any]
) -> None:
    source = source_of(provider, **others)
    configure(ingest, source)
    answer = await answer_to_sample(http, source, clock)
    assert answer.status_code in {200, 202}, answer.text
    assert (log.changes, log.rejects) == ([], [])


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_sample_of_another_secret_is_refused(
    http: httpx.AsyncClient, ingest: Ingest, clock: ManualClock, provider: str
) -> None:
    source = source_of(provider)
    secret = source.secrets[0]
    turned = secret[:6] + secret[6:][::-1]
    assert turned != secret or provider == "close"
    other = msgspec.structs.replace(source, secrets=("00" * 32,) if provider == "close" else (turned,))
    configure(ingest, source)
    assert (await answer_to_sample(http, other, clock)).status_code in {401, 404}


def test_with_a_public_key_nobody_but_the_sender_signs() -> None:
    assert PROVIDERS["standard_webhooks"].setup.sample(standard_source(secrets=(PUBLIC_KEY,)), 0) is None


@pytest.mark.parametrize(("provider", "others"), VARIANTS)
def test_a_guide_says_where_and_what_and_no_secret(provider: str, others: dict[str, Any]) -> None:
    source = source_of(provider, **others)
    guide = PROVIDERS[provider].setup.guide(source)
    assert isinstance(guide, Guide)
    assert guide.title and guide.place and guide.paste and guide.subscribe and guide.mind
    assert "{url}" in guide.address
    assert source.secrets[0] not in str(guide)
