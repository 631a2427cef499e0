"""An endless stream of mutated requests of one provider, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from services.ingest.providers.registry import PROVIDERS
from shared.domain.instants import Micros
from shared.domain.sources import Source
from tests.fuzz.mutations import mutated
from tests.fuzz.seeds import seeds_of
from tests.fuzz.senders import AUTHENTICATED, Request, source_of

ODD_VALUES = [
    *("", " ", "\u00e9", "a" * 5000, "gzip", "identity", "application/json; charset=utf-16", "text/xml; charset=utf-7"),
    *(
        "v1",
        "v1,",
        "v1,abc v1a,",
        "v1,\u00e9",
        "Bearer",
        "Bearer  ",
        "Basic",
        "Basic !!!",
        "Basic \u00e9",
        "1e400",
        "-1",
    ),
    *("9" * 400, "9" * 13, "\x01", "application/cloudevents-batch+json", "application/cloudevents+json", "%C0%A0"),
]
ODD_NAMES = [
    *(
        "content-type",
        "content-encoding",
        "authorization",
        "ce-id",
        "ce-time",
        "ce-type",
        "ce-source",
        "ce-specversion",
    ),
    *("ce-subject", "ce-datacontenttype", "user-agent", "x-ms-dynamics-msg-size-exceeded", "webhook-id"),
    *("webhook-signature", "webhook-timestamp", "x-hubspot-signature-version", "x-hubspot-signature", "close-sig-hash"),
    *("close-sig-timestamp", "x-hubspot-request-timestamp", "x-hubspot-signature-v3", "svix-id", "x-odd"),
]
ODD_QUERIES = ["", "code=", "code=%zz", "access_token=x", "a=%00", "%", "&&&===", "a=" + "b" * 2000, "code=a&code=b"]


def requests(provider: str, seed: int, now: Micros) -> Iterator[Request]:
    """Most of them pass authentication, for what lies behind it is what is to be tried."""
    rng, source = Random(f"{provider}:{seed}"), source_of(provider)
    seeds = seeds_of(provider)
    strangers = [body for name in PROVIDERS for body, _ in seeds_of(name)]
    while True:
        body, headers = rng.choice(seeds)
        others = strangers if rng.random() < 0.1 else [other for other, _ in seeds]
        request = Request(dict(headers), mutated(body, rng, others))
        yield _sent(source, request, rng, now)


def _sent(source: Source, request: Request, rng: Random, now: Micros) -> Request:
    if rng.random() < 0.1:
        request = request._replace(query=rng.choice(ODD_QUERIES))
    before = rng.random() < 0.5
    if before:
        request = _odd_headers(request, rng)
    request = AUTHENTICATED[source.provider](source, request, now)
    if not before and rng.random() < 0.3:
        request = _odd_headers(request, rng)
    if rng.random() < 0.03:
        request = request._replace(path_token=rng.choice(["x", "", "\u00e9", "a/b", "%2e%2e"]))
    return request


def _odd_headers(request: Request, rng: Random) -> Request:
    if rng.random() < 0.7:
        return request
    headers = dict(request.headers)
    for _ in range(rng.choice((1, 1, 3))):
        name = rng.choice([*ODD_NAMES, *headers])
        if rng.random() < 0.2:
            headers.pop(name, None)
        else:
            headers[name] = rng.choice(ODD_VALUES)
    return request._replace(headers=headers)
