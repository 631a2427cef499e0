"""The embedded broker as a process: librdkafka's mock cluster, a real TCP listener that keeps all in memory.

For the trial, not for guarantees: its log ends with it. `python -m cli.up.embedded_broker FILE` writes host:port to
FILE once it listens and runs until a signal ends it.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from shared.observability.true_time import keep_timers_true

START_SECONDS = 20


def main(address_file: Path) -> None:
    """Runs until SIGTERM or SIGINT."""
    keep_timers_true()
    from confluent_kafka import Producer

    ending = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)  # before librdkafka starts its threads, which inherit the mask
    producer = Producer({"test.mock.num.brokers": 1, "log_level": 3})
    broker = next(iter(producer.list_topics(timeout=START_SECONDS).brokers.values()))
    written = address_file.with_suffix(".new")
    written.write_text(f"{broker.host}:{broker.port}")
    written.rename(address_file)  # a reader sees the whole address or none
    signal.sigwait(ending)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
