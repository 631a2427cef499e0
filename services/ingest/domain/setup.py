"""How a source's sender is set up, for people, and a request that shows whether it was: no number depends on it.

Texts name ``{url}`` and ``{secret}``, which whoever shows them puts in; a secret only where it was asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from msgspec import Struct

from services.ingest.domain.delivery import Delivery
from shared.domain.instants import SECOND_US, Micros
from shared.domain.sources import Source

BEARER = ("HTTP header Authorization", "Bearer {secret}")


class Guide(Struct, frozen=True, kw_only=True):
    """What to do at the sender.

    ``place``: where in the CRM; ``address``: what it posts to; ``paste``: what else goes into which field or header;
    ``subscribe``: which events; ``mind``: what costs events or trust when it is overlooked.
    """

    title: str
    place: str
    address: str = "{url}"
    paste: tuple[tuple[str, str], ...] = ()
    subscribe: tuple[str, ...] = ()
    mind: tuple[str, ...] = ()


class Setup(Struct, frozen=True, kw_only=True):
    """The guide, and a request of no meaning (an empty batch, or an object that no KPI reads).

    ``sample`` signs it as the sender would, with the source's first secret; None where only the sender can sign.
    """

    guide: Callable[[Source], Guide]
    sample: Callable[[Source, Micros], Delivery | None]


Headers: TypeAlias = Mapping[str, str]


def json_request(body: Any, headers: Headers | None = None, *, query: str = "") -> Delivery:  # noqa: ANN401 - any JSON
    """A POST of JSON."""
    return request(json.dumps(body).encode(), {"content-type": "application/json", **(headers or {})}, query=query)


def request(body: bytes, headers: Headers, *, query: str = "", path_token: str = "") -> Delivery:
    """A POST; header names in lower case."""
    sent = {name.encode(): value.encode() for name, value in headers.items()}
    return Delivery(method="POST", headers=sent, body=body, query=query, path_token=path_token)


def bearer(source: Source) -> dict[str, str]:
    """The header of a source whose secret is a token."""
    return {"authorization": f"Bearer {source.secrets[0]}"}


def empty_batch(source: Source, now: Micros) -> Delivery:  # noqa: ARG001 - a token has no age
    """No events at all, by a bearer token."""
    return json_request([], bearer(source))


def unix_seconds(now: Micros) -> str:
    """As most senders date a signature."""
    return str(now // SECOND_US)
