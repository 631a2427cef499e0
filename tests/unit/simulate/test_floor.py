from random import Random

from cli.simulate.floor import DAILY
from cli.simulate.history import history
from cli.simulate.wire import Element
from shared.domain.instants import DAY_US
from tests.support.simulated_floor import NOW, floor, tenant


def three_days(seed: int = 1) -> list[list[Element]]:
    return list(history(floor(seed), tenant().calendar, days=2, until=NOW, random=Random(seed)))


def kinds(days: list[list[Element]]) -> set[str]:
    elements = [element for day in days for element in day]
    return {str(element.body.get("type") or element.body["subscriptionType"]) for element in elements}


def test_the_same_seed_and_start_play_the_same_floor() -> None:
    assert three_days(7) == three_days(7)


def test_another_seed_plays_another_floor() -> None:
    assert three_days(7) != three_days(8)


def test_two_runs_share_no_record() -> None:
    first, second = ({str(e.body.get("record")) for e in three_day_run(start)} for start in (NOW, NOW + DAY_US))
    assert not (first & second) - {"None"}


def three_day_run(start: int) -> list[Element]:
    days = history(floor(started_at=start), tenant().calendar, days=1, until=start, random=Random(1))
    return [element for day in days for element in day]


def test_nothing_of_the_history_lies_in_the_future() -> None:
    assert max(element.occurred_at for day in three_days() for element in day) <= NOW + DAY_US // 100


def test_a_history_has_both_crms_and_the_whole_funnel() -> None:
    wanted = {"deal.creation", "deal.propertyChange", "object.creation", "object.propertyChange"}
    wanted |= {"call.logged", "email.sent", "lead.created", "lead.answered", "lead.qualified"}
    wanted |= {"meeting.booked", "meeting.held", "meeting.canceled"}
    assert wanted <= kinds(list(history(floor(), tenant().calendar, days=20, until=NOW, random=Random(1))))


def test_a_long_history_has_deletions_and_reopened_deals() -> None:
    days = list(history(floor(), tenant().calendar, days=150, until=NOW, random=Random(1)))
    assert {"deal.deletion", "object.deletion", "call.deleted", "deal.reopened", "lead.merged"} <= kinds(days)


def test_who_falls_behind_does_next_to_nothing_today() -> None:
    owned = [element.body.get("rep") for element in three_days()[-1]]
    assert owned.count("ana") * 5 < owned.count("bo")


def test_who_falls_behind_was_not_bad_before() -> None:
    owned = [element.body.get("rep") for element in three_days()[0]]
    assert owned.count("ana") * 3 > owned.count("bo")


def test_no_record_says_two_things_of_a_field_at_one_instant() -> None:
    seen: set[tuple[object, ...]] = set()
    for day in history(floor(), tenant().calendar, days=20, until=NOW, random=Random(1)):
        for element in day:
            body = element.body
            if body.get("subscriptionType") == "deal.propertyChange":
                said = (body["objectId"], body["propertyName"], body["occurredAt"])
                assert said not in seen
                seen.add(said)


def test_every_kind_of_act_can_be_played() -> None:
    played = floor()
    for at in range(len(DAILY) * 200):
        assert played.act(played.someone(), NOW + at * 1000)
