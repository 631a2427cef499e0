"""JSON as we take it: strict, numbers as the text that was sent, and every element's own bytes kept.

Standard decoders lose what matters here: 1200.50 becomes a float, NaN passes, a lone surrogate passes and breaks the
producer later, nesting ends in RecursionError, and the raw text of one element is gone.
"""

from __future__ import annotations

import json
import re
from typing import NoReturn

from services.ingest.domain.delivery import Element, Rejected, RejectReason
from services.ingest.domain.json_values import JsonObject, Number
from services.ingest.domain.refusals import RefusalReason, Refused
from shared.domain.sources import Limits

MAX_DEPTH = Limits().max_depth
"""Levels of nesting in one element where its source says nothing else; CRMs send three."""
_SPACE = re.compile(r"[ \t\r\n]*")
_BLANK = b" \t\r\n"
_OPENING = frozenset("{[")


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_scan = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=_constant).raw_decode


def split(body: bytes, *, max_batch: int) -> list[Element]:
    """The elements of a body that is one object or an array; what they contain is looked at one by one.

    Raises: Refused when the body is no JSON, neither object nor array, or has more than ``max_batch`` elements.
    """
    try:
        return _scan_body(body, max_batch=max_batch)
    except RecursionError:
        raise Refused(RefusalReason.MALFORMED_BODY, "the body is nested too deeply") from None
    except ValueError as error:
        raise Refused(RefusalReason.MALFORMED_BODY, f"the body is no JSON: {error}") from None


def one_object(body: bytes) -> list[Element]:
    """The one element of a body that is one object. Raises: Refused when the body is anything else."""
    if not body.lstrip(_BLANK).startswith(b"{"):
        raise Refused(RefusalReason.MALFORMED_BODY, "the body is not one JSON object")
    return split(body, max_batch=1)


def _scan_body(body: bytes, *, max_batch: int) -> list[Element]:
    text = body.decode()
    start = _after_space(text, 0)
    opening = text[start : start + 1]
    if opening == "{":
        value, end = _scan(text, start)
        elements = [Element(0, body, value)]
    elif opening == "[":
        elements, end = _scan_array(text, start + 1, max_batch=max_batch)
    else:
        raise Refused(RefusalReason.MALFORMED_BODY, "the body is neither a JSON object nor an array")
    if _after_space(text, end) != len(text):
        raise ValueError(f"something follows at character {end}")
    return elements


def _scan_array(text: str, position: int, *, max_batch: int) -> tuple[list[Element], int]:
    """The elements from behind the opening bracket, and the position behind the closing one. Raises: ValueError."""
    elements: list[Element] = []
    position = _after_space(text, position)
    if text[position : position + 1] == "]":
        return elements, position + 1
    while True:
        if len(elements) == max_batch:
            raise Refused(RefusalReason.TOO_MANY_ELEMENTS, f"this source takes {max_batch} elements at once")
        value, end = _scan(text, position)
        elements.append(Element(len(elements), text[position:end].encode(), value))
        end = _after_space(text, end)
        separator = text[end : end + 1]
        if separator == "]":
            return elements, end + 1
        if separator != ",":
            raise ValueError(f"a comma is missing at character {end}")
        position = _after_space(text, end + 1)


def _after_space(text: str, position: int) -> int:
    if text[position : position + 1] > " ":  # nearly always: senders write no space
        return position
    match = _SPACE.match(text, position)
    return match.end() if match else position


def parse_object(element: Element, *, max_depth: int = MAX_DEPTH) -> JsonObject | Rejected:
    """The element's object, or why it cannot be used; ``max_depth`` is its source's limit."""
    value, raw = element.value, element.raw
    if not isinstance(value, dict):
        return Rejected(element, RejectReason.NOT_AN_OBJECT)
    if raw.count(b"{") + raw.count(b"[") > max_depth and _too_deep(raw.decode(), max_depth):
        return Rejected(element, RejectReason.NESTED_TOO_DEEPLY, f"more than {max_depth} levels")
    if b"\\u" in raw and _has_half_pair(value):
        return Rejected(element, RejectReason.INVALID_TEXT, "half of a surrogate pair is no character")
    return value


def _has_half_pair(value: JsonObject) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _too_deep(text: str, max_depth: int) -> bool:
    depth = 0
    in_string = escaped = False
    for character in text:
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in _OPENING:
            depth += 1
            if depth > max_depth:
                return True
        elif character in "}]":
            depth -= 1
    return False
