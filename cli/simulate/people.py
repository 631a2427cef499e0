"""Who works on the simulated floor, and which of the tenant's sources say what they do."""

from __future__ import annotations

from random import Random

from msgspec import Struct

from shared.domain.people import Rep
from shared.domain.sources import Source
from shared.domain.tenant import Tenant
from shared.errors import ConfigurationError

HUBSPOT = "hubspot"
NATIVE = "native"
WEAKEST, USUAL, STRONGEST = 0.72, 1.04, 1.35
FALLING_BEHIND_STRENGTH = 0.8
"""On other days she is not bad: the drop of today is what a manager must see."""


class NothingToSimulate(ConfigurationError):
    """The configuration has no rep, or no source that the simulator can speak for."""

    reason = "nothing_to_simulate"


class Crm(Struct, frozen=True):
    """The tenant's sources that the simulator sends for; without HubSpot everything is native."""

    native: Source
    hubspot: Source | None = None


class Person(Struct, frozen=True, kw_only=True):
    """A rep as the simulator plays her.

    ``strength`` 1.0 is an average day's work. ``hubspot`` is her owner id there, None where she has none.
    ``falling_behind``: today she does next to nothing.
    """

    rep: Rep
    strength: float
    hubspot: str | None = None
    falling_behind: bool = False

    @property
    def id(self) -> str:
        """The rep's id, which every native source understands."""
        return self.rep.id


def crm_of(tenant: Tenant, sources: dict[str, Source]) -> Crm:
    """The tenant's first native and first HubSpot source. Raises: NothingToSimulate without a native one."""
    own = [source for source in sources.values() if source.tenant == tenant.id]
    native = next((source for source in own if source.provider == NATIVE), None)
    if native is None:
        raise NothingToSimulate("the simulator needs a source with `provider: native` in sources.yaml")
    return Crm(native, next((source for source in own if source.provider == HUBSPOT), None))


def people_of(tenant: Tenant, crm: Crm, *, limit: int, random: Random) -> tuple[Person, ...]:
    """The first ``limit`` reps with strengths of their own, one of them falling behind. Raises: NothingToSimulate."""
    reps = tuple(tenant.organisation.reps.values())[:limit]
    if not reps:
        raise NothingToSimulate("the simulator needs at least one rep in people.yaml")
    behind = _the_one_behind(reps)
    return tuple(
        Person(
            rep=rep,
            strength=FALLING_BEHIND_STRENGTH
            if rep is behind
            else round(random.triangular(WEAKEST, STRONGEST, USUAL), 2),
            hubspot=_hubspot_owner(rep, crm),
            falling_behind=rep is behind,
        )
        for rep in reps
    )


def _the_one_behind(reps: tuple[Rep, ...]) -> Rep:
    """Somebody whose day is calls, so that nobody can miss it: an SDR if the floor has one."""
    return next((rep for rep in reps if rep.role == "sdr"), reps[0])


def _hubspot_owner(rep: Rep, crm: Crm) -> str | None:
    identities = rep.identities.get(crm.hubspot.id, ()) if crm.hubspot is not None else ()
    return identities[0] if identities else None
