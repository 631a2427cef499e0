"""Which partition of a topic a key belongs to."""

from __future__ import annotations

from aiokafka.partitioner import murmur2


def ledger_partition(record_key: str, partitions: int) -> int:
    """The crm.events partition of a record: where Kafka's own clients, and ingest's, put a message with its key."""
    hashed: int = murmur2(record_key.encode())
    return (hashed & 0x7FFF_FFFF) % partitions
