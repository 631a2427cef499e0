"""What Pipedrive's objects mean in our words.

An activity is a call, a meeting, an e-mail or, of any other type, a task. It counts when it is done.
"""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from services.ingest.domain.delivery import RejectReason
from services.ingest.domain.json_values import Json, JsonObject, Number
from services.ingest.domain.said import moment, optional_identifier, optional_instant, refuse
from services.ingest.domain.stages import status_of
from services.ingest.domain.statements import Statement
from services.ingest.providers.pipedrive_fields import fields_of, owner_of
from shared.domain.changes import Scalar, Verb
from shared.domain.instants import Micros
from shared.domain.sources import Source

ENTITIES = frozenset({"deal", "lead", "activity"})
"""The objects that our records are made of."""
_KINDS = {"call": "call", "meeting": "meeting", "email": "email"}
_TASK = "task"
_DONE = {"call": "logged", "meeting": "held", "email": "sent", _TASK: "completed"}
_TOLD_AT_BIRTH = {
    "deal": ("owner", "stage", "amount", "currency", "status"),
    "lead": ("owner",),
    "call": ("owner", "duration_seconds"),
}
"""What a new object says of itself, null or not, by our names. What is left out Pipedrive has to be asked for."""
_STATUSES = frozenset({"open", "won", "lost"})
_DELETED = "deleted"
"""A status too, of version 1."""


class Notice(Struct, frozen=True, kw_only=True):
    """One notification, version 1 and 2 alike.

    ``action``: created, updated, deleted or merged. ``current``: the object, None of a deleted one. ``before``: what it
    was, maybe only where it changed. ``merged_from``: the loser that it took up. ``merged_to``: the survivor.
    """

    action: str
    entity: str
    record: str
    event: str
    at: Micros
    current: JsonObject | None
    before: JsonObject
    merged_from: str | None = None
    merged_to: str | None = None

    @property
    def state(self) -> JsonObject:
        """The object as it is, or as it last was. Raises: Unusable when an object that is there is not sent."""
        if self.current is not None:
            return self.current
        if self.action != _DELETED:
            refuse(RejectReason.INVALID_FIELDS, "the object is missing")
        return self.before

    def was(self, name: str) -> Json:
        """A field's value before this change; the present one if it did not change."""
        return self.before.get(name, self.state.get(name))


def statements(notice: Notice, source: Source) -> list[Statement]:
    """What a notification says, the record that it is about first. Raises: Unusable."""
    if notice.merged_to is not None:
        return [_merged(notice, notice.record, into=notice.merged_to)]
    if notice.entity == "activity":
        return _activity(notice)
    said = [_deal(notice, source) if notice.entity == "deal" else _lead(notice)]
    if notice.merged_from is not None:
        said.append(_merged(notice, notice.merged_from, into=notice.record))
    return said


def _merged(notice: Notice, loser: str, *, into: str) -> Statement:
    return Statement(kind=notice.entity, record=loser, verb=Verb.MERGED, fields={"into": into}, mark=f"merge={loser}")


def _deal(notice: Notice, source: Source) -> Statement:
    state = notice.state
    fields = fields_of(state) | _status(state, source)
    times: dict[str, Micros] = {}
    for verb in ("won", "lost"):
        at = moment(state.get(f"{verb}_time"), f"{verb}_time", notice.at) if fields.get("status") == verb else None
        if at is not None:
            times[verb] = at
    return Statement(
        kind="deal",
        record=notice.record,
        verb=_deal_verb(notice),
        fields=fields,
        owner=owner_of(state),
        times=times,
        missing=_left_out(notice, "deal", fields, owner_of(state)),
    )


def _status(state: JsonObject, source: Source) -> dict[str, Scalar]:
    """Pipedrive's own status. Without one, the stage's, where the source says what its stages mean."""
    status = state.get("status")
    if status is None:
        stage = optional_identifier(state.get("stage_id"), "stage_id")
        knows = stage is not None and (source.won_stages or source.lost_stages)
        return {"status": status_of(stage, source)} if knows and stage is not None else {}
    if not isinstance(status, str) or isinstance(status, Number):
        refuse(RejectReason.INVALID_PROPERTY, "status is a text")
    return {} if status == _DELETED else {"status": status}


