"""Why a question is not answered; each cause has its stable reason, which is also the problem document's.

Refusal
├── Invalid       the question makes no sense as asked
├── Unidentified  nobody is known to ask
├── Forbidden     the asker may not see it
└── Unknown       there is no such thing
"""

from __future__ import annotations

from typing import ClassVar

from shared.errors import PermanentError


class Refusal(PermanentError):
    """The same question is refused again; ``reason`` is stable, the message is for people."""

    reason: ClassVar[str] = "refused"


class Invalid(Refusal):
    """Asked in a way that has no answer."""

    reason = "invalid_request"


class InvalidPeriod(Invalid):
    """No period kind of ours."""

    reason = "invalid_period"


class InvalidAt(Invalid):
    """Neither a date nor an instant, or beyond the calendar."""

    reason = "invalid_at"


class InvalidOrganisation(Invalid):
    """``org`` is neither as_was nor as_is."""

    reason = "invalid_org"


class InvalidRanking(Invalid):
    """``by`` names no ranking."""

    reason = "invalid_by"


class TenantRequired(Invalid):
    """Several tenants and no key that decides."""

    reason = "tenant_required"


class Unidentified(Refusal):
    """No key, or none that we know."""

    reason = "key_required"


class WrongKey(Unidentified):
    """A key that nobody has."""

    reason = "unknown_key"


class Forbidden(Refusal):
    """The key's role does not reach so far."""

    reason = "not_allowed"


class LoopbackOnly(Forbidden):
    """No access.yaml: only this machine is answered."""

    reason = "loopback_only"


class Unknown(Refusal):
    """No such thing here."""

    reason = "not_found"


class UnknownTenant(Unknown):
    """No such tenant."""

    reason = "unknown_tenant"


class UnknownRep(Unknown):
    """No such rep."""

    reason = "unknown_rep"


class UnknownTeam(Unknown):
    """No such team."""

    reason = "unknown_team"


class UnknownKpi(Unknown):
    """No such KPI."""

    reason = "unknown_kpi"


class UnknownEntry(Unknown):
    """No such entry of quarantine."""

    reason = "unknown_entry"


class UnknownAlert(Unknown):
    """No such episode."""

    reason = "unknown_alert"
