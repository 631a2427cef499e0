"""What cannot be used, shown to those who run the deployment, and tried again when they say so."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from services.api.domain.refusals import Forbidden, Invalid, UnknownEntry
from services.api.domain.viewers import Viewer
from services.api.ports import Configured, Quarantine, QuarantineLoading
from shared.contracts.messages import Quarantined
from shared.contracts.quarantine import requests
from shared.domain.access import Role
from shared.domain.clock import Clock
from shared.domain.quarantine import Entry, InvalidCursor, Page, Selection, page


class UnknownCursor(Invalid):
    """``after`` is not what a page said."""

    reason = "invalid_after"


class Listing(Struct, frozen=True):
    """A page of entries, and how many wait by reason, whatever is shown.

    ``left_out``: entries beyond what is kept in memory; ``unreadable``: messages of the topic that nobody can read.
    """

    page: Page
    counts: dict[str, int]
    left_out: int
    unreadable: int


class Asked(Struct, frozen=True):
    """Entries that are tried again; ``retry`` names the request in what is said of each."""

    retry: str
    entries: int


class QuarantineDesk:
    """Admins only: entries hold what CRMs sent, of whomever."""

    def __init__(
        self, configured: Configured, quarantine: Quarantine, clock: Clock, new_retry_id: Callable[[], str]
    ) -> None:
        self._configured = configured
        self._quarantine = quarantine
        self._clock = clock
        self._new_retry_id = new_retry_id

    def counts(self, viewer: Viewer) -> dict[str, int] | None:
        """How many wait, by reason; None while that is not known."""
        try:
            return self._quarantine.index.counts(self._visible(viewer))
        except QuarantineLoading:
            return None

    def listing(self, viewer: Viewer, selection: Selection, *, most: int, after: str | None) -> Listing:
        """Raises: Refusal, QuarantineLoading."""
        _allow(viewer)
        index, visible = self._quarantine.index, self._visible(viewer)
        wanted = (entry for entry in index.entries(selection.has) if visible(entry))
        try:
            found = page(wanted, most=most, after=after)
        except InvalidCursor as error:
            raise UnknownCursor(str(error)) from None
        return Listing(found, index.counts(visible), index.left_out, index.unreadable)

    async def whole(self, viewer: Viewer, entry_id: str) -> tuple[Entry, Quarantined | None]:
        """An entry with its body, None where only the index still has it. Raises: Refusal, TransientError."""
        entry = self._entry(viewer, entry_id)
        kept = await self._quarantine.body(entry.place)
        return entry, kept if kept is not None and kept.id == entry_id else None

    async def retry(self, viewer: Viewer, entry_id: str) -> tuple[Entry, bool]:
        """The entry after a retry, and whether it was tried by then. One that was accepted is left alone.

        Raises: Refusal, TransientError.
        """
        entry = self._entry(viewer, entry_id)
        if not entry.waits:
            return entry, True
        asked = await self._ask(viewer, [entry])
        after = await self._quarantine.resolved(entry_id, asked.retry)
        return after or entry, after is not None

    async def retry_all(self, viewer: Viewer, selection: Selection) -> Asked:
        """Has all that wait and are selected tried again. Raises: Refusal, TransientError."""
        _allow(viewer)
        visible = self._visible(viewer)
        entries = self._quarantine.index.entries(selection.has)
        return await self._ask(viewer, [entry for entry in entries if entry.waits and visible(entry)])

    async def _ask(self, viewer: Viewer, entries: list[Entry]) -> Asked:
        retry = self._new_retry_id()
        await self._quarantine.ask(list(requests(entries, retry=retry, by=viewer.key, at=self._clock.now())))
        return Asked(retry, len(entries))

    def _entry(self, viewer: Viewer, entry_id: str) -> Entry:
        _allow(viewer)
        entry = self._quarantine.index.get(entry_id)
        if entry is None or not self._visible(viewer)(entry):
            raise UnknownEntry(f"there is no entry {entry_id[:80]!r}")
        return entry

    def _visible(self, viewer: Viewer) -> Callable[[Entry], bool]:
        """What is nobody's belongs to the only tenant; of several none may see what may be another's."""
        tenants = self._configured.deployment.tenants
        alone = len(tenants) == 1

        def visible(entry: Entry) -> bool:
            tenant = entry.head.tenant
            return tenant == viewer.tenant or (alone and tenant not in tenants)

        return visible


def _allow(viewer: Viewer) -> None:
    if viewer.role is not Role.ADMIN:
        raise Forbidden("only admins see what is in quarantine")
