"""Whatever is sent to any provider, correctly signed: an answer of the contract, and nothing stored that breaks."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.providers.registry import PROVIDERS
from tests.fuzz.seeds import OWN, seeds_of
from tests.fuzz.senders import AUTHENTICATED, Request, source_of
from tests.fuzz.trial import NOW, Trial

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(["", "0", "1", "2026-03-02T15:04:54Z", "2026-03-02", "true", "won", "deal"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
OF_JSON = [provider for provider in PROVIDERS if provider in OWN]


@cache
def trial(provider: str) -> Trial:
    return Trial(provider)


def send(provider: str, body: bytes, headers: dict[str, str]) -> int:
    request = AUTHENTICATED[provider](source_of(provider), Request(dict(headers), body), NOW)
    return asyncio.run(trial(provider).send(request)).status


@pytest.mark.parametrize("provider", PROVIDERS)
@given(body=st.binary(max_size=80))
@settings(max_examples=25, deadline=None)
def test_any_bytes_get_an_answer(provider: str, body: bytes) -> None:
    send(provider, body, seeds_of(provider)[0][1])


@pytest.mark.parametrize("provider", PROVIDERS)
@given(value=JSON)
@settings(max_examples=25, deadline=None)
def test_any_json_gets_an_answer(provider: str, value: Any) -> None:
    send(provider, json.dumps(value).encode(), seeds_of(provider)[0][1])


@pytest.mark.parametrize("provider", OF_JSON)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_anything_in_any_place_gets_an_answer(provider: str, data: st.DataObject) -> None:
    body, headers = data.draw(st.sampled_from(seeds_of(provider)[: len(OWN[provider])]))
    whole = [json.loads(body)]
    places = list(_places(whole))
    for container, key in data.draw(st.lists(st.sampled_from(places), min_size=1, max_size=3)):
        container[key] = data.draw(JSON)
    send(provider, json.dumps(whole[0]).encode(), headers)


def _places(container: Any) -> Any:
    for key in list(container) if isinstance(container, dict) else range(len(container)):
        yield container, key
        if isinstance(container[key], (dict, list)):
            yield from _places(container[key])
