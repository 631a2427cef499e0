"""What the fault tests send and expect: a configuration with rules whose alerts can be counted, endless stories.

Beside the sales story every rep makes *pitches*: records that are never corrected, so that a rule on their number holds
once and for ever. Each round of load has PITCHES a rep and so crosses one more rule: every rep is told of once a round.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.sales_story import CONFIGURATION, REPS, Story, kpi, utc_now

PITCHES = 5
ROUNDS = 30
RECORDS = 40
"""Of one story; the next one begins when it is told."""
NUMBERS = 1_000_000
"""Of HubSpot ids a story may use."""


class Request:
    """Events of one request, and how the oracle reads each of them."""

    def __init__(self, source: str, events: list[dict[str, Any]], told: list[dict[str, Any]]) -> None:
        self.source = source
        self.events = events
        self.told = told


def configuration(receiver_url: str, *, shortfall: bool = True) -> dict[str, Any]:
    """The story's tenant with generous limits, pitches, and the rules on them.

    shortfall: with a rule that fires on numbers that are too low, which they are before the first round only. A source
    that says nothing for three minutes is out.
    """
    limits = {"limits": {"requests_per_second": 5_000, "burst": 5_000}, "expect_every": "3m"}
    around_the_clock = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "00:00-24:00")
    rules = [
        {"id": rule_id(number), "kpi": "pitches", "period": "year", "for_each": "rep",
         "when": {"value_above": number * PITCHES - 1}, "severity": "info"}
        for number in range(1, ROUNDS + 1)
    ]  # fmt: skip
    never = {"id": "never", "kpi": "pitches", "period": "year", "for_each": "rep", "when": {"value_below": PITCHES}}
    rules += [never | {"severity": "critical"}] if shortfall else []
    return CONFIGURATION | {
        "tenant": CONFIGURATION["tenant"] | {"calendar": {"working_hours": around_the_clock}},
        "sources": {"sources": [source | limits for source in CONFIGURATION["sources"]["sources"]]},
        "kpis": {
            "kpis": [*CONFIGURATION["kpis"]["kpis"], kpi("pitches", "count", "pitch.made") | {"periods": ["year"]}]
        },
        "alerts": {
            "receivers": [{"id": "ops", "type": "webhook", "url": receiver_url, "secret": {"env": "OPS_SECRET"}}],
            "routes": [{"receivers": ["ops"], "group_wait": "0s"}],
            "rules": rules,
        },
    }


def rule_id(number: int) -> str:
    """The rule that the n-th round's pitches cross."""
    return f"pitches-{number:02d}"


def pitches(number: int) -> list[Request]:
    """The pitches of the n-th round, one a request."""
    at = datetime.now(UTC) - timedelta(minutes=5)
    made = []
    for rep, each in itertools.product(REPS, range(PITCHES)):
        event = {
            "id": f"p{number}-{rep}-{each}",
            "type": "pitch.made",
            "rep": rep,
            "occurred_at": at.isoformat().replace("+00:00", "Z"),
        }
        made.append(Request("native", [event], [event]))
    return made


def endless(seed: int) -> Iterator[Request]:
    """Requests of one to four events, native and HubSpot's, half of them said before."""
    dice = random.Random(seed)
    said: list[Request] = []
    for number in itertools.count(1):
        for request in _requests(dice, number):
            said.append(request)
            yield request
            if dice.random() < 0.5:
                yield dice.choice(said)


def _requests(dice: random.Random, number: int) -> list[Request]:
    story = Story(dice.randrange(2**31), utc_now() - timedelta(hours=1), records=RECORDS)
    _rename(story, number)
    told = {each["id"]: each for each in story.told}
    made = [*_cut(dice, "native", story.native, told), *_cut(dice, "hubspot", story.hubspot, told)]
    dice.shuffle(made)
    return made


def _cut(
    dice: random.Random, source: str, events: list[dict[str, Any]], told: dict[str, dict[str, Any]]
) -> Iterator[Request]:
    start = 0
    while start < len(events):
        some = events[start : (start := start + dice.randrange(1, 5))]
        yield Request(source, some, [told[_id(source, event)] for event in some])


def _id(source: str, event: dict[str, Any]) -> str:
    return str(event["id"]) if source == "native" else f"h{event['eventId']:09d}"


def _rename(story: Story, number: int) -> None:
    """No event and no record of this story is one of another's."""
    base = number * NUMBERS
    for event in {id(event): event for event in story.hubspot}.values():
        event["eventId"] += base
        event["objectId"] += base
        if "mergedObjectIds" in event:
            event["mergedObjectIds"] = [merged + base for merged in event["mergedObjectIds"]]
    for event in story.told:
        if event.get("source") == "hubspot":
            event["id"] = f"h{int(event['id'][1:]) + base:09d}"
            event["record"] = str(int(event["record"]) + base)
        else:
            event["id"] = f"s{number}-{event['id']}"
            event["record"] = f"s{number}-{event['record']}"
