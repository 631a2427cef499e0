"""The facts of reps' pages, read from Redis in one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from redis.asyncio import Redis

from services.api.adapters.live_reads import LiveReads
from services.api.ports import HeldPages
from shared.adapters.live_state import StateLayout
from shared.adapters.page_reader import ask_pages, pages_in
from shared.contracts import keys
from shared.contracts.messages import decode_pages
from shared.domain.facts import PageEntry


class RedisPages:
    """The read side of the pages."""

    def __init__(self, redis: Redis) -> None:
        self._reads = LiveReads(redis)

    async def entries(self, tenant: str, rep: str, pages: Iterable[str]) -> list[PageEntry]:
        """What the pages hold, withdrawals included. Raises: ScoreboardAway."""
        names = list(pages)

        def ask(pipeline: Any, layout: StateLayout) -> None:  # noqa: ANN401 - see Ask
            ask_pages(pipeline, layout.scoreboard_tag(tenant, rep), tenant, rep, names)

        answers = await self._reads.ask(ask) or ()
        return [entry for answer in answers for page in pages_in(answer) for entry in page.values()]

    async def held(self, tenant: str, wanted: Mapping[str, Sequence[str] | None]) -> dict[str, HeldPages]:
        """Each rep's pages with her version. Raises: ScoreboardAway."""
        named = await self._all_names(tenant, [rep for rep, pages in wanted.items() if pages is None])
        chosen = {rep: named[rep] if pages is None else pages for rep, pages in wanted.items()}

        def ask(pipeline: Any, layout: StateLayout) -> None:  # noqa: ANN401 - see Ask
            for rep, pages in chosen.items():  # worked on in this order: whatever changes raises her version
                tag = layout.scoreboard_tag(tenant, rep)
                pipeline.hget(keys.cells_key(tag, tenant, rep), keys.VERSION_FIELD)
                ask_pages(pipeline, tag, tenant, rep, pages)
                pipeline.hget(keys.cells_key(tag, tenant, rep), keys.VERSION_FIELD)

        answers = await self._reads.ask(ask)
        if answers is None:
            return {rep: HeldPages(0, {}) for rep in wanted}
        answer = iter(answers)
        return {rep: _held(pages, answer) for rep, pages in chosen.items()}

    async def _all_names(self, tenant: str, reps: Sequence[str]) -> dict[str, Sequence[str]]:
        """The names of all pages of some reps."""

        def ask(pipeline: Any, layout: StateLayout) -> None:  # noqa: ANN401 - see Ask
            for rep in reps:
                pipeline.hget(keys.cells_key(layout.scoreboard_tag(tenant, rep), tenant, rep), keys.PAGES_FIELD)

        found = await self._reads.ask(ask) if reps else None
        packed = found or [None] * len(reps)
        return {rep: () if names is None else decode_pages(names) for rep, names in zip(reps, packed, strict=True)}


def _held(pages: Sequence[str], answers: Iterator[Any]) -> HeldPages:
    before = next(answers)
    found = dict(zip(pages, pages_in(next(answers)), strict=True))
    return HeldPages(int(before or 0) if next(answers) == before else None, found)
