"""Sends a source's sample to the running ingest, and says what its answer means for the sender."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from enum import StrEnum
from urllib.parse import quote

import httpx
import msgspec
from msgspec import Struct

from services.ingest.domain.delivery import Delivery
from services.ingest.providers.provider import Provider
from shared.domain.clock import Clock
from shared.domain.instants import SECOND_US, Micros, from_datetime
from shared.domain.sources import Source

_REMEDIES = {
    "unknown_source": "the running process has no such source, or another path token: does it run this configuration?",
    "unknown_organisation": "the running process expects another organisation: compare options.organization_ids",
    "missing_credentials": "the process looks for the credentials elsewhere: compare the source's options",
    "wrong_credentials": "the process has another secret than this environment: compare both",
    "bad_signature": "the process has another secret, or another public_url, than this configuration and environment",
    "stale_timestamp": "the clocks differ: this machine's is behind",
    "future_timestamp": "the clocks differ: this machine's is ahead",
    "signature_version_not_allowed": "the process runs another configuration: it does not take this signature",
    "unsupported_media_type": "something between changes Content-Type or compresses bodies",
    "malformed_body": "something between changes the body",
    "body_too_large": "the source's max_body is smaller than an empty batch",
    "rate_limited": "the source is over its limit of requests: try again later, or raise limits",
    "too_many_at_once": "the source has too many deliveries in progress: try again later",
    "overloaded": "ingest has too many bodies in progress: try again later",
    "kafka_unavailable": "the source is set up rightly, and Kafka is away",
    "unexpected": "a bug in ingest: its log says more",
}
_ACK = b"<Ack>true</Ack>"


class Outcome(StrEnum):
    """How a test ended."""

    RIGHT = "right"
    WRONG = "wrong"
    UNTESTED = "untested"


class Verdict(Struct, frozen=True):
    """What a test came to."""

    outcome: Outcome
    text: str


async def probe(
    http: httpx.AsyncClient, source: Source, provider: Provider, *, base: str | None, clock: Clock
) -> list[Verdict]:
    """One verdict a secret. base: the ingest's address; None: through the source's public address."""
    if base is None and not source.public_url:
        return [Verdict(Outcome.WRONG, "the source has no public_url to test through")]
    verdicts = []
    for index, secret in enumerate(source.secrets, start=1):
        name = f"secret {index} of {len(source.secrets)}: " if len(source.secrets) > 1 else ""
        alone = msgspec.structs.replace(source, secrets=(secret,))
        sample = provider.setup.sample(alone, clock.now())
        if sample is None:
            verdicts.append(Verdict(Outcome.UNTESTED, f"{name}not tested: with a public key only the sender can sign"))
            continue
        found = await _send(http, address(source, sample, base), sample, clock)
        verdicts.append(Verdict(found.outcome, name + found.text))
    return verdicts


def address(source: Source, sample: Delivery, base: str | None) -> str:
    """Where a sample goes."""
    path = f"{base}/v1/webhooks/{quote(source.id)}" if base is not None else source.public_url
    token = f"/{quote(sample.path_token, safe='')}" if sample.path_token else ""
    return path + token + (f"?{sample.query}" if sample.query else "")


async def _send(http: httpx.AsyncClient, url: str, sample: Delivery, clock: Clock) -> Verdict:
    try:
        answer = await http.request(sample.method, url, content=sample.body, headers=list(sample.headers.items()))
    except httpx.TimeoutException:
        return Verdict(Outcome.WRONG, "unreachable: no answer in time")
    except (httpx.TransportError, httpx.InvalidURL) as error:
        return Verdict(
            Outcome.WRONG, f"unreachable: {type(error).__name__}. Is ingest running, and is its address right?"
        )
    return judge(answer, now=clock.now())


def judge(answer: httpx.Response, *, now: Micros) -> Verdict:
    """What an answer to a sample says of the source."""
    status = answer.status_code
    if answer.is_redirect:
        return Verdict(
            Outcome.WRONG, f"{status}: something in front of ingest redirects, which senders take for a failure"
        )
    if answer.is_success:
        return _success(answer)
    reason = _problem(answer)
    if not reason:
        return Verdict(Outcome.WRONG, f"{status}, and not from ingest: something else answers at this address")
    skew = _skew(answer, now) if reason in {"stale_timestamp", "future_timestamp"} else ""
    return Verdict(Outcome.WRONG, f"{status} {reason}: {_REMEDIES.get(reason, 'see docs/runbook.md')}{skew}")


def _success(answer: httpx.Response) -> Verdict:
    """Nothing may have been made of a sample: that would be a fault of ours."""
    receipt = _json(answer)
    if receipt is None:
        if _ACK not in answer.content:
            return Verdict(Outcome.WRONG, f"{answer.status_code}, and not from ingest: something else answers there")
        return Verdict(Outcome.RIGHT, f"ok ({answer.status_code})")
    if receipt.get("accepted") or receipt.get("quarantined"):
        return Verdict(Outcome.WRONG, f"{answer.status_code}, and the request was not harmless: {receipt}")
    return Verdict(Outcome.RIGHT, f"ok ({answer.status_code})")


def _json(answer: httpx.Response) -> dict[str, object] | None:
    try:
        found = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, dict) else None


def _problem(answer: httpx.Response) -> str:
    """The reason of ingest's problem document, or nothing."""
    reason = (_json(answer) or {}).get("reason")
    return reason if isinstance(reason, str) else ""


def _skew(answer: httpx.Response, now: Micros) -> str:
    """By how much, where the answer is dated."""
    try:
        theirs = from_datetime(parsedate_to_datetime(answer.headers["date"]))
    except (KeyError, ValueError):
        return ""
    seconds = (now - theirs) // SECOND_US
    return f", by {abs(seconds)} s"
