"""Bodies and their ETags: exact numbers as JSON numbers, and a tag that ignores what only says when one asked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import Request, Response

from shared.domain.instants import Micros, text

encode = msgspec.json.Encoder(decimal_format="number").encode
PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
"""Kept by the reader alone, and asked about each time: a 304 is cheap."""


def enveloped(request: Request, content: Mapping[str, Any], *, as_of: Micros, watermark: Micros | None) -> Response:
    """``content`` with when it was asked and how far the data were; these two leave the ETag alone."""
    stable = encode(content)
    volatile = encode({"as_of": text(as_of), "watermark": None if watermark is None else text(watermark)})
    return tagged(request, stable, volatile[:-1] + b"," + stable[1:])


def plain(request: Request, content: object) -> Response:
    """An answer whose ETag covers all of it."""
    body = encode(content)
    return tagged(request, body, body)


def tagged(request: Request, stable: bytes, body: bytes) -> Response:
    """200 with the ETag of ``stable``, or 304 where the reader has it."""
    tag = f'W/"{hashlib.blake2b(stable, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, **PRIVATE}
    if matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def matches(if_none_match: str | None, tag: str) -> bool:
    """Weak comparison with every tag that the reader names (RFC 9110, 13.1.2)."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return tag.removeprefix("W/") in {part.strip().removeprefix("W/") for part in if_none_match.split(",")}
