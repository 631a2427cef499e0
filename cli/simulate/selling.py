"""The bottom of the funnel: deals from their creation to won or lost, with all that real deals go through."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from random import Random

from msgspec import Struct

from cli.simulate.people import Person
from cli.simulate.prospecting import after
from cli.simulate.wire import Element, HubspotWriter, NativeWriter, Numbers
from shared.domain.instants import Micros

STAGES = ("appointmentscheduled", "qualifiedtobuy", "presentationscheduled", "contractsent")
WIN_SHARE = 0.38
IN_OTHER_CURRENCY = 0.08
CURRENCIES = ("USD", "GBP")
"""What a few native deals are in; a currency that the tenant has no rate for shows how such an amount is left out."""
REMEMBERED = 40
"""Closed deals a person may come back to."""


class Deal(Struct):
    """A deal; ``number`` is its HubSpot id, None where it lives in the native source."""

    record: str
    number: int | None
    amount: Decimal
    last_at: Micros
    stage: int = 0


class Stages(Struct, frozen=True):
    """The HubSpot source's stage ids for won and lost."""

    won: str
    lost: str


class Selling:
    """What people do with deals, in HubSpot where they have an owner id there, else in the native source."""

    def __init__(
        self, native: NativeWriter, hubspot: HubspotWriter | None, numbers: Numbers, *, random: Random, stages: Stages
    ) -> None:
        self._native = native
        self._hubspot = hubspot
        self._numbers = numbers
        self._random = random
        self._stages = stages
        self._open: dict[str, list[Deal]] = defaultdict(list)
        self._closed: dict[str, list[Deal]] = defaultdict(list)

    def create(self, person: Person, at: Micros, *, account: str) -> list[Element]:
        """A new deal in its first stage."""
        amount = Decimal(round(self._random.lognormvariate(8.95, 0.6), 2)).quantize(Decimal("0.01"))
        number = self._numbers.take()
        self._open[person.id].append(
            deal := Deal(f"d-{number}", number if self._in_hubspot(person) else None, amount, at)
        )
        if deal.number is None or self._hubspot is None:
            fields = {"account": account, "amount": str(amount), "stage": STAGES[0]}
            if self._random.random() < IN_OTHER_CURRENCY:
                fields["currency"] = self._random.choice(CURRENCIES)
            return [self._native.event("deal.created", at, record=deal.record, rep=person.id, fields=fields)]
        return [
            self._hubspot.deal("creation", at, deal=number),
            self._hubspot.deal_property(at, deal=number, name="hubspot_owner_id", value=str(person.hubspot)),
            self._hubspot.deal_property(at, deal=number, name="amount", value=str(amount)),
            self._hubspot.deal_property(at, deal=number, name="dealstage", value=STAGES[0]),
        ]

    def advance(self, person: Person, at: Micros) -> list[Element]:
        """The next stage of an open deal; in the last one it waits for its signature."""
        deal = self._pick(self._open[person.id])
        if deal is None:
            return []
        if deal.stage + 1 >= len(STAGES):
            return self.note(person, at)
        deal.stage += 1
        return self._say_stage(deal, at)

    def correct(self, person: Person, at: Micros) -> list[Element]:
        """Another amount, sometimes of a deal that is won already: the past changes."""
        deal = self._pick(self._closed[person.id] if self._random.random() < 0.3 else self._open[person.id])
        if deal is None:
            return []
        deal.amount = (deal.amount * Decimal(self._random.randint(70, 130)) / 100).quantize(Decimal("0.01"))
        return self._say(deal, at, name="amount", value=str(deal.amount))

    def close(self, person: Person, at: Micros) -> list[Element]:
        """An open deal is won or lost."""
        deal = self._take(self._open[person.id])
        if deal is None:
            return []
        closed = self._closed[person.id]
        closed.append(deal)
        del closed[:-REMEMBERED]
        won = self._random.random() < WIN_SHARE * person.strength
        if deal.number is not None:
            return self._say(deal, at, name="dealstage", value=self._stages.won if won else self._stages.lost)
        deal.last_at = at = after(deal.last_at, at)
        return [self._native.event("deal.won" if won else "deal.lost", at, record=deal.record)]

    def reopen(self, person: Person, at: Micros) -> list[Element]:
        """A closed deal is open again, in the last stage but one."""
        deal = self._take(self._closed[person.id])
        if deal is None:
            return []
        self._open[person.id].append(deal)
        deal.stage = len(STAGES) - 2
        if deal.number is not None:
            return self._say_stage(deal, at)
        deal.last_at = at = after(deal.last_at, at)
        return [self._native.event("deal.reopened", at, record=deal.record, fields={"stage": STAGES[deal.stage]})]

    def hand_over(self, person: Person, at: Micros, *, to: Person) -> list[Element]:
        """A deal gets another owner; closed ones too, which keeps the credit where it was earned."""
        mine, theirs = (self._closed, self._closed) if self._random.random() < 0.4 else (self._open, self._open)
        if to.hubspot is None or person.hubspot is None:
            return []
        deal = self._take(mine[person.id])
        if deal is None:
            return []
        theirs[to.id].append(deal)
        if deal.number is not None:
            return self._say(deal, at, name="hubspot_owner_id", value=to.hubspot)
        deal.last_at = at = after(deal.last_at, at)
        return [self._native.event("deal.updated", at, record=deal.record, rep=to.id)]

    def delete(self, person: Person, at: Micros) -> list[Element]:
        """A deal that should never have been there, won or not."""
        deal = self._take(self._closed[person.id]) or self._take(self._open[person.id])
        if deal is None:
            return []
        at = after(deal.last_at, at)
        if deal.number is not None and self._hubspot is not None:
            return [self._hubspot.deal("deletion", at, deal=deal.number)]
        return [self._native.event("deal.deleted", at, record=deal.record)]

    def note(self, person: Person, at: Micros) -> list[Element]:
        """A next step written down: a change that no KPI counts."""
        deal = self._pick(self._open[person.id])
        return (
            [] if deal is None else self._say(deal, at, name="hs_next_step", value="call back", native="deal.updated")
        )

    def _in_hubspot(self, person: Person) -> bool:
        return self._hubspot is not None and person.hubspot is not None and self._random.random() < 0.8

    def _say_stage(self, deal: Deal, at: Micros) -> list[Element]:
        if deal.number is not None:
            return self._say(deal, at, name="dealstage", value=STAGES[deal.stage])
        return self._say(deal, at, name="stage", native="deal.stage_changed", value=STAGES[deal.stage])

    def _say(self, deal: Deal, at: Micros, *, name: str, value: str, native: str = "deal.updated") -> list[Element]:
        """One property of a deal, in the words of the CRM that keeps it."""
        deal.last_at = at = after(deal.last_at, at)
        if deal.number is not None and self._hubspot is not None:
            return [self._hubspot.deal_property(at, deal=deal.number, name=name, value=value)]
        return [self._native.event(native, at, record=deal.record, fields={name: value})]

    def _pick(self, deals: list[Deal]) -> Deal | None:
        return self._random.choice(deals) if deals else None

    def _take(self, deals: list[Deal]) -> Deal | None:
        return deals.pop(self._random.randrange(len(deals))) if deals else None
