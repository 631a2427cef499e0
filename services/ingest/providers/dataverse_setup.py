"""How Microsoft Dataverse and Dynamics 365 are set up."""

from __future__ import annotations

from urllib.parse import quote

from services.ingest.domain.delivery import Delivery
from services.ingest.domain.setup import Guide, Setup, json_request
from shared.domain.instants import Micros
from shared.domain.sources import Source


def _header(source: Source) -> str | None:
    header = source.options.get("header")
    return header if isinstance(header, str) else None


def guide(source: Source) -> Guide:
    """For people."""
    header = _header(source)
    if header is None:
        authentication = (("Authentication", "WebhookKey"), ("Value", "{secret}"))
    else:
        authentication = (("Authentication", "HttpHeader"), (f"Key {header}, Value", "{secret}"))
    return Guide(
        title="Microsoft Dataverse, Dynamics 365",
        place="the Plug-in Registration Tool, Register New Web Hook, then a step for each message",
        address="{url}" if header else "{url}?code={secret}",
        paste=(("Endpoint URL", "{url}"), *authentication),
        subscribe=(
            "opportunity: Create, Update, Delete, Assign, Win, Lose, Merge",
            "phonecall, appointment, task, email, lead, quote: Create, Update, Delete",
        ),
        mind=(
            "Execution Mode Asynchronous: a synchronous step undoes the user's work when we answer anything but 2xx",
            "a failure is tried again once, and only after 502, 503 or 504",
            "prefer HttpHeader (options.header): an address with its key ends in logs",
            "a message over 256 KB comes without its values and waits in quarantine",
        ),
    )


def sample(source: Source, now: Micros) -> Delivery:  # noqa: ARG001 - a key has no age
    """A contact, which no KPI reads."""
    body = {
        "MessageName": "Update",
        "PrimaryEntityName": "contact",
        "PrimaryEntityId": "00000000-0000-0000-0000-000000000000",
    }
    header = _header(source)
    if header is None:
        return json_request(body, query=f"code={quote(source.secrets[0], safe='')}")
    return json_request(body, {header.lower(): source.secrets[0]})


SETUP = Setup(guide=guide, sample=sample)
