"""What Zoho's modules, operations and values mean in our words.

Stages are won or lost as the source lists them, else by Zoho's own names. Whether a meeting was held is nothing that
Zoho says.
"""

from __future__ import annotations

from msgspec import UNSET, Struct

from services.ingest.domain import said
from services.ingest.domain.json_values import JsonObject
from services.ingest.domain.statements import Statement
from services.ingest.providers.zoho_fields import NAMES, OWNER, UNCLEAR, fields_of, our_name, reference, times_of
from shared.domain.changes import Scalar, Verb
from shared.domain.instants import Micros
from shared.domain.sources import Source

KINDS = {
    "Deals": "deal",
    "Calls": "call",
    "Events": "meeting",
    "Tasks": "task",
    "Leads": "lead",
    "Quotes": "quote",
}
"""Our record type by module; meetings are in the module Events."""
SILENT_MODULES = frozenset(
    {
        "Accounts",
        "Attachments",
        "Campaigns",
        "Cases",
        "Contacts",
        "Invoices",
        "Notes",
        "Price_Books",
        "Products",
        "Purchase_Orders",
        "Sales_Orders",
        "Solutions",
        "Vendors",
    }
)
"""Known, and no number depends on them."""
_INSERTED = {"call": "logged", "meeting": "booked"}
_DELETE = "delete"
_INSERT = "insert"
_NOT_MADE = frozenset({"Scheduled", "Cancelled", "Overdue"})
"""Of a call that was only planned."""
_ALWAYS = {"deal": ("owner", "stage"), "call": ("owner", "direction", "duration_seconds")}
"""What every record of a kind has, so that it can only have been left out; of all others the owner."""


class Notice(Struct, frozen=True):
    """What a notification says of one record.

    ``values``: under Zoho's names, None where none came along. ``named``: the fields that changed, None where it is
    not said.
    """

    kind: str
    operation: str
    record: str
    values: JsonObject | None
    named: tuple[str, ...] | None


def version_of(notice: Notice) -> Micros | None:
    """The record's own version time, which a notification that is sent again keeps. Raises: Unusable."""
    return said.optional_instant((notice.values or {}).get("Modified_Time"), "Modified_Time")


def statement(notice: Notice, source: Source) -> Statement:
    """What is said of the record. Raises: Unusable."""
    if notice.operation == _DELETE:
        return Statement(kind=notice.kind, record=notice.record, verb=Verb.DELETED)
    values = notice.values or {}
    fields = fields_of(notice.kind, values, source)
    return Statement(
        kind=notice.kind,
        record=notice.record,
        verb=_verb(notice, values, fields),
        fields=fields,
        owner=reference(values[OWNER], OWNER) if OWNER in values else UNSET,
        times=times_of(notice.kind, values),
        missing=_missing(notice, fields),
    )


def _verb(notice: Notice, values: JsonObject, fields: dict[str, Scalar]) -> str:
    """What the values are the sign of, else what the operation is. A deal won at its birth is created: its status is a
    field.
    """
    if notice.operation == _INSERT:
        return _happened(notice.kind, values) or _creation(notice.kind, values)
    if notice.kind != "deal":
        return _happened(notice.kind, values) or Verb.UPDATED
    status = fields.get("status")
    if status in {"won", "lost"}:
        return str(status)
    return Verb.STAGE_CHANGED if "stage" in fields else Verb.UPDATED


def _creation(kind: str, values: JsonObject) -> str:
    return "created" if kind == "call" and _call_status(values) in _NOT_MADE else _INSERTED.get(kind, "created")


def _happened(kind: str, values: JsonObject) -> str | None:
    """The moment that values are the sign of."""
    if kind == "call" and _call_status(values) == "Completed":
        return "logged"
    if kind == "task" and values.get("Status") == "Completed":
        return "completed"
    if kind == "quote" and values.get("Quote_Stage") == "Delivered":
        return "sent"
    if kind == "lead" and True in (values.get("$converted"), values.get("Converted__s")):
        return "qualified"
    return None


def _call_status(values: JsonObject) -> str | None:
    status = values.get("Outgoing_Call_Status", values.get("Call_Status"))
    return status if isinstance(status, str) else None


def _missing(notice: Notice, fields: dict[str, Scalar]) -> tuple[str, ...]:
    """What the CRM has to be asked for: what it names and does not say; of a record without values all that counts."""
    values, named = notice.values or {}, notice.named or ()
    unclear = UNCLEAR & values.keys()
    unsaid = [our_name(notice.kind, name) for name in (*named, *unclear) if name not in values or name in unclear]
    if not values and (notice.operation == _INSERT or not named):
        unsaid += _counting(notice.kind)
    elif notice.operation == _INSERT:
        unsaid += _ALWAYS.get(notice.kind, ("owner",))
    known = {*fields, "owner"} if OWNER in values else fields
    return tuple(dict.fromkeys(name for name in unsaid if name not in known))


def _counting(kind: str) -> tuple[str, ...]:
    """The fields that KPIs of this kind are made of."""
    ours = (*_ALWAYS.get(kind, ("owner",)), *(ours for ours in NAMES[kind].values() if ours != "lost_reason"))
    return (*ours, "status") if kind == "deal" else ours
