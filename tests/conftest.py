"""Fixtures of all suites: real servers and child processes."""

pytest_plugins = (
    "tests.support.processes",
    "tests.support.real_kafka",
    "tests.support.real_redis",
    "tests.support.redis_cluster",
)
