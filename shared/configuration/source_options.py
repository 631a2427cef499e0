"""What each provider's sources may set, and the form of their secrets: one entry a provider."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field

from shared.configuration.parsing import Strict
from shared.configuration.scalars import Duration

FIVE_MINUTES_US = 300_000_000
SHORTEST_KEY, LONGEST_KEY, PUBLIC_KEY = 24, 64, 32
"""Bytes of a Standard Webhooks secret and of an ed25519 public key, as the specification has them."""


class Provider(StrEnum):
    """Providers that ingest can receive from."""

    HUBSPOT = "hubspot"
    SALESFORCE_OUTBOUND_MESSAGE = "salesforce_outbound_message"
    SALESFORCE_CDC = "salesforce_cdc"
    PIPEDRIVE = "pipedrive"
    CLOSE = "close"
    ZOHO = "zoho"
    DATAVERSE = "dataverse"
    ZENDESK_SELL = "zendesk_sell"
    CLOUDEVENTS = "cloudevents"
    STANDARD_WEBHOOKS = "standard_webhooks"
    NATIVE = "native"


SIGNS_ITS_ADDRESS = frozenset({Provider.HUBSPOT})
"""Providers whose senders sign the URL that they post to: a source needs its ``public_url``."""

SALESFORCE = frozenset({Provider.SALESFORCE_OUTBOUND_MESSAGE, Provider.SALESFORCE_CDC})


SPOOLS_BY_DEFAULT = frozenset({Provider.PIPEDRIVE})
"""Providers whose senders punish a 503: ten of them ban the address for half an hour, whose events are lost."""


API_ADDRESSES: dict[Provider, str] = {
    Provider.HUBSPOT: "https://api.hubapi.com",
    Provider.PIPEDRIVE: "https://api.pipedrive.com",
}
"""Where the API is of providers that can be asked for a record (``enrich``)."""


def _texts(value: object) -> object:
    """A list of texts; YAML reads ids that are all digits as numbers."""
    if not isinstance(value, list) or not all(isinstance(item, (str, int)) and item != "" for item in value):
        raise ValueError("this is a list of texts. Write [one, another]")
    return tuple(str(item) for item in value)


Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]


class NoOptions(Strict):
    """Providers that have none."""


class HubspotOptions(Strict):
    """The older signatures cannot expire: each is allowed by itself."""

    allow_legacy_v1: bool = False
    allow_workflow_v2: bool = False
    tolerance: Duration = Field(FIVE_MINUTES_US)


class OutboundMessageOptions(Strict):
    """``organization_ids``: 15 or 18 characters, of the organisations that may send."""

    organization_ids: Texts = Field(min_length=1)


class CdcOptions(Strict):
    """``flow``: the sender is a Flow callout, which needs ``{}`` as its answer."""

    flow: bool = False


class PipedriveOptions(Strict):
    """``username`` of HTTP Basic; without one, any."""

    username: str | None = None


class CloseOptions(Strict):
    """How old a signature may be."""

    tolerance: Duration = Field(FIVE_MINUTES_US)


class ZohoOptions(Strict):
    """``channel_ids`` that may send; without any, all that know the token."""

    channel_ids: Texts = ()


class DataverseOptions(Strict):
    """``header`` that carries the key; without one it is ``?code=``."""

    header: str | None = Field(None, pattern="^[A-Za-z0-9-]+$")


class CloudEventsOptions(Strict):
    """``allowed_origins`` of the handshake; ``access_token_query``: whether the token may stand in the query."""

    allowed_origins: Texts = ()
    access_token_query: bool = True


class StandardWebhooksOptions(Strict):
    """``accept_svix_headers``: the same scheme under Svix's header names."""

    tolerance: Duration = Field(FIVE_MINUTES_US)
    accept_svix_headers: bool = False


OPTIONS: dict[Provider, type[Strict]] = {
    Provider.HUBSPOT: HubspotOptions,
    Provider.SALESFORCE_OUTBOUND_MESSAGE: OutboundMessageOptions,
    Provider.SALESFORCE_CDC: CdcOptions,
    Provider.PIPEDRIVE: PipedriveOptions,
    Provider.CLOSE: CloseOptions,
    Provider.ZOHO: ZohoOptions,
    Provider.DATAVERSE: DataverseOptions,
    Provider.ZENDESK_SELL: NoOptions,
    Provider.CLOUDEVENTS: CloudEventsOptions,
    Provider.STANDARD_WEBHOOKS: StandardWebhooksOptions,
    Provider.NATIVE: NoOptions,
}


def _hex_key(secret: str) -> str | None:
    try:
        usable = bool(bytes.fromhex(secret))
    except ValueError:
        usable = False
    return (
        None if usable else "Close's signature_key is an even number of hex digits. Copy it from the answer of its API"
    )


def _standard_key(secret: str) -> str | None:
    """A key of the wrong form is taken by some libraries, which then refuse every delivery."""
    prefix, _, encoded = secret.partition("_")
    try:
        size = len(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        return "what follows the prefix is no base64. Copy the secret whole, from `whsec_` or `whpk_` on"
    if prefix == "whsec":
        fits = SHORTEST_KEY <= size <= LONGEST_KEY
        return None if fits else f"a `whsec_` secret has {SHORTEST_KEY} to {LONGEST_KEY} bytes. Copy it whole"
    if prefix == "whpk":
        return None if size == PUBLIC_KEY else f"a `whpk_` key has {PUBLIC_KEY} bytes. Copy it whole"
    return "the secret begins with neither `whsec_` nor `whpk_`. Copy it whole"


SECRET_FORMS: dict[Provider, Callable[[str], str | None]] = {
    Provider.CLOSE: _hex_key,
    Provider.STANDARD_WEBHOOKS: _standard_key,
}
"""What is wrong with a secret that is there, or None; providers that are not named take any text."""
