"""Outbound messages as XML: read strictly, without a document type, and written again for quarantine.

The parser is expat without namespace processing, so that a long namespace is kept once and not in every name.
"""

from __future__ import annotations

import codecs
import io
import re
from html import escape
from typing import NoReturn
from xml.sax import SAXException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, InputSource

from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser
from msgspec import Struct

from services.ingest.domain.delivery import Delivery
from services.ingest.domain.refusals import RefusalReason, Refused

XSI = "http://www.w3.org/2001/XMLSchema-instance"
_CHARSETS = {"utf-8", "ascii", "iso8859-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be"}
"""Names as ``codecs`` has them."""
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CHARSET = re.compile(rb";\s*charset\s*=\s*\"?([A-Za-z0-9_.:-]+)", re.IGNORECASE)
_DECLARED = re.compile(rb"<\?xml[^>]{0,100}?encoding\s*=\s*[\"']([A-Za-z0-9_.:-]+)")
_SPACE = re.compile(r"\s*")
_SKIPPED = (("<?", "?>"), ("<!--", "-->"))
"""What may stand before the root element, besides a document type."""


class XmlElement(Struct):
    """One element by its local name. ``type`` is the local name of its xsi:type; ``nil`` is not the same as empty."""

    name: str
    namespace: str = ""
    type: str = ""
    nil: bool = False
    children: list[XmlElement] = []
    text: str = ""

    def all(self, name: str, namespace: str) -> list[XmlElement]:
        """The children of that name."""
        return [child for child in self.children if child.name == name and child.namespace == namespace]


def decoded(delivery: Delivery) -> str:
    """The body's text: by its byte order mark, else by the header's charset, else by its declaration, else UTF-8.

    Raises: Refused.
    """
    body = delivery.body
    named = _CHARSET.search(delivery.header(b"content-type") or b"") or _DECLARED.match(body)
    charset = next((charset for mark, charset in _MARKS if body.startswith(mark)), None)
    if charset is None:
        charset = named[1].decode() if named else "utf-8"
        try:
            known = codecs.lookup(charset).name in _CHARSETS
        except LookupError:
            known = False
        if not known:
            raise Refused(RefusalReason.UNSUPPORTED_MEDIA_TYPE, "send the body as UTF-8")
    try:
        return body.decode(charset)
    except UnicodeDecodeError:
        _malformed(f"the body is no {charset}")


def read(text: str, *, max_depth: int) -> XmlElement:
    """The root element. Raises: Refused for a document type, and for what is no XML or nested too deeply."""
    _refuse_document_type(text)
    builder = _Builder(max_depth)
    parser = DefusedExpatParser(bufsize=len(text) + 1, forbid_dtd=True)
    parser.setContentHandler(builder)
    source = InputSource()
    source.setCharacterStream(io.StringIO(text))
    try:
        parser.parse(source)
    except DefusedXmlException:
        _malformed("a document type is not accepted")
    except (SAXException, ValueError) as error:
        _malformed(f"the body is no XML: {getattr(error, 'getMessage', lambda: 'unreadable')()}")
    return builder.document.children[0]


def _refuse_document_type(text: str) -> None:
    """Before any parser sees it. Within the root element there can be none; there it is no XML."""
    position = _after_space(text, 0)
    while closing := next((end for start, end in _SKIPPED if text.startswith(start, position)), None):
        end = text.find(closing, position)
        if end < 0:
            return  # it never ends: the parser says so
        position = _after_space(text, end + len(closing))
    if text.startswith("<!", position):
        _malformed("a document type is not accepted")


def _after_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


class _Builder(ContentHandler):
    """Builds the tree; knows the prefixes in force, one frame a level."""

    def __init__(self, max_depth: int) -> None:
        super().__init__()
        self._max_depth = max_depth
        self.document = XmlElement("")
        self._open = [self.document]
        self._scopes: list[dict[str, str]] = [{"": "", "xml": "http://www.w3.org/XML/1998/namespace"}]
        self._parts: list[str] = []

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802 - SAX's name
        """See ContentHandler."""
        if len(self._open) > self._max_depth:
            _malformed(f"the body is nested more than {self._max_depth} levels deep")
        self._scopes.append(_declared(attrs) if len(attrs) else {})
        local, namespace = self._resolved(name)
        element = XmlElement(local, namespace)
        for attribute, value in attrs.items() if len(attrs) else ():
            if ":" in attribute and not attribute.startswith("xmlns:"):
                self._take(element, attribute, value)
        self._parts.clear()
        self._open[-1].children.append(element)
        self._open.append(element)

    def _take(self, element: XmlElement, attribute: str, value: str) -> None:
        local, namespace = self._resolved(attribute)
        if namespace == XSI and local == "nil":
            element.nil = value.strip() in {"true", "1"}
        elif namespace == XSI and local == "type":
            element.type = value.strip().rpartition(":")[2]

    def endElement(self, name: str) -> None:  # noqa: ARG002, N802 - SAX's name; expat sees to it that it is this one
        """See ContentHandler."""
        element = self._open.pop()
        self._scopes.pop()
        if not element.children:
            element.text = "".join(self._parts)
        self._parts.clear()

    def characters(self, content: str) -> None:
        """See ContentHandler."""
        self._parts.append(content)

    def _resolved(self, name: str) -> tuple[str, str]:
        prefix, _, local = name.rpartition(":")
        for scope in reversed(self._scopes):
            if prefix in scope:
                return local, scope[prefix]
        return local, _malformed("a prefix is not declared")


def _declared(attrs: AttributesImpl) -> dict[str, str]:
    found = {name[6:]: value for name, value in attrs.items() if name.startswith("xmlns:")}
    if "xmlns" in attrs:
        found[""] = attrs["xmlns"]
    return found


def _malformed(detail: str) -> NoReturn:
    raise Refused(RefusalReason.MALFORMED_BODY, detail)


def written(name: str, element: XmlElement, prefix: str) -> str:
    """An element and what is in it as XML, all names with ``prefix``; ``name`` of the element itself is given whole."""
    type_ = f' xsi:type="{prefix}{escape(element.type)}"' if element.type else ""
    if element.nil:
        return f'<{name}{type_} xsi:nil="true"/>'
    inner = "".join(written(f"{prefix}{child.name}", child, prefix) for child in element.children)
    text = escape(element.text, quote=False).replace("\r", "&#13;")
    return f"<{name}{type_}>{inner or text}</{name}>"
