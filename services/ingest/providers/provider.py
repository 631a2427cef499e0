"""What a CRM's file in this package offers: the same named steps, each a pure function.

A provider knows neither HTTP server nor Kafka. Who adds a CRM writes one file with ``authenticate``, ``parse``,
``translate`` and, where its sender wants one, an ``answer`` of its own (and ``reread`` where elements are no JSON),
and names it in the registry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec
from msgspec import Struct

from services.ingest.domain.delivery import Answer, Context, Delivery, Element, Outcome, Receipt
from services.ingest.domain.enrichment import RecordApi
from services.ingest.domain.refusals import RefusalReason, Refused
from services.ingest.domain.setup import Setup
from services.ingest.domain.strict_json import split
from shared.domain.instants import Micros
from shared.domain.sources import Source

Authenticate: TypeAlias = Callable[[Delivery, Source, Micros], Micros | None]
"""Over the raw bytes; returns when the sender signed it by its own clock, None where nothing says so. Raises: Refused.
Who finds the secret inside the body reads the body here.
"""
Handshake: TypeAlias = Callable[[Delivery, Source], Answer]
"""What a sender asks by OPTIONS before it sends. Raises: Refused."""
Parse: TypeAlias = Callable[[Delivery, Source], list[Element]]
"""Raises: Refused when the body as a whole cannot be read, is too large a batch or of a wrong media type."""
Translate: TypeAlias = Callable[[list[Element], Context], list[Outcome]]
"""One outcome an element, in order; two where a part of it can be used: what it means, and the element as rejected for
the rest. Raises: Refused where the provider's rule is all or nothing.
"""
Shape: TypeAlias = Callable[[Receipt, Delivery, Source], Answer]
"""What the sender of a stored delivery is told."""
Reread: TypeAlias = Callable[[bytes], Element]
"""The element of the bytes that quarantine kept of it. Raises: Refused when they are none."""

Pause: TypeAlias = Callable[[Mapping[bytes, bytes], int], int]
"""Seconds to wait, from the headers of a request that is answered with 429: what its sender has to read for that."""

_encode = msgspec.json.Encoder().encode


def in_seconds(headers: Mapping[bytes, bytes], seconds: int) -> int:  # noqa: ARG001 - the same for all
    """As HTTP has it."""
    return seconds


def json_receipt(receipt: Receipt, delivery: Delivery, source: Source) -> Answer:  # noqa: ARG001 - the same for all
    """202 with the receipt: stored, processed later."""
    return Answer(202, b"application/json", _encode(receipt))


def json_element(raw: bytes) -> Element:
    """One element of a JSON body, whatever it is: as it stood in its array. Raises: Refused."""
    elements = split(b"[" + raw + b"]", max_batch=1)
    if not elements:
        raise Refused(RefusalReason.MALFORMED_BODY, "nothing was kept of it")
    return elements[0]


class Provider(Struct, frozen=True, kw_only=True):
    """One CRM's way to send.

    ``challenge`` goes into WWW-Authenticate of a 401; ``path_token`` says whether a path behind the source's id
    belongs to the address; ``retry_after`` is for senders that count otherwise than HTTP; ``handshake`` None refuses
    OPTIONS like any other method; ``api`` is how the CRM is asked for a record that its events leave things out of;
    ``setup`` is for people and for ``pacer sources``.
    """

    name: str
    authenticate: Authenticate
    parse: Parse
    translate: Translate
    answer: Shape = json_receipt
    reread: Reread = json_element
    challenge: str = "Signature"
    retry_after: Pause = in_seconds
    path_token: bool = False
    handshake: Handshake | None = None
    api: RecordApi | None = None
    setup: Setup
