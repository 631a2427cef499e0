"""What a deal's stage says of its status, for CRMs that have no status of their own."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from shared.domain.sources import Source


def status_of(
    stage: str, source: Source, *, won: AbstractSet[str] = frozenset(), lost: AbstractSet[str] = frozenset()
) -> str:
    """won, lost or open. A stage that means neither won nor lost opens the deal, again or still.

    ``won`` and ``lost`` are the CRM's own names, which count where the source lists none.
    """
    if source.won_stages or source.lost_stages:
        won, lost = source.won_stages, source.lost_stages
    if stage in won:
        return "won"
    return "lost" if stage in lost else "open"
