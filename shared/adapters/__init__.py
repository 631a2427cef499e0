"""Kafka, Redis and the system clock, as more than one service needs them."""
