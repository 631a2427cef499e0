"""crm.enrichments: JSON, for people with kcat. Written and read by ingest alone."""

from __future__ import annotations

import msgspec

from services.ingest.domain.enrichment import Ask

encode_ask = msgspec.json.Encoder().encode
decode_ask = msgspec.json.Decoder(Ask).decode
