"""Elements of a delivery by themselves: one that cannot be used costs its neighbours nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar

from services.ingest.domain.delivery import Context, Element, Outcome, Rejected
from services.ingest.domain.json_values import JsonObject
from services.ingest.domain.said import Unusable
from services.ingest.domain.strict_json import parse_object

Meant = TypeVar("Meant", bound=Outcome)
Meaning: TypeAlias = Callable[[JsonObject, Context], Meant]
"""What an element's object means to a CRM. Raises: Unusable."""


def outcome_of(element: Element, context: Context, meaning: Meaning[Meant], *, around: int = 0) -> Meant | Rejected:
    """What an element means, or why it cannot be used. ``around``: levels of ours around it."""
    value = parse_object(element, max_depth=context.source.limits.max_depth + around)
    if isinstance(value, Rejected):
        return value
    try:
        return meaning(value, context)
    except Unusable as error:
        return Rejected(element, error.reason, error.detail)