def _deal_verb(notice: Notice) -> str:
    """The most telling thing that happened to the deal."""
    if notice.action not in {"updated", Verb.MERGED}:
        return notice.action
    status, before = notice.state.get("status"), notice.was("status")
    if status != before and _DELETED in (status, before):
        return Verb.DELETED if status == _DELETED else Verb.RESTORED
    if status != before and status in _STATUSES:
        return Verb.REOPENED if status == "open" else str(status)
    stage = notice.state.get("stage_id")
    return Verb.STAGE_CHANGED if stage is not None and stage != notice.was("stage_id") else Verb.UPDATED


def _lead(notice: Notice) -> Statement:
    verb = Verb.UPDATED.value if notice.action == Verb.MERGED else notice.action
    state = notice.state
    fields, owner = fields_of(state), owner_of(state)
    missing = _left_out(notice, "lead", fields, owner)
    return Statement(kind="lead", record=notice.record, verb=verb, fields=fields, owner=owner, missing=missing)


def _left_out(notice: Notice, kind: str, fields: dict[str, Scalar], owner: str | UnsetType | None) -> tuple[str, ...]:
    """Of a change the rest is known; only a new object has to say everything."""
    if notice.action != "created":
        return ()
    told = fields.keys() if owner is UNSET else {*fields, "owner"}
    return tuple(name for name in _TOLD_AT_BIRTH.get(kind, ()) if name not in told)


def _activity(notice: Notice) -> list[Statement]:
    """One thing said, mostly. A meeting or task that is made when it is done says two; a changed type moves it."""
    kind = _kind(notice.state.get("type"))
    verbs = _activity_verbs(notice, kind)
    former = kind if notice.action == _DELETED else _kind(notice.was("type"))
    said = []
    if former != kind:
        said.append(Statement(kind=former, record=notice.record, verb=Verb.DELETED, mark="type"))
        verbs = [Verb.RESTORED, *verbs]
    fields, owner = fields_of(notice.state), owner_of(notice.state)
    for position, verb in enumerate(verbs):
        said.append(
            Statement(
                kind=kind,
                record=notice.record,
                verb=verb,
                fields=fields,
                owner=owner,
                times=_done_at(notice, kind) if verb == _DONE[kind] else {},
                mark=str(position) if position else "",
                missing=_left_out(notice, kind, fields, owner),
            )
        )
    return said


def _activity_verbs(notice: Notice, kind: str) -> list[str]:
    if notice.action == _DELETED:
        return [_DELETED]
    done = _truth(notice.state.get("done"))
    if notice.action == "created":
        begun = "booked" if kind == "meeting" else "created"
        if not done:
            return [begun]
        return [begun, _DONE[kind]] if kind in {"meeting", _TASK} else [_DONE[kind]]
    moved = kind != _kind(notice.was("type"))
    return [_DONE[kind]] if done and (moved or not _truth(notice.was("done"))) else [Verb.UPDATED]


def _kind(value: Json) -> str:
    """Our record type of an activity's type, which an account names as it likes but for these three."""
    if not isinstance(value, str) or isinstance(value, Number):
        refuse(RejectReason.INVALID_TYPE, "an activity's type is a text")
    return _KINDS.get(value, _TASK)


def _done_at(notice: Notice, kind: str) -> dict[str, Micros]:
    """When it was done: a meeting when it began, if that was before; others when somebody said so."""
    state = notice.state
    if kind == "meeting" and (start := _start(state)) is not None:
        return {_DONE[kind]: min(start, notice.at)}
    at = moment(state.get("marked_as_done_time"), "marked_as_done_time", notice.at)
    return {} if at is None else {_DONE[kind]: at}


def _start(state: JsonObject) -> Micros | None:
    """``due_date`` and ``due_time``, in UTC; None without a time of day, or where it is of another zone."""
    date, time = state.get("due_date"), state.get("due_time")
    if isinstance(time, dict):
        time = None if time.get("timezone_id") else time.get("value")
    if not isinstance(date, str) or not isinstance(time, str) or not (date and time):
        return None
    seconds = "" if time.count(":") > 1 else ":00"
    return optional_instant(f"{date}T{time}{seconds}", "due_date and due_time")


def _truth(value: Json) -> bool:
    """Done or not; version 1 has 0 and 1 as well."""
    return value is True or value == "1"
