"""What makes a CloudEvent one: its attributes, in JSON and in HTTP headers (CloudEvents 1.0, facts section 8).

Here a binary event becomes what it would have been as structured JSON, so that there is one form to check and to keep.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import NoReturn
from urllib.parse import unquote_to_bytes

from services.ingest.domain.json_values import Json, JsonObject, Number
from shared.domain import instants

PREFIX = b"ce-"
"""Of the headers that carry attributes; behind it stands the attribute's name."""
_REQUIRED = ("id", "source", "type")
_TEXTS = frozenset({"id", "source", "type", "subject", "time", "datacontenttype", "dataschema"})
"""Attributes that are texts and, where they are present, not empty."""
_DATA = frozenset({"data", "data_base64"})
_NAME = re.compile(r"[a-z0-9]+", re.ASCII)
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
"""What the specification's String must not contain, within the basic plane."""
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_INT32 = range(-(2**31), 2**31)


class EnvelopeProblem(StrEnum):
    """Why something is no CloudEvent."""

    NOT_AN_OBJECT = "not_an_object"
    NESTED_TOO_DEEPLY = "nested_too_deeply"
    INVALID_TEXT = "invalid_text"
    MISSING_ATTRIBUTE = "missing_attribute"
    INVALID_ATTRIBUTE = "invalid_attribute"
    UNSUPPORTED_SPECVERSION = "unsupported_specversion"
    INVALID_TIME = "invalid_time"
    INVALID_DATA = "invalid_data"


class NoCloudEvent(Exception):
    """The envelope breaks the specification."""

    def __init__(self, problem: EnvelopeProblem, detail: str) -> None:
        super().__init__(detail)
        self.problem = problem
        self.detail = detail


def present(event: JsonObject) -> JsonObject:
    """The event without its null attributes, which are as good as absent; null data is a value of data."""
    return {name: value for name, value in event.items() if value is not None}


def check(event: JsonObject) -> None:
    """An event without null attributes. Raises: NoCloudEvent when the specification does not allow it."""
    version = event.get("specversion")
    if version is None:
        _refuse(EnvelopeProblem.MISSING_ATTRIBUTE, "specversion is required")
    if version != "1.0" or isinstance(version, Number):
        _refuse(EnvelopeProblem.UNSUPPORTED_SPECVERSION, 'specversion is the text "1.0"')
    for name in _REQUIRED:
        if name not in event:
            _refuse(EnvelopeProblem.MISSING_ATTRIBUTE, f"{name} is required")
    for name, value in event.items():
        if name not in _DATA:
            _check_attribute(name, value)
    _check_time(event.get("time"))
    _check_data(event)


def _check_attribute(name: str, value: Json) -> None:
    if _NAME.fullmatch(name) is None:
        _refuse(EnvelopeProblem.INVALID_ATTRIBUTE, f"{name[:40]!r}: names consist of lower-case letters and digits")
    if isinstance(value, (dict, list)):
        _refuse(EnvelopeProblem.INVALID_ATTRIBUTE, f"{name[:40]} is one value")
    if isinstance(value, Number):
        fits = value.is_integer and len(value) < 12 and int(value) in _INT32
        if not fits or name in _TEXTS:
            _refuse(EnvelopeProblem.INVALID_ATTRIBUTE, f"{name[:40]} is a text, or of an extension a 32-bit integer")
        return
    if name in _TEXTS and (not isinstance(value, str) or not value):
        _refuse(EnvelopeProblem.INVALID_ATTRIBUTE, f"{name} is a text that is not empty")
    if isinstance(value, str) and _UNFIT.search(value):
        _refuse(EnvelopeProblem.INVALID_ATTRIBUTE, f"{name[:40]} contains control characters")


def _check_time(value: Json) -> None:
    if not isinstance(value, str):
        return
    try:
        instants.to_datetime(instants.parse(value))
    except (ValueError, OverflowError) as error:
        _refuse(EnvelopeProblem.INVALID_TIME, f"time: {error}")


def _check_data(event: JsonObject) -> None:
    encoded = event.get("data_base64")
    if encoded is None:
        return
    if "data" in event:
        _refuse(EnvelopeProblem.INVALID_DATA, "data and data_base64 exclude each other")
    decoded(encoded)


def decoded(encoded: Json) -> bytes:
    """The bytes of ``data_base64``. Raises: NoCloudEvent."""
    if not isinstance(encoded, str) or isinstance(encoded, Number):
        _refuse(EnvelopeProblem.INVALID_DATA, "data_base64 is a text in base64")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        _refuse(EnvelopeProblem.INVALID_DATA, "data_base64 is no base64")


def attributes_of(headers: Mapping[bytes, bytes]) -> JsonObject:
    """The attributes that headers carry. Raises: NoCloudEvent."""
    names = {name: name[len(PREFIX) :].decode("latin-1") for name in headers if name.startswith(PREFIX)}
    if b"ce-datacontenttype" in names:
        _refuse(EnvelopeProblem.INVALID_ATTRIBUTE, "ce-datacontenttype must not appear: Content-Type says it")
    reserved = _DATA & set(names.values())
    if reserved:
        _refuse(EnvelopeProblem.INVALID_ATTRIBUTE, f"ce-{min(reserved)} must not appear: the body is the data")
    return {name: header_text(headers[header], name) for header, name in names.items()}


def header_text(value: bytes, name: str) -> str:
    """A header's text: double quotes and their escapes taken away, then one round of percent-decoding.

    Raises: NoCloudEvent where that is no UTF-8.
    """
    value = value.strip(b" \t")
    if len(value) > 1 and value[:1] == value[-1:] == b'"':
        value = _ESCAPED.sub(rb"\1", value[1:-1])
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        _refuse(EnvelopeProblem.INVALID_ATTRIBUTE, f"ce-{name[:40]} is no UTF-8 once percent-decoded")


def _refuse(problem: EnvelopeProblem, detail: str) -> NoReturn:
    raise NoCloudEvent(problem, detail)
