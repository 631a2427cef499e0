import socket

import pytest

from tests.support.embedded_kafka import embedded_kafka
from tests.support.processes import processes
from tests.support.real_kafka import kafka, own_kafka

__all__ = ["embedded_kafka", "kafka", "own_kafka", "processes"]


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
