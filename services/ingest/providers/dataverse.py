"""Dataverse and Dynamics 365: a plug-in's execution context, posted by a webhook step.

Nothing is signed: a key in ``?code=``, or in a header of the administrator's choice, is all there is. Dataverse tries
again on 502, 503 and 504 only, and once. Steps have to be registered as asynchronous: a synchronous one makes a user's
save wait for us, and fail with us.
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from services.ingest.domain.credentials import any_equal
from services.ingest.domain.delivery import (
    Context,
    Delivery,
    Element,
    Ignored,
    Outcome,
    RejectReason,
)
from services.ingest.domain.json_values import Json, JsonObject, as_bytes
from services.ingest.domain.media_types import require_json
from services.ingest.domain.one_by_one import outcome_of
from services.ingest.domain.refusals import RefusalReason, Refused
from services.ingest.domain.said import identifier, mark, not_ahead, refuse
from services.ingest.domain.statements import accepted
from services.ingest.domain.strict_json import one_object
from services.ingest.providers import dataverse_meaning as meaning
from services.ingest.providers import dataverse_values as values
from services.ingest.providers.dataverse_meaning import Operation
from services.ingest.providers.dataverse_setup import SETUP
from services.ingest.providers.provider import Provider
from shared.domain.instants import Micros
from shared.domain.sources import Source

_SIZE_EXCEEDED = b"x-ms-dynamics-msg-size-exceeded"
_REMOVED = ("ParentContext", "InputParameters", "PreEntityImages", "PostEntityImages")
"""What is left out of a message over 256 KB."""
_SILENT_ENTITIES = frozenset(
    {
        "account",
        "activityparty",
        "activitypointer",
        "annotation",
        "campaign",
        "campaignresponse",
        "competitor",
        "connection",
        "contact",
        "fax",
        "incident",
        "incidentresolution",
        "invoice",
        "letter",
        "opportunityclose",
        "opportunityproduct",
        "opportunitysalesprocess",
        "product",
        "quoteclose",
        "quotedetail",
        "salesorder",
        "systemuser",
        "team",
        "transactioncurrency",
    }
)
"""Known, and no number depends on them."""
_SILENT_MESSAGES = frozenset({"associate", "disassociate", "grantaccess", "modifyaccess", "revokeaccess", "retrieve"})
_FIRST = "0"
"""Stands before a creation's name in its event id: within an instant all else comes later, a win after an update."""


def authenticate(delivery: Delivery, source: Source, now: Micros) -> None:  # noqa: ARG001 - a key has no age
    """The key, in the header that the source names, else in ``?code=``."""
    header = source.options.get("header")
    given = delivery.header(header.lower().encode()) if isinstance(header, str) else _code(delivery.query)
    if not given:
        where = f"the header {header}" if isinstance(header, str) else "?code="
        raise Refused(RefusalReason.MISSING_CREDENTIALS, f"send the source's key in {where}")
    if not any_equal(given, (secret.encode() for secret in source.secrets)):
        raise Refused(RefusalReason.WRONG_CREDENTIALS, "the key is none of this source's")


def _code(query: str) -> bytes | None:
    """The query's first ``code``. A plus sign is one: keys are base64 more often than they are forms."""
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name == "code":
            return unquote_to_bytes(value.encode("latin-1", errors="replace"))
    return None


def parse(delivery: Delivery, _: Source) -> list[Element]:
    """One execution context. Raises: Refused."""
    require_json(delivery)
    (element,) = one_object(delivery.body)
    exceeded = (delivery.header(_SIZE_EXCEEDED) or b"false").strip().lower() not in {b"", b"0", b"false"}
    if not exceeded or not isinstance(element.value, dict) or element.value.get("InputParameters"):
        return [element]
    left = {name: value for name, value in element.value.items() if name not in _REMOVED}
    return [Element(0, as_bytes(left), left)]


def translate(elements: list[Element], context: Context) -> list[Outcome]:
    """What the message says of its record."""
    return [outcome_of(element, context, _meaning) for element in elements]


