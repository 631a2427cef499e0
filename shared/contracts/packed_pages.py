"""The packed form of a page whose day is long over: columns, deflated. Exact for any entries, withdrawals included.

A fact takes some 20 bytes instead of 170. What the pages of one subject have in common, names of fields and how ids and
links are made, is kept once for all of them as her *words*, which deflate may refer to. A page says by a checksum
which words it was packed with, and that it is whole.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from shared.contracts.columns import Numbers, Parts, Scalars, Shapes
from shared.domain.changes import Scalar
from shared.domain.facts import Fact, PageEntry, Revision

FORM = b"\x01"
"""The first byte: another way to pack gets another number, and this one stays readable."""
MOST_WORDS = 2_048
FEWEST_WORDS = 300
"""A page with less in it teaches too little: its subject waits for a better one."""
_LEVEL = 9


class UnknownForm(ValueError):
    """A page packed by a later version of ours."""

    def __init__(self, packed: bytes) -> None:
        super().__init__(f"a page is packed in form {packed[:1]!r}, this version reads {FORM!r}")


class _Facts(Struct, array_like=True, frozen=True):
    """The facts of a page. ids and links: taken apart where the record's id stands in them; a link that is none is [].

    fields: one column a name, in the order in which ``names`` bring them up, over the facts that have it.
    """

    kinds: Scalars
    sources: Scalars
    record_types: Scalars
    owners: Scalars
    ids: Shapes
    links: Shapes
    names: Shapes
    records: Scalars
    times: Numbers
    fields: list[Scalars]


class _Page(Struct, array_like=True, frozen=True):
    """Entries in two groups, each by revision: ``count`` facts, then ``withdrawn`` ids."""

    count: int
    facts: _Facts
    withdrawn: Sequence[str]
    positions: Numbers
    generations: Numbers


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Page).decode


def pack_page(entries: Mapping[str, PageEntry], words: bytes = b"") -> bytes:
    """Entries by fact id, packed with the words of their subject."""
    deflate = zlib.compressobj(_LEVEL, zdict=words) if words else zlib.compressobj(_LEVEL)
    return FORM + deflate.compress(_encode(_paged(entries))) + deflate.flush()


def unpack_page(packed: bytes, words: bytes = b"") -> dict[str, PageEntry]:
    """The entries again. Raises: UnknownForm; zlib.error, msgspec.DecodeError: other words, or a broken store."""
    if packed[:1] != FORM:
        raise UnknownForm(packed)
    inflate = zlib.decompressobj(zdict=words) if words else zlib.decompressobj()
    page = _decode(inflate.decompress(packed[1:]) + inflate.flush())
    if not inflate.eof:
        raise zlib.error("a packed page is cut off")
    return _entries(page)


def words_of(pages: Iterable[Mapping[str, PageEntry]]) -> bytes:
    """What pages of a subject will have in common with these; empty if they tell too little."""
    facts = _paged({fact_id: entry for page in pages for fact_id, entry in page.items()}).facts
    columns = (facts.kinds, facts.sources, facts.record_types, facts.owners, facts.records, *facts.fields)
    shapes = (facts.ids.table, facts.links.table, facts.names.table)
    words = _encode([*(column.texts.rest or column.texts.prefix for column in columns), *shapes])
    return words[-MOST_WORDS:] if len(words) >= FEWEST_WORDS else b""


def _paged(entries: Mapping[str, PageEntry]) -> _Page:
    ordered = sorted(entries.items(), key=lambda item: (item[1].fact is None, item[1].revision, item[0]))
    facts = [(fact_id, entry.fact) for fact_id, entry in ordered if entry.fact is not None]
    return _Page(
        len(facts),
        _columns(facts),
        [fact_id for fact_id, _ in ordered[len(facts) :]],
        Numbers.of([entry.revision.position for _, entry in ordered]),
        Numbers.of([entry.revision.generation for _, entry in ordered]),
    )


def _columns(facts: Sequence[tuple[str, Fact]]) -> _Facts:
    values: dict[str, list[Scalar]] = {}
    for _, fact in facts:
        for name, value in fact.fields.items():
            values.setdefault(name, []).append(value)
    return _Facts(
        Scalars.of([fact.kind for _, fact in facts]),
        Scalars.of([fact.source for _, fact in facts]),
        Scalars.of([fact.record_type for _, fact in facts]),
        Scalars.of([fact.owner for _, fact in facts]),
        Shapes.of([_apart(fact_id, fact.record) for fact_id, fact in facts]),
        Shapes.of([[] if fact.url is None else _apart(fact.url, fact.record) for _, fact in facts]),
        Shapes.of([list(fact.fields) for _, fact in facts]),
        Scalars.of([fact.record for _, fact in facts]),
        Numbers.of([fact.at for _, fact in facts]),
        [Scalars.of(column) for column in values.values()],
    )


def _apart(text: str, record: str) -> Parts:
    """What ``record.join`` makes the text again."""
    return text.split(record) if record else [text]


def _entries(page: _Page) -> dict[str, PageEntry]:
    total = page.count + len(page.withdrawn)
    revisions = map(Revision, page.positions.values(total), page.generations.values(total))
    found = {fact_id: PageEntry(next(revisions), fact) for fact_id, fact in _facts(page.facts, page.count)}
    found.update((fact_id, PageEntry(next(revisions), None)) for fact_id in page.withdrawn)
    return found


def _facts(columns: _Facts, count: int) -> Iterator[tuple[str, Fact]]:
    kinds, sources, record_types, owners, records = (
        column.values(count)
        for column in (columns.kinds, columns.sources, columns.record_types, columns.owners, columns.records)
    )
    ids, links, times = columns.ids.values(count), columns.links.values(count), columns.times.values(count)
    for index, fields in enumerate(_fields(columns, count)):
        record, link = str(records[index]), links[index]
        yield (
            record.join(ids[index]),
            Fact(
                str(kinds[index]),
                times[index],
                str(sources[index]),
                str(record_types[index]),
                record,
                str(owners[index]),
                fields,
                record.join(link) if link else None,
            ),
        )


def _fields(columns: _Facts, count: int) -> Iterator[dict[str, Scalar]]:
    names = columns.names.values(count)
    having: dict[str, int] = {}
    for some in names:
        for name in some:
            having[name] = having.get(name, 0) + 1
    values = {
        name: iter(column.values(times)) for (name, times), column in zip(having.items(), columns.fields, strict=True)
    }
    for some in names:
        yield {name: next(values[name]) for name in some}
