"""The alerts service as a process, on a real Redis, the embedded broker and a real HTTP receiver."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

from cli.up.free_ports import free_ports
from shared.adapters.episode_reader import EpisodeReader
from shared.contracts.episodes import alerts_tag, decode_episode, due_key
from shared.contracts.messages import RepUpdated, encode_update
from shared.contracts.topics import ALERTS_EPISODES, KPI_UPDATES
from shared.domain.episodes import Action
from tests.support.alerts_past import alerts_begin_now
from tests.support.embedded_kafka import embedded_kafka
from tests.support.eventually import eventually
from tests.support.kafka_reader import read_all
from tests.support.processes import Processes, Running
from tests.support.real_redis import RealRedis
from tests.support.scoreboard_filler import ScoreboardFiller
from tests.support.webhook_receiver import HANG, SECRET, WebhookReceiver, receiver

__all__ = ["embedded_kafka", "receiver"]
pytestmark = [pytest.mark.redis, pytest.mark.slow]
QUIET_RULE = "when: {value_below: 10}"
FILES = {
    "tenant.yaml": "tenant: acme\ntime_zone: UTC\ncurrency: EUR\n",
    "people.yaml": """
teams: [{id: sdr, name: SDR}]
reps:
  - {id: ana, name: Ana Ruiz, teams: [sdr]}
  - {id: ben, name: Ben Roth, teams: [sdr]}
""",
    "kpis.yaml": "kpis: [{id: calls, name: Calls, unit: count, aggregate: count, facts: [call.logged]}]\n",
    "alerts.yaml": f"""
receivers: [{{id: ops, type: webhook, url: {{env: OPS_URL}}, secret: {{env: OPS_SECRET}}}}]
routes: [{{receivers: [ops]}}]
rules:
  - {{id: calls-low, kpi: calls, period: day, for_each: rep, {QUIET_RULE}, runbook: "https://wiki.example/calls"}}
