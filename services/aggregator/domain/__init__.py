"""Pure decisions of the aggregator service."""
