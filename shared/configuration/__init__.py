"""Reads and checks the YAML of a deployment and compiles it to domain values."""
