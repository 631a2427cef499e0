"""Plausible pages of a rep: calls, mails and meetings with HubSpot's kind of ids, no two alike. For sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random

from shared.domain.changes import RecordChange, Scalar
from shared.domain.facts import Fact, PageEntry, Revision
from shared.domain.instants import DAY_US, SECOND_US, Micros

FIRST_DAY: Micros = 20_717 * DAY_US
"""2026-09-21."""
MS_US = 1_000
_ACCOUNTS = [str(7_000_000_000 + Random(n).randrange(2_000_000_000)) for n in range(200)]
_OBJECTS = {"call": "0-48", "email": "0-49", "meeting": "0-47"}


def sales_page(facts: int, *, seed: int, day: Micros = FIRST_DAY, owner: str = "12415231") -> dict[str, PageEntry]:
    """So many facts of one working day, from 8 to 17 o'clock UTC, with the positions of a busy log."""
    random = Random(seed)
    position, record = seed * 4_000_000, 50_000_000_000 + day // MS_US % 10**10
    entries = {}
    for at in sorted(day + 8 * 3600 * SECOND_US + random.randrange(9 * 3600_000) * MS_US for _ in range(facts)):
        position, record = position + random.randrange(20, 4_000), record + random.randrange(50, 60_000)
        fact = _fact(random, at, str(record), owner)
        entries[fact.id] = PageEntry(Revision(position, 3), fact)
    return entries


def _fact(random: Random, at: Micros, record: str, owner: str) -> Fact:
    account = random.choice(_ACCOUNTS[:60] if random.random() < 0.7 else _ACCOUNTS)
    kind = random.choices(("call.logged", "email.sent", "meeting.held"), (70, 25, 5))[0]
    record_type = kind.partition(".")[0]
    fields: dict[str, Scalar] = {"account": account}
    if record_type == "call":
        fields["direction"] = random.choices(("outbound", "inbound"), (9, 1))[0]
        fields["duration_seconds"] = str(int(random.expovariate(1 / 140)))
        fields["outcome"] = random.choices(("no_answer", "connected", "voicemail", "callback"), (5, 3, 2, 1))[0]
    elif record_type == "email":
        fields["direction"] = "outbound"
    else:
        fields["outcome"] = "completed"
    link = f"https://app.hubspot.com/contacts/4412345/record/{_OBJECTS[record_type]}/{record}"
    return Fact(kind, at, "hubspot", record_type, record, owner, fields, link)


def as_changes(page: Mapping[str, PageEntry], *, tenant: str = "acme", owner: str = "ana") -> Iterator[RecordChange]:
    """The events that make these facts, received a second later."""
    for entry in page.values():
        fact = entry.fact
        if fact is not None:
            yield RecordChange(
                tenant=tenant,
                source="native",
                record_type=fact.record_type,
                record=fact.record,
                verb=fact.kind.partition(".")[2],
                event=f"{int(fact.record) * 7 + 1_000_000}",
                occurred_at=fact.at,
                received_at=fact.at + SECOND_US,
                owner=owner,
                fields=fact.fields,
                url=fact.url,
            )
