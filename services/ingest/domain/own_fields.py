"""The fields that a CRM calls by its own names, and how they stay apart from those that have one name for all CRMs."""

from __future__ import annotations

from collections.abc import Collection

from services.ingest.domain.json_values import Json, JsonObject, Number
from shared.domain.changes import Scalar

OURS = frozenset(
    {
        "account",
        "amount",
        "currency",
        "deal",
        "direction",
        "duration_seconds",
        "into",
        "lost_reason",
        "owner",
        "rep",
        "stage",
        "status",
    }
)
"""Names with a meaning of ours. A CRM's own field of such a name is kept as ``crm_status`` and the like."""


def own_name(name: str) -> str:
    """What a CRM's own field is called with us."""
    return f"crm_{name}" if name in OURS else name


def scalars(said: JsonObject, *, but: Collection[str] = ()) -> dict[str, Scalar]:
    """The plain values of an object under the CRM's names, null where it says null; lists and objects are left out.

    but: names that are read otherwise.
    """
    return {own_name(name): scalar(value) for name, value in said.items() if name not in but and is_scalar(value)}


def is_scalar(value: Json) -> bool:
    """Whether it is one value: text, number, boolean or null."""
    return not isinstance(value, (dict, list))


def scalar(value: Json) -> Scalar:
    """A plain value as a field keeps it: a number as the text that was sent. Raises: TypeError for any other."""
    if isinstance(value, (dict, list)):
        raise TypeError("no plain value")
    return str(value) if isinstance(value, Number) else value
