"""A quarantine in memory for the api: entries by place, and retries that come to what the test says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.api.ports import QuarantineLoading
from shared.contracts.messages import Quarantined
from shared.contracts.quarantine import RetryAsked
from shared.domain.quarantine import Entry, Head, Place, QuarantineIndex, Retried, RetryOutcome


def kept(entry_id: str, **others: Any) -> Quarantined:
    """An entry; name only what matters."""
    defaults: dict[str, Any] = {
        "tenant": "acme", "source": "crm", "reason": "missing_id", "detail": "id is required", "received_at": 1,
        "body": '{"id": ""}', "headers": {"content-type": "application/json"}, "delivery": "dl_1", "index": 0,
    }  # fmt: skip
    return Quarantined(id=entry_id, **defaults | others)


class KnownQuarantine:
    """Entries in the order given; ``outcome`` is what every retry comes to, None: no ingest runs."""

    def __init__(self, *entries: Quarantined, outcome: RetryOutcome | None = RetryOutcome.ACCEPTED) -> None:
        self.outcome = outcome
        self.loading = False
        self.asked: list[RetryAsked] = []
        self._index = QuarantineIndex(1000)
        self._bodies: dict[Place, Quarantined] = {}
        self._offset = 0
        for entry in entries:
            self.take(entry)

    def take(self, entry: Quarantined) -> None:
        place = Place(0, self._offset)
        self._bodies[place] = entry
        head = Head(**{name: getattr(entry, name) for name in Head.__struct_fields__})
        self._next(head)

    def _next(self, message: Head | Retried) -> None:
        self._index.take(Place(0, self._offset), message)
        self._offset += 1

    def expire(self) -> None:
        """Retention takes all bodies; the index does not know yet."""
        self._bodies.clear()

    @property
    def index(self) -> QuarantineIndex:
        if self.loading:
            raise QuarantineLoading("still read")
        return self._index

    async def body(self, place: Place) -> Quarantined | None:
        return self._bodies.get(place)

    async def ask(self, asked: Sequence[RetryAsked]) -> None:
        self.asked += asked
        if self.outcome is None:
            return
        for request in asked:
            for one in request.entries:
                self._next(
                    Retried(
                        resolves=one.id, tenant="acme", source="crm", outcome=self.outcome, reason="", at=request.at,
                        by=request.by, retry=request.retry,
                    )
                )  # fmt: skip

    async def resolved(self, entry_id: str, retry: str) -> Entry | None:
        entry = self._index.get(entry_id)
        return entry if entry and entry.last and entry.last.retry == retry else None
