"""A captured delivery as a test case: what is sent, and what it has to come to.

A case is made only of a delivery that, with its personal data replaced and its secret exchanged, comes to the same as
before: the same event types, times, amounts and refusals.
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlsplit

from msgspec import UNSET, Struct, structs

from cli.capture.bodies import Uncapturable, replaced_body
from cli.capture.pseudonyms import Pseudonyms
from cli.capture.signing import Signed, signed
from services.ingest.domain.delivery import Accepted, Context, Delivery, Ignored, Outcome, Rejected
from services.ingest.domain.refusals import Refused
from services.ingest.providers.provider import Provider
from shared.domain import instants
from shared.domain.changes import RecordChange
from shared.domain.instants import SECOND_US, Micros
from shared.domain.sources import Source

CRMS = {"salesforce_cdc": "salesforce_cdc_relay", "zendesk_sell": "zendesk_sell_relay"}
"""How cases call providers that are relayed."""
_SAME = ("amount", "currency", "direction", "duration_seconds", "status")
"""Fields that no pseudonym may change."""


class Taken(Struct, frozen=True):
    """A delivery that ingest took, when, and with which status it answered."""

    delivery: Delivery
    status: int
    at: Micros


def case_of(taken: Taken, source: Source, provider: Provider, names: Pseudonyms, *, number: int) -> dict[str, Any]:
    """The test case. Raises: Uncapturable."""
    now_s = taken.at // SECOND_US
    body = replaced_body(taken.delivery, names)
    headers = _event_headers(taken.delivery, names)
    shown = structs.replace(taken.delivery, headers={**taken.delivery.headers, **headers})
    request = signed(shown, body, source, now_s=now_s)
    request.headers |= {name.decode(): value.decode("latin-1") for name, value in headers.items()}
    before = _outcomes(taken.delivery, source, provider, now_s * SECOND_US)
    after = _replayed(request, taken.delivery.method, source, provider, now_s * SECOND_US)
    if _comparable(before) != _comparable(after):
        raise Uncapturable("without its personal data it would mean something else")
    return _written(taken, request, source, number=number, meaning=[_told(outcome) for outcome in after])


def _event_headers(delivery: Delivery, names: Pseudonyms) -> dict[bytes, bytes]:
    """A binary CloudEvent's attributes, and the id of a Standard Webhook: part of what is said."""
    shown: dict[bytes, bytes] = {}
    for name, value in delivery.headers.items():
        if name.startswith(b"ce-") or name in {b"webhook-id", b"svix-id"}:
            key = "id" if name.endswith(b"id") else name.removeprefix(b"ce-").decode("latin-1")
            text = names.text(value.decode("latin-1"), key)
            shown[name] = text.encode("ascii", errors="replace")
    return shown


def _outcomes(delivery: Delivery, source: Source, provider: Provider, now: Micros) -> list[Outcome]:
    context = Context(source, "captured", now)
    try:
        return provider.translate(provider.parse(delivery, source), context)
    except Refused as refused:
        raise Uncapturable(f"as we read it, it is refused: {refused.why}") from None


def _replayed(request: Signed, method: str, source: Source, provider: Provider, now: Micros) -> list[Outcome]:
    """What the request comes to at a source with the test's secret, which has to let it in."""
    address = urlsplit(request.url)
    token = address.path.rpartition("/")[2] if provider.path_token else ""
    test_source = structs.replace(
        source,
        secrets=request.secrets,
        public_url=request.url.partition("?")[0].removesuffix(f"/{token}" if token else ""),
        options=request.options,
    )
    delivery = Delivery(
        method=method,
        headers={name.encode(): value.encode("latin-1") for name, value in request.headers.items()},
        body=request.body,
        query=address.query,
        path_token=token,
    )
    try:
        provider.authenticate(delivery, test_source, now)
    except Refused as refused:
        raise Uncapturable(f"with the test's secret it is refused: {refused.why}") from None
    return _outcomes(delivery, test_source, provider, now)


def _comparable(outcomes: list[Outcome]) -> list[Any]:
    """What has to be the same before and after."""
    return [_comparable_change(change) for outcome in outcomes for change in _changes(outcome)] + [
        outcome.reason if isinstance(outcome, Rejected) else type(outcome).__name__ for outcome in outcomes
    ]


def _changes(outcome: Outcome) -> tuple[RecordChange, ...]:
    return outcome.changes if isinstance(outcome, Accepted) else ()


def _comparable_change(change: RecordChange) -> Any:  # noqa: ANN401 - compared, not read
    same = {name: change.fields.get(name) for name in _SAME}
    owned = change.owner if change.owner is None or change.owner is UNSET else "somebody"
    return change.type, change.occurred_at, dict(change.times), sorted(change.fields), same, owned, change.missing


def _told(outcome: Outcome) -> dict[str, Any]:
    """What an element means, as the test compares it."""
    if isinstance(outcome, Rejected):
        return {"rejected": str(outcome.reason)}
    if isinstance(outcome, Ignored):
        return {"ignored": outcome.what}
    return {"changes": [told_change(change) for change in outcome.changes]}


def told_change(change: RecordChange) -> dict[str, Any]:
    """A record change in JSON: what was said, not whose source said it, nor when it reached us."""
    owner = {} if change.owner is UNSET else {"owner": change.owner}
    return owner | {
        "type": change.type,
        "record": change.record,
        "event": change.event,
        "occurred_at": instants.text(change.occurred_at),
        "fields": change.fields,
        "times": {verb: instants.text(at) for verb, at in change.times.items()},
        "missing": list(change.missing),
    }


def _written(
    taken: Taken, request: Signed, source: Source, *, number: int, meaning: list[dict[str, Any]]
) -> dict[str, Any]:
    try:
        body, encoding = request.body.decode(), "utf-8"
    except UnicodeDecodeError:
        body, encoding = base64.b64encode(request.body).decode(), "base64"
    stages = {name: sorted(getattr(source, name)) for name in ("won_stages", "lost_stages") if getattr(source, name)}
    return {
        "crm": CRMS.get(source.provider, source.provider),
        "name": f"captured_{number:03}",
        "method": taken.delivery.method,
        "url": request.url,
        "headers": request.headers,
        "body": body,
        "body_encoding": encoding,
        "secret": request.secret,
        "now": taken.at // SECOND_US,
        "provenance": "captured, personal data replaced",
        "config": request.config | stages,
        "expect": {
            "status_class": f"{taken.status // 100}xx",
            "status_hint": taken.status,
            "auth": "valid",
            "normalized_hint": {"meaning": meaning},
        },
    }
