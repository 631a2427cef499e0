"""Bodies that no sender would send, made from bodies that senders do send. All from one seeded generator."""

from __future__ import annotations

import gzip
import re
from random import Random

from tests.fuzz.json_mutations import edited

TOKENS = [
    *(b"\x00", b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xff\xfe", b"\r\n", b"{", b"}", b"[", b"]"),
    *(b'"', b"\\", b"\\u", b"\\ud800", b"NaN", b"1e400", b"null", b",", b":", b"<!DOCTYPE a>", b"&x;", b"&#0;", b"]]>"),
    *(b"<![CDATA[", b"<?x?>", b"<!--", b'xsi:nil="true"', b"</", b"9" * 400, b"-", b"true"),
]
DOCTYPES = [
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    '<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;">]>',
    '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd">',
    '<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///dev/zero">%p;]>',
]
_TEXT = re.compile(r">([^<>]*)<")
_TAG = re.compile(r"</?([A-Za-z:]+)([^<>]*)>")
MOST_BYTES = 300_000


def mutated(body: bytes, rng: Random, others: list[bytes]) -> bytes:
    """The body after one or several edits; now and then as it is."""
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        edit = rng.choice(_EDITS_OF_XML if body.lstrip()[:1] == b"<" else _EDITS_OF_JSON)
        body = edit(body, rng, others)[:MOST_BYTES]
    return body


def _bytes(body: bytes, rng: Random, others: list[bytes]) -> bytes:  # noqa: ARG001 - as the others
    changed = bytearray(body or b"{}")
    for _ in range(rng.choice((1, 1, 2, 8))):
        at = rng.randrange(len(changed) + 1)
        kind = rng.randrange(5)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[at : at + rng.choice((1, 1, 5, 50))] = b""
        elif kind == 2:
            changed[at:at] = rng.choice(TOKENS)
        elif kind == 3:
            changed[at : at + rng.randrange(1, 8)] = rng.choice(TOKENS)
        else:
            changed[at:at] = changed[at : at + 30] * rng.choice((1, 1, 60))
    return bytes(changed)


def _splice(body: bytes, rng: Random, others: list[bytes]) -> bytes:
    other = rng.choice(others)
    return body[: rng.randrange(len(body) + 1)] + other[rng.randrange(len(other) + 1) :]


def _truncate(body: bytes, rng: Random, others: list[bytes]) -> bytes:  # noqa: ARG001 - as the others
    return body[: rng.randrange(len(body) + 1)]


def _json(body: bytes, rng: Random, others: list[bytes]) -> bytes:
    try:
        text = edited(body.decode(), rng, lambda: rng.choice(others).decode())
    except (ValueError, RecursionError):
        return _bytes(body, rng, others)
    return text.encode("utf-8", "surrogatepass")


def _wrap_json(body: bytes, rng: Random, others: list[bytes]) -> bytes:  # noqa: ARG001 - as the others
    kind = rng.randrange(4)
    if kind == 0:
        return b"[" + b",".join([body] * rng.choice((1, 2, 99, 1001))) + b"]"
    if kind == 1:
        depth = rng.choice((31, 32, 33, 990, 20_000))
        return b'{"data":' * depth + body + b"}" * depth
    return (b"  " + body + b"\n") if kind == 2 else body * 2


def _xml(body: bytes, rng: Random, others: list[bytes]) -> bytes:
    text = body.decode("utf-8", "replace")
    matches = list((_TEXT if rng.random() < 0.8 else _TAG).finditer(text))
    if not matches:
        return _bytes(body, rng, others)
    match = rng.choice(matches)
    if match.re is _TEXT:
        value = rng.choice(["", " ", "true", "9" * 400, "1e400", "NaN", "&lt;!DOCTYPE a&gt;", "&#xFFFF;", "a" * 5000])
        text = text[: match.start(1)] + value + text[match.end(1) :]
    else:
        text = text[: match.start()] + _tag(match, rng) + text[match.end() :]
    return text.encode("utf-8", "replace")


def _tag(match: re.Match[str], rng: Random) -> str:
    whole, name = match[0], match[1]
    attributes = " ".join(f'a{number}="x"' for number in range(rng.choice((1, 500))))
    return rng.choice(
        [
            "",
            whole * 2,
            f"<{name}/>",
            f"<{name} {attributes}/>",
            f'<{name} xsi:nil="true"/>',
            f'<{name} xmlns="{"u" * 20_000}"/>',
            f"<{name}>" * 40 + f"</{name}>" * 40,
            f"<{name}>" * 5000,
            f"<![CDATA[{whole}]]>",
            f"<!--{whole}-->",
            whole.replace(name, "zz:" + name.rpartition(":")[2]),
            f"{whole}<b/>",
        ]
    )


def _doctype(body: bytes, rng: Random, others: list[bytes]) -> bytes:  # noqa: ARG001 - as the others
    text = body.decode("utf-8", "replace")
    declaration, separator, rest = text.partition("?>") if text.startswith("<?xml") else ("", "", text)
    doctype = rng.choice(DOCTYPES)
    spoilt = declaration + separator + doctype + rest.replace("Prospecting", "&x;&c;")
    charset = rng.choice(("utf-8", "utf-8", "utf-16", "utf-16-le", "utf-7", "latin-1"))
    return spoilt.encode(charset, "replace")


def _compressed(body: bytes, rng: Random, others: list[bytes]) -> bytes:  # noqa: ARG001 - as the others
    return gzip.compress(body + b" " * rng.choice((0, 10_000_000)), compresslevel=1)


_EDITS_OF_JSON = (*[_json] * 20, *[_wrap_json] * 2, *[_bytes] * 2, _splice, _truncate, _compressed)
_EDITS_OF_XML = (*[_xml] * 12, *[_bytes] * 2, _doctype, _splice, _truncate, _compressed)
