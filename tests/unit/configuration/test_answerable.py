"""Edits that stored events cannot answer, and those beside them that they can."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from shared.configuration.answerable import Unanswered, unanswerable
from shared.configuration.deployment import Deployment
from shared.domain.sources import Source
from tests.support.tenants import tenant

CRM = Source(id="crm", tenant="acme", provider="hubspot", secrets=("a",), won_stages=frozenset({"won"}))
OWN = Source(id="own", tenant="acme", provider="native", secrets=("b",))


def deployment(*sources: Source, tenants: tuple[str, ...] = ("acme", "other")) -> Deployment:
    known = {name: msgspec.structs.replace(tenant(), id=name) for name in tenants}
    return Deployment(known, {source.id: source for source in sources}, {})


def crm(**changes: Any) -> Source:
    return msgspec.structs.replace(CRM, **changes)


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (deployment(crm(won_stages=frozenset({"won", "signed"})), OWN), Unanswered.STAGES_CHANGED),
        (deployment(crm(lost_stages=frozenset({"lost"})), OWN), Unanswered.STAGES_CHANGED),
        (deployment(crm(provider="pipedrive"), OWN), Unanswered.PROVIDER_CHANGED),
        (deployment(crm(tenant="other"), OWN), Unanswered.SOURCE_MOVED),
        (deployment(crm(id="hubspot"), OWN), Unanswered.SOURCE_RENAMED),
        (deployment(CRM, OWN, tenants=("acme",)), Unanswered.TENANT_GONE),
    ],
)
def test_what_was_decided_when_events_came_in_is_not_decided_anew(new: Deployment, reason: Unanswered) -> None:
    (found,) = unanswerable(deployment(CRM, OWN), new)

    assert found.reason is reason and ("`crm`" in found.text or "`other`" in found.text)


@pytest.mark.parametrize(
    "new",
    [
        deployment(CRM, OWN),
        deployment(crm(secrets=("other",), options={"allow_legacy_v1": True}, expect_every_us=1), OWN),
        deployment(CRM, msgspec.structs.replace(OWN, won_stages=frozenset({"x"}))),
        deployment(CRM),
        deployment(CRM, OWN, crm(id="crm2")),
        deployment(OWN, Source(id="own2", tenant="acme", provider="native", secrets=("c",))),
        deployment(CRM, OWN, tenants=("acme", "other", "third")),
    ],
)
def test_everything_else_is_followed(new: Deployment) -> None:
    assert unanswerable(deployment(CRM, OWN), new) == []
