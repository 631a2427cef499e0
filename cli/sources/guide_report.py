"""What ``pacer sources`` prints of one source. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from services.ingest.domain.setup import Guide
from shared.domain.sources import Source

_LABEL = 12
_HIDDEN = "<a secret of this source>"


class Shown(Struct, frozen=True, kw_only=True):
    """A source with what is known of it. ``secrets``: whether the first one is printed where it is pasted."""

    source: Source
    guide: Guide
    state: str
    secrets: bool = False
    verdicts: tuple[str, ...] = ()


def address_of(source: Source) -> str:
    """The public address of the path; a stand-in for the host where nobody wrote it down."""
    return source.public_url or f"https://<your host>/v1/webhooks/{source.id}"


def source_lines(shown: Shown) -> Iterator[str]:
    """A heading, and a line or more for each thing to know."""
    source, guide = shown.source, shown.guide
    yield f"{source.id}: {guide.title} ({source.provider}), tenant {source.tenant}"
    yield _line("address", _filled(guide.address, shown))
    yield _line("where", guide.place)
    for index, (field, value) in enumerate(guide.paste):
        yield _line("" if index else "paste", f"{field}: {_filled(value, shown)}")
    yield from _several("subscribe", guide.subscribe)
    yield from _several("mind", guide.mind)
    yield _line("limits", _limits(source))
    yield _line("state", shown.state)
    yield from _several("test", shown.verdicts)


def _several(label: str, texts: tuple[str, ...]) -> Iterator[str]:
    for index, text in enumerate(texts):
        yield _line("" if index else label, text)


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}}{text}"


def _filled(template: str, shown: Shown) -> str:
    secret = shown.source.secrets[0] if shown.secrets and shown.source.secrets else _HIDDEN
    return template.replace("{url}", address_of(shown.source)).replace("{secret}", secret)


def _limits(source: Source) -> str:
    limits = source.limits
    spool = "spooled while Kafka is away" if source.spool else "503 while Kafka is away"
    return (
        f"{limits.requests_per_second:g} requests/s, bursts of {limits.burst}, {limits.max_concurrent} at once; "
        f"bodies of {limits.max_body} bytes, {limits.max_batch} elements, {limits.max_depth} levels; {spool}"
    )
