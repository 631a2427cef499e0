"""The attributes of Dataverse's entities in our words.

They keep Dataverse's names, and some have one of ours beside it: ``estimatedvalue``, of what is won ``actualvalue``
(amount), ``statecode`` and ``statuscode`` of opportunities (status), ``stageid`` or ``stepname`` (stage),
``parentaccountid`` or ``customerid`` (account), ``regardingobjectid`` and ``opportunityid`` (deal), ``directioncode``
(direction), ``actualdurationminutes`` (duration_seconds); ``ownerid`` is the owner. A currency is only referred to: its
code has to be asked for.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import UNSET, UnsetType

from services.ingest.domain import said
from services.ingest.domain.delivery import RejectReason
from services.ingest.domain.json_values import JsonObject
from services.ingest.domain.said import refuse
from services.ingest.domain.stages import status_of
from services.ingest.providers import dataverse_values as values
from shared.domain import exact
from shared.domain.changes import Scalar
from shared.domain.instants import Micros
from shared.domain.sources import Source

OWNER, CURRENCY = "ownerid", "transactioncurrencyid"
STATE, REASON = "statecode", "statuscode"
SETTLING = frozenset(
    {STATE, REASON, "stageid", "stepname", "estimatedvalue", "actualvalue", "totalamount", "estimatedamount"}
)
"""What only the change itself may say: an image repeats it, maybe without what was said elsewhere since."""
_STATUS_OF_STATE = {"0": "open", "1": "won", "2": "lost"}
_STATUS_OF_REASON = {"1": "open", "2": "open", "3": "won", "4": "lost", "5": "lost"}
_LOST_REASONS = {"4": "canceled", "5": "out_sold"}
_ACTIVITIES = frozenset({"call", "meeting", "email", "task"})
_AMOUNTS = {"deal": ("actualvalue", "estimatedvalue"), "quote": ("totalamount",), "lead": ("estimatedamount",)}
_TIMES = {
    ("call", "actualstart"): "logged",
    ("call", "actualend"): "logged",
    ("meeting", "scheduledstart"): "held",
    ("meeting", "actualstart"): "held",
    ("email", "senton"): "sent",
    ("task", "actualend"): "completed",
    ("deal", "createdon"): "created",
    ("lead", "createdon"): "created",
    ("task", "createdon"): "created",
    ("quote", "createdon"): "created",
    ("meeting", "createdon"): "booked",
}
"""Attributes that are the CRM's own time of a moment; of two the later in this order."""


def status_in(attributes: JsonObject) -> str | None:
    """An opportunity's status, if these attributes say it. Raises: Unusable."""
    by_state = _STATUS_OF_STATE.get(values.code(attributes.get(STATE), STATE) or "")
    return by_state or _STATUS_OF_REASON.get(values.code(attributes.get(REASON), REASON) or "")


def lost_reason(attributes: JsonObject) -> dict[str, Scalar]:
    """Why an opportunity was lost: Dataverse's two reasons by name, a customer's own by number. Raises: Unusable."""
    reason = values.code(attributes.get(REASON), REASON)
    return {} if reason is None else {"lost_reason": _LOST_REASONS.get(reason, reason)}


def fields_of(kind: str, attributes: JsonObject, source: Source) -> dict[str, Scalar]:
    """What these attributes say of a record, but its owner. Raises: Unusable."""
    fields = values.fields({name: value for name, value in attributes.items() if name != OWNER})
    status = status_in(attributes) if kind == "deal" else None
    fields |= _amount(kind, attributes, is_lost=status == "lost")
    if kind == "deal":
        fields |= _stage(attributes, source)
    if status is not None:
        fields["status"] = status
    if status == "lost":
        fields |= lost_reason(attributes)
    if CURRENCY in attributes and attributes[CURRENCY] is None:
        fields["currency"] = None
    if kind in _ACTIVITIES:
        fields |= _activity(attributes)
    return fields | _relations(kind, attributes)


