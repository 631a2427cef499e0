"""When a producer can store: librdkafka's statistics as it sends them, cut to what matters."""

from __future__ import annotations

import pytest

from services.ingest.adapters.producer_identity import ProducerIdentity


def statistics(state: str) -> str:
    return f'{{"name": "rdkafka#producer-1", "msg_cnt": 0, "eos": {{"idemp_state": "{state}", "producer_id": 15}}}}'


def test_a_producer_that_has_told_nothing_has_no_id() -> None:
    assert ProducerIdentity().assigned is False


@pytest.mark.parametrize("state", ["Init", "RequestPID", "WaitTransport", "WaitPID"])
def test_a_producer_that_waits_for_its_id_has_none(state: str) -> None:
    identity = ProducerIdentity()
    identity.told(statistics(state))
    assert identity.assigned is False


def test_an_assigned_id_counts() -> None:
    identity = ProducerIdentity()
    identity.told(statistics("Assigned"))
    assert identity.assigned is True


def test_an_id_that_is_taken_back_is_missed() -> None:
    identity = ProducerIdentity()
    identity.told(statistics("Assigned"))
    identity.told(statistics("DrainReset"))
    assert identity.assigned is False
