"""Logs, metrics and health endpoints, the same in every service."""
