"""One broker, one Redis and one floor for all tests of the worker: a start costs more than a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.aggregator_floor import Floor, write_configuration
from tests.support.real_kafka import OwnKafka, _from_jars
from tests.support.real_redis import RealRedis


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnKafka]:
    yield from _from_jars(tmp_path_factory.mktemp("kafka"))


@pytest.fixture(scope="module")
def floor(broker: OwnKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    server = RealRedis(tmp_path_factory.mktemp("redis"), durable=True)
    server.start()
    yield Floor(broker.bootstrap, server, write_configuration(tmp_path_factory.mktemp("floor") / "config"))
    server.kill()