""",
}


class Service:
    """The process with all that surrounds it; ana and ben have made enough calls."""

    def __init__(self, processes: Processes, directory: Path, *, redis_url: str, kafka: str, hook: str) -> None:
        self._processes = processes
        self._port = free_ports(1)[0]
        self._kafka = kafka
        self.config = directory / "config"
        self.config.mkdir()
        for name, content in FILES.items():
            (self.config / name).write_text(content)
        self._environment = {
            "PACER_CONFIG_DIR": str(self.config),
            "PACER_REDIS__URL": redis_url,
            "PACER_KAFKA__BOOTSTRAP_SERVERS": kafka,
            "PACER_HTTP__PORT": str(self._port),
            "PACER_SENDING__CLAIM": "PT3S",
            "PACER_JUDGING__TICK": "PT1S",
            "PACER_JUDGING__LEASE": "PT3S",
            "OPS_URL": hook,
            "OPS_SECRET": SECRET,
        }
        self.redis = Redis.from_url(redis_url)
        self.board = ScoreboardFiller(self.redis)
        self.reader = EpisodeReader(self.redis)

    async def start(self) -> Running:
        await alerts_begin_now(self._kafka, self.redis, "acme")
        running = self._processes.start("services.alerts", env=self._environment)
        await eventually(lambda: self.ready(running), within_seconds=40)
        return running

    async def ready(self, running: Running) -> bool:
        assert running.process.poll() is None, running.output
        return (await self.get("/readyz")).status_code == 200

    async def get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False) as http:
            return await http.get(f"http://127.0.0.1:{self._port}{path}")

    async def calls(self, rep: str, count: int) -> None:
        await self.board.count(rep, datetime.now(UTC).date().isoformat(), {"calls": count})

    async def changed(self, rep: str, count: int) -> None:
        """As the scoreboard does it: the numbers first, then the word that they moved."""
        await self.calls(rep, count)
        producer = AIOKafkaProducer(bootstrap_servers=self._kafka)
        await producer.start()
        update = RepUpdated(tenant="acme", rep=rep, version=1, at=int(datetime.now(UTC).timestamp() * 1e6))
        await producer.send_and_wait(KPI_UPDATES, encode_update(update), key=f"acme/{rep}".encode())
        await producer.stop()

    async def firing(self) -> set[str]:
        return {each.subject.id for each in await self.reader.open("acme")}

    async def actions(self, rep: str) -> list[Action]:
        known = await self.reader.episodes("acme", 0)
        return [entry.action for each in known if each.subject.rep == rep for entry in each.history]

    async def settled(self) -> bool:
        """Nothing is left to send."""
        return await self.redis.zcard(due_key(alerts_tag("acme"))) == 0


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> str:
    """The embedded broker, or a real one where a test asks for it."""
    if getattr(request, "param", "embedded") == "embedded":
        return str(request.getfixturevalue("embedded_kafka"))
    return str(request.getfixturevalue("kafka").bootstrap)


@pytest.fixture
async def service(
    processes: Processes, tmp_path: Path, redis_server: RealRedis, broker: str, receiver: WebhookReceiver
) -> AsyncIterator[Service]:
    service = Service(processes, tmp_path, redis_url=redis_server.url, kafka=broker, hook=receiver.url)
    await service.board.lay_out()
    await service.calls("ana", 20)
    await service.calls("ben", 20)
    yield service
    await service.redis.aclose()


async def test_a_receiver_that_fails_twice_accepts_one_notification(
    service: Service, receiver: WebhookReceiver
) -> None:
    receiver.script = [503, 500]
    await service.start()
    await service.changed("ana", 3)
    await eventually(lambda: len(receiver.accepted), equals=1, within_seconds=20)
    await eventually(service.settled)
    assert (len(receiver.requests), len({each.id for each in receiver.requests})) == (3, 1)


async def test_a_notification_is_signed_and_says_who_and_what(service: Service, receiver: WebhookReceiver) -> None:
    await service.start()
    await service.changed("ana", 3)
    await eventually(lambda: len(receiver.accepted), equals=1)
    sent = receiver.accepted[0]
    (alert,) = sent.json["alerts"]
    assert sent.is_signed_with(SECRET)
    assert (sent.json["notification_id"], sent.json["state"], sent.json["receiver"]) == (sent.id, "firing", "ops")
    assert (alert["rule"], alert["subject"]) == ("calls-low", {"rep": "ana", "name": "Ana Ruiz", "team": "sdr"})
    assert (alert["reason"], alert["reading"]["value"]) == ("value 3 is below 10", 3)


@pytest.mark.kafka
@pytest.mark.parametrize("broker", ["real"], indirect=True)
async def test_on_a_real_kafka_an_update_is_judged_and_its_episode_published(service: Service, broker: str) -> None:
    await service.start()
    await service.changed("ana", 3)
    await eventually(service.firing, equals={"ana"})
    (known,) = await service.reader.open("acme")
    key = f"acme/{known.id}".encode()
    assert read_all(broker, ALERTS_EPISODES, until=lambda found: any(each.key() == key for each in found))


async def test_a_recovery_is_announced_too(service: Service, receiver: WebhookReceiver) -> None:
    await service.start()
    await service.changed("ana", 3)
    await eventually(lambda: len(receiver.accepted), equals=1)
    await service.changed("ana", 12)
    await eventually(lambda: [each.json["state"] for each in receiver.accepted], equals=["firing", "resolved"])


async def test_kill_9_while_it_sends_neither_loses_nor_renames_the_notification(
    service: Service, receiver: WebhookReceiver
) -> None:
    receiver.script = [HANG]
    running = await service.start()
    await service.changed("ana", 3)
    await eventually(lambda: len(receiver.requests), equals=1)
    running.kill()
    await service.start()
    await eventually(lambda: len(receiver.accepted), equals=1, within_seconds=20)
    assert receiver.requests[0].id == receiver.accepted[0].id


async def test_what_changed_while_it_was_down_fires_after_the_start(
    service: Service, receiver: WebhookReceiver
) -> None:
    await service.calls("ben", 2)
    await service.start()
    await eventually(lambda: [each.json["alerts"][0]["subject"]["rep"] for each in receiver.accepted], equals=["ben"])


async def test_sigterm_ends_it_and_the_next_start_repeats_nothing(service: Service, receiver: WebhookReceiver) -> None:
    running = await service.start()
    await service.changed("ana", 3)
    await eventually(lambda: service.actions("ana"), equals=[Action.PENDING, Action.FIRING, Action.NOTIFIED])
    running.signal(signal.SIGTERM)
    assert running.wait(15) == 0, running.output
    await service.start()
    await service.changed("ben", 3)
    await eventually(lambda: len(receiver.accepted), equals=2)
    assert [each.json["alerts"][0]["subject"]["rep"] for each in receiver.accepted] == ["ana", "ben"]


async def test_every_transition_is_in_the_topic(service: Service, embedded_kafka: str) -> None:
    await service.start()
    await service.changed("ana", 3)
    await eventually(service.firing, equals={"ana"})
    (known,) = await service.reader.open("acme")
    key = f"acme/{known.id}".encode()
    messages = read_all(embedded_kafka, ALERTS_EPISODES, until=lambda found: any(each.key() == key for each in found))
    own = [decode_episode(each.value() or b"") for each in messages if each.key() == key]
    assert (own[0].id, own[0].state) == (known.id, "firing")


async def test_an_edited_rule_is_taken_up_without_a_restart(service: Service) -> None:
    await service.start()
    rules = (service.config / "alerts.yaml").read_text()
    (service.config / "alerts.yaml").write_text(rules.replace("value_below: 10", "value_below: 30"))
    await eventually(service.firing, equals={"ana", "ben"}, within_seconds=20)


async def test_an_invalid_edit_keeps_the_old_rules_and_shows_in_the_metrics(service: Service) -> None:
    await service.start()
    (service.config / "alerts.yaml").write_text("rules: [{id: nonsense}]\n")
    await eventually(lambda: _metric(service, "pacer_config_valid"), equals="0.0", within_seconds=20)
    await service.changed("ana", 3)
    await eventually(service.firing, equals={"ana"})


async def test_metrics_count_alerts_and_notifications(service: Service) -> None:
    await service.start()
    await service.changed("ana", 3)
    name = 'alerts_notifications_total{outcome="delivered",receiver="ops"}'
    await eventually(lambda: _metric(service, name), equals="1.0")
    await eventually(lambda: _metric(service, 'pacer_alerts{severity="warning",state="firing"}'), equals="1.0")


async def test_wrong_settings_are_one_readable_message(processes: Processes) -> None:
    running = processes.start("services.alerts", env={"PACER_JUDGING__TICK": "often"})
    assert running.wait(20) == 2
    assert "PACER_JUDGING__TICK" in running.output


async def _metric(service: Service, name: str) -> str | None:
    lines = (await service.get("/metrics")).text.splitlines()
    return next((line.split(" ")[-1] for line in lines if line.startswith(f"{name} ")), None)
