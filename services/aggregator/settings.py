"""Settings of the aggregator."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import Block, KafkaSettings, ServiceSettings

DEFAULT_PORT = 8082


class AggregatorKafkaSettings(KafkaSettings):
    """Kafka as a member of a consumer group."""

    group: str = Field("pacer.aggregator", description="consumer group; all workers of a deployment share it")
    log_identity: str | None = Field(
        None, description="name of this start of an embedded broker, which has no topic ids; leave unset for real Kafka"
    )
    session_timeout: timedelta = Field(
        timedelta(seconds=10), description="after this silence a worker's partitions move to others"
    )
    rebalance_timeout: timedelta = Field(
        timedelta(seconds=30), description="how long a rebalance waits for a worker to finish its chunks"
    )


class ChunkSettings(Block):
    """How much is worked on at once."""

    events: int = Field(2000, ge=1, le=20_000, description="most messages of crm.events in a chunk")
    facts: int = Field(32, ge=1, le=1000, description="most batches of kpi.facts in a chunk; one holds up to a chunk")
    linger: timedelta = Field(
        timedelta(milliseconds=20), description="lets chunks grow at low rates; under load there is no wait"
    )
    update_interval: timedelta = Field(timedelta(milliseconds=100), description="at most one update a rep in this time")


class AuditSettings(Block):
    """How much of the time the self-check may take."""

    share: float = Field(0.03, ge=0, le=0.5, description="share of the time for folding reps anew; 0 folds none")
    sample_every: timedelta = Field(
        timedelta(seconds=15), ge=timedelta(0), description="pause between two looks into the log; 0s takes none"
    )
    sample_events: int = Field(20, ge=1, le=1000, description="events, or facts of a page, that one look compares")


class PoisonSettings(Block):
    """How much of the log may be unusable before a worker stops instead of setting it aside."""

    at_least: int = Field(100, ge=0, description="messages that are tolerated in any case")
    share: float = Field(0.1, ge=0, le=1, description="beyond that, the tolerated share of the last 10,000 messages")


class AggregatorSettings(ServiceSettings):
    """What the aggregator reads from the environment."""

    model_config = SettingsConfigDict(**ServiceSettings.model_config)

    kafka: AggregatorKafkaSettings = AggregatorKafkaSettings()
    chunk: ChunkSettings = ChunkSettings()
    audit: AuditSettings = AuditSettings()
    poison: PoisonSettings = PoisonSettings()
