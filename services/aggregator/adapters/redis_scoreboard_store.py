"""The scoreboard's pages, cells and distinct values in Redis: one read and one fenced commit a chunk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.aggregator.adapters.redis_restatement_store import RedisRestatementStore
from services.aggregator.adapters.redis_scripts import Script, as_transient, pack, text_blob
from services.aggregator.domain.stored import (
    Counted,
    Refold,
    RepRef,
    ScoreboardCommit,
    ScoreboardHeld,
    ScoreboardWanted,
    Shelf,
    Sweep,
)
from services.aggregator.ports import Fenced
from shared.adapters.page_reader import read_pages
from shared.adapters.scoreboard_reader import retained_from
from shared.contracts import keys
from shared.contracts.messages import decode_pages
from shared.contracts.restatements import encode_restatement
from shared.domain.facts import EPOCH_BITS, PageEntry
from shared.domain.instants import Micros
from shared.domain.restatements import RESTATEMENTS_KEPT


class RedisScoreboardStore:
    """ScoreboardStore of one state. ``log_epoch`` as in the ledger's store."""

    def __init__(self, redis: Redis, *, log_epoch: int, state: str) -> None:
        self._first = log_epoch << EPOCH_BITS
        self.state = state
        self._read = Script(redis, "read_hashes")
        self._redis = redis
        self.restatements = RedisRestatementStore(redis, state=state)
        self._commit = Script(redis, "fence", "lists", "commit_scoreboard")
        self._refold = Script(redis, "lists", "commit_refold")
        self._pages = Script(redis, "get_pages")
        self._shelf = Script(redis, "get_shelf")
        self._sweep = Script(redis, "lists", "commit_sweep")
        self._counted = Script(redis, "get_counted")

    async def read(self, partition: int, wanted: ScoreboardWanted) -> ScoreboardHeld:
        """Everything in one round trip. Raises: RedisAway."""
        tag = keys.scoreboard_tag(partition, self.state)
        question: list[object] = []
        for (tenant, subject, page), ids in wanted.pages.items():
            question += (keys.page_key(tag, tenant, subject, page), ids)
        for (tenant, rep), names in wanted.cells.items():
            question += (keys.cells_key(tag, tenant, rep), names)
        found = await self._read([keys.offset_key(tag)], [pack(question)]) if question else []
        pages = dict(zip(wanted.pages, found, strict=False))
        return ScoreboardHeld(pages, dict(zip(wanted.cells, found[len(pages) :], strict=True)))

    async def commit(self, partition: int, commit: ScoreboardCommit) -> Fenced:
        """Applies the chunk if the fence stands at its start. Raises: RedisAway."""
        tag = keys.scoreboard_tag(partition, self.state)
        argument = pack(
            [
                self._first + commit.start,
                self._first + commit.next_offset,
                commit.mark,
                _to_set(tag, commit),
                _to_delete(tag, commit),
                _to_count(tag, commit),
                _flat(commit.unmapped),
                [part for ref in commit.changed for part in (keys.cells_key(tag, *ref), "/".join(ref))],
                commit.refolds,
                _to_mark(tag, commit),
            ]
        )
        touched = [keys.offset_key(tag), keys.mark_key(tag)]
        touched += [keys.unmapped_key(tag), keys.unconverted_key(tag), keys.changed_key(tag), keys.footings_key(tag)]
        touched.append(keys.marked_key(tag))
        return Fenced((await self._commit(touched, [argument])).decode())

    async def footings(self, partition: int) -> tuple[int, dict[RepRef, str]]:
        """How often reps were folded anew, and each rep's footing. Raises: RedisAway."""
        try:
            tag = keys.scoreboard_tag(partition, self.state)
            stored: dict[bytes, bytes] = await self._redis.hgetall(keys.footings_key(tag))  # type: ignore[assignment] # not decoded
        except (RedisError, OSError, TimeoutError) as error:
            raise as_transient(error) from error
        named = {name.decode(): footing.decode() for name, footing in stored.items()}
        refolds = int(named.pop(keys.REFOLDS_FIELD, 0))
        return refolds, {_ref(name): footing for name, footing in named.items()}

    async def pages(self, partition: int, ref: RepRef) -> tuple[int, list[str]]:
        """The stored next position, and the names of a rep's pages. Raises: RedisAway."""
        tag = keys.scoreboard_tag(partition, self.state)
        position, packed = await self._pages([keys.offset_key(tag), keys.cells_key(tag, *ref)], [])
        return int(position or -1), [] if packed is None else decode_pages(packed)

    async def entries(self, partition: int, ref: RepRef, pages: Sequence[str]) -> Sequence[dict[str, PageEntry]]:
        """Entries by fact id of each page, packed or not. Raises: RedisAway."""
        try:
            return await read_pages(self._redis, keys.scoreboard_tag(partition, self.state), *ref, pages)
        except (RedisError, OSError, TimeoutError) as error:
            raise as_transient(error) from error

    async def counted(self, partition: int, ref: RepRef, places: Sequence[tuple[str, str]]) -> Counted:
        """A rep's cells and values, all of one instant. Raises: RedisAway."""
        tag = keys.scoreboard_tag(partition, self.state)
        question = pack([keys.values_key(tag, *ref, *place) for place in places])
        flat, *found = await self._counted([keys.cells_key(tag, *ref)], [question])
        cells = {name.decode(): packed for name, packed in zip(flat[::2], flat[1::2], strict=True)}
        version, retained = int(cells.get(keys.VERSION_FIELD, 0)), retained_from(cells.get(keys.RETAINED_FIELD))
        values = {
            place: {value.decode(): int(facts) for value, facts in zip(flat[::2], flat[1::2], strict=True)}
            for place, flat in zip(places, found, strict=True)
            if flat
        }
        of_facts = {name: packed for name, packed in cells.items() if name not in keys.BESIDE_CELLS}
        return Counted(version, of_facts, values, retained)

    async def mark(self, partition: int) -> Micros:
        """Everything received up to this instant is applied. Raises: RedisAway."""
        try:
            return int(await self._redis.get(keys.mark_key(keys.scoreboard_tag(partition, self.state))) or 0)
        except (RedisError, OSError, TimeoutError) as error:
            raise as_transient(error) from error

    async def refold(self, partition: int, refold: Refold) -> bool:
        """Puts it in place if position and number are still the same. Raises: RedisAway."""
        tag, ref, unconverted = keys.scoreboard_tag(partition, self.state), refold.ref, refold.unconverted
        values: list[object] = []
        for place, found in refold.values.items():
            values += (keys.values_key(tag, *ref, *place), _flat(found))
        argument = pack(
            [
                refold.position,
                refold.refolds,
                "/".join(ref),
                refold.footing,
                _blobs([*refold.cells.items(), (keys.FOLDED_FIELD, refold.folded.encode())]),
                [keys.values_key(tag, *ref, *place) for place in refold.gone],
                values,
                _flat({name: currency for name, currency in unconverted.items() if currency is not None}),
                [name for name, currency in unconverted.items() if currency is None],
                _blobs(refold.terms.items()),
                [text_blob(encode_restatement(each)) for each in refold.told[-RESTATEMENTS_KEPT:]],
                RESTATEMENTS_KEPT,
            ]
        )
        touched = [keys.offset_key(tag), keys.footings_key(tag), keys.unconverted_key(tag), keys.changed_key(tag)]
        touched += [keys.cells_key(tag, *ref), keys.terms_key(tag), keys.restatements_key(tag, *ref)]
        return bool(await self._refold(touched, [argument]))

    async def shelf(self, partition: int, ref: RepRef) -> Shelf:
        """What pages a subject has, and in which form. Raises: RedisAway."""
        tag = keys.scoreboard_tag(partition, self.state)
        touched = [keys.offset_key(tag), keys.cells_key(tag, *ref), keys.packed_key(tag, *ref)]
        position, pages, packed, words = await self._shelf(touched, [])
        names = [[] if some is None else decode_pages(some) for some in (pages, packed)]
        return Shelf(int(position or -1), names[0], names[1], words or b"")

    async def sweep(self, partition: int, sweep: Sweep) -> bool:
        """Does it if position and number are still the same. Raises: RedisAway."""
        tag, ref = keys.scoreboard_tag(partition, self.state), sweep.ref
        pages = [keys.page_key(tag, *ref, page) for page in (*sweep.packed, *sweep.gone)]
        values: list[object] = []
        for place, changes in sweep.values.items():
            values += (keys.values_key(tag, *ref, *place), _flat(changes))
        argument = pack(
            [
                sweep.position,
                sweep.refolds,
                "/".join(ref),
                text_blob(sweep.words),
                _blobs(sweep.packed.items()),
                sweep.gone,
                pages,
                _blobs((name, cell) for name, cell in sweep.cells.items() if cell is not None),
                [name for name, cell in sweep.cells.items() if cell is None],
                values,
                _flat(sweep.unmapped),
                sweep.unconverted,
                sweep.is_changed,
            ]
        )
        touched = [keys.offset_key(tag), keys.footings_key(tag), keys.unmapped_key(tag), keys.unconverted_key(tag)]
        touched += [keys.changed_key(tag), keys.cells_key(tag, *ref), keys.packed_key(tag, *ref)]
        return bool(await self._sweep(touched, [argument]))


