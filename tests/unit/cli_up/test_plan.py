"""What follows from the options of `pacer up`."""

from __future__ import annotations

from pathlib import Path

from cli.up.plan import (
    Backends,
    ServiceName,
    ServicePlan,
    UpOptions,
    plan_services,
    port_problems,
    service_command,
    service_environment,
)

OPTIONS = UpOptions(config=Path("config/acme"), data=Path("data"))
API = ServicePlan("api", ServiceName.API, 8080, "--api-port")
WORKER = ServicePlan("aggregator-2", ServiceName.AGGREGATOR, 9001)
EMBEDDED = Backends("127.0.0.1:1", "redis://127.0.0.1:2/0", "embedded-1")


def test_there_is_one_process_a_service_by_default() -> None:
    assert [plan.label for plan in plan_services(OPTIONS, [])] == ["ingest", "aggregator", "alerts", "api"]


def test_the_default_ports_are_those_of_the_contract() -> None:
    ports = {plan.label: plan.port for plan in plan_services(OPTIONS, [])}
    assert ports == {"ingest": 8081, "aggregator": 8082, "alerts": 8083, "api": 8080}


def test_further_workers_take_spare_ports() -> None:
    options = UpOptions(config=Path("c"), data=Path("d"), workers=3)
    workers = [p for p in plan_services(options, [9001, 9002]) if p.service is ServiceName.AGGREGATOR]
    assert [(p.label, p.port) for p in workers] == [
        ("aggregator", 8082),
        ("aggregator-2", 9001),
        ("aggregator-3", 9002),
    ]


def test_free_ports_are_no_problem() -> None:
    assert port_problems(plan_services(OPTIONS, []), lambda _: True) == []


def test_a_busy_port_is_named_with_the_option_that_changes_it() -> None:
    assert port_problems([API], lambda _: False) == [
        "port 8080 for api is in use by another process: choose another with --api-port"
    ]


def test_a_port_asked_for_twice_is_named() -> None:
    ingest = ServicePlan("ingest", ServiceName.INGEST, 8080, "--ingest-port")
    assert "asked for more than once" in port_problems([API, ingest], lambda _: True)[0]


def test_the_service_shows_in_its_command_line() -> None:
    assert service_command(API)[1:] == ["-m", "services.api"]


def test_a_service_learns_its_port_and_parts() -> None:
    told = service_environment(API, {"HOME": "/home/x"}, backends=EMBEDDED, options=OPTIONS)
    assert told == {
        "HOME": "/home/x",
        "PACER_BOARD_URL": "http://127.0.0.1:8080",
        "PACER_CONFIG_DIR": "config/acme",
        "PACER_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "PACER_REDIS__URL": "redis://127.0.0.1:2/0",
        "PACER_HTTP__PORT": "8080",
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(Path("data/scratch").resolve()),
    }


def test_ingest_spools_in_the_data_directory_unless_told_otherwise() -> None:
    ingest = ServicePlan("ingest", ServiceName.INGEST, 8081)
    told = [
        service_environment(ingest, given, backends=EMBEDDED, options=OPTIONS)["PACER_SPOOL__DIR"]
        for given in ({}, {"PACER_SPOOL__DIR": "/volume"})
    ]
    assert told == [str(Path("data/spool").resolve()), "/volume"]


def test_the_aggregator_learns_the_log_identity() -> None:
    told = service_environment(WORKER, {}, backends=EMBEDDED, options=OPTIONS)
    assert told["PACER_KAFKA__LOG_IDENTITY"] == "embedded-1"


def test_a_log_identity_is_not_inherited_for_a_real_kafka() -> None:
    real = Backends("kafka:9092", "redis://redis/0")
    told = service_environment(WORKER, {"PACER_KAFKA__LOG_IDENTITY": "old"}, backends=real, options=OPTIONS)
    assert "PACER_KAFKA__LOG_IDENTITY" not in told
