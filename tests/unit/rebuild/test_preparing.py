"""What is refused before anything is made, and that the message says what would be lost and what to do."""

from __future__ import annotations

import asyncio

import pytest

from cli.rebuild.command import EXIT_REFUSED, first_expected
from cli.rebuild.preparing import Ground, refuse_configuration, refuse_loss
from cli.rebuild.quarantining import RebuildQuarantine
from cli.rebuild.refusals import ConfigurationUnknown, LogNotWhole, StateWentBack
from services.aggregator.ports import Poison, PoisonReason
from shared.adapters.live_state import StateLayout
from tests.support.aggregator_fakes import ListQuarantine


def ground(bounds: dict[int, tuple[int, int]], *, broker: str = "kafka", epoch: int = 0) -> Ground:
    return Ground(
        live=StateLayout("", 2, 2, epoch),
        log={"broker": broker, "events_partitions": "2", "facts_partitions": "2"},
        epoch=epoch,
        is_same_log=True,
        bounds=bounds,
        servers=["s"],
    )


def test_a_log_that_is_whole_is_rebuilt_from() -> None:
    refuse_loss(ground({0: (0, 9), 1: (0, 0)}))
    refuse_loss(ground({0: (0, 9)}, broker="embedded"))


def test_a_log_that_retention_has_cut_is_refused_with_how_much_is_gone() -> None:
    with pytest.raises(LogNotWhole, match=r"1,300 events from 1 of 2 partitions.*--accept-loss"):
        refuse_loss(ground({0: (1_300, 2_000), 1: (0, 5)}))


@pytest.mark.parametrize(("start", "epoch"), [(0, 2), (7, 0)])
def test_an_embedded_broker_without_the_whole_log_is_refused(start: int, epoch: int) -> None:
    with pytest.raises(LogNotWhole, match="embedded broker no longer holds the whole log"):
        refuse_loss(ground({0: (start, 9)}, broker="embedded", epoch=epoch))


def test_another_configuration_than_the_workers_have_is_refused() -> None:
    refuse_configuration({}, "v1")
    refuse_configuration({"configuration": "v1"}, "v1")
    with pytest.raises(ConfigurationUnknown, match="--new-configuration"):
        refuse_configuration({"configuration": "v2"}, "v1")


async def test_only_poison_that_no_worker_has_kept_is_kept() -> None:
    sink = ListQuarantine()
    quarantine = RebuildQuarantine(sink, {0: 5})
    poison = [Poison(offset, PoisonReason.UNDECODABLE, "", b"") for offset in (2, 5)]
    await quarantine.poisoned("crm.events", 0, poison)
    await quarantine.poisoned("crm.events", 1, poison[:1])
    assert [each.offset for each in sink.kept] == [5, 2] and quarantine.met == {PoisonReason.UNDECODABLE: 3}


def test_the_expected_error_is_found_in_groups_of_tasks_and_a_bug_is_not_hidden() -> None:
    expected = StateWentBack("gone")
    assert first_expected(ExceptionGroup("tasks", [ExceptionGroup("inner", [expected])])) is expected
    with pytest.raises(KeyError):
        first_expected(ExceptionGroup("tasks", [KeyError("a bug")]))
    with pytest.raises(BaseExceptionGroup):
        first_expected(BaseExceptionGroup("ended", [asyncio.CancelledError()]))
    assert EXIT_REFUSED == 2