def _ref(name: str) -> RepRef:
    tenant, _, rep = name.partition("/")
    return tenant, rep


def _to_set(tag: str, commit: ScoreboardCommit) -> list[object]:
    """Hashes and what to set in them: key, [field, value, ...], ..."""
    hashes: list[object] = []
    for (tenant, subject, page), entries in commit.pages.items():
        hashes += (keys.page_key(tag, tenant, subject, page), _blobs(entries.items()))
    for (tenant, rep), cells in commit.cells.items():
        kept = _blobs((name, cell) for name, cell in cells.items() if cell is not None)
        if kept:
            hashes += (keys.cells_key(tag, tenant, rep), kept)
    without_rate = _flat({name: currency for name, currency in commit.unconverted.items() if currency is not None})
    return [*hashes, keys.unconverted_key(tag), without_rate] if without_rate else hashes


def _to_delete(tag: str, commit: ScoreboardCommit) -> list[object]:
    """Hashes and what to delete from them: key, [field, ...], ..."""
    hashes: list[object] = []
    for (tenant, rep), cells in commit.cells.items():
        gone = [name for name, cell in cells.items() if cell is None]
        if gone:
            hashes += (keys.cells_key(tag, tenant, rep), gone)
    for ref, pages in commit.unpacked.items():
        hashes += (keys.packed_key(tag, *ref), pages)
    converted = [name for name, currency in commit.unconverted.items() if currency is None]
    return [*hashes, keys.unconverted_key(tag), converted] if converted else hashes


def _to_count(tag: str, commit: ScoreboardCommit) -> list[object]:
    hashes: list[object] = []
    for ref, changes in commit.values.items():
        hashes += (keys.values_key(tag, *ref), _flat(changes))
    return hashes


def _to_mark(tag: str, commit: ScoreboardCommit) -> list[object]:
    """Reps, seven things each: see commit_scoreboard.lua."""
    marked: list[object] = []
    for ref, marks in commit.marks.items():
        marked += ("/".join(ref), keys.cells_key(tag, *ref), keys.marks_key(tag, *ref), _blobs(marks.cells.items()))
        marked += (_blobs(marks.causes.items()), keys.marked_values_key(tag, *ref), _flat(marks.values))
    return marked


def _blobs(items: Iterable[tuple[str, bytes]]) -> list[object]:
    return [part for name, blob in items for part in (name, text_blob(blob))]


def _flat(mapping: Mapping[str, object]) -> list[object]:
    return [part for item in mapping.items() for part in item]
