import pytest
from prometheus_client import CollectorRegistry

from services.api.domain.feed import Audience, EventKind, Happening, Interest, Seen, audience
from services.api.domain.viewers import Viewer, sight
from services.api.metrics import ApiMetrics
from services.api.stream import Client, Ending, Hub, Numbered, TooManyStreams, frame
from shared.domain.access import Role
from tests.support.api_parts import MONDAY_NOON, a_reading
from tests.support.tenants import rep, team, tenant

ALL = Audience("acme", frozenset({"ana"}), frozenset({"emea"}), frozenset(), sources=True)
ACME = tenant(
    reps=[rep("ana", team="sdr"), rep("cy", team="other")],
    teams=[team("emea"), team("sdr", parent="emea"), team("other")],
)


def hub(ring: int = 3, backlog: int = 3, most: int = 2) -> Hub:
    return Hub(epoch="e1", ring=ring, backlog=backlog, most=most, metrics=ApiMetrics(CollectorRegistry()))


def reading(rep_id: str = "ana", kpi: str = "calls", data: bytes = b"{}") -> Happening:
    return Happening(kind=EventKind.READING, tenant="acme", data=data, rep=rep_id, kpi=kpi)


def joined(of: Hub, last: str | None = None, seen: Audience = ALL) -> Client:
    return of.subscribe(lambda: seen, last).client


def missed(of: Hub, last: str) -> list[int] | None:
    told = of.subscribe(lambda: ALL, last).missed
    return None if told is None else [event.number for event in told]


async def test_an_event_reaches_who_wants_it() -> None:
    of = hub()
    client = joined(of)
    of.publish(reading())
    assert await client.next() == Numbered(1, reading())


async def test_who_comes_back_hears_what_came_after_her_last_event() -> None:
    of = hub()
    for _ in range(3):
        of.publish(reading())
    assert missed(of, "e1-1") == [2, 3]


async def test_who_missed_nothing_hears_nothing_again() -> None:
    of = hub()
    of.publish(reading())
    assert missed(of, "e1-1") == []


async def test_a_gap_longer_than_the_ring_cannot_be_told() -> None:
    of = hub(ring=3)
    for _ in range(5):
        of.publish(reading())
    assert (missed(of, "e1-1"), missed(of, "e1-2")) == (None, [3, 4, 5])


@pytest.mark.parametrize("last", ["e0-1", "e1-99", "e1-", "nonsense", "e1-²", "e1-" + "9" * 40])
async def test_an_id_that_we_never_gave_cannot_be_told(last: str) -> None:
    assert missed(hub(), last) is None


async def test_lost_messages_make_everybody_read_the_whole_state() -> None:
    of = hub()
    client = joined(of)
    of.publish(reading())
    of.missed()
    await client.next()
    assert ((await client.next()).happening, missed(of, "e1-1")) == (None, None)


async def test_a_slow_client_is_let_go_and_the_others_stay() -> None:
    of = hub(backlog=1)
    slow, quick = joined(of), joined(of)
    of.publish(reading())
    await quick.next()
    of.publish(reading())
    assert (slow.ending.result(), quick.ending.done()) == (Ending.TOO_SLOW, False)


async def test_there_are_only_so_many_streams() -> None:
    of = hub(most=1)
    joined(of)
    with pytest.raises(TooManyStreams):
        joined(of)


async def test_the_end_ends_every_stream() -> None:
    of = hub()
    client = joined(of)
    of.close()
    assert client.ending.result() is Ending.SHUTDOWN


def test_a_frame_is_one_event() -> None:
    assert frame(EventKind.READING, b"{}", "e1-1") == b"id: e1-1\nevent: reading\ndata: {}\n\n"


def wants(interest: Interest, happening: Happening, role: Role = Role.ADMIN) -> bool:
    viewer = Viewer(tenant="acme", role=role, rep="ana" if role is Role.REP else None)
    return audience(sight(viewer, ACME.organisation, MONDAY_NOON), interest).wants(happening)


def test_a_team_means_its_subtrees_reps() -> None:
    assert (wants(Interest(team="emea"), reading("ana")), wants(Interest(team="emea"), reading("cy"))) == (True, False)


def test_a_kpi_means_that_kpi() -> None:
    assert not wants(Interest(kpis=frozenset({"mails"})), reading(kpi="calls"))


def test_a_rep_hears_of_nobody_else() -> None:
    assert not wants(Interest(), reading("cy"), Role.REP)


def test_a_reader_hears_of_no_rep() -> None:
    assert not wants(Interest(), reading("ana"), Role.READER)


def test_another_tenants_events_are_not_hers() -> None:
    other = Happening(kind=EventKind.STATUS, tenant="globex", data=b"{}")
    assert not wants(Interest(), other)


def test_nothing_is_known_of_what_was_forgotten() -> None:
    seen = Seen()
    one = a_reading("ana", "1")
    assert [seen.moved("acme", one), seen.moved("acme", one), seen.forget(), seen.moved("acme", one)] == [
        True, False, None, True,
    ]  # fmt: skip
