"""A body with its texts replaced, everything else as it was sent: JSON, or the XML of outbound messages."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, unescape

from cli.capture.pseudonyms import VALUE_OF, Pseudonyms
from services.ingest.domain.delivery import Delivery
from services.ingest.domain.json_values import Json, JsonObject, Number, as_bytes
from services.ingest.domain.refusals import Refused
from services.ingest.domain.strict_json import split

DEEPEST = 50
_NAMED_BY = {"propertyName": "propertyValue", "key": "value"}
"""Members that name the field whose value another member holds: HubSpot's and Dataverse's way."""
_MOST_ELEMENTS = 10_000
_LEAF = re.compile(r"<([\w:.\-]+)((?:\s[^<>]*)?)>([^<>]*)</\1\s*>")
_TAG = re.compile(r"<[^<>]*>")
_ATTRIBUTE = re.compile(r"""\s+(?:xmlns(?::[\w.\-]+)?|xsi:type|xsi:nil)\s*=\s*(?:"[^"<>]*"|'[^'<>]*')""")
_ENTITIES = {"&quot;": '"', "&apos;": "'"}


class Uncapturable(Exception):
    """A delivery that is left out, and why."""


def replaced_body(delivery: Delivery, names: Pseudonyms) -> bytes:
    """The body, pseudonyms in it. Raises: Uncapturable where it cannot be told what is in it."""
    if delivery.body.lstrip().startswith(b"<"):
        return _xml(delivery.body, names)
    try:
        elements = split(delivery.body, max_batch=_MOST_ELEMENTS)
    except Refused:
        raise Uncapturable("the body is neither JSON nor XML") from None
    values = [replaced(element.value, "", names) for element in elements]
    is_list = delivery.body.lstrip().startswith(b"[")
    written = as_bytes(values if is_list else values[0])
    return written.replace(b"/", b"\\/") if b"\\/" in delivery.body else written


def replaced(value: Json, key: str, names: Pseudonyms, *, depth: int = 0) -> Json:
    """A value that stands under a key. Raises: Uncapturable when it is nested too deeply."""
    if depth > DEEPEST:
        raise Uncapturable("the body is nested too deeply")
    if isinstance(value, Number):
        return Number(names.number(value, key))
    if isinstance(value, str):
        return names.text(value, key)
    if isinstance(value, list):
        return [replaced(item, key, names, depth=depth + 1) for item in value]
    if isinstance(value, dict):
        keys = {name: _key_of(name, value, key) for name in value}
        return {names.name(n): replaced(item, keys[n], names, depth=depth + 1) for n, item in value.items()}
    return value


def _key_of(name: str, siblings: JsonObject, key: str) -> str:
    """The field that a member is the value of: itself, unless a sibling or what it stands in names it."""
    for naming, valued in _NAMED_BY.items():
        named = siblings.get(naming)
        if name == valued and isinstance(named, str):
            return named
    return f"{key}{VALUE_OF}" if name.lower() == "value" and key else name


def _xml(body: bytes, names: Pseudonyms) -> bytes:
    """Element by element. What could hide a text from us is not captured at all."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Uncapturable("the XML is not UTF-8") from None
    head, mark, rest = text.partition("?>") if text.lstrip().startswith("<?xml") else ("", "", text)
    if "<!" in rest or "<?" in rest:
        raise Uncapturable("the XML has more than elements and texts")
    _check_texts(rest)
    return (head + mark + _LEAF.sub(lambda leaf: _leaf(leaf, names), rest)).encode()


def _check_texts(text: str) -> None:
    """Raises: Uncapturable for texts beside elements, and for attributes that are no names of types."""
    if _TAG.sub("", _LEAF.sub("", text)).strip():
        raise Uncapturable("the XML has texts beside its elements")
    for tag in _TAG.findall(text):
        attributes = re.sub(r"^</?[\w:.\-]+|/?>$", "", tag)
        if _ATTRIBUTE.sub("", f" {attributes.strip()}").strip():
            raise Uncapturable("the XML has attributes that we do not know")


def _leaf(leaf: re.Match[str], names: Pseudonyms) -> str:
    tag, attributes, text = leaf.groups()
    shown = escape(names.text(unescape(text, _ENTITIES), tag.rpartition(":")[2]))
    return f"<{tag}{attributes}>{shown}</{tag}>"
