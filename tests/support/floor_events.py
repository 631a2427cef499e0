"""Random events of a small sales floor, as native JSON has them, made to collide: few records, owners and instants."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from shared.domain.changes import RecordChange
from shared.domain.instants import SECOND_US, parse
from tests.support.aggregator_tenant import FX, KPIS, ZONES

NOW = "2026-11-24T12:00:00Z"
INSTANTS = (
    "2026-10-31T22:59:59Z",
    "2026-11-22T23:30:00Z",
    "2026-11-23T07:59:59.999999Z",
    "2026-11-23T08:00:00Z",
    "2026-11-23T18:30:00Z",
    "2026-11-24T00:00:00Z",
    "2026-11-24T09:00:00Z",
)
OWNERS = ("ana", "bo", "cy", "ghost", None)
TYPES = {
    "deal": ("created", "updated", "won", "lost", "reopened", "stage_changed", "deleted", "restored"),
    "call": ("logged", "logged", "updated", "deleted", "restored"),
    "meeting": ("booked", "held", "canceled", "updated"),
    "email": ("sent", "deleted"),
}
FIELDS = {
    "amount": ("100", "99.99995", "1e2", "-5", "much", None),
    "currency": ("EUR", "USD", "GBP", None),
    "status": ("open", "won", "lost", "whatever"),
    "stage": ("new", "proposal", None),
    "account": ("a-1", "a-2", None),
    "direction": ("outbound", "inbound"),
    "duration_seconds": ("19.9", "20", "20.0", "600", "long"),
    "outcome": ("connected", "callback", "voicemail", None),
}
PLAIN: dict[str, Any] = {
    "tenant": {"tenant": "acme", "time_zone": "Europe/Berlin", "currency": "EUR", "fx": FX},
    "people": {
        "teams": [{"id": "emea"}],
        "reps": [
            {"id": name, "time_zone": zone, "teams": ["emea"]}
            for name, zone in zip(("ana", "bo", "cy"), ZONES, strict=True)
        ],
    },
    "kpis": {"kpis": KPIS},
}
PERIODS = ("2026-10-31", "2026-11-01", "2026-11-22", "2026-11-23", "2026-11-24", "w2026-11-16", "w2026-11-23")
LONG_PERIODS = ("2026-10", "2026-11", "2026-q4", "2026")


@st.composite
def events(draw: st.DrawFn, most: int = 14) -> list[dict[str, Any]]:
    """Distinct events, in the order of their making."""
    count = draw(st.integers(1, most))
    ids = draw(st.permutations(range(count)))
    return [draw(_event(f"e{number}")) for number in ids]


@st.composite
def deliveries(draw: st.DrawFn, most: int = 14) -> list[dict[str, Any]]:
    """Events in any order, some of them repeated."""
    made = draw(events(most))
    repeats = draw(st.lists(st.sampled_from(made), max_size=4))
    return draw(st.permutations(made + repeats))


@st.composite
def _event(draw: st.DrawFn, event_id: str) -> dict[str, Any]:
    record_type = draw(st.sampled_from(("deal", "deal", "deal", "call", "meeting", "email")))
    names = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=4, unique=True))
    event: dict[str, Any] = {
        "id": event_id,
        "type": f"{record_type}.{draw(st.sampled_from(TYPES[record_type]))}",
        "record": f"{record_type}-{draw(st.integers(1, 2))}",
        "occurred_at": draw(st.sampled_from(INSTANTS)),
        "fields": {name: draw(st.sampled_from(FIELDS[name])) for name in names},
    }
    if record_type == "deal" and draw(st.integers(0, 30)) == 0:
        event["type"] = "deal.merged"
    if draw(st.booleans()):
        owner = draw(st.sampled_from(OWNERS))
        event |= {"rep": owner} if owner is not None else {"fields": {**event["fields"], "owner": None}}
    return event


def as_change(event: dict[str, Any]) -> RecordChange:
    """What ingest makes of a native event."""
    record_type, verb = event["type"].split(".")
    said: dict[str, Any] = {"owner": event["rep"]} if event.get("rep") is not None else {}
    if "owner" in event["fields"]:
        said = {"owner": event["fields"]["owner"]}
    return RecordChange(
        tenant="acme",
        source="native",
        record_type=record_type,
        record=event["record"],
        verb=verb,
        event=event["id"],
        occurred_at=parse(event["occurred_at"]),
        received_at=parse(event["occurred_at"]) + SECOND_US,
        fields=event["fields"],
        **said,
    )
