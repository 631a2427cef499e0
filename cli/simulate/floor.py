"""The sales floor: who does what at an instant. Pure and seeded: the same seed and start say the same events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from random import Random

from cli.simulate.people import Crm, Person, crm_of, people_of
from cli.simulate.prospecting import Prospecting
from cli.simulate.selling import Selling, Stages
from cli.simulate.wire import MILLISECOND_US, Element, HubspotWriter, NativeWriter, Numbers
from shared.domain.instants import Micros
from shared.domain.sources import Source
from shared.domain.tenant import Tenant

Act = Callable[[Person, Micros], list[Element]]

DAILY: Mapping[str, float] = {
    "call": 34,
    "unanswered": 12,
    "email": 14,
    "task": 3,
    "lead": 2,
    "book": 1.2,
    "meet": 1.2,
    "qualify": 0.6,
    "create": 0.5,
    "advance": 1.5,
    "close": 0.35,
    "correct": 0.4,
    "note": 0.8,
    "mislogged": 0.3,
    "hand_over": 0.1,
    "reopen": 0.06,
    "delete": 0.05,
}
"""What a person of strength 1.0 does on a full working day, on average."""
ROLE_MIX: Mapping[str, Mapping[str, float]] = {
    "sdr": {"call": 1.9, "unanswered": 1.7, "email": 2.2, "book": 1.45, "meet": 0.9, "qualify": 1.1}
    | dict.fromkeys(("create", "advance", "close", "correct", "hand_over", "reopen"), 0.05),
    "ae": {"call": 0.8, "book": 1.3, "meet": 1.3, "create": 3.2, "advance": 1.5, "close": 1.7, "correct": 1.5},
    "am": {"call": 0.65, "create": 1.6, "close": 1.4},
    "sdr_lead": {"call": 0.4, "unanswered": 0.4, "email": 0.7},
    "vp": {"call": 0.1, "unanswered": 0.0, "email": 0.5, "meet": 0.5},
}
"""How a role's day differs from the average one; other roles do a bit of everything."""
BUSY_WORK = ("unanswered", "task", "note")
"""What keeps a live floor busy without moving a number."""
FALLING_BEHIND_SHARE = 0.03


class Floor:
    """People, what they have in hand, and their next act. Not thread-safe: one caller, in time order."""

    def __init__(self, people: Sequence[Person], crm: Crm, *, random: Random, started_at: Micros) -> None:
        self.people = tuple(people)
        self._random = random
        numbers = Numbers(started_at)
        native = NativeWriter(crm.native.id, numbers)
        hubspot = None if crm.hubspot is None else HubspotWriter(crm.hubspot.id, numbers)
        self._prospecting = Prospecting(native, hubspot, numbers, random)
        self._selling = Selling(native, hubspot, numbers, random=random, stages=_stages(crm.hubspot))
        self._acts: dict[str, Act] = {
            name: self._create if name == "create" else self._hand_over if name == "hand_over" else self._act(name)
            for name in DAILY
        }

    def act(self, person: Person, at: Micros, *, busy_work: float = 0.0) -> list[Element]:
        """What a person does at an instant, as the events that her CRMs send; at least one.

        ``busy_work`` is the share of acts that move no number.
        """
        at -= at % MILLISECOND_US  # HubSpot knows milliseconds only
        if self._random.random() < busy_work:
            name = self._random.choice(BUSY_WORK)
        else:
            name = self._random.choices(tuple(DAILY), weights=_mix(person.rep.role))[0]
        return self._acts[name](person, at) or self._prospecting.email(person, at)

    def someone(self) -> Person:
        """Somebody who is about to do something now: the strong more often, who falls behind hardly ever."""
        weights = [acts_on(person, today=True) for person in self.people]
        return self._random.choices(self.people, weights=weights)[0]

    def _act(self, name: str) -> Act:
        found: Act = getattr(self._prospecting, name, None) or getattr(self._selling, name)
        return found

    def _create(self, person: Person, at: Micros) -> list[Element]:
        qualified = self._prospecting.qualified[person.id]
        if not qualified:
            return self._prospecting.qualify(person, at)
        return self._selling.create(person, at, account=qualified.pop(0).account)

    def _hand_over(self, person: Person, at: Micros) -> list[Element]:
        colleague = self._random.choice(self.people)
        return [] if colleague is person else self._selling.hand_over(person, at, to=colleague)


def open_floor(
    tenant: Tenant, sources: Mapping[str, Source], *, seed: int, reps: int, started_at: Micros
) -> tuple[Floor, Crm]:
    """A floor of the tenant's own people. Raises: NothingToSimulate."""
    random = Random(seed)  # noqa: S311 - a reproducible floor, not a secret
    crm = crm_of(tenant, dict(sources))
    people = people_of(tenant, crm, limit=reps, random=random)
    return Floor(people, crm, random=random, started_at=started_at), crm


def acts_on(person: Person, *, today: bool) -> float:
    """How many things a person does on a full working day."""
    return sum(_mix(person.rep.role)) * (_today(person) if today else person.strength)


@cache
def _mix(role: str | None) -> tuple[float, ...]:
    mix = ROLE_MIX.get(role or "", {})
    return tuple(often * mix.get(name, 1.0) for name, often in DAILY.items())


def _today(person: Person) -> float:
    return person.strength * (FALLING_BEHIND_SHARE if person.falling_behind else 1.0)


def _stages(hubspot: Source | None) -> Stages:
    won = min(hubspot.won_stages, default="closedwon") if hubspot is not None else "closedwon"
    lost = min(hubspot.lost_stages, default="closedlost") if hubspot is not None else "closedlost"
    return Stages(won, lost)