def owner_of(attributes: JsonObject) -> str | UnsetType | None:
    """Whose it is. Raises: Unusable."""
    if OWNER not in attributes:
        return UNSET
    owner = values.reference(attributes[OWNER], OWNER)
    return None if owner is None else owner.id


def times_of(kind: str, attributes: JsonObject) -> dict[str, Micros]:
    """The CRM's own times of moments. Raises: Unusable."""
    times: dict[str, Micros] = {}
    for (of_kind, name), moment in _TIMES.items():
        at = values.date(attributes.get(name), name) if kind == of_kind else None
        if at is not None:
            times[moment] = at
    closed_at = values.moment(attributes.get("actualclosedate"), "actualclosedate") if kind == "deal" else None
    status = status_in(attributes) if closed_at is not None else None
    if closed_at is not None and status in {"won", "lost"}:
        times[str(status)] = closed_at
    return times


def _amount(kind: str, attributes: JsonObject, *, is_lost: bool) -> dict[str, Scalar]:
    """What it came to, else what it is thought to come to; what is lost came to nothing and keeps its estimate."""
    names = [name for name in _AMOUNTS.get(kind, ()) if name in attributes and not (is_lost and name == "actualvalue")]
    amounts = {name: said.amount(values.unwrapped(attributes[name]), name) for name in names}
    for name, amount in amounts.items():
        if amount is not None:
            return {"amount": amount}
        if name != "actualvalue":
            return {"amount": None}
    return {}


def _stage(attributes: JsonObject, source: Source) -> dict[str, Scalar]:
    """By the process's stage, or by the older sales stage's name. Lists of stages count where somebody wrote them."""
    name = next((name for name in ("stageid", "stepname") if attributes.get(name) is not None), None)
    if name is None:
        return {}
    stage = said.identifier(attributes[name], name)
    listed = bool(source.won_stages or source.lost_stages)
    return {"stage": stage, "status": status_of(stage, source)} if listed else {"stage": stage}


def _activity(attributes: JsonObject) -> dict[str, Scalar]:
    fields: dict[str, Scalar] = {}
    if "directioncode" in attributes:
        is_outgoing = attributes["directioncode"]
        if is_outgoing is not None and not isinstance(is_outgoing, bool):
            refuse(RejectReason.INVALID_FIELDS, "directioncode is true for outgoing or false for incoming")
        fields["direction"] = None if is_outgoing is None else "outbound" if is_outgoing else "inbound"
    if "actualdurationminutes" in attributes:
        minutes = said.seconds(attributes["actualdurationminutes"], "actualdurationminutes")
        of_a_minute = Decimal(60)
        fields["duration_seconds"] = (
            None if minutes is None else exact.plain(exact.CONTEXT.multiply(Decimal(minutes), of_a_minute))
        )
    return fields


def _relations(kind: str, attributes: JsonObject) -> dict[str, Scalar]:
    """The deal and the account that it belongs to; what an activity is about may be either, or something else."""
    fields: dict[str, Scalar] = {}
    if kind in _ACTIVITIES and "regardingobjectid" in attributes:
        about = values.reference(attributes["regardingobjectid"], "regardingobjectid")
        fields["deal"] = about.id if about is not None and about.entity == "opportunity" else None
        if about is not None and about.entity == "account":
            fields["account"] = about.id
    if kind == "quote" and "opportunityid" in attributes:
        deal = values.reference(attributes["opportunityid"], "opportunityid")
        fields["deal"] = None if deal is None else deal.id
    if kind in {"deal", "quote", "lead"}:
        accounts = [values.reference(attributes.get(name), name) for name in ("parentaccountid", "customerid")]
        known = next((account.id for account in accounts if account is not None), None)
        if known is not None or "parentaccountid" in attributes or "customerid" in attributes:
            fields["account"] = known
    return fields
