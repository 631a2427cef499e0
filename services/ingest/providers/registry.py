"""The providers by the name that sources.yaml uses."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from services.ingest.providers import (
    close,
    cloudevents,
    dataverse,
    hubspot,
    native,
    pipedrive,
    salesforce_cdc,
    salesforce_outbound_message,
    standard_webhooks,
    zendesk_sell,
    zoho,
)
from services.ingest.providers.provider import Provider

PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        provider.name: provider
        for provider in (
            native.PROVIDER,
            hubspot.PROVIDER,
            salesforce_outbound_message.PROVIDER,
            salesforce_cdc.PROVIDER,
            pipedrive.PROVIDER,
            close.PROVIDER,
            dataverse.PROVIDER,
            zoho.PROVIDER,
            zendesk_sell.PROVIDER,
            cloudevents.PROVIDER,
            standard_webhooks.PROVIDER,
        )
    }
)
