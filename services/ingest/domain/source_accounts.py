"""What became of a source's deliveries in the hour that runs, and how far its sender's clock is off."""

from __future__ import annotations

from collections import Counter, deque
from statistics import median

from services.ingest.domain.delivery import Receipt
from shared.domain.instants import HOUR_US, Micros
from shared.domain.source_hours import SourceHour
from shared.domain.sources import Source

SIGNATURES = 21
"""Deliveries whose median tells the skew: a slow one, or one that was signed long before it was sent, is no clock."""


class _Account:
    """One source's counts of one hour; ``closed`` are those of hours before that were not told to the end."""

    def __init__(self, source: Source, process: str) -> None:
        self.source = source
        self.is_told = True
        self.closed: list[SourceHour] = []
        self._process = process
        self._hour = 0
        self._counts: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._last_delivery_at: Micros | None = None
        self._behind: deque[Micros] = deque(maxlen=SIGNATURES)

    def stored(self, receipt: Receipt, signed_at: Micros | None, now: Micros) -> None:
        self._touch(now)
        self._counts["deliveries"] += 1
        self._counts["accepted"] += receipt.accepted
        self._counts["quarantined"] += receipt.quarantined
        self._counts["ignored"] += receipt.ignored
        self._last_delivery_at = now
        if signed_at is not None:
            self._behind.append(now - signed_at)

    def refused(self, reason: str, now: Micros) -> None:
        self._touch(now)
        self._refused[reason] += 1

    def hour(self, now: Micros) -> SourceHour:
        """As it stands."""
        return SourceHour(
            tenant=self.source.tenant,
            source=self.source.id,
            process=self._process,
            hour=self._hour,
            at=now,
            refused=dict(self._refused),
            last_delivery_at=self._last_delivery_at,
            skew_us=self.skew_us,
            **self._counts,
        )

    @property
    def skew_us(self) -> Micros | None:
        """How far the sender's clock is behind ours, the way of the delivery included."""
        return int(median(self._behind)) if self._behind else None

    def _touch(self, now: Micros) -> None:
        """A new hour begins at 0."""
        hour = now // HOUR_US
        if hour != self._hour:
            if not self.is_told:
                self.closed.append(self.hour(now))
            self._hour = hour
            self._counts.clear()
            self._refused.clear()
        self.is_told = False


class SourceAccounts:
    """The accounts of all configured sources, of one process."""

    def __init__(self, process: str) -> None:
        self._process = process
        self._accounts: dict[str, _Account] = {}

    def stored(self, source: Source, receipt: Receipt, *, signed_at: Micros | None, now: Micros) -> None:
        """A delivery was stored."""
        self._of(source).stored(receipt, signed_at, now)

    def refused(self, source: Source, reason: str, now: Micros) -> None:
        """A delivery was turned away."""
        self._of(source).refused(reason, now)

    def skew_us(self, source: Source) -> Micros | None:
        """See SourceHour."""
        return self._of(source).skew_us

    def untold(self, now: Micros) -> list[SourceHour]:
        """What changed since ``told``."""
        found: list[SourceHour] = []
        for account in self._accounts.values():
            found += account.closed
            if not account.is_told:
                found.append(account.hour(now))
        return found

    def told(self, hours: list[SourceHour]) -> None:
        """These were told; what changed meanwhile has to be told still."""
        for told in hours:
            account = self._accounts[told.source]
            if told in account.closed:
                account.closed.remove(told)
            else:
                account.is_told = account.hour(told.at) == told

    def _of(self, source: Source) -> _Account:
        account = self._accounts.get(source.id)
        if account is None or account.source.tenant != source.tenant:
            account = self._accounts[source.id] = _Account(source, self._process)
        return account