def _meaning(execution: JsonObject, context: Context) -> Outcome:
    message, entity = _name(execution, "MessageName"), _name(execution, "PrimaryEntityName")
    if entity in _SILENT_ENTITIES or message in _SILENT_MESSAGES:
        return Ignored(f"{entity}.{message}")
    if entity not in meaning.KINDS or message not in meaning.MESSAGES:
        refuse(RejectReason.UNKNOWN_TYPE, f"{entity[:80]}.{message[:80]}")
    operation = _operation(execution, message, kind=meaning.KINDS[entity])
    at = not_ahead(operation.at, context.now, "OperationCreatedOn")
    event = _identity(execution, operation)
    return accepted(meaning.statements(operation, context.source), event=event, at=at, context=context)


def _name(execution: JsonObject, what: str) -> str:
    name = execution.get(what)
    if name is None or name == "":
        refuse(RejectReason.MISSING_TYPE, f"{what} is required")
    if not isinstance(name, str):
        refuse(RejectReason.INVALID_TYPE, f"{what} is a text")
    return name.lower()


def _operation(execution: JsonObject, message: str, *, kind: str) -> Operation:
    given = execution.get("InputParameters")
    parameters = None if given is None else values.pairs(given, "InputParameters")
    after = _image(execution.get("PostEntityImages"), "PostEntityImages")
    return Operation(
        message=message,
        kind=kind,
        record=_record(execution, parameters or {}),
        at=_occurred_at(execution, (parameters or {}).get("Target"), after),
        parameters=parameters,
        before=_image(execution.get("PreEntityImages"), "PreEntityImages"),
        after=after,
    )


def _record(execution: JsonObject, parameters: JsonObject) -> str:
    """The record's id; where the context leaves it open, the id of what the message is about. Raises: Unusable."""
    close = parameters.get("OpportunityClose")
    candidates: list[Json] = [execution.get("PrimaryEntityId")]
    if close is not None:
        candidates.append(_id(values.attributes(close, "OpportunityClose").get("opportunityid")))
    candidates += [_id(parameters.get(name)) for name in ("Target", "EntityMoniker", "LeadId")]
    for candidate in candidates:
        found = values.guid(candidate, "PrimaryEntityId")
        if found is not None:
            return found
    return identifier(None, "PrimaryEntityId")


def _id(value: Json) -> Json:
    return value.get("Id") if isinstance(value, dict) else None


def _image(given: Json, what: str) -> JsonObject:
    """The attributes of all images of a side. Raises: Unusable."""
    found: JsonObject = {}
    for name, entity in values.pairs(given, what).items():
        found |= {} if entity is None else values.attributes(entity, f"{what}.{name}")
    return found


def _occurred_at(execution: JsonObject, target: Json, after: JsonObject) -> Micros:
    """When the operation was; a synchronous step may say only when its record was last modified. Raises: Unusable."""
    modified = after | (values.attributes(target, "Target") if isinstance(target, dict) else {})
    at = values.date(execution.get("OperationCreatedOn"), "OperationCreatedOn")
    at = values.date(modified.get("modifiedon"), "modifiedon") if at is None else at
    if at is None:
        refuse(RejectReason.MISSING_TIME, "OperationCreatedOn is required: register the step as asynchronous")
    return at


def _identity(execution: JsonObject, operation: Operation) -> str:
    """The asynchronous operation, which a second attempt keeps; of a synchronous step what the facts name instead."""
    organization = values.guid(execution.get("OrganizationId"), "OrganizationId") or ""
    named = f"{_FIRST if operation.message == 'create' else ''}{operation.message}:{organization}"
    asynchronous = values.guid(execution.get("OperationId"), "OperationId")
    if asynchronous is not None:
        return f"{named}:{asynchronous}:{operation.record}"
    correlation = values.guid(execution.get("CorrelationId"), "CorrelationId")
    if correlation is None:
        refuse(RejectReason.MISSING_ID, "neither OperationId nor CorrelationId")
    extension = values.guid(_id(execution.get("OwningExtension")), "OwningExtension.Id") or ""
    depth = execution.get("Depth")
    return f"{named}:{correlation}:{operation.record}:{extension}:{mark(depth if isinstance(depth, str) else None)}"


PROVIDER = Provider(
    name="dataverse", authenticate=authenticate, parse=parse, translate=translate, challenge="Key", setup=SETUP
)
