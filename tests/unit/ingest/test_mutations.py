"""Mutated requests of every provider's senders: an answer of the contract, in bounded time and memory, and no crash.

A longer run by hand: python -m tests.fuzz --seconds 600
"""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import tracemalloc
from collections.abc import Iterator

import pytest

from services.ingest.providers.registry import PROVIDERS
from tests.fuzz.requests import requests
from tests.fuzz.seeds import own_seeds, seeds_of
from tests.fuzz.senders import AUTHENTICATED, Request, source_of
from tests.fuzz.trial import NOW, Trial, run
from tests.support.crm_sender import hubspot_event
from tests.support.salesforce_messages import change_event, envelope, notification, opportunity

REQUESTS = 400
MOST_MEMORY = 96 * 2**20
"""Of what Python allocates for one delivery of at most 1 MiB."""
MOST_SECONDS = 3.0
MEGABYTE = 2**20


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_mutated_request_gets_an_answer(provider: str) -> None:
    statuses = run(provider, requests(provider, seed=4711, now=NOW), REQUESTS)
    assert sum(statuses.values()) == REQUESTS
    assert statuses.get(200, 0) + statuses.get(202, 0) > REQUESTS / 10, statuses


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_is_mutated_is_accepted_as_it_was(provider: str) -> None:
    trial, source = Trial(provider), source_of(provider)

    def status(body: bytes, headers: dict[str, str]) -> int:
        request = AUTHENTICATED[provider](source, Request(dict(headers), body), NOW)
        return asyncio.run(trial.send(request)).status

    own, all_of_them = own_seeds(provider), seeds_of(provider)
    assert {status(*seed) for seed in own} <= {200, 202}
    recorded = [status(*seed) for seed in all_of_them[len(own) :]]
    assert recorded.count(200) + recorded.count(202) >= len(recorded) / 2, recorded


def filled(opening: bytes, part: bytes, closing: bytes = b"") -> bytes:
    """As many parts as fit into a megabyte."""
    return opening + part * ((MEGABYTE - len(opening) - len(closing)) // len(part)) + closing


def bombs() -> Iterator[tuple[str, bytes]]:
    """Bodies that are small on the wire and large in a careless memory."""
    yield "deep arrays", filled(b"", b"[")
    yield "deep objects", filled(b"", b'{"a":')
    yield "deep and closed", b"[" * 500_000 + b"]" * 500_000
    yield "many elements", filled(b"[{}", b",{}", b"]")
    yield "many numbers", filled(b'{"a":[1', b",1", b"]}")
    yield "many keys", b"{" + b",".join(b'"%d":1' % number for number in range(80_000)) + b"}"
    yield "one key many times", filled(b'{"a":1', b',"a":1', b"}")
    yield "one long text", filled(b'{"id":"', b"a", b'"}')
    yield "a text of escapes", filled(b'{"id":"', b"\\u00e9", b'"}')
    yield "half pairs", filled(b'{"id":"', b"\\ud800", b'"}')
    yield "one long number", filled(b'{"id":', b"9", b"}")
    yield "a long exponent", filled(b'{"id":1e', b"9", b"}")
    yield "spaces", filled(b"", b" ")
    yield "zeros", b"\0" * MEGABYTE
    yield "compressed", gzip.compress(b"[" + b" " * 200 * MEGABYTE + b"]", compresslevel=9)


def swelling(provider: str) -> Iterator[tuple[str, bytes]]:
    """One element that means very many changes."""
    numbers = range(2, 60_000)
    if provider == "hubspot":
        losers = {"primaryObjectId": 1, "mergedObjectIds": [*numbers], "occurredAt": 1772463893000}
        yield "a merge of thousands", json.dumps([hubspot_event("deal.merge", **losers)]).encode()
    if provider == "salesforce_cdc":
        for fields in ({"Amount": 1}, {"Description": "x" * 400_000}):
            event = change_event(fields=fields, recordIds=[f"006{number:012}" for number in numbers[:15_000]])
            yield "a change of thousands", json.dumps(event).encode()
    if provider == "zoho":
        seed = json.loads(seeds_of(provider)[0][0])
        yield "thousands of ids", json.dumps(seed | {"ids": [str(number) for number in numbers]}).encode()
    if provider == "dataverse":
        (seed, _), *_ = seeds_of(provider)
        pairs = [{"key": f"a{number}", "value": {"Value": number}} for number in numbers[:15_000]]
        target = json.loads(seed)
        target["InputParameters"][0]["value"]["Attributes"] = pairs
        yield "thousands of attributes", json.dumps(target).encode()


def xml_bombs() -> Iterator[tuple[str, bytes]]:
    whole = envelope(notification(opportunity()))
    entities = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(12))
    yield "billion laughs", whole.replace(b"<soapenv:Env", f"<!DOCTYPE a [{entities}]><soapenv:Env".encode(), 1)
    yield "quadratic", filled(f'<!DOCTYPE a [<!ENTITY a "{"a" * 50_000}">]><a>'.encode(), b"&a;", b"</a>")
    yield "deep elements", filled(b"", b"<a>")
    yield "many elements", filled(b"<a>", b"<b/>", b"</a>")
    yield "many attributes", b"<a " + b" ".join(b'a%d=""' % number for number in range(90_000)) + b"/>"
    names = b"".join(b"<p:a%d/>" % number for number in range(40_000))
    yield "a long namespace", b'<a xmlns:p="' + b"u" * 400_000 + b'">' + names + b"</a>"
    yield "many prefixes", b"<a " + b" ".join(b'xmlns:p%d="u"' % number for number in range(40_000)) + b"/>"
    yield "comments", filled(b"", b"<!---->")
    yield "comments that never end", filled(b"", b"<!--")
    yield "instructions", filled(b"", b"<?a?>")
    yield "one long text", filled(b"<a>", b"a", b"</a>")
    yield "references", filled(b"<a>", b"&#65;", b"</a>")
    yield "many notifications", envelope(*[notification(opportunity())] * 990)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_bomb_costs_bounded_time_and_memory(provider: str) -> None:
    trial, source = Trial(provider), source_of(provider)
    headers = seeds_of(provider)[0][1]
    for name, body in [*bombs(), *xml_bombs(), *swelling(provider)]:
        request = AUTHENTICATED[provider](source, Request(dict(headers), body[:MEGABYTE]), NOW)
        took, peak = _cost(trial, request)
        assert took < MOST_SECONDS and peak < MOST_MEMORY, f"{name}: {took:.2f} s, {peak / 2**20:.0f} MiB"


def _cost(trial: Trial, request: Request) -> tuple[float, int]:
    started = time.process_time()
    asyncio.run(trial.answer(request))
    took = time.process_time() - started
    tracemalloc.start()
    try:
        answer = asyncio.run(trial.answer(request))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answer.status in {200, 202} or 400 <= answer.status < 500, answer
    return took, peak
