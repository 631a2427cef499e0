"""The past of the floor: each working day of each person, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from cli.simulate.floor import Floor, acts_on
from cli.simulate.people import Person
from cli.simulate.wire import Element
from shared.domain.calendar import Calendar, length
from shared.domain.instants import Micros
from shared.domain.periods import local_day

Span = tuple[Micros, Micros]


def history(floor: Floor, calendar: Calendar, *, days: int, until: Micros, random: Random) -> Iterator[list[Element]]:
    """The events of each of the last ``days`` days and of today up to ``until``, oldest day first."""
    today = local_day(until, calendar.zone)
    for back in range(days, -1, -1):
        day = today - timedelta(days=back)
        acts = sorted(
            (at, index)
            for index, person in enumerate(floor.people)
            for at in _moments(person, calendar, day, today=back == 0, random=random)
            if at < until
        )
        yield [element for at, index in acts for element in floor.act(floor.people[index], at)]


def _moments(person: Person, calendar: Calendar, day: date, *, today: bool, random: Random) -> list[Micros]:
    """When a person does something on a day: anywhere in her working hours, as often as she is strong."""
    spans = calendar.present_spans(person.rep, day)
    whole = length(calendar.whole_spans(day, person.rep.zone))
    if not spans or not whole:
        return []
    mood = random.uniform(0.85, 1.15)
    acts = round(acts_on(person, today=today) * mood * length(spans) / whole)
    return [_pick(spans, random) for _ in range(acts)]


def _pick(spans: tuple[Span, ...], random: Random) -> Micros:
    left = random.randrange(length(spans))
    for start, end in spans:
        if left < end - start:
            return start + left
        left -= end - start
    return spans[-1][1] - 1
