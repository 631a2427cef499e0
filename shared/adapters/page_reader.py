"""Reads pages from Redis, packed or not: the one place where the two forms become one."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any, TypeAlias

from redis.asyncio import Redis

from shared.contracts import keys
from shared.contracts.messages import decode_entry
from shared.contracts.packed_pages import unpack_page
from shared.domain.facts import PageEntry

_SCRIPT = files("shared.adapters").joinpath("read_pages.lua").read_text("utf-8")

Page: TypeAlias = dict[str, PageEntry]
"""Entries by fact id, withdrawals included."""


def ask_pages(pipeline: Any, tag: str, tenant: str, subject: str, pages: Sequence[str]) -> Any:  # noqa: ANN401 - redis-py's
    """Asks a pipeline, or a client, for pages of one subject: all of one instant, as a page moves between its forms."""
    names = [keys.page_key(tag, tenant, subject, page) for page in pages]
    touched = [keys.packed_key(tag, tenant, subject), *names]
    return pipeline.eval(_SCRIPT, len(touched), *touched, keys.WORDS_FIELD, *pages)


def pages_in(answer: Sequence[Any]) -> list[Page]:
    """The pages asked for, in that order."""
    words, *found = answer
    return [unpack_page(page, words) if isinstance(page, bytes) else _plain(page) for page in found]


async def read_pages(redis: Redis, tag: str, tenant: str, subject: str, pages: Sequence[str]) -> list[Page]:
    """Pages of one subject in one round trip. Raises: RedisError, OSError."""
    return pages_in(await ask_pages(redis, tag, tenant, subject, pages)) if pages else []


def _plain(flat: Sequence[bytes]) -> Page:
    return {fact_id.decode(): decode_entry(packed) for fact_id, packed in zip(flat[::2], flat[1::2], strict=True)}
