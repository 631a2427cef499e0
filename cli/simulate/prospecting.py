"""The top of the funnel: calls, e-mails, leads and meetings of one floor, with what is still open."""

from __future__ import annotations

from collections import defaultdict
from random import Random

from msgspec import Struct

from cli.simulate.people import Person
from cli.simulate.wire import MILLISECOND_US, Element, HubspotWriter, NativeWriter, Numbers
from shared.domain.instants import SECOND_US, Micros

TERRITORY = 110
"""Accounts a person looks after; some are dear to her, most are not."""
HELD_SHARE = 0.82
CONVERSATIONS = 0.28
"""Share of calls of two minutes or more."""
MISTAKE_US = 20 * SECOND_US
"""How long a call logged by mistake stands."""
LOGGED_IN_HUBSPOT = 0.05
"""Most calls come from the dialler (native); a few are typed into HubSpot by hand."""


class Lead(Struct):
    """Somebody who may buy; ``last_at`` keeps what is said of one record in order."""

    record: str
    account: str
    last_at: Micros


class Meeting(Struct):
    """A booked meeting and the lead that it is with."""

    record: str
    lead: Lead
    last_at: Micros


def after(last_at: Micros, at: Micros) -> Micros:
    """``at``, or a millisecond after what was last said of the record: no two statements tie."""
    return max(at, last_at + MILLISECOND_US)


class Prospecting:
    """What people do before there is a deal. Qualified leads wait in ``qualified`` for the seller."""

    def __init__(self, native: NativeWriter, hubspot: HubspotWriter | None, numbers: Numbers, random: Random) -> None:
        self._native = native
        self._hubspot = hubspot
        self._numbers = numbers
        self._random = random
        self._leads: dict[str, list[Lead]] = defaultdict(list)
        self._meetings: dict[str, list[Meeting]] = defaultdict(list)
        self._met: dict[str, list[Lead]] = defaultdict(list)
        self.qualified: dict[str, list[Lead]] = defaultdict(list)

    def call(self, person: Person, at: Micros) -> list[Element]:
        """A call that somebody takes; most are over before they become a conversation."""
        longer = self._random.random() < CONVERSATIONS
        return self._logged_call(person, at, seconds=self._random.randint(*((120, 1200) if longer else (20, 119))))

    def unanswered(self, person: Person, at: Micros) -> list[Element]:
        """A dial that nobody took: logged, but too short to be a call made."""
        return self._logged_call(person, at, seconds=self._random.randint(0, 15))

    def mislogged(self, person: Person, at: Micros) -> list[Element]:
        """A call logged by mistake and deleted soon after."""
        elements = self._logged_call(person, at - MISTAKE_US, seconds=180)
        body = elements[0].body
        if self._hubspot is not None and elements[0].source != self._native.source:
            return [*elements, self._hubspot.call("deletion", at, call=int(str(body["objectId"])))]
        return [*elements, self._native.event("call.deleted", at, record=str(body["record"]))]

    def email(self, person: Person, at: Micros) -> list[Element]:
        """An e-mail to an account."""
        record = f"em-{self._numbers.take()}"
        return [
            self._native.event(
                "email.sent", at, record=record, rep=person.id, fields={"account": self._account(person)}
            )
        ]

    def task(self, person: Person, at: Micros) -> list[Element]:
        """A task ticked off, which no KPI has to count."""
        return [self._native.event("task.completed", at, record=f"t-{self._numbers.take()}", rep=person.id)]

    def lead(self, person: Person, at: Micros) -> list[Element]:
        """A lead that came in a while ago is answered."""
        waited = self._random.randint(30, 1800)
        came_in = at - waited * SECOND_US
        lead = Lead(f"l-{self._numbers.take()}", self._account(person), at)
        self._leads[person.id].append(lead)
        fields = {"account": lead.account, "channel": "web"}
        answer = {"response_seconds": str(waited)}
        return [
            self._native.event("lead.created", came_in, record=lead.record, rep=person.id, fields=fields),
            self._native.event("lead.answered", at, record=lead.record, fields=answer),
        ]

    def book(self, person: Person, at: Micros) -> list[Element]:
        """A meeting with a lead; without one, a lead comes first."""
        leads = self._leads[person.id]
        if not leads:
            return self.lead(person, at)
        meeting = Meeting(f"m-{self._numbers.take()}", leads.pop(self._random.randrange(len(leads))), at)
        self._meetings[person.id].append(meeting)
        fields = {"account": meeting.lead.account}
        return [self._native.event("meeting.booked", at, record=meeting.record, rep=person.id, fields=fields)]

    def meet(self, person: Person, at: Micros) -> list[Element]:
        """A booked meeting takes place or is called off; some are called off and then held all the same."""
        meetings = self._meetings[person.id]
        if not meetings:
            return self.book(person, at)
        meeting = meetings.pop(0)
        at = after(meeting.last_at, at)
        held = self._random.random() < HELD_SHARE
        elements = []
        if not held or self._random.random() < 0.03:
            elements.append(self._native.event("meeting.canceled", at, record=meeting.record, rep=person.id))
            at = after(at, at)
        if held:
            elements.append(self._native.event("meeting.held", at, record=meeting.record, rep=person.id))
            self._met[person.id].append(meeting.lead)
        else:
            self._leads[person.id].append(meeting.lead)
        return elements

    def qualify(self, person: Person, at: Micros) -> list[Element]:
        """A lead who was met is worth a deal; now and then she turns out to be a double of another one."""
        met = self._met[person.id]
        if not met:
            return self.meet(person, at)
        lead = met.pop(0)
        lead.last_at = at = after(lead.last_at, at)
        if self._random.random() < 0.03:
            fields = {"into": f"l-{self._numbers.take()}"}
            return [self._native.event("lead.merged", at, record=lead.record, fields=fields)]
        self.qualified[person.id].append(lead)
        return [self._native.event("lead.qualified", at, record=lead.record, rep=person.id)]

    def _account(self, person: Person) -> str:
        return f"a-{person.id}-{int(self._random.random() ** 2 * TERRITORY)}"

    def _logged_call(self, person: Person, at: Micros, *, seconds: int) -> list[Element]:
        inbound = self._random.random() < 0.08
        by_hand = self._random.random() < LOGGED_IN_HUBSPOT
        direction = "inbound" if inbound else "outbound"
        if self._hubspot is None or person.hubspot is None or not by_hand:
            fields = {"direction": direction, "duration_seconds": str(seconds), "account": self._account(person)}
            record = f"c-{self._numbers.take()}"
            return [self._native.event("call.logged", at, record=record, rep=person.id, fields=fields)]
        call = self._numbers.take()
        properties = {
            "hubspot_owner_id": person.hubspot,
            "hs_call_direction": direction.upper(),
            "hs_call_duration": str(seconds * 1000),
        }
        return [
            self._hubspot.call("creation", at, call=call),
            *(self._hubspot.call_property(at, call=call, name=name, value=value) for name, value in properties.items()),
        ]
