"""What the commands print. Everything that a sender wrote is made harmless for a terminal first."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from cli.quarantine.desk import Came
from services.api.domain.pipeline import Parked
from shared.contracts.messages import Quarantined
from shared.contracts.quarantine import whole_view
from shared.domain.instants import text
from shared.domain.quarantine import Entry, Page, RetryOutcome

K = TypeVar("K")
EACH = 20
"""So many retried entries are told one by one; of more, how many came to what."""


def listing(page: Page, counts: Mapping[str, int]) -> Iterator[str]:
    """A page of entries, headed by how many wait and why."""
    if not counts:
        yield "nothing waits in quarantine"
    else:
        by_reason = ", ".join(f"{reason} {count}" for reason, count in counts.items())
        yield f"{sum(counts.values())} in quarantine: {by_reason}"
    if page.entries:
        yield from _table([HEADING, *(_row(entry) for entry in page.entries)])
    if page.after is not None:
        yield f"more: --after {page.after}"


HEADING = ("received", "id", "source", "reason", "times", "state", "detail")


def _row(entry: Entry) -> tuple[str, ...]:
    head = entry.head
    state = "waiting" if entry.waits else entry.last.outcome.value if entry.last else ""
    return (
        text(head.received_at)[:19] + "Z",
        head.id,
        f"{head.tenant}/{head.source}" if head.topic is None else head.topic,
        entry.reason,
        str(entry.times),
        state + (f", retried {entry.retries}x" if entry.waits and entry.retries else ""),
        harmless(entry.detail)[:80],
    )


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def parked(found: Parked) -> Iterator[str]:
    """Facts that wait for an identity or a rate; they move by themselves once there is one."""
    if found.unmapped:
        yield "owners whom no rep's identities name; their facts move as soon as people.yaml does:"
        owners = [
            (tenant, source, harmless(owner), f"{facts} facts")
            for (tenant, source, owner), facts in _most(found.unmapped)
        ]
        yield from (f"  {line}" for line in _table(owners))
    if found.unconverted:
        yield "amounts without a rate, in no sum until tenant.yaml has one:"
        amounts = [
            (tenant, harmless(currency), f"{facts} facts") for (tenant, currency), facts in _most(found.unconverted)
        ]
        yield from (f"  {line}" for line in _table(amounts))


def _most(counts: Mapping[K, int]) -> list[tuple[K, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))


def whole(entry: Entry, kept: Quarantined | None) -> Iterator[str]:
    """An entry with all that is known of it, then what was kept."""
    view = whole_view(entry, kept)
    body = view.pop("body")
    for name, value in view.items():
        if value not in (None, "", {}):
            yield f"{name}: {harmless(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))}"
    yield ""
    yield "the topic no longer holds its body" if body is None else harmless(body, keep="\n\t")


def outcomes(came: Came) -> Iterator[str]:
    """What came of a retry."""
    if len(came.resolved) <= EACH:
        for entry_id, last in sorted(came.resolved.items()):
            yield f"{entry_id} {said(last.outcome, last.reason, last.detail)}"
    else:
        for (outcome, reason), count in sorted(Counter((r.outcome, r.reason) for r in came.resolved.values()).items()):
            yield f"{count} {said(outcome, reason)}"
    if came.unanswered:
        yield (
            f"{len(came.unanswered)} not answered yet: does ingest run? They are asked for, and tried as "
            "soon as it does: see pacer quarantine list"
        )


def said(outcome: RetryOutcome, reason: str, detail: str = "") -> str:
    """An outcome for people."""
    if outcome is RetryOutcome.QUARANTINED:
        return f"still in quarantine: {reason}" + (f" ({harmless(detail)[:160]})" if detail else "")
    return "accepted" if outcome is RetryOutcome.ACCEPTED else "understood, and nothing that counts"


def harmless(found: str, *, keep: str = "") -> str:
    """Text without control characters, which could take over a terminal."""
    return "".join(c if c.isprintable() or c in keep else repr(c)[1:-1] for c in found)
