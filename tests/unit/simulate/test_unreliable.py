from collections import Counter
from itertools import pairwise
from random import Random

from cli.simulate.unreliable import Line, batches, shuffled
from cli.simulate.wire import Element
from shared.domain.instants import SECOND_US


def elements(number: int, source: str = "native") -> list[Element]:
    return [Element(source, at, {"id": f"e{at}"}) for at in range(number)]


def test_nothing_is_lost_on_the_way() -> None:
    sent = elements(2000)
    assert {e.occurred_at for e in shuffled(sent, Random(1))} == {e.occurred_at for e in sent}


def test_some_events_arrive_twice() -> None:
    counts = Counter(e.occurred_at for e in shuffled(elements(2000), Random(1)))
    assert 20 < sum(count == 2 for count in counts.values()) < 120


def test_events_arrive_out_of_order() -> None:
    arrived = [e.occurred_at for e in shuffled(elements(2000), Random(1))]
    assert sum(later < earlier for earlier, later in pairwise(arrived)) > 200


def test_a_few_events_are_late_by_far() -> None:
    arrived = [e.occurred_at for e in shuffled(elements(2000), Random(1))]
    assert max(place - at for place, at in enumerate(arrived)) > 100


def test_a_batch_is_of_one_source_and_holds_at_most_what_it_takes() -> None:
    mixed = [each for pair in zip(elements(250), elements(250, "hubspot"), strict=True) for each in pair]
    made = list(batches(mixed, {"native": 1000, "hubspot": 100}))
    assert [len({e.source for e in batch}) for batch in made] == [1] * 4
    assert sorted(map(len, made)) == [50, 100, 100, 250]


def test_a_live_line_sends_most_events_at_once() -> None:
    line = Line(Random(1))
    line.put(elements(100), now=0)
    assert 85 < len(line.due(0)) < 100


def test_a_live_line_holds_nothing_back_at_the_end() -> None:
    line = Line(Random(1))
    line.put(elements(100), now=0)
    arrived = line.due(5 * SECOND_US) + line.rest()
    assert {e.occurred_at for e in arrived} == set(range(100))
    assert len(arrived) > 100
