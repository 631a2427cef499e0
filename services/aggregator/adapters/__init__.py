"""Where the aggregator service meets the outside."""
