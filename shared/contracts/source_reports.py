"""source.health: hours of sources as their ingest processes tell them. JSON, for people with kcat."""

from __future__ import annotations

import msgspec

from shared.domain.source_hours import SourceHour

encode_source_hour = msgspec.json.Encoder().encode
decode_source_hour = msgspec.json.Decoder(SourceHour).decode
